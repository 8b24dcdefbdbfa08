"""Stamps of the lake's files: fingerprints that change with the rows, from checksums or ETags."""

import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any, BinaryIO

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import files
from instagram_assets.storage.parquet_files import damaged, read_seal_of


def stamps(root: UPath, name: str) -> dict[UPath, str]:
    """Returns the files of an asset, each with a stamp that changes when its rows change.

    On a disk it is made of the checksums in the file's seal (see `parquet_files`), so that a copy of the lake has the
    same stamps and no clock counts; on an object store it is the ETag. Raises StorageError for damage.
    """
    paths = files(root, name)
    if is_local(root):
        return {path: _of_file(path, name) for path in paths}
    return _of_objects(root / name, paths)


def stamp(path: UPath, name: str) -> str:
    """Returns the stamp of one file of an asset on a disk, like `stamps`. Raises StorageError for damage."""
    return _of_file(path, name)


def is_current(path: UPath, name: str, stamp: str) -> bool:
    """Whether a file of an asset still has this stamp."""
    try:
        if is_local(path):
            return _of_file(path, name) == stamp
        store: Any = path.fs
        return _of_object(store.info(path.path, refresh=True)) == stamp
    except (FileNotFoundError, StorageError):
        return False


def _of_file(path: UPath, name: str) -> str:
    try:
        with open(path.path, "rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            seal = read_seal_of(stream, size)
            return f"{size:x}-{seal.hex() if seal else _hash_of(stream)}"
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, name, error) from error


def _hash_of(stream: BinaryIO) -> str:
    """Returns the hash of a file whose seal has no checksum of its rows, as earlier versions wrote them."""
    stream.seek(0)
    found = hashlib.sha256()
    while data := stream.read(1 << 20):
        found.update(data)
    return found.hexdigest()[:24]


def _of_objects(folder: UPath, paths: Iterable[UPath]) -> dict[UPath, str]:
    store: Any = folder.fs
    store.invalidate_cache(folder.path)  # s3fs caches listings, and other processes write, too
    found = store.find(folder.path, detail=True)
    return {path: _of_object(found[path.path]) for path in paths if path.path in found}


def _of_object(told: Mapping[str, Any]) -> str:
    return f"{told['size']:x}-{str(told['ETag']).strip(chr(34))}"


def combined(parts: Iterable[str]) -> str:
    """Returns one stamp that combines several, in their order."""
    found = hashlib.sha256()
    for part in parts:
        found.update(f"{len(part)}:{part}".encode())
    return found.hexdigest()[:16]
