"""The pictures that a collector wrote beside a post's own file, each with the address that the post has for it.

Instaloader calls them `2023-05-01_10-00-00_UTC.jpg` beside `….json.xz`, those of an album `…_1.jpg`, `…_2.jpg`;
gallery-dl writes `1234.jpg.json` beside `1234.jpg`.
"""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from instagram_assets.ingest.archives import Opened
from instagram_assets.ingest.picture_names import PICTURES, stem_of


def pictures_beside(path: Path, media: Sequence[Mapping[str, Any]]) -> Iterator[Opened]:
    """The pictures beside the file of a post with these media (as in `media` of the raw tables)."""
    stem = stem_of(path.name)
    images: dict[int, str] = {medium["position"]: medium["url"] for medium in media if medium["kind"] == "image"}
    is_album = len({medium["position"] for medium in media}) > 1
    for position, address in sorted(images.items()):
        names = [f"{stem}_{position + 1}{ending}" for ending in PICTURES]
        if not is_album:
            names += [stem] if stem.lower().endswith(PICTURES) else [f"{stem}{ending}" for ending in PICTURES]
        if picture := next((found for name in names if _is_file(found := path.with_name(name))), None):
            yield address, partial(picture.open, "rb")


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
