"""Reads exports in a ZIP; of an Instagram data download only the files of posts and their images are opened."""

import lzma
import os
import re
import shutil
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePosixPath

from instagram_assets.errors import BusyFileError, FileError, RecordError
from instagram_assets.ingest.archive_layout import (
    PERSONAL_FILES,
    is_archive_picture,
    is_archive_root,
    is_html_posts,
    is_posts_file,
    owner_in_name,
    owner_in_profile,
)
from instagram_assets.ingest.companion_files import companion_stem, is_picture_of_post
from instagram_assets.ingest.folder_scan import (
    SCANNED_HEAD_BYTES,
    FolderContents,
    is_export_head,
    is_ignored,
    is_named_as_export,
    is_named_as_table,
)
from instagram_assets.ingest.reader.byte_streams import UNPACKED_FREE, UNPACKED_RATIO
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.record_reader import Batch, read_batches
from instagram_assets.ingest.reader.xlsx_sheets import Passed
from instagram_assets.settings import IngestSettings
from instagram_assets.storage.atomic import temporary_beside

ZIP_SUFFIX = ".zip"

_MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
# A workbook is a ZIP, too, but is read as a table.
_WORKBOOK = "[Content_Types].xml"
_MOST_MEMBERS = 500_000
_MOST_PROFILE = 1 << 20
# Meta packs an archive into `meta-2026-Apr-11-05-13-07/instagram-sun_diary-2026-04-11-Ab12Cd/`.
_DEEPEST = 3
_ENCRYPTED = 0x1
_UNPACK = "unpack it yourself, and give its folder"
# What zipfile raises for truncated or damaged ZIPs, and for unsupported compression methods.
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, RuntimeError, ValueError)


@dataclass
class ZipContents:
    """Contents of a ZIP: members with records, a data download's images by their path inside it, and other members.

    `passed` counts the members that are not read by kind, `beside` the images that a collector wrote beside its posts'
    files, which are not extracted. `root` is the path prefix of an Instagram data download, None for any other ZIP;
    `personal` is the member that names its owner.
    """

    exports: list[zipfile.ZipInfo] = field(default_factory=list[zipfile.ZipInfo])
    pictures: dict[str, zipfile.ZipInfo] = field(default_factory=dict[str, zipfile.ZipInfo])
    passed: Counter[str] = field(default_factory=Counter[str])
    beside: int = 0
    personal: zipfile.ZipInfo | None = None
    root: str | None = None
    is_html: bool = False

    @property
    def others(self) -> str:
        """Return a summary of the ignored members, such as `3 passed over (2 .jpg, 1 .txt)`."""
        return FolderContents(passed=self.passed).others


def is_zip(path: Path) -> bool:
    """True for a ZIP, even a damaged one, that is not a workbook."""
    if not path.is_file():  # opening a pipe would block until something writes to it
        return False
    try:
        with path.open("rb") as stream:
            if not stream.read(4).startswith(_MAGIC):
                return False
            with zipfile.ZipFile(stream) as packed:
                return _WORKBOOK not in packed.NameToInfo
    except ZIP_ERRORS:
        return path.suffix.lower() == ZIP_SUFFIX
    except OSError:
        return False


def read_zip_batches(
    path: Path, limits: IngestSettings, folder: Path, passed: Passed = lambda _: None
) -> Iterator[Batch]:
    """Yield the records of a file in batches; of a ZIP, those of all exports in it, numbered consecutively.

    Members are extracted one after the other into a temporary file in `folder`. A member that cannot be used becomes a
    BadRecord at its position, and the others are read. Raises FileError if all fail. `passed` is called with each
    workbook sheet that is not read.
    """
    if not is_zip(path):
        yield from read_batches(path, limits, passed)
        return
    first, bad = 0, list[FileError]()
    with open_zip(path) as (packed, found):
        refuse_unusable_zip(path, found)
        for member in found.exports:
            last = first
            try:
                with _unpacked(path, packed, member, folder) as file:
                    for batch in _named(_whole(file, limits, member.filename, passed), f"{path}/{member.filename}"):
                        yield [(first + index, record) for index, record in batch]
                        last = first + batch[-1][0] + 1
            except BusyFileError:  # about the machine, not the member
                raise
            except FileError as error:
                bad.append(error)
                told = replace(error, file=member.filename)
                yield [(first, BadRecord(RecordError("", str(told)), member.filename))]
                last = first + 1
            first = last
        _refuse_all_bad(path, found, bad)


