"""The images of others: those below a folder, or those that a merged JSON names, under the hash of their bytes.

In a folder the bytes decide, whatever a file is called: `.jfif` and names without an ending are images, too. A file
that is called an image and is none stays among them, so that its row says so; others are passed over, and told.
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
from instagram_assets.media import sniff
from instagram_assets.settings import IngestSettings
from instagram_assets.storage.owned_files import claims_of
from instagram_assets.vision.image_batches import Failed

PICTURES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"))
"""Endings that call a file an image: of the formats that `media.decode` reads."""

Tell = Callable[[str], object]
"""Says something to whoever waits for the result."""
aloud: Tell = logging.getLogger(__name__).warning

_HASHING_THREADS = 4


class Below(NamedTuple):
    """The images below a folder, sorted, and its other files by the reason why they are none."""

    pictures: list[Path]
    others: dict[str, list[Path]]


def images_of(source: Path, limits: IngestSettings | None = None, tell: Tell = aloud) -> list[Path]:
    """The image files below a folder, or those that the records of a merged JSON name, each once.

    `tell` gets a line about other files in the folder. Raises FileError when there is neither.
    """
    if source.is_dir():
        return pictures_below(source, tell)
    records = read_merged_json(source, limits)
    named = (image for record in records for image in images_in(record) if isinstance(image, str))
    return [source.parent / image for image in dict.fromkeys(named) if not is_address(image)]


def read_merged_json(path: Path, limits: IngestSettings | None = None) -> Iterator[dict[str, Any]]:
    """Each record of a merged dataset: ours, or one that refine.py or image_caption.py made, whatever its keys.

    Memory stays bounded; without `limits` the default ones hold. Raises FileError naming the place
    when the file is not JSON or holds something else than objects.
    """
    for index, record in read_records(path, limits or IngestSettings()):
        if isinstance(record, BadRecord):
            remedy = "Give a merged dataset: an array of objects"
            raise FileError(str(path), f"cannot be used ({record.error})", remedy, f"record {index}, counted from 0")
        yield record


def images_in(record: Mapping[str, Any]) -> list[object]:
    """What a record of a merged JSON lists as its `images`; nothing when that is no list."""
    images = record.get("images")
    return list(images) if isinstance(images, list) else []


def pictures_below(folder: Path, tell: Tell = aloud) -> list[Path]:
    """The image files below a folder, sorted; `tell` gets a line about others. Raises FileError without a folder."""
    found = look_below(folder)
    if found.others:
        tell(passed_over(folder, found.others))
    return found.pictures


def look_below(folder: Path) -> Below:
    """What is below a folder, without hidden files and those that we wrote. Raises FileError when it is no folder."""
    if not folder.is_dir():
        raise FileError(str(folder), "is no folder", "Name a folder with images")
    found = Below([], {})
    ours: dict[Path, Mapping[str, object]] = {}
    for path in sorted(folder.rglob("*")):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        why = "" if path.suffix.lower() in PICTURES else _why_none(path)
        if why == "":
            found.pictures.append(path)
        elif why:
            if path.parent not in ours:
                ours[path.parent] = claims_of(path.parent)
            if path.name not in ours[path.parent]:
                found.others.setdefault(why, []).append(path)
    return found


def passed_over(folder: Path, others: Mapping[str, list[Path]]) -> str:
    """A line about files that are no images: how many, why, and one of each kind."""
    number = sum(map(len, others.values()))
    kinds = sorted(others.items(), key=lambda kind: -len(kind[1]))
    told = "; ".join(f"{len(files):,} {why}, such as {name_in(folder, files[0])}" for why, files in kinds)
    return f"{number:,} {'file' if number == 1 else 'files'} passed over: {told}"


def name_in(source: Path, file: Path) -> str:
    """How outputs name a file of `images_of`: seen from the folder, or from that of the JSON, as text.

    A file elsewhere, which only a JSON can name, keeps its whole path. Names on disk need not be UTF-8: what is not
    stands as U+FFFD.
    """
    folder = source if source.is_dir() else source.parent
    seen = file.relative_to(folder) if file.is_relative_to(folder) else file
    return os.fsencode(seen.as_posix()).decode("utf-8", "replace")


def image_ids(files: Iterable[Path]) -> dict[Path, str | Failed]:
    """The SHA-256 of each file in hexadecimal digits, or why it cannot be read."""
    paths = list(files)
    with ThreadPoolExecutor(_HASHING_THREADS) as pool:
        return dict(zip(paths, pool.map(_image_id, paths), strict=True))


def is_address(image: str) -> bool:
    """True for an address where a file is expected."""
    return image.startswith(("http://", "https://"))


def _image_id(path: Path) -> str | Failed:
    try:
        # A pipe or a device would never end.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return Failed("not a file")
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return Failed("no such file")
    except (OSError, ValueError) as error:
        return Failed(getattr(error, "strerror", None) or str(error))


def _why_none(path: Path) -> str | None:
    """Why a file is no image, empty for one; null for a folder, a pipe, a device."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        with open(path, "rb") as stream:
            head = stream.read(sniff.HEAD)
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    if not head:
        return "empty"
    return "" if sniff.is_image(head) else sniff.describe(head, "image")
