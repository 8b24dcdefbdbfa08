"""Command that imports the job history of an earlier dashboard."""

from pathlib import Path
from typing import Annotated

import typer

from instagram_assets.cli.errors import clear_errors

commands = typer.Typer()


@commands.command("import-jobs")
@clear_errors
def import_jobs(
    file: Annotated[Path, typer.Argument(help="The jobs.json of the dashboard, such as dashboard/data/jobs.json.")],
) -> None:
    """Import the jobs.json of an earlier dashboard of image searches as history of the web app, once.

    The same command again adds nothing. Bad entries are named and left out. Images are not moved: the history says
    where the dashboard had put them.
    """
    from instagram_assets.cli.arguments import say
    from instagram_assets.errors import NothingDoneError
    from instagram_assets.ingest.dashboard_jobs import read_dashboard_jobs
    from instagram_assets.settings import settings

    found = read_dashboard_jobs(file, settings().zone)
    for problem in found.problems:
        say(f"{file}, {problem}")
    if found.problems and not found.jobs:
        raise NothingDoneError(f"{file}: none of its {len(found.problems):,} entries is a job.")
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.imported_jobs import import_jobs as import_all
    from instagram_assets.privacy.tombstones import load_tombstones

    forgotten = load_tombstones(settings().folder("privacy"))
    jobs = [job for job in found.jobs if not any(forgotten.scrub(text) != text for text in job.texts)]
    with shell_runs.open_instance() as dagster:
        added = import_all(dagster, jobs)
    told = [f"{added:,} job{'' if added == 1 else 's'} imported"]
    told += [f"{there:,} there already"] if (there := len(jobs) - added) else []
    left = len(found.jobs) - len(jobs)
    told += [f"{left:,} left out since they name somebody who was forgotten"] if left else []
    told += [f"{bad:,} bad {'entry' if bad == 1 else 'entries'} left out"] if (bad := len(found.problems)) else []
    typer.echo(", ".join(told))
