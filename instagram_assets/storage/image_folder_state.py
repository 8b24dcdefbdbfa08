"""The state of an image folder that users can edit: which images this program wrote, and which users changed."""

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa

from instagram_assets.errors import ImagesWouldGoError, StorageError
from instagram_assets.schemas import SEARCH_DATASET
from instagram_assets.schemas.search import NOTHING, Override
from instagram_assets.storage.atomic import sync_folders
from instagram_assets.storage.owned_files import HIDDEN, claims_of, digest, owned_folder_lock, publish, remove_ours

_Row = dict[str, Any]

MANIFEST = "manifest.jsonl"
OLD_SHEET = "contact_sheet.jpg"
"""The contact sheet's name in the old layout, where it was among the images."""

_IMAGE = re.compile(r"img_(?P<number>\d{4,9})\.(jpg|jpeg|png|webp|gif|avif)")
_NUMBERED = re.compile(r"img_(\d{4,9})\b")
_HASH = re.compile(r"[0-9a-f]{64}")
_HIGHEST, _LARGEST = 999_999_999, (1 << 31) - 1
_TEXTS = ("file_sha256", "by_hand", "decided_at")
_TYPES: dict[str, pa.DataType] = {
    **{column.name: column.type for column in SEARCH_DATASET.columns},
    **dict.fromkeys(_TEXTS, pa.string()),
}
_REMEDY = (
    "Let them go with refresh (in the web app 'Search anew, and replace what the folder holds'; in a shell --refresh; "
    "in the Dagster UI that of search_results), or give another folder."
)


class ImageState(NamedTuple):
    """An image that is or was in the folder, with its manifest row (`row`) and its state.

    `ours`: the file is as this program wrote it. `changed`: a user changed or replaced the file. `deleted`: a user
    deleted the file. `gone`: this program deleted the file. `found`: the file exists, but the manifest has no row.
    """

    row: _Row
    number: int
    file: str | None
    state: Literal["ours", "changed", "deleted", "gone", "found"]


class FolderState(NamedTuple):
    """The state of an image folder before a search rewrites it.

    `pictures` maps image_id to state. `ours` maps a file name to the hashes (SHA-256) of what this program wrote, and
    `disk` to the file's present hash (None: no regular file). `numbers` are the image numbers in use, deleted images
    included. `present` are the image_ids of the images in the folder, which a search must not make fewer.
    `kept_by_hand` are those of them that had a user's keep decision when the folder was last written.
    """

    pictures: dict[str, ImageState]
    ours: dict[str, set[str]]
    disk: dict[str, str | None]
    numbers: set[int]
    present: frozenset[str]
    kept_by_hand: frozenset[str]


def sheet_of(folder: Path) -> Path:
    """Returns the path of a folder's contact sheet: beside the folder, not among the training images."""
    return folder.with_name(f"{folder.name}.jpg")


def read_folder_state(folder: Path) -> FolderState:
    """Returns an image folder's state, from its files, its manifest and the record of written files (`owned_files`).

    Raises StorageError if the manifest is damaged.
    """
    rows = read_folder_manifest(folder)
    ours = {name: set(claim.sha256) for name, claim in claims_of(folder).items()}
    names = os.listdir(folder) if folder.is_dir() else []
    disk = {name: digest(folder / name) for name in names if _IMAGE.fullmatch(name)}
    for row in rows or []:
        if row["file"]:
            ours.setdefault(row["file"], set()).add(row.get("file_sha256") or row["image_id"])
    if _is_old_layout(rows) and (sheet := digest(folder / OLD_SHEET)):
        ours.setdefault(OLD_SHEET, set()).add(sheet)
    pictures = {row["image_id"]: _image_state(row, disk, ours) for row in rows or [] if row.get("number")}
    listed = {past.file for past in pictures.values()}
    for name, sha256 in disk.items():
        # The file was written by an interrupted run, or the manifest was deleted.
        if sha256 and name not in listed and (rows is None or sha256 in ours.get(name, ())):
            pictures.setdefault(sha256, ImageState({}, _number(name), name, "found"))
    if OLD_SHEET in ours:
        disk[OLD_SHEET] = digest(folder / OLD_SHEET)
    present = frozenset(
        image_id
        for image_id, past in pictures.items()
        if (past.file in ours if past.state == "found" else past.state in ("ours", "changed") and past.row["file"])
    )
    by_hand = frozenset(image_id for image_id in present if _was_kept_by_hand(pictures[image_id].row))
    there = {int(match[1]) for name in names if (match := _NUMBERED.match(name))}
    return FolderState(pictures, ours, disk, there | {past.number for past in pictures.values()}, present, by_hand)


