"""The images of others: those below a folder, or those that a merged JSON names, under the hash of their bytes."""

import hashlib
import os
import stat
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from instagram_assets.datasets.json import read_merged_json
from instagram_assets.errors import FileError
from instagram_assets.settings import IngestSettings
from instagram_assets.vision.images import Fault

PICTURES = frozenset((".jpg", ".jpeg", ".png", ".webp", ".gif", ".avif"))
"""Endings of the files of a folder that are taken for images: of the formats that `media.decode` reads."""

_HASHING_THREADS = 4


def images_of(source: Path, limits: IngestSettings | None = None) -> list[Path]:
    """The image files below a folder, or those that the records of a merged JSON name, each once.

    Hidden files and other files than `PICTURES` are passed over. Raises FileError when there is neither.
    """
    if source.is_dir():
        return pictures_below(source)
    records = read_merged_json(source, limits)
    named = (image for record in records for image in images_in(record) if isinstance(image, str))
    return [source.parent / image for image in dict.fromkeys(named) if not is_address(image)]


def images_in(record: Mapping[str, Any]) -> list[object]:
    """What a record of a merged JSON lists as its `images`; nothing when that is no list."""
    images = record.get("images")
    return list(images) if isinstance(images, list) else []


def pictures_below(folder: Path) -> list[Path]:
    """The image files below a folder, sorted. Raises FileError when there is no such folder."""
    if not folder.is_dir():
        raise FileError(str(folder), "is no folder", "Name a folder with images")
    return sorted(path for path in folder.rglob("*") if _is_picture(path.relative_to(folder)))


def name_in(source: Path, file: Path) -> str:
    """How outputs name a file of `images_of`: seen from the folder, or from that of the JSON, as text.

    A file elsewhere, which only a JSON can name, keeps its whole path. Names on disk need not be UTF-8: what is not
    stands as U+FFFD.
    """
    folder = source if source.is_dir() else source.parent
    seen = file.relative_to(folder) if file.is_relative_to(folder) else file
    return os.fsencode(seen.as_posix()).decode("utf-8", "replace")


def image_ids(files: Iterable[Path]) -> dict[Path, str | Fault]:
    """The SHA-256 of each file in hexadecimal digits, or why it cannot be read."""
    paths = list(files)
    with ThreadPoolExecutor(_HASHING_THREADS) as pool:
        return dict(zip(paths, pool.map(_image_id, paths), strict=True))


def is_address(image: str) -> bool:
    """True for an address where a file is expected."""
    return image.startswith(("http://", "https://"))


def _image_id(path: Path) -> str | Fault:
    try:
        # A pipe or a device would never end.
        if not stat.S_ISREG(os.stat(path).st_mode):
            return Fault("not a file")
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return Fault("no such file")
    except (OSError, ValueError) as error:
        return Fault(getattr(error, "strerror", None) or str(error))


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in PICTURES and not any(part.startswith(".") for part in path.parts)
