"""Scanning of folders for export files, and moving of inbox files without overwriting existing ones."""

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
from instagram_assets.storage.locks import folder_lock

SCANNED_HEAD_BYTES = 1 << 16
"""Bytes at the start of a file that are read to decide whether it may be an export."""

_EXPORTS = (".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm")
_TABLES = (".csv", ".tsv")
_PACKED = (".gz", ".xz")
_PACKED_MAGIC = (b"\x1f\x8b", b"\xfd7zXZ\x00")
_HALF_COPIED = (".part", ".tmp", ".crdownload", ".partial", ".download")
_LINK, _NO_FILE = "link", "pipe or device"
_MOST_KINDS = 5


@dataclass
class FolderContents:
    """Contents of a folder, at any depth: files that may be exports, sorted by path, and everything else.

    `passed` counts the other files by kind, `.jpg` or `link`; `unread` are errors of subfolders that cannot be listed;
    `archives` are the root folders of Instagram data downloads in it, `is_html` is True if one of them is HTML instead
    of JSON.
    """

    exports: list[Path] = field(default_factory=list[Path])
    passed: Counter[str] = field(default_factory=Counter[str])
    unread: list[FileError] = field(default_factory=list[FileError])
    archives: list[Path] = field(default_factory=list[Path])
    is_html: bool = False

    @property
    def others(self) -> str:
        """Return a summary of the ignored files, such as `3 passed over (2 .jpg, 1 .txt)`; empty if there are none."""
        if not self.passed:
            return ""
        kinds = sorted(self.passed.items(), key=lambda kind: (-kind[1], kind[0]))
        told = [f"{count:,} {kind}" for kind, count in kinds[:_MOST_KINDS]]
        if rest := sum(count for _, count in kinds[_MOST_KINDS:]):
            told.append(f"{rest:,} of other kinds")
        return f"{self.passed.total():,} passed over ({', '.join(told)})"


def scan_folder(folder: Path, without: Collection[Path] = ()) -> FolderContents:
    """List a folder's contents recursively, without opening files of Instagram data downloads.

    Hidden and partially copied files and the folders `without` are skipped; links are not followed. In a data download,
    only the JSON files of posts are exports.
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
    """Raise FileError if a folder contains no file that may be an export."""
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
    """True for names that are skipped in folders: hidden files, partial copies, and `….observed_at` files."""
    return name.startswith(".") or name.lower().endswith((*_HALF_COPIED, OBSERVED_AT_SUFFIX))


def may_be_export(path: Path) -> bool:
    """True if a file may be an export: by its extension or, for tables and files without one, by its first bytes."""
    if path.suffix.lower() == ".zip" or is_named_as_export(path.name):
        return True
    if "." in path.name and not is_named_as_table(path.name):
        return False
    try:
        with path.open("rb") as stream:
            return is_export_head(path.name, stream.read(SCANNED_HEAD_BYTES))
    except OSError:
        return True  # the reader reports why it cannot be read


def is_named_as_export(name: str) -> bool:
    """True for extensions that only exports have (`.json`, `.jsonl`, `.xlsx` …), also with `.gz` or `.xz`."""
    return _unpacked(name).endswith(_EXPORTS)


def is_named_as_table(name: str) -> bool:
    """True for extensions of text tables (`.csv`, `.tsv`), also with `.gz` or `.xz`; such files need not be exports."""
    return _unpacked(name).endswith(_TABLES)


def is_export_head(name: str, head: bytes) -> bool:
    """True if a file's first bytes are a table in a known format or, for a file name without extension, JSON."""
    if not is_named_as_table(name):
        return head.startswith(_PACKED_MAGIC) or head.removeprefix(codecs.BOM_UTF8).lstrip()[:1] in (b"{", b"[")
    try:
        head = _unpacked_head(head).removeprefix(codecs.BOM_UTF8)
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except (UnicodeDecodeError, zlib.error, lzma.LZMAError, EOFError):
        return True  # the reader reports its possible encoding, or how it is damaged
    return table_in(head) is not None or unread_separator(head) != ""


def _unpacked_head(head: bytes) -> bytes:
    """Decompress the first bytes of a file if it is gzip or xz, else return them as they are.

    Raises EOFError, zlib.error or LZMAError if they are damaged.
    """
    if not head.startswith(_PACKED_MAGIC):
        return head
    is_gzip = head.startswith(_PACKED_MAGIC[0])
    stream = zlib.decompressobj(zlib.MAX_WBITS | 16) if is_gzip else lzma.LZMADecompressor(memlimit=XZ_MEMORY)
    unpacked = stream.decompress(head, SCANNED_HEAD_BYTES)
    if not stream.eof and len(head) < SCANNED_HEAD_BYTES and len(unpacked) < SCANNED_HEAD_BYTES:
        raise EOFError("it ends too early")
    return unpacked


