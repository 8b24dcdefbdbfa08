"""A folder read through: which of its files may be exports, and what else lies in it."""

import codecs
import hashlib
import lzma
import os
import stat
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from instagram_assets.errors import FileError
from instagram_assets.ingest.archive_layout import ACTIVITY, is_page, is_posts, is_root
from instagram_assets.ingest.reader.streams import XZ_MEMORY, Identity, identity
from instagram_assets.ingest.reader.tables import table_in, unread_separator
from instagram_assets.ingest.stated import STATED

HEAD = 1 << 16
"""Bytes of a file that say whether it may be an export."""

_EXPORTS = (".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm")
_TABLES = (".csv", ".tsv")
_PACKED = (".gz", ".xz")
_PACKED_MAGIC = (b"\x1f\x8b", b"\xfd7zXZ\x00")
_HALF_COPIED = (".part", ".tmp", ".crdownload", ".partial", ".download")
_LINK, _NO_FILE = "link", "pipe or device"
_MOST_KINDS = 5


@dataclass
class Contents:
    """What lies in a folder, at any depth: files that may be exports, in order of their paths, and what does not.

    `passed` counts the others by their kind, `.jpg` or `link`; `unread` are folders in it that cannot be listed;
    `archives` are those in it that Instagram gave a person, `is_html` says that one of them is not JSON.
    """

    exports: list[Path] = field(default_factory=list[Path])
    passed: Counter[str] = field(default_factory=Counter[str])
    unread: list[FileError] = field(default_factory=list[FileError])
    archives: list[Path] = field(default_factory=list[Path])
    is_html: bool = False

    @property
    def others(self) -> str:
        """What was passed over, such as `3 passed over (2 .jpg, 1 .txt)`; empty for nothing."""
        if not self.passed:
            return ""
        kinds = sorted(self.passed.items(), key=lambda kind: (-kind[1], kind[0]))
        told = [f"{count:,} {kind}" for kind, count in kinds[:_MOST_KINDS]]
        if rest := sum(count for _, count in kinds[_MOST_KINDS:]):
            told.append(f"{rest:,} of other kinds")
        return f"{self.passed.total():,} passed over ({', '.join(told)})"


def look_through(folder: Path, without: Collection[Path] = ()) -> Contents:
    """What lies in a folder. Hidden and half-copied files and the folders `without` are left; no link is followed.

    Of an archive that Instagram gave a person, nothing is opened here, and only files of posts are exports.
    """
    found = Contents()

    def unread(error: OSError) -> None:
        problem = f"this folder cannot be read ({error.strerror})"
        found.unread.append(FileError(str(error.filename), problem, "Give this user the right to read it"))

    for parent, folders, names in os.walk(folder, onerror=unread):
        where = Path(parent)
        links = [name for name in folders if os.path.islink(os.path.join(parent, name)) and not is_left(name)]
        found.passed[_LINK] += len(links)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and where / name not in without)
        if is_root(folders) or (where == folder and where.name == ACTIVITY):
            found.archives.append(where)
        archive = next((root for root in found.archives if where.is_relative_to(root)), None)
        for name in names:
            if is_left(name):
                continue
            if kind := _kind_of_other(where / name, archive):
                found.passed[kind] += 1
                found.is_html |= archive is not None and is_page(_place(archive, where / name))
            else:
                found.exports.append(where / name)
    found.exports.sort(key=lambda path: path.parts)
    found.passed = +found.passed
    return found


def refuse_empty(folder: Path, contents: Contents) -> None:
    """Raise FileError when nothing in a folder can be read."""
    if contents.exports:
        return
    if contents.unread:
        raise contents.unread[0]
    if contents.is_html:
        problem = "this is Instagram's own archive as HTML"
        raise FileError(str(folder), problem, "Ask Instagram for it again, and choose JSON as its format")
    problem = f"it holds no file that can be read; {contents.others}" if contents.passed else "this folder is empty"
    raise FileError(str(folder), problem, "Name a folder with .json, .jsonl, .ndjson, .csv, .xlsx or .zip files")


def is_left(name: str) -> bool:
    """True for files that are left alone, in a folder and in the inbox: hidden, half copied, or a note beside one."""
    return name.startswith(".") or name.lower().endswith((*_HALF_COPIED, STATED))


