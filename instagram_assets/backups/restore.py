"""Bringing a backup back: into an empty folder, every byte checked on its way, then what was forgotten goes again."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from instagram_assets.backups.found import UnreadableError
from instagram_assets.backups.manifest import Entry, Manifest, Missing, is_id, moment_of, native
from instagram_assets.backups.places import Place, open_place
from instagram_assets.backups.repository import sync_many
from instagram_assets.errors import FileError, StorageError
from instagram_assets.privacy.keys import key_id
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.storage.atomic import (
    is_temporary,
    make_folder,
    refusal,
    sweep,
    sync_folders,
    temporary_beside,
    write_atomic,
)

OnProgress = Callable[[int, int], None]

MARK = ".restoring.json"
"""There while a folder is filled: what it is filled from."""
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Restored:
    """What came back. `missing` is damaged or not there, in the backup or when it was made; all else is whole."""

    where: str
    id: str
    taken_at: datetime
    into: Path
    files: int
    bytes: int
    missing: tuple[Missing, ...]


def restore(
    where: str,
    into: Path,
    privacy_folder: Path,
    *,
    at: str = "",
    options: dict[str, Any] | None = None,
    without_tombstones: bool = False,
    after: Callable[[Path], object] | None = None,
    on_progress: OnProgress | None = None,
) -> Restored:
    """Fill the folder `into` from a backup: the newest, that of an id, or the newest of a moment or before (`at`).

    What is damaged is named in the result, and everything else is brought back. Killed at any point it goes on when it
    is repeated. `after` is called with the folder before it counts as restored, to apply the tombstones of
    `privacy_folder`; where the backup knows of some that are not there, nothing is brought back, unless
    `without_tombstones`. Raises FileError for a folder that is not empty or a backup that is not there, StorageError
    when a manifest is damaged or the disk refuses.
    """
    into = into.expanduser().absolute()
    with open_place(where, options) as place:
        name = _chosen(place, at)
        manifest = place.manifest(name)
        if not without_tombstones:
            _check_tombstones(manifest, privacy_folder, can_forget=after is not None)
        _begin(into, place.where, name, privacy_folder)
        restoring = _Restoring(place, into, on_progress, len(manifest.entries))
        lost = restoring.all(manifest.entries)
    if after:
        after(into)
    with suppress(FileNotFoundError):
        (into / MARK).unlink()
    sync_folders([into])
    return Restored(
        place.where,
        name,
        manifest.taken_at,
        into,
        len(manifest.entries) - len(lost),
        manifest.bytes - sum(entry.size for entry in manifest.entries if entry.path in {each.path for each in lost}),
        (*manifest.missing, *lost),
    )


class _Restoring:
    """The files of a backup on their way back."""

    def __init__(self, place: Place, into: Path, on_progress: OnProgress | None, total: int) -> None:
        self._place, self._into, self._on_progress, self._total = place, into, on_progress, total

    def all(self, entries: Iterable[Entry]) -> list[Missing]:
        """Bring all back, durably; those that are damaged or not there."""
        missing: list[Missing] = []
        pool = ThreadPoolExecutor(self._place.threads, thread_name_prefix="restore")
        try:
            for done, (entry, reason) in enumerate(pool.map(self._one, entries), start=1):
                if reason:
                    missing.append(Missing(entry.path, reason))
                if self._on_progress:
                    self._on_progress(done, self._total)
            sync_many(Path(parent) for parent, _, _ in os.walk(self._into))
        except OSError as error:
            raise refusal(self._into, error) from error
        finally:
            pool.shutdown(cancel_futures=True)
        return missing

    def _one(self, entry: Entry) -> tuple[Entry, str]:
        """Bring one file back; why it could not be."""
        final = self._into / native(entry.path)
        if _is_there(final, entry):
            return entry, ""
        make_folder(final.parent, sync=False)
        temporary = temporary_beside(final)
        try:
            digest = self._copy(entry, temporary)
            if digest != entry.sha256:
                return entry, "its bytes are not those that were stored: the backup is damaged there"
            os.utime(temporary, ns=(entry.modified_ns, entry.modified_ns))
            os.replace(temporary, final)
        except UnreadableError as error:
            return entry, str(error)
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
        return entry, ""

    def _copy(self, entry: Entry, temporary: Path) -> str:
        digest = hashlib.sha256()
        with open(temporary, "xb") as target:
            os.fchmod(target.fileno(), 0o600) if entry.path == "settings.env" else None
            with _opened(self._place, entry) as source:
                while data := _read(source):
                    digest.update(data)
                    target.write(data)
            target.flush()
            os.fsync(target.fileno())
        return digest.hexdigest()


def _opened(place: Place, entry: Entry) -> BinaryIO:
    try:
        return place.open(entry)
    except FileNotFoundError as error:
        raise UnreadableError("it is not in the backup any more") from error
    except OSError as error:
        raise UnreadableError(f"the backup cannot be read there ({error.strerror or error})") from error


def _read(source: BinaryIO) -> bytes:
    try:
        return source.read(_CHUNK)
    except Exception as error:  # each kind of place has errors of its own
        raise UnreadableError(f"the backup cannot be read there ({error})") from error


def _is_there(final: Path, entry: Entry) -> bool:
    """True for a file that an earlier try brought back."""
    try:
        if final.is_symlink() or final.stat().st_size != entry.size:
            return False
        with final.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == entry.sha256
    except FileNotFoundError:
        return False


def _chosen(place: Place, at: str) -> str:
    ids = place.ids()
    if not ids:
        raise FileError(place.where, "there is no backup", "Name the place that `instagram-assets backup` was given")
    if not at:
        return ids[-1]
    if is_id(at):
        found = [name for name in ids if name == at]
    else:
        moment = _moment(at)
        found = [name for name in ids if moment_of(name) <= moment]
    if not found:
        raise FileError(
            place.where, f"has no backup {at}", f"`instagram-assets backups {place.where}` lists those that it has"
        )
    return found[-1]


def _moment(at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise FileError(
            "--at", f"{at!r} is no id of a backup and no time", "Give an id, or a time such as 2026-11-02T09:00"
        ) from error
    return moment if moment.tzinfo else moment.astimezone(UTC)


def _check_tombstones(manifest: Manifest, folder: Path, *, can_forget: bool) -> None:
    """Raise StorageError where people who were forgotten could not be recognised in the backup, or not taken out."""
    here = load_tombstones(folder)
    if here and not can_forget:
        raise StorageError(
            f"{folder}: {len(here):,} names and numbers were forgotten, and this version of instagram_assets cannot "
            "take them out of what is brought back. Use a version with `instagram-assets forget`, or "
            "--without-tombstones."
        )
    if not manifest.tombstones:
        return
    if not here or key_id(here.key) != manifest.tombstone_key or len(here) < manifest.tombstones:
        raise StorageError(
            f"{folder}: the backup was made after {manifest.tombstones:,} names and numbers were forgotten, by the key "
            f"{manifest.tombstone_key}, and they are not all here: people could come back who asked to be forgotten. "
            "Put your copy of the privacy folder there, or name it: --privacy FOLDER. Only if it is lost for good: "
            "--without-tombstones."
        )


def _begin(into: Path, where: str, name: str, privacy_folder: Path) -> None:
    """Claim an empty folder, or one that this very backup was being brought back into."""
    said = {"from": where, "id": name}
    try:
        there = {path.name for path in into.iterdir()} if into.exists() else set[str]()
        there = {name for name in there if not is_temporary(name)}  # left of a mark that was not finished
        if privacy_folder.absolute().parent == into:
            there.discard(privacy_folder.name)
        if MARK in there:
            with suppress(ValueError):
                if json.loads((into / MARK).read_text("utf-8")).get("id") == name:
                    sweep(into)
                    return
            raise FileError(
                str(into), "another backup was being brought back into it", "Repeat that one, or name an empty folder"
            )
        if there:
            raise FileError(
                str(into),
                f"is not empty ({', '.join(sorted(there)[:3])})",
                "Name an empty folder with --into, and INSTAGRAM_ASSETS_DATA_DIR after that",
            )
        make_folder(into)
        write_atomic(into / MARK, lambda stream: stream.write(json.dumps(said).encode()))
    except OSError as error:
        raise refusal(into, error) from error
