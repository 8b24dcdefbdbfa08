"""Reading all that backups consist of, before it is needed: disks lose bytes in silence."""

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from instagram_assets.backups.manifest import Entry, Missing
from instagram_assets.backups.places import Place, open_place
from instagram_assets.backups.repository import Repository
from instagram_assets.errors import StorageError

_CHUNK = 1 << 20
_ASIDE = ".damaged"


@dataclass(frozen=True)
class Checked:
    """How many stored files were read, of how many bytes, and what is damaged or gone: a file, or a manifest."""

    files: int
    bytes: int
    damaged: tuple[Missing, ...]


def check(
    where: str, *, options: dict[str, Any] | None = None, on_progress: Callable[[int, int], None] | None = None
) -> Checked:
    """Read every file of every backup of a place and compare it with its hash.

    In a folder or an object store what is damaged is put aside, so that the next backup stores it again while it is
    there to be read.
    """
    damaged: list[Missing] = []
    entries: dict[str, Entry] = {}
    with open_place(where, options) as place:
        for name in place.ids():
            try:
                entries |= {entry.sha256: entry for entry in place.manifest(name).entries}
            except StorageError as error:
                damaged.append(Missing(f"snapshots/{name}", str(error)))
        with ThreadPoolExecutor(place.threads) as pool:
            problems = pool.map(lambda entry: _problem(place, entry), entries.values())
            for done, (entry, problem) in enumerate(zip(entries.values(), problems, strict=True), start=1):
                if problem:
                    damaged.append(Missing(entry.path, problem))
                if on_progress:
                    on_progress(done, len(entries))
    return Checked(len(entries), sum(entry.size for entry in entries.values()), tuple(damaged))


def _problem(place: Place, entry: Entry) -> str:
    """What is wrong with the bytes of a file; empty for nothing."""
    digest = hashlib.sha256()
    try:
        with place.open(entry) as stream:
            for data in _chunks(stream):
                digest.update(data)
    except FileNotFoundError:
        return "it is gone"
    except OSError as error:
        return f"it cannot be read ({error.strerror or error})"
    except Exception as error:  # each kind of archive has errors of its own
        return f"it is damaged ({error})"
    if digest.hexdigest() == entry.sha256:
        return ""
    if isinstance(place, Repository):
        blob = place.blob(entry.sha256)
        with suppress(OSError):
            blob.rename(blob.with_name(blob.name + _ASIDE))
    return "its bytes are not those that were stored"


def _chunks(stream: BinaryIO) -> Iterator[bytes]:
    while data := stream.read(_CHUNK):
        yield data
