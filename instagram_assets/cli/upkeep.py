"""Maintenance commands: status, doctor, and cleanup of old history."""

import json
from typing import Annotated

import typer

from instagram_assets.cli.arguments import AsJson
from instagram_assets.cli.errors import clear_errors

commands = typer.Typer()


@commands.command()
@clear_errors
def status(as_json: AsJson = False) -> None:
    """Say what there is, what was left out and why, and what waits or failed in Dagster; nothing is written."""
    from rich.console import Console

    from instagram_assets.settings import settings
    from instagram_assets.status.preflight import check_stages

    check_stages(settings())
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.run_states import RunHistory, read_history
    from instagram_assets.cli import endings
    from instagram_assets.cli.state_lines import history_lines, print_state
    from instagram_assets.lake_index.index_files import INDEX_FOLDER
    from instagram_assets.lake_index.lake_changes import find_index
    from instagram_assets.status.data_status import read_data_status
    from instagram_assets.storage.lake import lake_root
    from instagram_assets.storage.migration import refuse_older

    refuse_older(root := lake_root(settings()))
    state, index = read_data_status(root, settings()), find_index(root, settings().folder(INDEX_FOLDER))
    if not as_json:
        print_state(state, settings(), *filter(None, [index.line]))
    try:
        with shell_runs.look_at_instance() as dagster:
            history = read_history(dagster) if dagster else RunHistory()
    except Exception:
        if as_json:  # without access to Dagster, the status of the lake is printed all the same
            typer.echo(json.dumps(endings.as_json(state, None) | {"index": index.as_json()}, ensure_ascii=False))
        raise
    if as_json:
        typer.echo(json.dumps(endings.as_json(state, history) | {"index": index.as_json()}, ensure_ascii=False))
        return
    for line in history_lines(history):
        Console().print(line, markup=False, soft_wrap=True)


@commands.command()
@clear_errors
def doctor(
    deep: Annotated[bool, typer.Option(help="Read every file that is kept, too, and say how to mend damage.")] = False,
) -> None:
    """Look at Python, folders, models, browser, database and disk, and say what to do."""
    from rich.console import Console

    from instagram_assets.cli.tables import finding_lines
    from instagram_assets.settings import settings
    from instagram_assets.status.doctor import examine

    findings = list(examine(settings()))
    for line in finding_lines(findings):
        Console().print(line, soft_wrap=True, highlight=False)
    damaged = _tell_damage() if deep else 0
    if damaged or any(finding.needed and not finding.well for finding in findings):
        raise typer.Exit(1)


@commands.command()
@clear_errors
def tidy(
    days: Annotated[int | None, typer.Option(min=0, help="Keep so many days in the place of HISTORY_DAYS.")] = None,
) -> None:
    """Take runs, their logs and reports that are older than HISTORY_DAYS; what is known of each cell stays."""
    from instagram_assets.automation import history_cleanup as history
    from instagram_assets.automation import shell_runs
    from instagram_assets.settings import settings

    before = history.limit(settings().history_days if days is None else days)
    with shell_runs.open_instance() as dagster:
        typer.echo(str(history.delete_old_runs(dagster, before, settings().folder("reports"))))


def _tell_damage() -> int:
    """Print each damaged file with the command that restores it, as it is found; returns their number."""
    from instagram_assets.settings import settings
    from instagram_assets.status.integrity import IntegrityCheck
    from instagram_assets.storage.lake import open_lake

    examination, damaged = IntegrityCheck(open_lake(settings()), settings()), 0
    for damaged, damage in enumerate(examination.damages(), start=1):  # noqa: B007
        typer.echo(f"{damage.path}: {damage.problem}\n    {damage.remedy}")
    typer.echo(f"{examination.files:,} files read, {examination.bytes / 1e6:,.1f} MB: {damaged or 'none'} damaged.")
    return damaged
