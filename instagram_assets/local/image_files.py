"""Finds the image files below a folder or listed in a merged JSON, and hashes them.

In a folder, images are detected by content, so `.jfif` and names without extension can be images too. A file with an
image extension that is not an image is included, so that its output row has the error; other files are skipped and
reported.
"""

import hashlib
import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from instagram_assets.errors import FileError
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.record_reader import read_records
from instagram_assets.media.format_detection import HEAD_BYTES, is_image, rejection_reason
from instagram_assets.settings import IngestSettings
from instagram_assets.storage.owned_files import claims_of
from instagram_assets.vision.image_batches import Failed

IMAGE_EXTENSIONS = frozenset((".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"))
"""File extensions of the image formats that `media.decode` reads."""

Warn = Callable[[str], object]
"""A callback for messages to the user."""
log_warning: Warn = logging.getLogger(__name__).warning

_HASHING_THREADS = 4


class FolderScan(NamedTuple):
    """The image files below a folder, sorted, and its other files by the reason why they are not images."""

    pictures: list[Path]
    others: dict[str, list[Path]]


def find_images(source: Path, limits: IngestSettings | None = None, warn: Warn = log_warning) -> list[Path]:
    """Returns the image files below a folder, or those listed in the records of a merged JSON, without duplicates.

    `warn` is called with a line about other files in the folder. Raises FileError if there is neither folder nor file.
    """
    if source.is_dir():
        return images_in_folder(source, warn)
    records = read_merged_json(source, limits)
    named = (image for record in records for image in record_images(record) if isinstance(image, str))
    return [source.parent / image for image in dict.fromkeys(named) if not is_url(image)]


def read_merged_json(path: Path, limits: IngestSettings | None = None) -> Iterator[dict[str, Any]]:
    """Yields the records of a merged dataset, made by this program, refine.py or image_caption.py, with any keys.

    Memory stays bounded; `limits` default to those of the settings. Raises FileError with the position if the file is
    not JSON or contains anything but objects.
    """
    for index, record in read_records(path, limits or IngestSettings()):
        if isinstance(record, BadRecord):
            remedy = "Give a merged dataset: an array of objects"
            raise FileError(str(path), f"cannot be used ({record.error})", remedy, f"record {index}, counted from 0")
        yield record


def record_images(record: Mapping[str, Any]) -> list[object]:
    """Returns the list `images` of a record; empty if it is not a list."""
    images = record.get("images")
    return list(images) if isinstance(images, list) else []


def images_in_folder(folder: Path, warn: Warn = log_warning) -> list[Path]:
    """The image files below a folder, sorted; calls `warn` with a line about other files.

    Raises FileError if there is no such folder.
    """
    found = scan_image_folder(folder)
    if found.others:
        warn(skipped_files_message(folder, found.others))
    return found.pictures


def scan_image_folder(folder: Path) -> FolderScan:
    """Scans a folder, ignoring hidden files and outputs of this program. Raises FileError if it is not a folder."""
    if not folder.is_dir():
        raise FileError(str(folder), "is no folder", "Name a folder with images")
    found = FolderScan([], {})
    ours: dict[Path, Mapping[str, object]] = {}
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        why = "" if path.suffix.lower() in IMAGE_EXTENSIONS else _why_none(path)
        if why == "":
            found.pictures.append(path)
        elif why:
            if path.parent not in ours:
                ours[path.parent] = claims_of(path.parent)
            if path.name not in ours[path.parent]:
                found.others.setdefault(why, []).append(path)
    return found


def skipped_files_message(folder: Path, others: Mapping[str, list[Path]]) -> str:
    """Returns a message about skipped files: how many, why, and an example of each kind."""
    number = sum(map(len, others.values()))
    kinds = sorted(others.items(), key=lambda kind: -len(kind[1]))
    reasons = "; ".join(f"{len(files):,} {why}, such as {relative_name(folder, files[0])}" for why, files in kinds)
    return f"{number:,} {'file' if number == 1 else 'files'} passed over: {reasons}"


def relative_name(source: Path, file: Path) -> str:
    """Returns the name of an image file in outputs: its path relative to the folder `source`, or to that of the JSON.

    A file outside of that folder, which only a JSON can list, is named by its full path. Bytes of the name that are not
    UTF-8 become U+FFFD.
    """
    folder = source if source.is_dir() else source.parent
    seen = file.relative_to(folder) if file.is_relative_to(folder) else file
    return os.fsencode(seen.as_posix()).decode("utf-8", "replace")


def image_ids(files: Iterable[Path]) -> dict[Path, str | Failed]:
    """Returns the SHA-256 of each file in hexadecimal digits, or why it cannot be read."""
    paths = list(files)
    with ThreadPoolExecutor(_HASHING_THREADS) as pool:
        return dict(zip(paths, pool.map(_image_id, paths), strict=True))


def is_url(image: str) -> bool:
    """Whether the text is a URL instead of a file path."""
    return image.startswith(("http://", "https://"))


def _image_id(path: Path) -> str | Failed:
    try:
        # Reading a pipe or a device would never end.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return Failed("not a file")
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return Failed("no such file")
    except (OSError, ValueError) as error:
        return Failed(getattr(error, "strerror", None) or str(error))


def _why_none(path: Path) -> str | None:
    """Returns the reason why a file is not an image; empty for an image, None if it is not a regular file."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as stream:
            head = stream.read(HEAD_BYTES)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    if not head:
        return "empty"
    return "" if is_image(head) else rejection_reason(head, "image")
