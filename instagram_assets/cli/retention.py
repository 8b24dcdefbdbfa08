"""Commands that delete data past its retention period: `retention` for observations and media, `tidy` for runs."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.command_options import JsonOption
from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    from instagram_assets.retention.retention import RetentionResult

commands = typer.Typer()


@commands.command()
@report_errors
def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Delete observations and media past their retention period in the settings; derived tables are kept.

    First shows what will be deleted: rows and files, their days, and their size on disk.
    """
    from instagram_assets.automation import retention_job as deletion
    from instagram_assets.automation import shell_runs
    from instagram_assets.errors import SettingsError
    from instagram_assets.lake_index.index_files import INDEX_FOLDER as INDEX
    from instagram_assets.lake_index.index_files import index_file
    from instagram_assets.settings import settings

    limits = deletion.current_limits()
    due = deletion.preview_deletions(limits)
    if dry_run or not due:
        _print_result(due, "would go" if due else "is past", as_json)
        return
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise SettingsError(f"{len(due.totals)} kinds of data would go for good. Look with --dry-run, say --yes.")
        _print_result(due, "would go", as_json)
        typer.confirm("Nothing of it comes back. Take it away?", abort=True)
    with shell_runs.open_instance() as dagster:
        went = deletion.delete_expired(dagster, limits)
        for observation in deletion.observations(went):
            dagster.report_runless_asset_event(observation)
    _print_result(went, "went", as_json)
    if not as_json and index_file(settings().folder(INDEX)).exists():
        typer.echo("The index has it until it is brought up to date: instagram-assets index, or the web app by itself.")


@commands.command()
@report_errors
def tidy(
    days: Annotated[int | None, typer.Option(min=0, help="Keep so many days in the place of HISTORY_DAYS.")] = None,
) -> None:
    """Delete runs, their logs and reports that are older than HISTORY_DAYS; each partition's newest state is kept."""
    from instagram_assets.automation import history_cleanup as history
    from instagram_assets.automation import shell_runs
    from instagram_assets.settings import settings

    before = history.limit(settings().history_days if days is None else days)
    with shell_runs.open_instance() as dagster:
        typer.echo(str(history.delete_old_runs(dagster, before, settings().folder("reports"))))


def _print_result(result: "RetentionResult", action: str, as_json: bool) -> None:
    if as_json:
        limits = {name: moment and moment.isoformat() for name, moment in asdict(result.limits).items()}
        parts = [asdict(total) for total in result.totals]
        shown = {"limits": limits, "waiting": result.waiting, "bytes": result.bytes, action.replace(" ", "_"): parts}
        typer.echo(json.dumps(shown, default=str, ensure_ascii=False))
        return
    for line in result.lines():
        typer.echo(line)
    number = f"{result.bytes / 1e6:,.1f} MB {action}." if result else f"Nothing {action}."
    typer.echo(number)
