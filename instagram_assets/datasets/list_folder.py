"""A folder of the images that a list keeps, in which people work too: dropped images go, files of others stay.

Numbers, changed and deleted files are looked after as in the folders of searches (`folder`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from upath import UPath

from instagram_assets.datasets.image_folder import write_folder
from instagram_assets.datasets.list_images import listed_images
from instagram_assets.datasets.lists import kept_in
from instagram_assets.errors import NothingDoneError
from instagram_assets.schemas.search import Override
from instagram_assets.storage.folders import MANIFEST, look

Row = dict[str, Any]


class ListFolder(NamedTuple):
    """A folder that was written: how many images it has, why others are not in it, and what a person should be told."""

    folder: Path
    images: int
    left_out: dict[str, int]
    notes: Sequence[str]


def write_list_folder(root: UPath, name: str, said: Mapping[str, Override], media: Path, folder: Path) -> ListFolder:
    """Make the folder hold the images that a list keeps, as they were fetched; or bring it up to date.

    img_0001.jpg … keep their numbers, `manifest.jsonl` says of each image where it came from, and of one that is not
    there why. An image whose file the media store has no more stays where the folder has it. When killed, the next call
    goes on from there. Raises NothingDoneError, before any change, where the list keeps no image or no file is there
    any more, StorageError for damage.
    """
    rows = list(listed_images(root, kept_in(said), media))
    held = look(folder).present
    if not any(row["file"] or row["image_id"] in held for row in rows):
        raise NothingDoneError(f"The list {name} keeps no image that is there, so nothing was written.")
    files = {row["image_id"]: media / row["file"] for row in rows if row["file"]}
    # Of what the folder has, and the store has not, the folder's own line stays.
    lines = [_line(row) for row in rows if row["file"] or row["image_id"] not in held]
    written = write_folder(folder, lines, files, {}, refresh=True, by_hand=said, has_card=False)
    kept = len(look(folder).present)
    left_out = Counter(str(row["reason"]) for row in written.rows if not row["kept"])
    return ListFolder(folder, kept, dict(left_out), [*written.notes, f"{folder / MANIFEST} tells each"])


def _line(row: Row) -> Row:
    """A row as the manifest has it: times as texts, and whether the image is kept."""
    plain = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
    return {**plain, "file": None, "kept": bool(row["file"])}
