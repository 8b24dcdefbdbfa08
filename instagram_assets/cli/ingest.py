"""Commands that ingest export files into all tables."""

import json
from pathlib import Path
from typing import Annotated

import typer

from instagram_assets.cli.arguments import AsJson, ObservedAt
from instagram_assets.cli.errors import clear_errors

commands = typer.Typer()


@commands.command()
@clear_errors
def ingest(
    files: Annotated[list[Path], typer.Argument(help="Export files, or folders of them; none: the inbox.")] = [],  # noqa: B006
    observed_at: ObservedAt = "",
    account: Annotated[str, typer.Option(help="Whose posts they are, where an archive does not say it.")] = "",
    as_json: AsJson = False,
) -> None:
    """Land export files and make every table that they touch."""
    from instagram_assets.settings import settings
    from instagram_assets.status.preflight import check_ingest

    check_ingest(settings(), files, observed_at, account)
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.run_states import read_history
    from instagram_assets.cli import endings
    from instagram_assets.cli.state_lines import empty_inbox_line, moved_line, print_state
    from instagram_assets.ingest.folder_scan import REJECTED
    from instagram_assets.ingest.inbox import waiting_entries
    from instagram_assets.status.data_status import read_data_status
    from instagram_assets.storage.lake import open_lake

    inbox = settings().folder("inbox")
    empty = [] if files or waiting_entries(inbox) else [empty_inbox_line(inbox)]
    with shell_runs.open_instance() as dagster:
        work = endings.ingest(dagster, files, observed_at, account)
        state = read_data_status(open_lake(settings()), settings())
        endings.judge(work, state)
        if as_json:
            typer.echo(json.dumps(endings.as_json(state, read_history(dagster), work), ensure_ascii=False))
        else:
            known = (f"{name}: read before, nothing new" for name in work.known)
            others = work.without_told(state)
            told = len(state.files.rejected) - len(others.files.rejected)
            moved = [moved_line(told, inbox / REJECTED)] if told else []
            print_state(others, settings(), *work.folders, *known, *empty, *moved)
    work.raise_errors()


@commands.command(hidden=True)
@clear_errors
def finish(
    command: Annotated[str, typer.Option(help="Whose runs these are.")] = "",
    leave: Annotated[list[str] | None, typer.Option(help="What a later step makes.")] = None,
) -> None:
    """Make every table that landed files wait for, and the datasets; `ingest` calls it when days were added."""
    from instagram_assets.automation import shell_runs

    with shell_runs.open_instance() as dagster, shell_runs.as_command(command):
        shell_runs.finish(dagster, leave or ())
