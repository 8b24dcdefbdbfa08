"""Command `restore-history`: restores Dagster's history from a backup into an empty PostgreSQL database."""

import os
from pathlib import Path
from typing import Annotated

import typer

from instagram_assets.cli.backup import WithoutTombstonesOption, close_active_runs, keys_folder, warn_without_tombstones
from instagram_assets.cli.messages import report_errors

commands = typer.Typer()


@commands.command("restore-history")
@report_errors
def restore_history(
    folder: Annotated[
        Path | None, typer.Argument(help="The folder that `restore` filled; by default the data folder.")
    ] = None,
    privacy: Annotated[Path | None, typer.Option(help="Folder of the keys and tombstones, if not the usual.")] = None,
    without_tombstones: WithoutTombstonesOption = False,
) -> None:
    """Restore Dagster's history into the empty database that the variables in its dagster.yaml name.

    Unfinished runs are marked as failed, erasures are applied again, and then the dump is deleted. Repeat the command
    to continue an interrupted one.
    """
    from instagram_assets.backups.database_copies import postgres_of
    from instagram_assets.backups.privacy_folder import check_tombstones
    from instagram_assets.backups.restore import restored_from
    from instagram_assets.errors import FileError, SettingsError
    from instagram_assets.settings import settings
    from instagram_assets.storage.atomic import remove_durably

    chosen = settings()
    home = (folder or chosen.data_dir).expanduser().absolute() / "dagster"
    keys = keys_folder(privacy, folder)
    dump = home / "postgres.dump"
    if not dump.exists():
        raise FileError(str(dump), "is not there", "Name the folder that `instagram-assets restore` filled")
    backup = restored_from(home.parent)  # null where a .tar was unpacked manually
    name = backup.id if backup else ""
    if not without_tombstones:
        check_tombstones(name, backup.tombstones if backup else 0, backup.tombstone_key if backup else "", keys)
    postgres = postgres_of(home, os.environ)
    if postgres is None:
        raise SettingsError(f"{home / 'dagster.yaml'}: it names no PostgreSQL. Copy homes/postgres/dagster.yaml there.")
    typer.echo(f"Dagster's history: into the database {postgres.name}")
    postgres.fill(dump)
    close_active_runs(home)
    if not without_tombstones:
        _forget_again(home, keys)
    remove_durably(dump)
    remove_durably(dump.with_name(f"{dump.name}.into"))
    typer.echo("Dagster's history is back, and its dump is taken away: it still held all that the backup has.")
    if without_tombstones:
        warn_without_tombstones(name)


def _forget_again(home: Path, keys: Path) -> None:
    """Apply erasures again to the restored history, by the tombstones in the folder `keys`."""
    from instagram_assets.cli.forget import history_erasure_planner
    from instagram_assets.forget.erasure_steps import StepResult
    from instagram_assets.privacy.tombstones import load_tombstones
    from instagram_assets.settings import load_settings

    tombstones = load_tombstones(keys)
    if not tombstones:
        return
    restored = load_settings(data_dir=home.parent, privacy={"folder": str(keys.absolute())})
    done = [step.apply() for step in history_erasure_planner(restored, home)(restored, tombstones)]
    if rows := sum(each.rows for each in done if isinstance(each, StepResult)):
        rows_text = "1 row went or was" if rows == 1 else f"{rows:,} rows went or were"
        typer.echo(f"Forgotten again: {rows_text} rewritten.")
