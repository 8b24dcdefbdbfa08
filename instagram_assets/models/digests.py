"""SHA-256 digests of a model's files: cached between runs, stored beside a saved model, and checked against both."""

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from instagram_assets.errors import ModelError, StorageError
from instagram_assets.storage.atomic import write_atomic

DIGESTS = "digests.json"
"""The file of a saved model with the digests of its other files."""

CACHE_FILE = "digests.json"
"""The file of cached digests, in the folder of models downloaded from the hub."""

_LARGE = 16_000_000  # smaller files are hashed in no time
_CLOCK_STEP_NS = 2_000_000_000  # the coarsest clock of a common file system
_REMEDY = "Copy the whole folder again from where it came, or train the model again."


def sha256(file: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_digests(folder: Path, names: Iterable[str]) -> None:
    """Store the digests of these files of a folder in its `DIGESTS`, replacing the file atomically."""
    digests = {name: sha256(folder / name) for name in sorted(names)}
    content = json.dumps({"sha256": digests}, indent=1).encode()
    write_atomic(folder / DIGESTS, lambda stream: stream.write(content))


def read_digests(folder: Path) -> dict[str, str] | None:
    """The stored digests of a model's files by name; None if the model was saved without.

    Raises ModelError if the file is damaged.
    """
    try:
        content = json.loads((folder / DIGESTS).read_bytes())["sha256"]
        return {str(name): str(digest) for name, digest in content.items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"{folder / DIGESTS}: damaged or not ours ({type(error).__name__}). {_REMEDY}") from error


def check_digests(folder: Path, found: Mapping[str, str], stored: Mapping[str, str]) -> None:
    """Raise ModelError, naming the file, unless the digests `found` in a model's folder are those `stored`."""
    for name in sorted(found.keys() | stored.keys()):
        if name not in stored:
            # Weights too can be told here, where an entry was lost: so no advice to take the file away.
            raise ModelError(
                f"{folder / name}: is not listed in {DIGESTS}: it came later, or the list was changed. Copy the whole "
                "folder again from where it came, into an empty one, or train the model again."
            )
        if not (folder / name).is_file():
            raise ModelError(f"{folder / name}: is missing, and was there when this model was saved. {_REMEDY}")
        if found.get(name) != stored[name]:
            raise ModelError(
                f"{folder / name}: is not the file that this model was saved with, but another, a changed or a damaged "
                f"one. {_REMEDY}"
            )


def check_content(folder: Path, digests: Mapping[str, str]) -> None:
    """Raise ModelError as `check_digests` does, after reading every byte of these files."""
    check_digests(folder, {name: sha256(folder / name) for name in digests if (folder / name).is_file()}, digests)


def cached_digests(files: Iterable[Path], cache: Path) -> Iterator[tuple[str, str]]:
    """Yields name and digest of each file; those of large files are cached in the folder `cache` by size and times."""
    memory = cache / CACHE_FILE
    known = _remembered(memory)
    learnt: dict[str, list[Any]] = {}
    for file in files:
        real = str(file.resolve())
        state = _state(file)
        if known.get(real, [])[:-1] == state:
            yield file.name, known[real][-1]
            continue
        digest = sha256(file)
        # Changed while it was read, or so lately that a change to come might leave the same times: not remembered.
        settled = _state(file) == state and time.time_ns() - max(state[1:3]) > _CLOCK_STEP_NS
        if state[0] >= _LARGE and settled:
            learnt[real] = [*state, digest]
        yield file.name, digest
    if learnt:
        content = json.dumps({**known, **learnt}, indent=1).encode()
        with suppress(StorageError):  # a folder that may not be written only means hashing again
            write_atomic(memory, lambda stream: stream.write(content))


def _state(file: Path) -> list[int]:
    """Size, times and inode, which change whenever the file does; unlike mtime, ctime cannot be set by programs."""
    stat = file.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def _remembered(memory: Path) -> dict[str, list[Any]]:
    try:
        content = json.loads(memory.read_bytes())
    except (OSError, ValueError):
        return {}
    entries = content.items() if isinstance(content, dict) else ()
    return {file: entry for file, entry in entries if isinstance(entry, list) and entry and isinstance(entry[-1], str)}
