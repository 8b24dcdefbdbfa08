"""Export of an image list (images kept or dropped by hand): as a folder, or streamed as ZIP, CSV or JSON lines.

The folder can be edited by users: numbers, and files changed or deleted by hand, are treated as in `image_folder`.
"""

import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import count
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import BinaryIO, Literal, NamedTuple, cast

from upath import UPath

from instagram_assets.datasets import csv_cells
from instagram_assets.datasets.image_folder import write_folder
from instagram_assets.datasets.list_images import FILE_GONE, LIST_COLUMNS, NAMES, Row, listed_images
from instagram_assets.datasets.lists import kept_in
from instagram_assets.errors import NothingDoneError
from instagram_assets.schemas.search import Override
from instagram_assets.storage.image_folder_state import MANIFEST, read_folder_state

ListFormat = Literal["zip", "csv", "jsonl"]
MEDIA_TYPES: dict[ListFormat, str] = {
    "zip": "application/zip",
    "csv": "text/csv; charset=utf-8",
    "jsonl": "application/jsonl; charset=utf-8",
}
DAMAGED = "its file is damaged: the bytes are not those of its name"
_CHUNK = 256 << 10
_IN_MEMORY = 4 << 20
_NEW_YEAR = (1980, 1, 1, 0, 0, 0)
_RENAMED = {"image_id": "sha256"}


def csv_stream(rows: Iterable[Row], *, spreadsheet_safe: bool = False) -> Iterator[bytes]:
    """Yields the bytes of a CSV file with a UTF-8 BOM, one row per image, and the columns of `LIST_COLUMNS`.

    Values are encoded as in `csv_cells`. `spreadsheet_safe` writes a `'` before text that a spreadsheet would run or
    change.
    """
    yield csv_cells.utf8("\ufeff" + ",".join(NAMES) + "\r\n")
    yield from _chunks(csv_cells.utf8(_csv_line(row, spreadsheet_safe)) for row in rows)


def jsonl_stream(rows: Iterable[Row]) -> Iterator[bytes]:
    """Yields one JSON line per image, with the keys of `LIST_COLUMNS`."""
    yield from _chunks(_json_line(row) for row in rows)


def zip_stream(rows: Iterable[Row], media: Path) -> Iterator[bytes]:
    """Yields a ZIP of the stored images (img_0001.jpg …, uncompressed) and a manifest with a line for each row.

    Memory holds one image; a manifest of more than 4 MiB is buffered in a temporary file.
    """
    out, numbers = _Out(), count(1)
    with SpooledTemporaryFile(_IN_MEMORY) as manifest, zipfile.ZipFile(cast(BinaryIO, out), "w") as archive:
        for row in rows:
            data, reason = _bytes_of(row, media)
            name = f"img_{next(numbers):04}{Path(row['file']).suffix}" if data is not None else None
            if name and data is not None:
                archive.writestr(_entry(name), data)
            manifest.write(manifest_line(row | {"file": name, "reason": reason}))
            if out.size >= _CHUNK:
                yield out.take()
        manifest.seek(0)
        with archive.open(_entry(MANIFEST), "w", force_zip64=True) as entry:
            while piece := manifest.read(_CHUNK):
                entry.write(piece)
                yield out.take()
    yield out.take()


def manifest_line(row: Row) -> bytes:
    """Returns a row as a JSON line of the manifest: `image_id` is named `sha256`, nulls except `file` are left out."""
    said = {_RENAMED.get(name, name): value for name, value in row.items() if value is not None or name == "file"}
    return _json_line(said)


class _Out:
    """A write-only stream for `zipfile` that buffers bytes until `take` returns them."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self.size = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self.size += len(data)
        return len(data)

    def flush(self) -> None:
        """Does nothing: there is no further buffer."""

    def take(self) -> bytes:
        """Returns the bytes written since the last call, and clears the buffer."""
        data = b"".join(self._parts)
        self._parts, self.size = [], 0
        return data


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _NEW_YEAR)
    entry.external_attr = 0o644 << 16
    return entry


def _bytes_of(row: Row, media: Path) -> tuple[bytes | None, str | None]:
    """Returns (content of an image's file, None), or (None, reason) if the file is now missing or damaged."""
    if not row["file"]:
        return None, row["reason"]
    try:
        data = (media / row["file"]).read_bytes()
    except OSError:
        return None, FILE_GONE
    if hashlib.sha256(data).hexdigest() != row["image_id"]:
        return None, DAMAGED
    return data, None


def _csv_line(row: Row, spreadsheet_safe: bool) -> str:
    line: list[str] = []
    for each in LIST_COLUMNS:
        value, is_caption = _plain(row[each.name]), each.name == "post_caption"
        line.append(csv_cells.encode(value, each.type, caption=is_caption, spreadsheet_safe=spreadsheet_safe))
    return ",".join(line) + "\r\n"


def _json_line(row: Row) -> bytes:
    return csv_cells.utf8(json.dumps({name: _plain(value) for name, value in row.items()}, ensure_ascii=False) + "\n")


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date | datetime) else value


def _chunks(lines: Iterable[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= _CHUNK:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


class ListFolder(NamedTuple):
    """The result of writing a list's folder: number of images, reason → number of missing images, and user messages."""

    folder: Path
    images: int
    left_out: dict[str, int]
    notes: Sequence[str]


def write_list_folder(root: UPath, name: str, said: Mapping[str, Override], media: Path, folder: Path) -> ListFolder:
    """Create or update a folder with the images that are kept in the list `name`, with the bytes that were downloaded.

    `said` has the list's decisions by image_id, `media` is the folder of the media store. Images keep their numbers
    (img_0001.jpg …); `manifest.jsonl` has the source of each image, or why it is missing. An image that is no longer in
    the media store is kept if the folder has it. Can be repeated after a kill. Raises NothingDoneError, before any
    change, if the list keeps no image or no file of them exists any more, StorageError for a damaged file.
    """
    rows = list(listed_images(root, kept_in(said), media))
    held = read_folder_state(folder).present
    if not any(row["file"] or row["image_id"] in held for row in rows):
        raise NothingDoneError(f"The list {name} keeps no image that is there, so nothing was written.")
    files = {row["image_id"]: media / row["file"] for row in rows if row["file"]}
    # Images in the folder that are no longer in the media store keep the folder's manifest row.
    lines = [_line(row) for row in rows if row["file"] or row["image_id"] not in held]
    written = write_folder(folder, lines, files, {}, refresh=True, by_hand=said, has_card=False)
    kept = len(read_folder_state(folder).present)
    left_out = Counter(str(row["reason"]) for row in written.rows if not row["kept"])
    return ListFolder(folder, kept, dict(left_out), [*written.notes, f"{folder / MANIFEST} tells each"])


def _line(row: Row) -> Row:
    """Returns a row for `write_folder`: timestamps as text, `file` null, and `kept` if the image has a stored file."""
    plain = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
    return {**plain, "file": None, "kept": bool(row["file"])}
