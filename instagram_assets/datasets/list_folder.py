"""Writes a folder with the kept images of a list: dropped images are removed, users' own files stay.

Numbers and files that were changed or deleted by hand are treated as in the folders of searches (`image_folder`).
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
    """The result of writing a list's folder: number of images, why others are missing, and messages for the user."""

    folder: Path
    images: int
    left_out: dict[str, int]
    notes: Sequence[str]


def write_list_folder(root: UPath, name: str, said: Mapping[str, Override], media: Path, folder: Path) -> ListFolder:
    """Create or update a folder with the images that a list keeps, as they were downloaded.

    Images keep their numbers (img_0001.jpg …); `manifest.jsonl` has the source of each image, or why it is missing. An
    image whose file the media store no longer has stays if the folder has it. After a kill the next call continues.
    Raises NothingDoneError, before any change, where the list keeps no image or no file exists any more, StorageError
    for damage.
    """
    rows = list(listed_images(root, kept_in(said), media))
    held = look(folder).present
    if not any(row["file"] or row["image_id"] in held for row in rows):
        raise NothingDoneError(f"The list {name} keeps no image that is there, so nothing was written.")
    files = {row["image_id"]: media / row["file"] for row in rows if row["file"]}
    # Images that the folder has and the store has not keep the folder's manifest row.
    lines = [_line(row) for row in rows if row["file"] or row["image_id"] not in held]
    written = write_folder(folder, lines, files, {}, refresh=True, by_hand=said, has_card=False)
    kept = len(look(folder).present)
    left_out = Counter(str(row["reason"]) for row in written.rows if not row["kept"])
    return ListFolder(folder, kept, dict(left_out), [*written.notes, f"{folder / MANIFEST} tells each"])


def _line(row: Row) -> Row:
    """Returns a row in the form of the manifest: timestamps as text, and whether the image is kept."""
    plain = {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
    return {**plain, "file": None, "kept": bool(row["file"])}
