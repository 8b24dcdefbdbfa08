"""Commands that report the state of an installation: `status` of the data and runs, `doctor` of the machine."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.command_options import JsonOption
from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from instagram_assets.status.doctor import DoctorFinding

commands = typer.Typer()


@commands.command()
@report_errors
def status(as_json: JsonOption = False) -> None:
    """Show the rows of each table, which were left out and why, and pending and failed runs. Read-only."""
    from rich.console import Console

    from instagram_assets.settings import settings
    from instagram_assets.status.preflight import check_stages

    check_stages(settings())
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.run_states import RunHistory, read_history
    from instagram_assets.cli.command_outcome import status_json
    from instagram_assets.cli.status_lines import history_lines, print_status
    from instagram_assets.lake_index.index_files import INDEX_FOLDER
    from instagram_assets.lake_index.lake_changes import find_index
    from instagram_assets.status.data_status import read_data_status
    from instagram_assets.storage.lake import lake_root
    from instagram_assets.storage.migration import refuse_older

    refuse_older(root := lake_root(settings()))
    state, index = read_data_status(root, settings()), find_index(root, settings().folder(INDEX_FOLDER))
    if not as_json:
        print_status(state, settings(), *filter(None, [index.line]))
    try:
        with shell_runs.look_at_instance() as dagster:
            history = read_history(dagster) if dagster else RunHistory()
    except Exception:
        if as_json:  # without access to Dagster, the status of the lake is printed all the same
            typer.echo(json.dumps(status_json(state, None) | {"index": index.as_json()}, ensure_ascii=False))
        raise
    if as_json:
        typer.echo(json.dumps(status_json(state, history) | {"index": index.as_json()}, ensure_ascii=False))
        return
    for line in history_lines(history):
        Console().print(line, markup=False, soft_wrap=True)


@commands.command()
@report_errors
def doctor(
    deep: Annotated[bool, typer.Option(help="Read every file that is kept, too, and say how to mend damage.")] = False,
) -> None:
    """Check Python, folders, models, browser, database and disk, and say what to do about problems."""
    from rich.console import Console

    from instagram_assets.settings import settings
    from instagram_assets.status.doctor import examine

    findings = list(examine(settings()))
    for line in _finding_lines(findings):
        Console().print(line, soft_wrap=True, highlight=False)
    damaged = _print_damage() if deep else 0
    if damaged or any(finding.needed and not finding.well for finding in findings):
        raise typer.Exit(1)


def _print_damage() -> int:
    """Print each damaged file as it is found, with the command that restores it; returns their number."""
    from instagram_assets.settings import settings
    from instagram_assets.status.integrity import IntegrityCheck
    from instagram_assets.storage.lake import open_lake

    check, damaged = IntegrityCheck(open_lake(settings()), settings()), 0
    for damaged, damage in enumerate(check.damages(), start=1):  # noqa: B007
        typer.echo(f"{damage.path}: {damage.problem}\n    {damage.remedy}")
    typer.echo(f"{check.files:,} files read, {check.bytes / 1e6:,.1f} MB: {damaged or 'none'} damaged.")
    return damaged


def _finding_lines(findings: "Iterable[DoctorFinding]") -> "Iterator[str]":
    """The findings of `doctor`, one unwrapped line each, so that paths can be copied; problems with their remedy."""
    from rich.markup import escape

    for finding in findings:
        mark = "[green]ok      [/]" if finding.well else "[red]missing [/]" if finding.needed else "[yellow]optional[/]"
        remedy = f". {finding.remedy}" if finding.remedy and not finding.well else ""
        yield f"{mark}  {escape(f'{finding.what}: {finding.found}{remedy}')}"