@contextmanager
def open_zip(path: Path) -> Generator[tuple[zipfile.ZipFile, ZipContents]]:
    """Open a ZIP and list its contents. Raises FileError for a damaged, encrypted or multi-part ZIP, or a ZIP bomb."""
    try:
        with zipfile.ZipFile(path) as packed:
            yield packed, _look_into(path, packed)
    except ZIP_ERRORS as error:
        problem = f"this ZIP cannot be read ({error})".replace("\n", " ")
        remedy = f"Fetch it again; where it came in pieces, give each of them. Or: {_UNPACK}"
        raise FileError(str(path), problem, remedy) from error


def owner_in_zip(path: Path) -> str | None:
    """Return the owner of the data download in a ZIP, from its file names or profile file; None if neither has it."""
    if owner := owner_in_name(path.name):
        return owner
    with open_zip(path) as (packed, found):
        if owner := owner_in_name((found.root or "").rstrip("/").rpartition("/")[2]):
            return owner
        if found.personal is None or found.personal.flag_bits & _ENCRYPTED:
            return None
        try:
            with packed.open(found.personal) as stream:
                return owner_in_profile(stream.read(_MOST_PROFILE))
        except ZIP_ERRORS:
            return None  # treated as missing: the posts may be intact


def check_zip_readable(path: Path) -> None:
    """Raise FileError for a ZIP in which nothing can be read; any other file is not checked."""
    if is_zip(path):
        with open_zip(path) as (_, found):
            refuse_unusable_zip(path, found)


def refuse_unusable_zip(path: Path, found: ZipContents) -> None:
    """Raise FileError if a ZIP has neither exports nor images; one part of a data download may have images only."""
    if found.exports or found.pictures:
        return
    if found.is_html:
        problem = "this is Instagram's own archive as HTML"
        raise FileError(str(path), problem, "Ask Instagram for it again, and choose JSON as its format")
    if found.root is not None:
        problem = f"this archive has no posts; {found.others}"
        raise FileError(str(path), problem, "Ask Instagram for it again with all your content; or give its other parts")
    problem = f"it holds no file that can be read; {found.others}" if found.passed else "this ZIP is empty"
    raise FileError(str(path), problem, "Pack .json, .jsonl, .ndjson, .csv or .xlsx files")


def _look_into(path: Path, packed: zipfile.ZipFile) -> ZipContents:
    members = [member for member in packed.infolist() if not member.is_dir()]
    if len(members) > _MOST_MEMBERS:
        raise FileError(str(path), f"it holds more than {_MOST_MEMBERS:,} files", _UNPACK.capitalize())
    safe = [member for member in members if _is_safe(member.filename)]
    found = ZipContents(passed=Counter({"with an unsafe name": len(members) - len(safe)}))
    root = found.root = _archive_root([member.filename for member in safe], path)
    for member in sorted(safe, key=lambda member: PurePosixPath(member.filename).parts):
        name = PurePosixPath(member.filename).name
        if root is not None:
            _sort_in(found, member, member.filename.removeprefix(root))
        elif _is_hidden(member.filename):
            continue
        elif is_named_as_export(name) or (is_named_as_table(name) and _begins_as_export(packed, member)):
            found.exports.append(member)
        else:
            found.passed[_kind(name)] += 1
    found.passed = +found.passed
    if root is None:
        stems = {companion_stem(member.filename) for member in found.exports}
        found.beside = sum(is_picture_of_post(member.filename, stems) for member in safe)
    _refuse_bombs(path, found)
    return found


def _begins_as_export(packed: zipfile.ZipFile, member: zipfile.ZipInfo) -> bool:
    if member.flag_bits & _ENCRYPTED:
        return True
    try:
        with packed.open(member) as stream:
            return is_export_head(member.filename, stream.read(SCANNED_HEAD_BYTES))
    except ZIP_ERRORS:
        return True  # the reader reports how it is damaged


def _sort_in(found: ZipContents, member: zipfile.ZipInfo, place: str) -> None:
    """Add a member of a data download to its exports, its images or its ignored files; `place` is its path inside."""
    if is_posts_file(place):
        found.exports.append(member)
    elif is_archive_picture(place):
        found.pictures[place] = member
    else:
        found.passed[_kind(place)] += 1
        found.is_html |= is_html_posts(place)
        if place in PERSONAL_FILES:
            found.personal = member


