"""The manifest of a backup: a list of all files with the hashes of their content, in one file that is written last.

The manifest's name ends in a hash of its content, and it is compressed with a checksum: a truncated or changed one is
not accepted as a backup.
"""

import gzip
import hashlib
import re
import zlib
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote, unquote

import msgspec

from instagram_assets.errors import StorageError
from instagram_assets.storage.layout import value_of

MANIFEST_VERSION = 1
"""The version of the manifest format; manifests with a higher version are rejected."""
MANIFEST_SUFFIX = ".json.gz"
_NAME = re.compile(r"(?P<moment>\d{8}T\d{6}\d{6}Z)-(?P<hash>[0-9a-f]{12})")
_MOMENT = "%Y%m%dT%H%M%S%fZ"
_LARGEST = 4 << 30
"""Maximum size of a decompressed manifest in bytes; it is enough for more than ten million files."""
_RAW = ("lake/raw_posts/", "lake/raw_reels/", "lake/raw_profiles/")

_Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, msgspec.Meta(ge=0)]


class ManifestEntry(msgspec.Struct, frozen=True, array_like=True):
    """One stored file: its path below the data folder (with `/`), size in bytes, modification time, and hash.

    `stamp` is derived from the file's metadata (such as size and times) when it was read; an equal stamp means equal
    content.
    """

    path: str
    size: _Count
    modified_ns: int
    sha256: _Sha256
    stamp: str = ""


class Missing(msgspec.Struct, frozen=True, array_like=True):
    """A file that could not be read, with the reason."""

    path: str
    reason: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The manifest of one backup.

    `tombstones` is the number of erasure records (tombstones) at the time of the backup, `tombstone_key` the id of
    their key; the records themselves are not in the backup.
    """

    form: int = MANIFEST_VERSION
    taken_at: datetime
    program: str
    entries: tuple[ManifestEntry, ...]
    missing: tuple[Missing, ...] = ()
    tombstones: _Count = 0
    tombstone_key: str = ""

    @property
    def bytes(self) -> int:
        return sum(entry.size for entry in self.entries)

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts that have observations in the backup."""
        names = (entry.path.split("/")[2] for entry in self.entries if entry.path.startswith(_RAW))
        return frozenset(map(value_of, names))


def pack(manifest: Manifest) -> tuple[str, bytes]:
    """Returns (backup id, serialized bytes) of a manifest; deterministic."""
    said = msgspec.json.encode(manifest)
    moment = manifest.taken_at.astimezone(UTC).strftime(_MOMENT)
    return f"{moment}-{_hash(said)}", gzip.compress(said, compresslevel=3, mtime=0)


def unpack(name: str, data: bytes, where: str) -> Manifest:
    """Deserializes the manifest of backup `name`. Raises StorageError if damaged or of a newer program version."""
    try:
        said = _unpacked(data)
        if _hash(said) != _NAME.fullmatch(name)["hash"]:  # pyright: ignore[reportOptionalSubscript] told as damage
            raise ValueError("its bytes are not those that its name says")
        form = msgspec.json.decode(said, type=_Form).form
        if form > MANIFEST_VERSION:
            raise StorageError(
                f"{where}: the backup {name} has form {form}, and this program knows "
                f"{MANIFEST_VERSION}. Use the version "
                "of instagram_assets that made it, or a later one."
            )
        manifest = msgspec.json.decode(said, type=Manifest)
        for entry in manifest.entries:
            _check_path(entry.path)
    except (msgspec.MsgspecError, ValueError, TypeError, OSError, EOFError, zlib.error) as error:
        raise StorageError(
            f"{where}: the manifest of the backup {name} is damaged ({error}). Restore another one: instagram-assets "
            f"backups {where} lists them."
        ) from error
    return manifest


def is_backup_id(name: str) -> bool:
    """Whether a name has the format of a backup id, as returned by `pack`."""
    return _NAME.fullmatch(name) is not None


def backup_time(name: str) -> datetime:
    """Returns the time at which the backup with this id was taken."""
    return datetime.strptime(name.partition("-")[0], _MOMENT).replace(tzinfo=UTC)


def portable(path: str) -> str:
    """Returns a path as valid text on all systems; a path that is not UTF-8 is encoded, with the prefix `//`."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return "//" + quote(path.encode("utf-8", "surrogateescape"))
    return path


def native(path: str) -> str:
    """Returns the original path for a result of `portable`."""
    return unquote(path[2:], errors="surrogateescape") if path.startswith("//") else path


class _Form(msgspec.Struct):
    form: int


def _unpacked(data: bytes) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    said = unpacker.decompress(data, _LARGEST)
    if not unpacker.eof or unpacker.unused_data:
        raise ValueError("it is cut off" if not unpacker.eof else "something follows it")
    return said


def _hash(said: bytes) -> str:
    return hashlib.sha256(said).hexdigest()[:12]


def _check_path(path: str) -> None:
    """Raises an error if a manifest entry's path leads out of the restore folder: the manifest could be forged."""
    parts = native(path).split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in path:
        raise ValueError(f"{path!r} is no place in a data folder")
