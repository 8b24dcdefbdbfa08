"""Companion files that collectors write next to a post's own file: its images and its comments.

Instaloader names images `2023-05-01_10-00-00_UTC.jpg` beside `….json.xz`, those of an album `…_1.jpg`, `…_2.jpg`, and
comments `…_comments.json`; gallery-dl writes `1234.jpg.json` beside `1234.jpg`.
"""

import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from instagram_assets.errors import FileError
from instagram_assets.ingest.normalize import normalize_records
from instagram_assets.ingest.reader.json_values import BadRecord
from instagram_assets.ingest.reader.record_reader import read_batches
from instagram_assets.ingest.record_source import PostKey, RecordSource
from instagram_assets.settings import IngestSettings

OpenablePicture = tuple[str, Callable[[], BinaryIO]]
"""The URL of an image in the tables, and a function that opens its file."""

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".webp", ".png")
_ENDINGS = (".xz", ".gz", ".json")
_PLACE = re.compile(r"_[0-9]{1,3}\Z")


def companion_stem(name: str) -> str:
    """Return the prefix that a post's image files share, from the name or path of the post's metadata file."""
    for ending in _ENDINGS:
        name = name[: -len(ending)] if name.lower().endswith(ending) else name
    return name


def is_picture_of_post(picture: str, stems: set[str]) -> bool:
    """True if the path is an image of one of the posts whose files have these stems (`companion_stem`)."""
    if not picture.lower().endswith(PICTURE_SUFFIXES):
        return False
    stem = picture.rpartition(".")[0]
    return not stems.isdisjoint((picture, stem, _PLACE.sub("", stem)))


def pictures_beside(path: Path, media: Sequence[Mapping[str, Any]]) -> Iterator[OpenablePicture]:
    """Yield the image files next to a post's file, each with its URL from `media` (the column of the raw tables)."""
    stem = companion_stem(path.name)
    images: dict[int, str] = {medium["position"]: medium["url"] for medium in media if medium["kind"] == "image"}
    is_album = len({medium["position"] for medium in media}) > 1
    for position, address in sorted(images.items()):
        names = [f"{stem}_{position + 1}{ending}" for ending in PICTURE_SUFFIXES]
        if not is_album:
            names += (
                [stem]
                if stem.lower().endswith(PICTURE_SUFFIXES)
                else [f"{stem}{ending}" for ending in PICTURE_SUFFIXES]
            )
        if picture := next((found for name in names if _is_file(found := path.with_name(name))), None):
            yield address, partial(picture.open, "rb")


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


_BEHIND = "_comments"
_POST_ENDINGS = (".json.xz", ".json")
_LARGEST = 16 << 20


def post_beside(path: Path, source: RecordSource, limits: IngestSettings) -> PostKey | None:
    """Return id, shortcode and account of the post that a `…_comments.json` file belongs to; None for other files."""
    stem = companion_stem(path.name)
    if not stem.endswith(_BEHIND):
        return None
    posts = (path.with_name(stem.removesuffix(_BEHIND) + ending) for ending in _POST_ENDINGS)
    return next((found for post in posts if (found := _post_in(post, source, limits))), None)


def _post_in(path: Path, source: RecordSource, limits: IngestSettings) -> PostKey | None:
    """Return the only post in a file; None if the file has no or several posts, or cannot be read.

    No error is raised here: an unreadable file is reported when that file itself is read into the landing zone.
    """
    try:
        about = os.lstat(path)
        if not stat.S_ISREG(about.st_mode) or about.st_size > _LARGEST:
            return None
        batch = next(read_batches(path, limits), [])
    except (OSError, FileError):
        return None
    good = [(index, record) for index, record in batch if not isinstance(record, BadRecord)]
    tables = normalize_records(good, replace(source, pseudonym_of=None)).tables
    rows = [row for kind in ("posts", "reels") for row in tables[kind].to_pylist()]
    return (rows[0]["post_id"], rows[0]["shortcode"], rows[0]["account"]) if len(rows) == 1 else None