def _archive_root(names: list[str], path: Path) -> str | None:
    """Return the path prefix of the data download in a ZIP; empty if it is at the top, None if there is none.

    Raises FileError if the ZIP holds the data downloads of several accounts.
    """
    inside: dict[str, set[str]] = {"": set()}
    for name in names:
        folders = name.split("/")[:-1]
        for depth, folder in enumerate(folders[: _DEEPEST + 1]):
            inside.setdefault("".join(f"{parent}/" for parent in folders[:depth]), set()).add(folder)
    roots = [
        root for root, folders in inside.items() if is_archive_root(folders) or _is_of(root or f"{path.name}/", folders)
    ]
    # A folder of an archive may look like an archive itself.
    roots = [root for root in roots if not any(root != other and root.startswith(other) for other in roots)]
    if len(roots) > 1:
        problem = f"it holds {len(roots)} archives: {', '.join(sorted(roots))[:200]}"
        raise FileError(str(path), problem, _UNPACK.capitalize())
    return roots[0] if roots else None


def _is_of(root: str, folders: set[str]) -> bool:
    """True for a part of a data download that has only a `media` folder; `root` must be a data download's name."""
    return owner_in_name(root.rstrip("/").rpartition("/")[2]) is not None and bool(folders) and folders <= {"media"}


def _is_safe(name: str) -> bool:
    """True for a member name that stays inside the target folder on any operating system."""
    parts = name.replace("\\", "/").split("/")
    return not name.startswith(("/", "\\")) and ".." not in parts and not re.match("[A-Za-z]:", name)


def _is_hidden(name: str) -> bool:
    parts = name.split("/")
    return is_ignored(parts[-1]) or any(part.startswith(".") or part == "__MACOSX" for part in parts[:-1])


def _kind(name: str) -> str:
    return PurePosixPath(name).suffix.lower() or "without ending"


def _refuse_bombs(path: Path, found: ZipContents) -> None:
    """Raise FileError for encrypted members, and for an excessive compression ratio."""
    if any(member.flag_bits & _ENCRYPTED for member in (*found.exports, *found.pictures.values())):
        raise FileError(str(path), "it is encrypted", "Unpack it with its password, and give its folder")
    unpacked = sum(member.file_size for member in found.exports)
    if unpacked > max(UNPACKED_FREE, os.path.getsize(path) * UNPACKED_RATIO):
        problem = f"it unpacks to more than {UNPACKED_RATIO} times its size"
        raise FileError(str(path), problem, f"If you trust it: {_UNPACK}")


@contextmanager
def _unpacked(path: Path, packed: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> Generator[Path]:
    """Extract a member to a temporary file in `folder`, which is deleted when the block ends."""
    file = temporary_beside(folder / f"zipped-{os.getpid()}")
    try:
        try:
            with packed.open(member) as source, file.open("xb") as target:
                shutil.copyfileobj(source, target, 1 << 20)
        except ZIP_ERRORS as error:
            problem = f"it cannot be unpacked ({error})".replace("\n", " ")
            raise FileError(f"{path}/{member.filename}", problem, "Fetch it again") from error
        yield file
    finally:
        file.unlink(missing_ok=True)


def _whole(file: Path, limits: IngestSettings, name: str, passed: Passed) -> Iterator[Batch]:
    """Yield a member's records in batches; errors about the whole member are raised before the first batch."""
    batches = read_batches(file, limits, lambda told: passed(f"{told} in {name}"))
    first = list(islice(batches, 2))
    if len(first) < 2:
        yield from first
        return
    for _ in batches:
        pass
    yield from read_batches(file, limits)


def _refuse_all_bad(path: Path, found: ZipContents, bad: list[FileError]) -> None:
    """Raise FileError when none of the members with records could be used."""
    if not bad or len(bad) < len(found.exports):
        return
    if len(bad) == 1:
        raise bad[0]
    problem = f"none of its {len(bad):,} files can be read; the first is {bad[0]}".rstrip(".")
    raise FileError(str(path), problem, _UNPACK.capitalize()) from bad[0]


def _named(batches: Iterator[Batch], name: str) -> Iterator[Batch]:
    """Yield `batches`, in which errors name the ZIP member instead of its temporary file."""
    try:
        yield from batches
    except FileError as error:
        raise replace(error, file=name) from error