def preferences(folder: Path) -> dict[str, int]:
    """Returns image_id → rank among near-duplicates: 0 for images in the folder, 1 for images deleted by hand."""
    order = {"ours": 0, "changed": 0, "deleted": 1}
    pictures = read_folder_state(folder).pictures.items()
    return {image_id: order[past.state] for image_id, past in pictures if past.state in order}


def check_growing(
    folder: Path, limit: int, min_side: int, min_sharpness: float, by_hand: Mapping[str, Override] = NOTHING
) -> None:
    """Raise ImagesWouldGoError if a search with these limits would remove images from the folder.

    `limit` is the maximum number of images, `min_side` the minimum width and height in pixels, and `min_sharpness` the
    minimum variance of the Laplacian. `by_hand` maps image_id to a user's keep or drop decision. Images with a
    decision, and images whose keep decision was revoked, can be removed without an error.
    """
    held = [row for row in read_folder_manifest(folder) or [] if row["file"] and (folder / row["file"]).exists()]
    rows = [row for row in held if row["image_id"] not in by_hand and not _was_kept_by_hand(row)]
    kept = sum(row["image_id"] in by_hand and by_hand[row["image_id"]].decision == "keep" for row in held)
    if rows and limit < len(rows) + kept:
        less = min(len(rows), len(rows) + kept - limit)
        raise ImagesWouldGoError(
            f"{folder} holds {len(held)} images, and limit {limit} would take {less} away. {_REMEDY}"
        )
    small = sum(min(row.get("width") or min_side, row.get("height") or min_side) < min_side for row in rows)
    blurred = sum((row.get("sharpness") or min_sharpness) < min_sharpness for row in rows)
    for count, limit_said in ((small, f"min_side {min_side}"), (blurred, f"min_sharpness {min_sharpness:g}")):
        if count:
            raise ImagesWouldGoError(
                f"{folder} holds {len(held)} images, and {limit_said} would take {count} away. {_REMEDY}"
            )


def check_not_fewer(folder: Path, before: FolderState, by_hand: Mapping[str, Override], after: int) -> None:
    """Raise ImagesWouldGoError if the folder would have fewer images than before; `after` is their new number.

    `by_hand` maps image_id to a user's keep or drop decision. Images that a user dropped, and images whose keep
    decision was revoked, do not count as removed.
    """
    dropped = {image_id for image_id, override in by_hand.items() if override.decision == "drop"}
    taken_back = before.kept_by_hand - by_hand.keys()
    if after < len(before.present - dropped - taken_back):
        raise ImagesWouldGoError(
            f"{folder} holds {len(before.present)} images, and this search found {after} of its subject. "
            f"Nothing was changed. {_REMEDY}"
        )


def read_folder_manifest(folder: Path) -> list[_Row] | None:
    """Returns the rows of a folder's manifest (JSON Lines), with `sha256` renamed to `image_id`; None if it is missing.

    `file` is set to None if it is not the name of an image file, such as `img_0001.jpg`. A missing `number` is taken
    from the file name. Raises StorageError, with the line number, if the manifest cannot be read.
    """
    path, rows = folder / MANIFEST, list[_Row]()
    if path.exists() and not path.is_file():  # a named pipe, for example, would block
        raise StorageError(f"{path}: is no file. Take it away.")
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StorageError(f"{path}: cannot be read ({error.strerror}). Mend that, or take it away.") from error
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(_row(json.loads(line)))
        except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
            raise StorageError(
                f"{path}, line {number}: cannot be read ({error}). Mend it; or take the file away: images that still "
                "are as they were written are known by their bytes."
            ) from error
    return rows


def _row(said: Mapping[str, Any]) -> _Row:
    row = {"image_id" if name == "sha256" else name: value for name, value in said.items()}
    _check(row)
    file = row.get("file")
    if not isinstance(file, str) or not _IMAGE.fullmatch(file):  # such as a path to another folder
        row["file"] = file = None
    if file and not row.get("number"):
        row["number"] = _number(file)
    if not isinstance(row.get("number"), int):
        row.pop("number", None)
    elif not 0 < row["number"] <= _HIGHEST:
        raise ValueError(f"number {str(row['number'])[:20]} is in no name of an image")
    elif not isinstance(row.get("image_id"), str):
        raise ValueError("an image without its sha256")
    return row


