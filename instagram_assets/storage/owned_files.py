"""Ownership of files in folders that users edit too: a hidden record of the files that we wrote, by name and hash.

A file is ours while its bytes are those that we wrote. All other files, and changed ones, are the user's: never
replaced, never deleted. The record is `.instagram-assets/written.json`; while a file is being replaced the record has
its old and its new hash, so that after a kill at any point the file still counts as ours.
"""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from instagram_assets.errors import FileError, StorageError
from instagram_assets.storage import locks
from instagram_assets.storage.atomic import make_folder, sync_folders, write_atomic

HIDDEN = ".instagram-assets"
_WRITTEN, _NEW = "written.json", "new"

Fill = Callable[[Path], object]
"""Type of a callback that writes a file to the path it is called with, durably."""


class Claim(NamedTuple):
    """The record of a file that we wrote: its SHA-256 (two while it is being replaced), and what it was made from.

    `source` is the path of the file or folder that it was made from, relative to its folder.
    """

    sha256: tuple[str, ...]
    source: str


def write_ours(files: Mapping[Path, Fill], source: Path, remedy: str) -> None:
    """Create or replace files of one folder atomically, and record `source` as the file or folder they were made from.

    Raises FileError, with the hint `remedy` in its message, if one of them exists and is a user's file, was changed by
    hand, or was made from another source. Concurrent calls wait for each other.
    """
    (folder,) = {path.parent for path in files}
    with owned_folder_lock(folder):
        for path in files:
            check_free(path, source, remedy)
        with staging(folder):
            publish(folder, {path.name: stage(folder, path.name, fill) for path, fill in files.items()}, source)


def rewrite(path: Path, fill: Fill) -> None:
    """Replace a file by a new version, written by `fill`; it remains our file or the user's file, as it was."""
    folder = path.parent
    with owned_folder_lock(folder), staging(folder):
        sha256 = stage(folder, path.name, fill)
        claim = claims_of(folder).get(path.name)
        if claim and digest(path) in claim.sha256:
            publish(folder, {path.name: sha256})
        else:
            os.replace(folder / HIDDEN / _NEW / path.name, path)
            sync_folders([folder])


def remove_ours(path: Path, source: Path) -> None:
    """Delete a file if we made it from `source` and it is unchanged; otherwise do nothing."""
    claim = claims_of(path.parent).get(path.name)
    if claim is None or claim.source != _seen_from(path.parent, source):
        return
    with owned_folder_lock(path.parent):
        sha256 = digest(path)
        if sha256 and sha256 in claim.sha256:
            publish(path.parent, {}, gone={path.name: sha256})


def rename_claim(before: Path, after: Path, source: Path) -> None:
    """Record that a file of ours was renamed from `before` to `after` in its folder, and is made from `source`."""
    with owned_folder_lock(after.parent):
        claims = claims_of(after.parent)
        if claim := claims.pop(before.name, None):
            claims[after.name] = Claim(claim.sha256, _seen_from(after.parent, source))
            _remember(after.parent, claims)


def check_free(path: Path, source: Path, remedy: str) -> None:
    """Raise FileError if a file exists and is a user's file, was changed by hand, or was made from another source.

    `remedy` is the hint in the error message.
    """
    if not os.path.lexists(path):
        return
    claim = claims_of(path.parent).get(path.name)
    if claim is None:
        raise FileError(str(path), "is there already, and nothing says that it was made by this command", remedy)
    if digest(path) not in claim.sha256:
        raise FileError(str(path), "was changed since it was written, and would be overwritten", remedy)
    if claim.source != _seen_from(path.parent, source):
        made_of = os.path.normpath(path.parent / claim.source)
        raise FileError(str(path), f"was made of {made_of}, and would be overwritten", remedy)


@contextmanager
def owned_folder_lock(folder: Path) -> Generator[None]:
    """Context manager: create the folder if needed and hold its lock. Raises StorageError on an I/O error."""
    try:
        with locks.folder_lock(folder):
            yield
    except OSError as error:
        place = error.filename2 or error.filename or folder
        raise StorageError(
            f"{place}: cannot be used ({error.strerror or error}). Free space or fix access, then run again."
        ) from error


