"""Scanning a folder for export files, and moving files of the inbox without overwriting any."""

import codecs
import hashlib
import lzma
import os
import shutil
import stat
import zlib
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from instagram_assets.errors import FileError
from instagram_assets.ingest.archive_layout import ACTIVITY_FOLDER, is_archive_root, is_html_posts, is_posts_file
from instagram_assets.ingest.reader.byte_streams import XZ_MEMORY, Identity, changed, identity
from instagram_assets.ingest.reader.csv_tables import table_in, unread_separator
from instagram_assets.ingest.record_source import OBSERVED_AT_SUFFIX
from instagram_assets.storage.atomic import make_folder, shortened, sync_folders, write_atomic
from instagram_assets.storage.locks import alone_in

HEAD_BYTES = 1 << 16
"""Bytes of a file that say whether it may be an export."""

_EXPORTS = (".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm")
_TABLES = (".csv", ".tsv")
_PACKED = (".gz", ".xz")
_PACKED_MAGIC = (b"\x1f\x8b", b"\xfd7zXZ\x00")
_HALF_COPIED = (".part", ".tmp", ".crdownload", ".partial", ".download")
_LINK, _NO_FILE = "link", "pipe or device"
_MOST_KINDS = 5


@dataclass
class FolderContents:
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


def scan_folder(folder: Path, without: Collection[Path] = ()) -> FolderContents:
    """What lies in a folder. Hidden and half-copied files and the folders `without` are left; no link is followed.

    Of an archive that Instagram gave a person, nothing is opened here, and only files of posts are exports.
    """
    found = FolderContents()

    def unread(error: OSError) -> None:
        problem = f"this folder cannot be read ({error.strerror})"
        found.unread.append(FileError(str(error.filename), problem, "Give this user the right to read it"))

    for parent, folders, names in os.walk(folder, onerror=unread):
        where = Path(parent)
        links = [name for name in folders if os.path.islink(os.path.join(parent, name)) and not is_ignored(name)]
        found.passed[_LINK] += len(links)
        folders[:] = sorted(name for name in folders if not name.startswith(".") and where / name not in without)
        if is_archive_root(folders) or (where == folder and where.name == ACTIVITY_FOLDER):
            found.archives.append(where)
        archive = next((root for root in found.archives if where.is_relative_to(root)), None)
        for name in names:
            if is_ignored(name):
                continue
            if kind := _kind_of_other(where / name, archive):
                found.passed[kind] += 1
                found.is_html |= archive is not None and is_html_posts(_place(archive, where / name))
            else:
                found.exports.append(where / name)
    found.exports.sort(key=lambda path: path.parts)
    found.passed = +found.passed
    return found


def refuse_empty_folder(folder: Path, contents: FolderContents) -> None:
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


def is_ignored(name: str) -> bool:
    """True for files that are left alone, in a folder and in the inbox: hidden, half copied, or a note beside one."""
    return name.startswith(".") or name.lower().endswith((*_HALF_COPIED, OBSERVED_AT_SUFFIX))


def may_be_export(path: Path) -> bool:
    """True for a file that is named as exports are, or a ZIP; tables and what has no ending are looked into."""
    if path.suffix.lower() == ".zip" or is_named_as_export(path.name):
        return True
    if "." in path.name and not is_named_as_table(path.name):
        return False
    try:
        with path.open("rb") as stream:
            return is_export_head(path.name, stream.read(HEAD_BYTES))
    except OSError:
        return True  # whoever reads it says why it cannot be read


def is_named_as_export(name: str) -> bool:
    """True for the endings that only exports have, also packed."""
    return _unpacked(name).endswith(_EXPORTS)


def is_named_as_table(name: str) -> bool:
    """True for the endings of tables as text, which may be anybody's, also packed."""
    return _unpacked(name).endswith(_TABLES)


def is_export_head(name: str, head: bytes) -> bool:
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
    unpacked = stream.decompress(head, HEAD_BYTES)
    if not stream.eof and len(head) < HEAD_BYTES and len(unpacked) < HEAD_BYTES:
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


def modification_time(path: Path) -> Iterator[float]:
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


def file_identities(folder: Path) -> dict[str, Identity]:
    """What tells each file below a folder from any that takes its place, by its path in the folder."""
    return {
        os.path.relpath(path, folder): identity(os.lstat(path))
        for parent, _, names in os.walk(folder)
        for path in (os.path.join(parent, name) for name in names)
    }


def folder_identity(folder: Path) -> Identity:
    """What stays the same as long as no file in a folder is added, taken away or touched."""
    # Without the inodes, which a move to another disk changes.
    known = repr(sorted((name, *status[1:]) for name, status in file_identities(folder).items())).encode()
    digest = int.from_bytes(hashlib.sha256(known).digest()[:8])
    return os.lstat(folder).st_ino, len(known), digest


def name_in_folder(folder: Path, file: Path) -> str:
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
    is_export = is_posts_file(_place(archive, path)) if archive else may_be_export(path)
    return "" if is_export else path.suffix.lower() or "without ending"


def _place(archive: Path, path: Path) -> str:
    """A file's path in its archive."""
    return path.relative_to(archive).as_posix()


DONE = "done"
REJECTED = "rejected"
ERROR_SUFFIX = ".error.txt"

_LONGEST_NAME, _LONGEST_SUFFIX = 255, 20


def path_identity(path: Path) -> Identity | None:
    """What tells a file, or a folder with all in it, from any that takes its place; null when it is not there."""
    try:
        return folder_identity(path) if path.is_dir() and not path.is_symlink() else identity(os.lstat(path))
    except OSError:
        return None


def move_out(path: Path, target: Path, before: Identity | None, error: str = "") -> None:
    """Move a file or folder of the inbox to `target`, numbered where its name is taken, with its error beside it.

    Raises BusyFileError when it is not the one of `before` any more, StorageError or OSError when it cannot be moved.
    """
    make_folder(target)
    with alone_in(target):  # of two that choose a name at once
        name = _free_name(target, path)
        if path_identity(path) != before:
            raise changed(path)
        if error:
            write_atomic(target / f"{name}{ERROR_SUFFIX}", lambda stream: stream.write(error.encode()))
        # The note goes first: a file that has landed finds its way alone, its note would not.
        if os.path.lexists(note := path.with_name(path.name + OBSERVED_AT_SUFFIX)):
            os.replace(note, target / (name + OBSERVED_AT_SUFFIX))
        shutil.move(path, target / name)
        moved = path_identity(target / name)
        if before and moved and moved[-1] != before[-1]:  # it was replaced in the very last moment
            shutil.move(target / name, path.parent / _free_name(path.parent, path))
            raise changed(path)
    sync_folders([path.parent, target])


def _free_name(folder: Path, path: Path) -> str:
    """The file's name, with a number where it is taken, and room for that of its error and its note."""
    has_ending = len(path.suffix) <= _LONGEST_SUFFIX and not path.is_dir()
    stem, end = (path.stem, path.suffix) if has_ending else (path.name, "")
    tails = (end if number == 1 else f"-{number}{end}" for number in count(1))
    names = (shortened(stem, _LONGEST_NAME - len(os.fsencode(tail + OBSERVED_AT_SUFFIX))) + tail for tail in tails)
    return next(name for name in names if not os.path.lexists(folder / name))
