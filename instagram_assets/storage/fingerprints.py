"""Fingerprints, equal for equal content: SHA-256 of files, identities of media URLs, stamps of lake files."""

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import unquote_plus, urlsplit

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import files
from instagram_assets.storage.parquet_files import damaged, read_seal_of


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file as 64 hexadecimal digits. Raises OSError if it cannot be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


_CDN = (".cdninstagram.com", ".fbcdn.net")
_MEDIA_NAME = re.compile(r"^(\d+_\d+_\d+_[a-z]\.[a-z0-9]{3,4}|[A-Za-z0-9_-]{20,}\.mp4)$")
_SIZE_PART = re.compile(r"^([sp]\d+x\d+|e\d+|c\d+(\.\d+){3}a?|sh\d+\.\d+)$")


def url_identity(url: str) -> str:
    """Returns a key for a media URL that stays the same when Instagram issues a new URL for the same file and size.

    On Instagram's CDN hosts it consists of the file name and the size variant, without host, signature and expiry. For
    other hosts it is the whole URL without its fragment.
    """
    parts = urlsplit(url)
    *folders, name = parts.path.split("/")
    if not is_instagram_cdn(parts.hostname or "") or not _MEDIA_NAME.match(name):
        return url.partition("#")[0]
    sizes = [folder for folder in folders if _SIZE_PART.match(folder)]
    sizes += query_values(parts.query, "stp")
    return "/".join(["instagram:", *sizes, name])


def is_instagram_cdn(host: str) -> bool:
    """Returns whether a host name is one of Instagram's CDN hosts, which serve its images and videos."""
    return host.lower().endswith(_CDN)


def query_values(query: str, name: str) -> list[str]:
    """Returns the values of one query parameter; several times faster than parsing the whole query."""
    found = f"&{query}".split(f"&{name}=")[1:]
    return [unquote_plus(text) for rest in found if (text := rest.partition("&")[0])]


def stamps(root: UPath, name: str) -> dict[UPath, str]:
    """Returns the Parquet files of an asset, each with a stamp: a fingerprint that changes when its rows change.

    On a disk the stamp is made of the checksums in the file's seal (see `parquet_files`), so it is independent of
    modification times and equal in a copy of the lake; on an object store it is the ETag. Raises StorageError for a
    damaged file.
    """
    paths = files(root, name)
    if is_local(root):
        return {path: _of_file(path, name) for path in paths}
    return _of_objects(root / name, paths)


def stamp(path: UPath, name: str) -> str:
    """Returns the stamp of one local file of an asset, as in `stamps`. Raises StorageError if it is damaged."""
    return _of_file(path, name)


def is_current(path: UPath, name: str, stamp: str) -> bool:
    """Whether a file of an asset still has this stamp; false if it is missing or damaged."""
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
    """Returns 24 hex digits of a file's SHA-256, for files of earlier versions without a checksum of their rows."""
    stream.seek(0)
    found = hashlib.sha256()
    while data := stream.read(1 << 20):
        found.update(data)
    return found.hexdigest()[:24]


def _of_objects(folder: UPath, paths: Iterable[UPath]) -> dict[UPath, str]:
    store: Any = folder.fs
    store.invalidate_cache(folder.path)  # s3fs caches listings, and other processes write too
    found = store.find(folder.path, detail=True)
    return {path: _of_object(found[path.path]) for path in paths if path.path in found}


def _of_object(told: Mapping[str, Any]) -> str:
    return f"{told['size']:x}-{str(told['ETag']).strip(chr(34))}"


def combined(parts: Iterable[str]) -> str:
    """Returns one stamp that combines several: 16 hexadecimal digits. The order of the stamps matters."""
    found = hashlib.sha256()
    for part in parts:
        found.update(f"{len(part)}:{part}".encode())
    return found.hexdigest()[:16]
