"""Writes and updates an image dataset folder with manifest and dataset card (Markdown); manual changes are kept."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

from instagram_assets.datasets.image_folder_card import CARD, Row, card
from instagram_assets.errors import FileError, StorageError
from instagram_assets.media.decode import open_image, reencode
from instagram_assets.privacy.pseudonyms import Pseudonymizer
from instagram_assets.report.contact_sheets import contact_sheet
from instagram_assets.schemas import SEARCH_DATASET
from instagram_assets.schemas.search import NOTHING, Override
from instagram_assets.storage.atomic import write_atomic
from instagram_assets.storage.image_folder_state import (
    MANIFEST,
    FolderState,
    ImageState,
    check_not_fewer,
    read_folder_state,
    sheet_of,
)
from instagram_assets.storage.owned_files import (
    claims_of,
    digest,
    owned_folder_lock,
    publish,
    stage,
    staging,
    write_ours,
)

DELETED = "deleted by hand"
LEFT = "not among the results any more"
OURS = ("number", "file_sha256", "by_hand", "decided_at")
"""Keys of a manifest row in addition to the columns of `schemas.SEARCH_DATASET`.

`number` is the image's number in file names. `file_sha256` is the hash of the file when it was written. `by_hand` is
`changed` or `deleted` if a user did that to the file, `kept` or `dropped` if a user decided so about the image.
`decided_at` is the time of that decision.
"""

_FEW = 5


class WrittenFolder(NamedTuple):
    """The result of writing an image folder: its rows, with file names in `file`, and messages for the user."""

    rows: list[Row]
    notes: list[str]


def write_folder(
    folder: Path,
    rows: Sequence[Row],
    files: Mapping[str, Path],
    request: Mapping[str, object],
    *,
    reencoded: bool = False,
    refresh: bool = False,
    by_hand: Mapping[str, Override] = NOTHING,
    warnings: Sequence[str] = (),
    has_card: bool = True,
) -> WrittenFolder:
    """Create or update an image dataset folder: images, manifest and card, and a contact sheet beside the folder.

    `rows` are rows of `schemas.SEARCH_DATASET` from `select_images`, without `file`; `files` maps each image_id to its
    image file, whose extension matches its format; `request` has the search settings for the card, and `warnings` the
    warnings at its top. Images are named img_0001.jpg … in the order of the rows, new ones after existing ones. They
    are the downloaded bytes; with `reencoded`, re-encoded JPEGs. `by_hand` has the user's keep and drop decisions by
    image_id. Files changed by hand are kept, and files deleted by hand are written again only after a later keep
    decision; images with a keep decision are kept even if they are no longer search results. Can be repeated after a
    kill. Raises ImagesWouldGoError, before any change, if the folder would have fewer images than before, unless
    `refresh` is given (images dropped by hand, and images whose keep decision was revoked, do not count), and
    StorageError on an I/O error. Without `has_card` there is no card and no contact sheet.
    """
    with owned_folder_lock(folder):
        before = read_folder_state(folder)
        settled = _settled(rows, before, files, reencoded, by_hand)
        kept = [row for row in settled if row["kept"]]
        if not refresh:
            check_not_fewer(folder, before, by_hand, len(kept))
        with staging(folder):
            staged: dict[str, str] = {}
            for row in kept:
                if row["file_sha256"] is None:
                    row["file_sha256"] = staged[row["file"]] = _stage(folder, row, files, reencoded)
            card_is_ours = has_card and _is_ours(folder, CARD)
            if card_is_ours:
                text = card(settled[: len(rows)], request, folder.name, warnings)
                staged[CARD] = stage(folder, CARD, lambda path: _write(path, text.encode()))
            staged[MANIFEST] = stage(folder, MANIFEST, lambda path: _write(path, manifest(settled).encode()))
            gone = _gone(before, {row["file"] for row in kept})
            publish(folder, staged, gone=gone)
    notes = [
        *_notes(settled, sorted(gone)),
        *([f"{CARD} is not as we wrote it, and stays; take it away to get one"] if has_card > card_is_ours else []),
    ]
    if kept and has_card:
        notes += _write_sheet(folder, [folder / row["file"] for row in kept])
    columns = rows[0].keys() if rows else ()
    return WrittenFolder([{name: row[name] for name in columns} for row in settled[: len(rows)]], notes)


def _settled(
    rows: Sequence[Row],
    before: FolderState,
    files: Mapping[str, Path],
    reencoded: bool,
    by_hand: Mapping[str, Override],
) -> list[Row]:
    """Returns the manifest rows: first `rows`, then images of the folder that are no longer search results.

    Added to `rows` are the file name in `file` and the columns that only the manifest has (`OURS`). `before` is the
    folder's state before this run. `file_sha256` is null in kept rows whose file is still to be written.
    """
    known = max((past.number for past in before.pictures.values()), default=0)
    fresh = (number for number in count(known + 1) if number not in before.numbers)
    seen = set[str]()
    settled: list[Row] = []
    for row in rows:
        image_id: str = row["image_id"] or ""  # null for images that were not downloaded, which the folder never has
        again = image_id in seen
        seen.add(image_id)
        past, override = (None, None) if again else (before.pictures.get(image_id), by_hand.get(image_id))
        extension = files[image_id].suffix if row["kept"] and not reencoded else ".jpg"
        place = _place(row, past, override, fresh, extension)
        line = {**row, "file": None, **dict.fromkeys(OURS), **place}
        if line["kept"] and past and line["by_hand"] is None:
            _keep_file(line, past, before, reencoded)
        settled.append({**line, **_said_by_hand(line, override)})
    left = {image_id: past for image_id, past in before.pictures.items() if image_id not in seen}
    return settled + [
        _no_candidate(past, by_hand.get(image_id)) for image_id, past in left.items() if past.state != "found"
    ]


def _place(row: Row, past: ImageState | None, override: Override | None, fresh: Iterator[int], extension: str) -> Row:
    """Returns the columns of a row that depend on the folder's previous state: number, file, deletion by hand."""
    if past and past.state == "deleted" and not (row["kept"] and _is_wanted_back(past, override)):
        said = {"kept": False, "reason": DELETED, "by_hand": "deleted", "decided_at": past.row.get("decided_at")}
        return {**said, "number": past.number, "file_sha256": past.row.get("file_sha256")}
    if not row["kept"]:
        return {"number": past.number if past and past.state != "found" else None}
    if past and past.state == "changed":
        written = past.row.get("file_sha256") or row["image_id"]
        return {"number": past.number, "file": past.file, "file_sha256": written, "by_hand": "changed"}
    number = past.number if past else next(fresh)
    return {"number": number, "file": f"img_{number:04}{extension}"}