def may_be_export(path: Path) -> bool:
    """True for a file that is named as exports are, or a ZIP; tables and what has no ending are looked into."""
    if path.suffix.lower() == ".zip" or is_named_as_export(path.name):
        return True
    if "." in path.name and not is_named_as_table(path.name):
        return False
    try:
        with path.open("rb") as stream:
            return begins_as_export(path.name, stream.read(HEAD))
    except OSError:
        return True  # whoever reads it says why it cannot be read


def is_named_as_export(name: str) -> bool:
    """True for the endings that only exports have, also packed."""
    return _unpacked(name).endswith(_EXPORTS)


def is_named_as_table(name: str) -> bool:
    """True for the endings of tables as text, which may be anybody's, also packed."""
    return _unpacked(name).endswith(_TABLES)


def begins_as_export(name: str, head: bytes) -> bool:
    """True for the beginning of a table of records that we know, and for that of JSON in a file without an ending."""
    if not is_named_as_table(name):
        return head.startswith(_PACKED_MAGIC) or head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[")
    try:
        head = _unpacked_head(head).removeprefix(codecs.BOM_UTF8)
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except (UnicodeDecodeError, zlib.error, lzma.LZMAError, EOFError):
        return True  # whoever reads it says in which encoding it may be, or how it is damaged
    return table_in(head) is not None or unread_separator(head) != ""


def _unpacked_head(head: bytes) -> bytes:
    """The beginning of what is packed in a file that begins so, else the same bytes. Raises for what is damaged."""
    if not head.startswith(_PACKED_MAGIC):
        return head
    is_gzip = head.startswith(_PACKED_MAGIC[0])
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16) if is_gzip else lzma.LZMADecompressor(memlimit=XZ_MEMORY)
    unpacked = stream.decompress(head, HEAD)
    if not stream.eof and len(head) < HEAD and len(unpacked) < HEAD:
        raise EOFError("it ends too early")
    return unpacked


def _unpacked(name: str) -> str:
    name = name.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return name


def is_filled(folder: Path) -> bool:
    """True when any file lies in a folder: an empty one waits for what will be put into it."""
    return any(names for _, _, names in os.walk(folder))


def stamps(path: Path) -> Iterator[float]:
    """When a file was last written; of a folder, when anything in it was written, renamed or came to lie there."""
    status = os.lstat(path)
    yield status.st_mtime
    if not stat.S_ISDIR(status.st_mode):
        return
    # Copies may keep the times of what they are copies of; when a file came to lie here cannot be set.
    yield status.st_ctime
    for parent, folders, names in os.walk(path):
        for name in (*folders, *names):
            inner = os.lstat(os.path.join(parent, name))
            yield from (inner.st_mtime, inner.st_ctime)


def tree(folder: Path) -> dict[str, Identity]:
    """What tells each file below a folder from any that takes its place, by its path in the folder."""
    return {
        os.path.relpath(path, folder): identity(os.lstat(path))
        for parent, _, names in os.walk(folder)
        for path in (os.path.join(parent, name) for name in names)
    }


def tree_identity(folder: Path) -> Identity:
    """What stays the same as long as no file in a folder is added, taken away or touched."""
    # Without the inodes, which a move to another disk changes.
    known = repr(sorted((name, *status[1:]) for name, status in tree(folder).items())).encode()
    digest = int.from_bytes(hashlib.sha256(known).digest()[:8])
    return os.lstat(folder).st_ino, len(known), digest


def named_in(folder: Path, file: Path) -> str:
    """How a file of a folder is called in the tables: its path, from the folder's own name on."""
    return file.relative_to(folder.parent).as_posix()


def _kind_of_other(path: Path, archive: Path | None) -> str:
    """Of what is no export its kind; empty for an export."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return ""  # whoever reads it says so
    if stat.S_ISLNK(mode):
        return _LINK
    if not stat.S_ISREG(mode):
        return _NO_FILE
    is_export = is_posts(_place(archive, path)) if archive else may_be_export(path)
    return "" if is_export else path.suffix.lower() or "without ending"


def _place(archive: Path, path: Path) -> str:
    """A file's path in its archive."""
    return path.relative_to(archive).as_posix()