def _unpacked(name: str) -> str:
    name = name.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return name


def is_filled(folder: Path) -> bool:
    """True if a folder contains any file; an empty one is probably still being copied."""
    return any(names for _, _, names in os.walk(folder))


def modification_time(path: Path) -> Iterator[float]:
    """Yield the mtime of a file (seconds since 1970); for a folder, mtime and ctime of it and of everything in it."""
    status = os.lstat(path)
    yield status.st_mtime
    if not stat.S_ISDIR(status.st_mode):
        return
    # Copies may keep the modification time of their originals; the time of the inode change cannot be set.
    yield status.st_ctime
    for parent, folders, names in os.walk(path):
        for name in (*folders, *names):
            inner = os.lstat(os.path.join(parent, name))
            yield from (inner.st_mtime, inner.st_ctime)


def file_identities(folder: Path) -> dict[str, Identity]:
    """Return the identity of each file below a folder, by its relative path, to detect that a file was replaced."""
    return {
        os.path.relpath(path, folder): identity(os.lstat(path))
        for parent, _, names in os.walk(folder)
        for path in (os.path.join(parent, name) for name in names)
    }


def folder_identity(folder: Path) -> Identity:
    """Return a folder's identity, which changes when a file in it is added, removed or changed."""
    # Without inode numbers, which a move to another disk changes.
    known = repr(sorted((name, *status[1:]) for name, status in file_identities(folder).items())).encode()
    digest = int.from_bytes(hashlib.sha256(known).digest()[:8])
    return os.lstat(folder).st_ino, len(known), digest


def name_in_folder(folder: Path, file: Path) -> str:
    """Return the file name that tables show for a file in a folder: its path, beginning with the folder's own name."""
    return file.relative_to(folder.parent).as_posix()


def _kind_of_other(path: Path, archive: Path | None) -> str:
    """Return the kind of a file that is not an export, such as `.jpg` or `link`; empty for an export.

    `archive` is the root of the Instagram data download that contains the file, or None.
    """
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return ""  # the reader reports it
    if stat.S_ISLNK(mode):
        return _LINK
    if not stat.S_ISREG(mode):
        return _NO_FILE
    is_export = is_posts_file(_place(archive, path)) if archive else may_be_export(path)
    return "" if is_export else path.suffix.lower() or "without ending"


def _place(archive: Path, path: Path) -> str:
    """Return a file's path relative to the root of its data download."""
    return path.relative_to(archive).as_posix()


DONE = "done"
REJECTED = "rejected"
ERROR_SUFFIX = ".error.txt"

_LONGEST_NAME, _LONGEST_SUFFIX = 255, 20


def path_identity(path: Path) -> Identity | None:
    """Return the identity of a file, or of a folder with all its files, by which a replacement is detected.

    None if it does not exist.
    """
    try:
        return folder_identity(path) if path.is_dir() and not path.is_symlink() else identity(os.lstat(path))
    except OSError:
        return None


def move_out(path: Path, target: Path, before: Identity | None, error: str = "") -> None:
    """Move an inbox file or folder to the folder `target`, numbered if its name is taken there.

    `error` is the text of a sidecar file `….error.txt`; without it none is written. Raises BusyFileError when it no
    longer has the identity `before`, StorageError or OSError when it cannot be moved.
    """
    make_folder(target)
    with folder_lock(target):  # two processes could choose the same name at once
        name = _free_name(target, path)
        if path_identity(path) != before:
            raise changed(path)
        if error:
            write_atomic(target / f"{name}{ERROR_SUFFIX}", lambda stream: stream.write(error.encode()))
        # The `.observed_at` file is moved first: after a crash, a later run moves the rest, but not an orphaned note.
        if os.path.lexists(note := path.with_name(path.name + OBSERVED_AT_SUFFIX)):
            os.replace(note, target / (name + OBSERVED_AT_SUFFIX))
        shutil.move(path, target / name)
        moved = path_identity(target / name)
        if before and moved and moved[-1] != before[-1]:  # it was replaced just before the move
            shutil.move(target / name, path.parent / _free_name(path.parent, path))
            raise changed(path)
    sync_folders([path.parent, target])


def _free_name(folder: Path, path: Path) -> str:
    """Return an unused file name, numbered if necessary; leaves room for `.error.txt` and `.observed_at`."""
    has_ending = len(path.suffix) <= _LONGEST_SUFFIX and not path.is_dir()
    stem, end = (path.stem, path.suffix) if has_ending else (path.name, "")
    tails = (end if number == 1 else f"-{number}{end}" for number in count(1))
    names = (shortened(stem, _LONGEST_NAME - len(os.fsencode(tail + OBSERVED_AT_SUFFIX))) + tail for tail in tails)
    return next(name for name in names if not os.path.lexists(folder / name))
