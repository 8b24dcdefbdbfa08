"""What a folder says of the backup that is being brought back into it, or was: none of it tells of anybody."""

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from instagram_assets.backups.manifest import Manifest
from instagram_assets.errors import FileError
from instagram_assets.storage.atomic import is_temporary, make_folder, refusal, sweep, sync_folders, write_atomic

MARK = ".restoring.json"
"""There while a folder is filled: what it is filled from."""
FINISHED = ".restored.json"
"""There from then on: what it was filled from, and who had to be forgotten in it."""


class Filled(msgspec.Struct, kw_only=True):
    """From which backup a folder was filled, when that ended, how many files were damaged or not there.

    `tombstones` are how many the backup was made after, by the key `tombstone_key`; none where they were not asked.
    """

    source: str
    id: str
    at: datetime
    missing: int = 0
    tombstones: int = 0
    tombstone_key: str = ""


def filled(folder: Path) -> Filled | None:
    """From which backup a folder was filled; null where it is filled just now, or never was."""
    if (folder / MARK).exists():
        return None
    with suppress(FileNotFoundError, msgspec.MsgspecError):
        return msgspec.json.decode((folder / FINISHED).read_bytes(), type=Filled)
    return None


def begin(into: Path, where: str, name: str, privacy_folder: Path) -> None:
    """Claim an empty folder, or one that this very backup was being brought back into."""
    try:
        there = {path.name for path in into.iterdir()} if into.exists() else set[str]()
        there = {name for name in there if not is_temporary(name)}  # left of a mark that was not finished
        if privacy_folder.absolute().parent == into:
            there.discard(privacy_folder.name)
        if MARK in there:
            with suppress(msgspec.MsgspecError, KeyError, TypeError):
                if msgspec.json.decode((into / MARK).read_bytes())["id"] == name:
                    sweep(into)
                    return
            raise FileError(
                str(into), "another backup was being brought back into it", "Repeat that one, or name an empty folder"
            )
        if there:
            before = filled(into)
            of = f"the backup {before.id} was brought back into it" if before else ", ".join(sorted(there)[:3])
            raise FileError(
                str(into),
                f"is not empty ({of})",
                "Name an empty folder with --into, and INSTAGRAM_ASSETS_DATA_DIR after that",
            )
        make_folder(into)
        _write(into / MARK, {"from": where, "id": name})
    except OSError as error:
        raise refusal(into, error) from error


def end(into: Path, where: str, name: str, missing: int, asked: Manifest | None) -> None:
    """Say that a folder is filled; `asked` is the manifest whose tombstones were asked for."""
    said = Filled(source=where, id=name, at=datetime.now(UTC), missing=missing)
    if asked:
        said.tombstones, said.tombstone_key = asked.tombstones, asked.tombstone_key
    _write(into / FINISHED, said)
    (into / MARK).unlink(missing_ok=True)
    sync_folders([into])


def _write(path: Path, said: object) -> None:
    write_atomic(path, lambda stream: stream.write(msgspec.json.encode(said)))