def _is_wanted_back(past: ImageState, override: Override | None) -> bool:
    """Whether a user deleted an image's file by hand, but later decided to keep the image."""
    if override is None or override.decision != "keep":
        return False
    return past.row.get("decided_at") != override.decided_at.isoformat()


def _said_by_hand(line: Row, override: Override | None) -> Row:
    """Returns the columns `by_hand` and `decided_at` for a user's decision about a row, if it could be applied."""
    if override is None:
        return {}
    at = {"decided_at": override.decided_at.isoformat()}
    if line["by_hand"] == "deleted":
        return at if override.decision == "drop" else {}
    if line["kept"] != (override.decision == "keep"):  # an image that cannot be decoded cannot be kept
        return at
    return {"by_hand": line["by_hand"] or ("kept" if line["kept"] else "dropped"), **at}


def _keep_file(row: Row, past: ImageState, before: FolderState, reencoded: bool) -> None:
    """Set a row's `file_sha256` if its file exists already; mark it as changed if a user's own file has its name."""
    there, ours = before.disk.get(row["file"]), before.ours.get(row["file"], set())
    written = past.row.get("file_sha256")
    if there and (there == written != row["image_id"] if reencoded else there == row["image_id"]):
        row["file_sha256"] = there
    elif row["file"] in before.disk and there not in ours:
        row |= {"file": past.file or row["file"], "file_sha256": written or row["image_id"], "by_hand": "changed"}


def _no_candidate(past: ImageState, override: Override | None) -> Row:
    """Returns the manifest row of an image that is no longer a search result; its number is never reused."""
    written = {"file_sha256": past.row.get("file_sha256"), "number": past.number}
    if override and override.decision == "keep" and past.state in ("ours", "changed"):
        line = {**past.row, "rank": None, "kept": True, "reason": override.reason, "file": past.file, **written}
        line["by_hand"] = "changed" if past.state == "changed" else None
        return line | {"file_sha256": line["file_sha256"] or line["image_id"]} | _said_by_hand(line, override)
    deleted = past.state == "deleted"
    said = {"kept": False, "reason": DELETED if deleted else LEFT, "by_hand": "deleted" if deleted else None}
    line = {**past.row, "rank": None, **said, "file": None, **written}
    return line | _said_by_hand(line, override)