def _check(row: _Row) -> None:
    """Raise ValueError if a manifest row has values of another type than its columns; users can edit manifests."""
    for name, column_type in _TYPES.items():
        value = row.get(name)
        if value is None:
            if name == "kept":
                raise ValueError("kept is missing")
            continue
        said = "sha256" if name == "image_id" else name
        if not _is_of(value, column_type):
            raise ValueError(f"{said} is no {column_type}")
        if isinstance(value, str):
            value.encode()  # raises for unpaired surrogates
        elif not -_LARGEST <= value <= _LARGEST:
            raise ValueError(f"{said} is too large, or no number")
    if row.get("image_id") and not _HASH.fullmatch(row["image_id"]):
        raise ValueError("sha256 is none")


def _is_of(value: object, column_type: pa.DataType) -> bool:
    if isinstance(value, bool) or pa.types.is_boolean(column_type):
        return isinstance(value, bool) and pa.types.is_boolean(column_type)
    if pa.types.is_string(column_type):
        return isinstance(value, str)
    return isinstance(value, int) or (isinstance(value, float) and pa.types.is_floating(column_type))


def _was_kept_by_hand(row: _Row) -> bool:
    """Whether a manifest row has a file because of a user's keep decision, even if the user changed the file later."""
    return bool(row.get("file") and row.get("decided_at"))


def _is_old_layout(rows: list[_Row] | None) -> bool:
    """Whether a manifest has the old layout: the contact sheet is in the folder, and rows have no `file_sha256`."""
    return bool(rows) and any(row["file"] for row in rows) and not any("file_sha256" in row for row in rows)


def _image_state(row: _Row, disk: Mapping[str, str | None], ours: Mapping[str, set[str]]) -> ImageState:
    """Returns the state of a manifest row's image; `disk` and `ours` are those of FolderState."""
    number, file = row["number"], row["file"]
    if file:
        if file not in disk:
            return ImageState(row, number, None, "deleted")
        return ImageState(row, number, file, "ours" if disk[file] in ours[file] else "changed")
    back = next((name for name in sorted(disk) if _number(name) == number), None)
    if row.get("by_hand") == "deleted":
        if back is None:
            return ImageState(row, number, None, "deleted")
        return ImageState(row, number, back, "ours" if disk[back] == row["image_id"] else "changed")
    if back and disk[back] not in ours.get(back, ()):
        return ImageState(row, number, back, "changed")
    return ImageState(row, number, None, "gone")


def _number(name: str) -> int:
    match = _IMAGE.fullmatch(name)
    return int(match["number"]) if match else 0


@dataclass(frozen=True)
class Removed:
    """The number of deleted files, and the names of the files left in the folder, which a user added or changed."""

    files: int
    left: list[str]


def remove_folder(folder: Path) -> Removed:
    """Delete the unchanged files that this program wrote in an image folder, and the contact sheet beside the folder.

    The folder is deleted too if it is empty then. The lake and the media store are not changed, so the same search
    recreates the folder without downloading images again. Idempotent: call it again after a kill. Raises StorageError
    if the manifest is damaged.
    """
    if not folder.is_dir():
        return Removed(0, [])
    sheet = sheet_of(folder)
    had_sheet = sheet.exists()
    remove_ours(sheet, folder)
    with owned_folder_lock(folder):
        gone = _ours(folder)
        # The manifest is deleted last: it identifies our files.
        for names in ([name for name in gone if name != MANIFEST], [name for name in gone if name == MANIFEST]):
            if names:
                publish(folder, {}, gone={name: gone[name] for name in names})
        left = sorted(name for name in os.listdir(folder) if name != HIDDEN)
        if not left:
            _remove_empty(folder)
    return Removed(len(gone) + (had_sheet and not sheet.exists()), left)


def _ours(folder: Path) -> dict[str, str]:
    """Returns the unchanged files that this program wrote in a folder: name → SHA-256."""
    ours = read_folder_state(folder).ours
    for name, claim in claims_of(folder).items():
        ours.setdefault(name, set()).update(claim.sha256)
    found = {name: digest(folder / name) for name in ours}
    return {name: sha256 for name, sha256 in found.items() if sha256 and sha256 in ours[name]}


def _remove_empty(folder: Path) -> None:
    """Remove the hidden folder of records, then the folder itself, unless a file was added to it since."""
    hidden = folder / HIDDEN
    if hidden.is_dir():
        for entry in hidden.iterdir():
            if entry.is_file():
                entry.unlink()
        with suppress(OSError):
            hidden.rmdir()
    with suppress(OSError):
        folder.rmdir()
        sync_folders([folder.parent])
