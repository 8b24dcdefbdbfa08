"""Commands that import files: `ingest` for export files, and the job history of an earlier dashboard."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from instagram_assets.cli.command_options import JsonOption, ObservedAtOption
from instagram_assets.cli.messages import report_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    import dagster as dg

    from instagram_assets.cli.command_outcome import CommandOutcome

commands = typer.Typer()


@commands.command()
@report_errors
def ingest(
    files: Annotated[list[Path], typer.Argument(help="Export files, or folders of them; none: the inbox.")] = [],  # noqa: B006
    observed_at: ObservedAtOption = "",
    account: Annotated[str, typer.Option(help="Whose posts they are, where an archive does not say it.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Ingest export files, and compute every table that depends on them."""
    from instagram_assets.settings import settings
    from instagram_assets.status.preflight import check_ingest

    check_ingest(settings(), files, observed_at, account)
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.run_states import read_history
    from instagram_assets.cli.command_outcome import check_outcome, status_json
    from instagram_assets.cli.status_lines import empty_inbox_line, moved_line, print_status
    from instagram_assets.ingest.folder_scan import REJECTED
    from instagram_assets.ingest.inbox import waiting_entries
    from instagram_assets.status.data_status import read_data_status
    from instagram_assets.storage.lake import open_lake

    inbox = settings().folder("inbox")
    empty = [] if files or waiting_entries(inbox) else [empty_inbox_line(inbox)]
    with shell_runs.open_instance() as dagster:
        work = ingest_files(dagster, files, observed_at, account)
        state = read_data_status(open_lake(settings()), settings())
        check_outcome(work, state)
        if as_json:
            typer.echo(json.dumps(status_json(state, read_history(dagster), work), ensure_ascii=False))
        else:
            known = (f"{name}: read before, nothing new" for name in work.known)
            others = work.without_reported_files(state)
            reported = len(state.files.rejected) - len(others.files.rejected)
            moved = [moved_line(reported, inbox / REJECTED)] if reported else []
            print_status(others, settings(), *work.folders, *known, *empty, *moved)
    work.raise_errors()


def ingest_files(
    instance: "dg.DagsterInstance",
    files: "Sequence[Path]",
    observed_at: str = "",
    account: str = "",
    leave: "Sequence[str]" = (),
) -> "CommandOutcome":
    """Ingest files and process all pending ones; errors are collected, so that good files are processed anyway.

    `observed_at` is when the records were observed, `account` whose posts they are, if the files do not say so. The
    assets in `leave` are not computed.
    """
    from instagram_assets.automation import shell_runs
    from instagram_assets.cli.command_outcome import record_runs
    from instagram_assets.errors import InstagramAssetsError
    from instagram_assets.ingest.manifests import newest_manifests, read_manifest
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    before, without = set(newest_manifests(open_lake(settings()))), _without_comments()
    with record_runs(instance) as work:
        for step in (
            lambda: shell_runs.land(instance, files, observed_at, account),
            lambda: shell_runs.finish(instance, leave),
        ):
            try:
                step()
            except InstagramAssetsError as error:
                work.errors.append(error)
    unchanged = before - (without - _without_comments())
    names = (name for name in newest_manifests(open_lake(settings())) if name not in unchanged)
    found = (read_manifest(open_lake(settings()), name) for name in names)
    work.files = [file for file in found if file]
    if not work.errors:
        single = {file.name for file in files if not file.is_dir()}
        work.known = sorted(single - {file.file for file in work.files})
    return work


@commands.command(hidden=True)
@report_errors
def finish(
    command: Annotated[str, typer.Option(help="Whose runs these are.")] = "",
    leave: Annotated[list[str] | None, typer.Option(help="What a later step makes.")] = None,
) -> None:
    """Compute the tables and datasets for unprocessed ingested files; `ingest` calls it when days were added."""
    from instagram_assets.automation import shell_runs

    with shell_runs.open_instance() as dagster, shell_runs.as_command(command):
        shell_runs.finish(dagster, leave or ())


@commands.command("import-jobs")
@report_errors
def import_jobs(
    file: Annotated[Path, typer.Argument(help="The jobs.json of the dashboard, such as dashboard/data/jobs.json.")],
) -> None:
    """Import the jobs.json of an earlier dashboard of image searches into the web app's history.

    Idempotent: repeating the command adds nothing. Invalid entries are reported and left out. Images are not moved: the
    history says where the dashboard stored them.
    """
    from instagram_assets.cli.messages import print_stderr
    from instagram_assets.errors import NothingDoneError
    from instagram_assets.ingest.dashboard_jobs import read_dashboard_jobs
    from instagram_assets.settings import settings

    found = read_dashboard_jobs(file, settings().zone)
    for problem in found.problems:
        print_stderr(f"{file}, {problem}")
    if found.problems and not found.jobs:
        raise NothingDoneError(f"{file}: none of its {len(found.problems):,} entries is a job.")
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.imported_jobs import import_jobs as import_into_history
    from instagram_assets.privacy.tombstones import load_tombstones

    forgotten = load_tombstones(settings().folder("privacy"))
    jobs = [job for job in found.jobs if not any(forgotten.scrub(text) != text for text in job.texts)]
    with shell_runs.open_instance() as dagster:
        added = import_into_history(dagster, jobs)
    parts = [f"{added:,} job{'' if added == 1 else 's'} imported"]
    parts += [f"{there:,} there already"] if (there := len(jobs) - added) else []
    left = len(found.jobs) - len(jobs)
    parts += [f"{left:,} left out since they name somebody who was forgotten"] if left else []
    parts += [f"{bad:,} bad {'entry' if bad == 1 else 'entries'} left out"] if (bad := len(found.problems)) else []
    typer.echo(", ".join(parts))


def _without_comments() -> set[str]:
    """The names of ingested files whose comments were skipped, but would be kept by the current settings."""
    from contextlib import suppress

    from instagram_assets.errors import StorageError
    from instagram_assets.ingest.landing import lacks_wanted_comments
    from instagram_assets.ingest.manifests import newest_manifests, read_manifest
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    if not settings().ingest.keep_comments:
        return set()
    found = set[str]()
    for name in newest_manifests(open_lake(settings())):
        with suppress(StorageError):  # it will be read again anyway
            if (file := read_manifest(open_lake(settings()), name)) and lacks_wanted_comments(file, settings()):
                found.add(name)
    return found
