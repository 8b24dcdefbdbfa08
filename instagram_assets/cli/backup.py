"""Commands for backups: create, list, verify and restore."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from instagram_assets.cli.messages import count_with_noun, print_stderr, report_errors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from instagram_assets.backups.manifest import Missing
    from instagram_assets.backups.restore import RestoreSummary

commands = typer.Typer()
_Where = Annotated[str, typer.Argument(help="A folder or s3://… for many backups, or one .tar or .zip.")]
WithoutTombstonesOption = Annotated[
    bool, typer.Option("--without-tombstones", help="Although people who were forgotten may come back.")
]
_MOST_NAMED = 20


@commands.command()
@report_errors
def backup(
    where: _Where,
    with_datasets: Annotated[bool, typer.Option(help="The datasets, too, which can be made again.")] = False,
    history: Annotated[bool, typer.Option(help="Dagster's history of runs.")] = True,
) -> None:
    """Back up the lake, media, inbox, settings without secrets, and Dagster's history, also while runs are active.

    Incremental: files that are in the backup already are not stored again. The keys and tombstones (who was erased) are
    never in it: keep a copy of them yourself.
    """
    from instagram_assets.backups.backup_contents import BackupContents
    from instagram_assets.backups.create_backup import create_backup
    from instagram_assets.report.progress import counter, show_progress
    from instagram_assets.report.safe_text import printable
    from instagram_assets.settings import settings

    chosen = settings()
    home = Path(os.environ.get("DAGSTER_HOME") or chosen.folder("dagster")) if history else None
    contents = BackupContents(chosen, home, with_datasets=with_datasets)
    with show_progress(print_stderr, counter("files")) as report:
        made = create_backup(contents, where, chosen.folder("privacy"), options=_options(where), on_progress=report)
    typer.echo(f"{made.where}: backup {made.id}")
    typer.echo(
        f"{made.files:,} files, {_size(made.bytes)}; new {made.new_files:,} files, {_size(made.new_bytes)}; "
        f"{made.seconds:.1f} s"
    )
    if made.left_out:
        _print_first(made.left_out)
        typer.echo(
            f"{count_with_noun(len(made.left_out), 'link or key was', 'links and keys were')} left out, named above."
        )
    if made.made_again:
        names = ", ".join(map(printable, made.made_again))
        typer.echo(f"Left out, since a run makes them again: {names} (--with-datasets stores them, too).")
    _exit_if_missing(made.missing, "could not be read, and so not stored")


@commands.command("restore")
@report_errors
def restore_backup(
    where: _Where,
    into: Annotated[Path | None, typer.Option(help="An empty folder; by default the data folder.")] = None,
    at: Annotated[str, typer.Option(help="The id of a backup, or a time: the newest of then or before.")] = "",
    privacy: Annotated[Path | None, typer.Option(help="Folder of the keys and tombstones, if not the usual.")] = None,
    without_tombstones: WithoutTombstonesOption = False,
) -> None:
    """Restore a backup into an empty folder, verifying every byte; people who were forgotten are forgotten again.

    Repeat the command to continue an interrupted restore; after a complete one, it compares the folder with the backup
    and changes nothing.
    """
    from instagram_assets.backups.privacy_folder import has_keys
    from instagram_assets.backups.restore import restore_backup as restore_from
    from instagram_assets.report.progress import counter, show_progress
    from instagram_assets.settings import settings

    chosen = settings()
    folder = into or chosen.data_dir
    keys = keys_folder(privacy, into)
    with show_progress(print_stderr, counter("files")) as report:
        done = restore_from(
            where,
            folder,
            keys,
            at=at,
            options=_options(where),
            without_tombstones=without_tombstones,
            after=lambda restored: _finish_restore(restored, keys, without_tombstones=without_tombstones),
            on_progress=report,
        )
    if done.before:
        _print_earlier_restore(done)
        return
    typer.echo(f"{done.into}: backup {done.id}, {done.files:,} files, {_size(done.bytes)}")
    if (done.into / "dagster" / "postgres.dump").exists():
        typer.echo(
            f"Dagster's history is still in {done.into}/dagster/postgres.dump, with its dead runs and whoever was "
            "forgotten since: name an empty database by POSTGRES_HOST, POSTGRES_DB and so on, then run "
            f"instagram-assets restore-history {done.into}"
        )
    typer.echo(f"Settings: {done.into}/settings.env, to be copied into .env; secrets have to be set again.")
    if without_tombstones:
        warn_without_tombstones(done.id)
    elif not chosen.privacy.folder and has_keys(keys) and keys.absolute() != done.into / "privacy":
        typer.echo(
            f"Keys and tombstones: copy {keys} to {done.into}/privacy, or who was forgotten can be read in again."
        )
    _exit_if_missing(done.missing, "did not come back")


@commands.command()
@report_errors
def backups(
    where: _Where,
    keep: Annotated[int | None, typer.Option(min=1, help="Take all but so many of the newest away.")] = None,
    verify_backups: Annotated[bool, typer.Option("--check", help="Read all that is stored and compare it.")] = False,
) -> None:
    """List the backups in a folder, oldest first; with --keep, delete old ones; with --check, verify all of them."""
    from instagram_assets.backups.location import open_location
    from instagram_assets.backups.maintenance import prune_backups
    from instagram_assets.errors import StorageError
    from instagram_assets.settings import settings

    if keep is not None:
        gone = prune_backups(where, keep, settings().folder("privacy"), options=_options(where))
        went = count_with_noun(gone.backups, "backup", "backups")
        typer.echo(f"{went} went, and {count_with_noun(gone.files, 'file', 'files')}, {_size(gone.bytes)}")
    damaged = 0
    with open_location(where, _options(where)) as location:
        names = location.ids()
        for name in names:
            try:
                found = location.manifest(name)
            except StorageError as error:
                damaged += 1
                typer.echo(f"{name}  damaged: {error}")
                continue
            moment = found.taken_at.astimezone(settings().zone)
            lacks = f"  {count_with_noun(len(found.missing), 'file', 'files')} missing" if found.missing else ""
            typer.echo(
                f"{name}  {moment:%Y-%m-%d %H:%M %Z}  {len(found.entries):,} files  {_size(found.bytes)}  "
                f"{len(found.accounts):,} accounts{lacks}"
            )
    if not names:
        typer.echo(f"{where}: no backups yet. Make one: instagram-assets backup {where}")
    if verify_backups:
        _check(where)
    if damaged:
        raise typer.Exit(1)


def _check(where: str) -> None:
    """Verify every file stored in the backups at `where`; prints damaged ones, and exits with 1 if there are any."""
    from instagram_assets.backups.maintenance import verify_backups
    from instagram_assets.report.progress import counter, show_progress

    with show_progress(print_stderr, counter("files")) as report:
        found = verify_backups(where, options=_options(where), on_progress=report)
    read = f"{count_with_noun(found.files, 'stored file', 'stored files')} read, {_size(found.bytes)}"
    typer.echo(f"{read}: {len(found.damaged) or 'none'} damaged.")
    _exit_if_missing(found.damaged, "damaged there; the next backup stores again what is still in the data folder")


def keys_folder(given: Path | None, restored: Path | None) -> Path:
    """The folder with the keys and tombstones: `given`, the configured one, or that in the restored or data folder."""
    from instagram_assets.settings import settings

    default = settings().folder("privacy")
    if given or not restored or settings().privacy.folder:
        return given or default
    own = restored / "privacy"
    return own if own.exists() else default


def warn_without_tombstones(name: str) -> None:
    """Print a warning that erased data can be in a restored backup, since there were no tombstones to apply."""
    from instagram_assets.backups.privacy_folder import restore_cutoff

    typer.secho(
        f"Warning: brought back without tombstones. Whoever was forgotten since {restore_cutoff(name)}, is here again: "
        "instagram-assets forget NAME for each of them.",
        fg="red",
        err=True,
    )


def _finish_restore(folder: Path, keys: Path, *, without_tombstones: bool) -> None:
    """Finish a restore: mark runs that were active as failed, and apply erasures again by the tombstones in `keys`."""
    home = folder / "dagster"
    # A home with PostgreSQL would open the server's database, which is not the restored one
    has_history = (home / "history" / "runs.db").exists() and not (home / "postgres.dump").exists()
    if has_history:
        close_active_runs(home)
    if without_tombstones:
        return
    from instagram_assets.cli.forget import history_erasure_planner
    from instagram_assets.forget.erasure import erase_tombstoned
    from instagram_assets.settings import load_settings

    privacy = {"folder": str(keys.absolute())}
    restored = load_settings(data_dir=folder, lake="", media_dir="", privacy=privacy)
    report = erase_tombstoned(restored, [history_erasure_planner(restored, home)] if has_history else [])
    if changed := sum(report.removed.values()) + sum(report.rewritten.values()):
        files = "1 file or folder" if changed == 1 else f"{changed:,} files and folders"
        typer.echo(f"Forgotten again: {files} went or {'was' if changed == 1 else 'were'} rewritten.")


def _print_earlier_restore(done: "RestoreSummary") -> None:
    """Print the result of a restore into a folder that is already complete; exits with 1 if files are missing."""
    from instagram_assets.settings import settings

    assert done.before
    moment = done.before.astimezone(settings().zone)
    same = count_with_noun(done.files, "file is", "files are")
    changed = count_with_noun(done.changed, "file has", "files have")
    changed = f"; {changed} changed since or gone" if done.changed else ""
    typer.echo(
        f"{done.into}: backup {done.id} was brought back already, {moment:%Y-%m-%d %H:%M %Z}. Compared with it: "
        f"{same} as stored, {_size(done.bytes)}{changed}. Nothing was done."
    )
    if done.lost_before:
        lost = count_with_noun(done.lost_before, "file", "files")
        typer.secho(f"Error: {lost} did not come back then. Try again into an empty folder.", fg="red", err=True)
        raise typer.Exit(1)


def close_active_runs(home: Path) -> None:
    """In the Dagster home `home`, mark runs that were active when the backup was made as failed."""
    import dagster as dg

    from instagram_assets.automation.dead_runs import close_restored_runs

    before = os.environ.get("DAGSTER_HOME")
    os.environ["DAGSTER_HOME"] = str(home)
    try:
        with dg.DagsterInstance.from_config(str(home)) as dagster:
            closed = close_restored_runs(dagster)
    finally:
        del os.environ["DAGSTER_HOME"]
        os.environ |= {"DAGSTER_HOME": before} if before else {}
    if closed:
        typer.echo(f"Runs that had not ended when the backup was made: {closed:,}, closed as failed.")


def _options(where: str) -> dict[str, Any] | None:
    """Options for the object store of a backup: those of the lake; None if the backup is in a local folder."""
    from instagram_assets.settings import settings

    return settings().lake_options if "://" in where else None


def _exit_if_missing(missing: "Sequence[Missing]", what: str) -> None:
    """If there are missing or damaged files, print them and exit with 1; `what` is the end of the message."""
    if not missing:
        return
    _print_first(missing)
    typer.secho(
        f"Error: {count_with_noun(len(missing), 'file', 'files')} {what}. All others are whole.", fg="red", err=True
    )
    raise typer.Exit(1)


def _print_first(missing: "Sequence[Missing]") -> None:
    """Print the first few missing files, one per line, and the number of the remaining ones."""
    from instagram_assets.backups.manifest import native
    from instagram_assets.report.safe_text import printable

    for each in missing[:_MOST_NAMED]:
        print_stderr(f"{printable(native(each.path))}: {each.reason}")
    if len(missing) > _MOST_NAMED:
        print_stderr(f"… and {len(missing) - _MOST_NAMED:,} more")


def _size(number: int) -> str:
    return f"{number / 1e6:,.1f} MB"
