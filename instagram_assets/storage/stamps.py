"""What tells that a file of the lake changed, without reading its rows: said by its bytes, or by the store."""

import hashlib
import os
import zlib
from collections.abc import Iterable
from typing import Any, BinaryIO

import pyarrow as pa
from upath import UPath

from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import files
from instagram_assets.storage.parquet_files import damaged, read_seal_of


def stamps(root: UPath, name: str) -> dict[UPath, str]:
    """Each file of an asset with a stamp that is another one when its rows are others.

    On a disk it is made of the checksums in the file's seal, so that a copy of the lake has the same stamps and no
    clock counts; on an object store it is the ETag. Raises StorageError for damage.
    """
    paths = files(root, name)
    if is_local(root):
        return {path: _of_file(path, name) for path in paths}
    return _of_objects(root / name, paths)


def _of_file(path: UPath, name: str) -> str:
    try:
        with open(path.path, "rb", buffering=0) as stream:
            size = os.fstat(stream.fileno()).st_size
            seal = read_seal_of(stream, size)
            return f"{size:x}-{seal.hex() if seal else _hash_of(stream)}"
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, name, error) from error


def _hash_of(stream: BinaryIO) -> str:
    """Of a file whose seal says nothing of its rows, as earlier versions wrote them."""
    stream.seek(0)
    found = hashlib.sha256()
    while data := stream.read(1 << 20):
        found.update(data)
    return found.hexdigest()[:24]


def _of_objects(folder: UPath, paths: Iterable[UPath]) -> dict[UPath, str]:
    store: Any = folder.fs
    store.invalidate_cache(folder.path)  # s3fs remembers listings, and other processes write, too
    found = store.find(folder.path, detail=True)
    return {path: f"{(it := found[path.path])['size']:x}-{str(it['ETag']).strip(chr(34))}" for path in paths}


def combined(parts: Iterable[str]) -> str:
    """One stamp of many, in their order."""
    found = hashlib.sha256()
    for part in parts:
        found.update(f"{len(part)}:{part}".encode())
    return found.hexdigest()[:16]


def bucket(text: str) -> int:
    """A number that is the same for a text on every machine."""
    return zlib.crc32(text.encode())