def claims_of(folder: Path) -> dict[str, Claim]:
    """Returns the record of a folder's files that we wrote: name → claim; empty if it is missing or damaged."""
    try:
        content = json.loads((folder / HIDDEN / _WRITTEN).read_bytes())
        return {
            str(name): Claim(tuple(map(str, said["sha256"])), str(said["source"])) for name, said in content.items()
        }
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}  # a user edited the record: then nothing counts as ours, so that no file is lost


def digest(path: Path) -> str | None:
    """Returns the SHA-256 of a file in hexadecimal digits; None if it does not exist or is not a regular file."""
    try:
        if not stat.S_ISREG(os.lstat(path).st_mode):
            return None
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return None


@contextmanager
def staging(folder: Path) -> Generator[None]:
    """Context manager around `stage` and `publish`: empties the staging folder before and after."""
    hidden = folder / HIDDEN
    shutil.rmtree(hidden / _NEW, ignore_errors=True)
    try:
        yield
    finally:
        shutil.rmtree(hidden / _NEW, ignore_errors=True)
        with suppress(OSError):
            hidden.rmdir()  # fails, as intended, if the record is in it


def stage(folder: Path, name: str, fill: Fill) -> str:
    """Write a file to the staging folder for `publish`; returns its SHA-256. The caller holds the folder's lock."""
    path = folder / HIDDEN / _NEW / name
    make_folder(path.parent, sync=False)
    fill(path)
    found = digest(path)
    if found is None:
        raise StorageError(f"{path}: was taken away while it was written. Run again.")
    return found


def publish(
    folder: Path, staged: Mapping[str, str], source: Path | None = None, gone: Mapping[str, str] | None = None
) -> None:
    """Move staged files (name → SHA-256) to their final names, then delete the files `gone` if their hash is unchanged.

    The last staged file, which can refer to the others (a manifest), is moved once the others are durable. A file that
    already has the staged content is not replaced. If `source` is None, the recorded sources are kept. The caller must
    hold the folder's lock, and must have checked that no user's file is overwritten.
    """
    before, gone = claims_of(folder), gone or {}
    after = {name: claim for name, claim in before.items() if name not in gone}
    for name, sha256 in staged.items():
        old = before.get(name)
        said = _seen_from(folder, source) if source else old.source if old else ""
        after[name] = Claim((sha256,), said)
    due = [name for name, sha256 in staged.items() if digest(folder / name) != sha256]
    if due or gone:
        _remember(folder, _either(before, after, gone))
    for name in due:
        if name == due[-1]:
            sync_folders([folder])
        os.replace(folder / HIDDEN / _NEW / name, folder / name)
    if due:
        sync_folders([folder])
    for name, sha256 in gone.items():
        if digest(folder / name) == sha256:
            os.unlink(folder / name)
    if gone:
        sync_folders([folder])
    if due or gone or after != before:
        _remember(folder, after)


def _either(before: Mapping[str, Claim], after: Mapping[str, Claim], gone: Mapping[str, str]) -> dict[str, Claim]:
    """Returns the record for the time of the replacement, with both the old and the new hashes of each file."""
    going = {name: Claim((sha256,), "") for name, sha256 in gone.items()}
    found: dict[str, Claim] = {}
    for name in {**before, **after, **going}:
        claims = [claims[name] for claims in (before, after, going) if name in claims]
        hashes = dict.fromkeys(sha256 for claim in claims for sha256 in claim.sha256)
        found[name] = Claim(tuple(hashes), claims[-1].source)
    return found


def _remember(folder: Path, claims: Mapping[str, Claim]) -> None:
    content: dict[str, Any] = {name: claim._asdict() for name, claim in sorted(claims.items())}
    text = json.dumps(content, indent=1)
    write_atomic(folder / HIDDEN / _WRITTEN, lambda stream: stream.write(text.encode()))


def _seen_from(folder: Path, source: Path) -> str:
    """Returns the source as a path relative to the folder, so that it stays valid if both are moved together."""
    return os.path.relpath(source.resolve(), folder.resolve())