def _gone(before: FolderState, names: set[str]) -> dict[str, str]:
    """Returns the files to delete (file name → SHA-256): written by the platform, unchanged, and not in `names`."""
    return {
        name: sha256
        for name, sha256 in before.disk.items()
        if name not in names and sha256 and sha256 in before.ours.get(name, ())
    }


def _stage(folder: Path, row: Row, files: Mapping[str, Path], reencoded: bool) -> str:
    source = files[row["image_id"]]
    if reencoded:
        return stage(folder, row["file"], lambda path: _write(path, reencode(open_image(source))))
    sha256 = stage(folder, row["file"], lambda path: _copy(source, path))
    if sha256 != row["image_id"]:
        raise StorageError(f"{source}: is damaged: its bytes are not those of its name. Take it away, search again.")
    return sha256


def _is_ours(folder: Path, name: str) -> bool:
    """Returns whether a file name is unused, or belongs to an unchanged file that the platform wrote."""
    claim = claims_of(folder).get(name)
    return not os.path.lexists(folder / name) or (claim is not None and digest(folder / name) in claim.sha256)


def _write_sheet(folder: Path, images: Sequence[Path]) -> list[str]:
    """Write the contact sheet beside the folder; returns a message if a user's own file has its name."""
    sheet = sheet_of(folder)
    try:
        write_ours({sheet: lambda path: _write(path, contact_sheet(images))}, folder, "It stays; move it to get one")
    except FileError as error:
        return [f"no contact sheet: {error}"]
    return []


def _notes(settled: Sequence[Row], gone: Sequence[str]) -> list[str]:
    """Returns messages for the user about files changed or deleted by hand, and files that this run deleted."""
    changed = [row["file"] for row in settled if row["by_hand"] == "changed"]
    deleted = [f"img_{row['number']:04}" for row in settled if row["by_hand"] == "deleted"]
    lists = {"changed by hand, stay as they are": changed, "deleted by hand, stay away": deleted, "taken away": gone}
    return [f"{len(names)} images {what}: {_some(names)}" for what, names in lists.items() if names]


def _some(names: Sequence[str]) -> str:
    more = [f"and {len(names) - _FEW} more"] if len(names) > _FEW else []
    return ", ".join([*names[:_FEW], *more])


def manifest(rows: Sequence[Row]) -> str:
    """Returns the manifest's text: one JSON line per row, in the order of `rows`; `image_id` is named `sha256`."""
    renamed = [{"sha256" if name == "image_id" else name: value for name, value in row.items()} for row in rows]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in renamed)


def _copy(source: Path, target: Path) -> None:
    with open(source, "rb") as stream:
        write_atomic(target, lambda out: shutil.copyfileobj(stream, out), sync_folder=False)


def _write(target: Path, data: bytes) -> None:
    write_atomic(target, lambda out: out.write(data), sync_folder=False)


_OF_FOLDER = ("file", "kept")


def write_declared(
    pseudonyms: Pseudonymizer | None,
    folder: Path,
    rows: Sequence[Row],
    files: Mapping[str, Path],
    request: Mapping[str, object],
    by_hand: Mapping[str, Override] = NOTHING,
    warnings: Sequence[str] = (),
    **options: bool,
) -> WrittenFolder:
    """Create or update an image dataset folder with `write_folder`, pseudonymous unless `pseudonyms` is None.

    A pseudonymous folder has no URLs in the manifest and no account names in any file. The returned rows, which are
    stored in the lake, still have both.
    """
    if pseudonyms is None:
        return write_folder(folder, rows, files, request, by_hand=by_hand, warnings=warnings, **options)
    shown = pseudonyms.table(SEARCH_DATASET.table([dict(row) for row in rows])).to_pylist()
    redacted = {name: pseudonyms.text(str(value)) for name, value in request.items()}
    told_by_hand = {
        image_id: replace(override, why=pseudonyms.text(override.why)) for image_id, override in by_hand.items()
    }
    warnings = [pseudonyms.text(warning) for warning in warnings]
    written, notes = write_folder(folder, shown, files, redacted, by_hand=told_by_hand, warnings=warnings, **options)
    true = [row | _came_true(row, *said) for row, *said in zip(rows, shown, written, strict=True)]
    return WrittenFolder(true, notes)


def _came_true(row: Row, shown: Row, written: Row) -> Row:
    """Returns the columns that `write_folder` has set in a row: `file`, `kept`, and `reason` with real names."""
    reason = row["reason"] if written["reason"] == shown["reason"] else written["reason"]
    return {name: written[name] for name in _OF_FOLDER} | {"reason": reason}
