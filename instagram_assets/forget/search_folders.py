"""Erases from the folders of image searches: images of the subject, their manifest lines, and contact sheets.

Users work in these folders: their own files are kept, unless they were made from an image that is erased.
"""

import json
import os
from collections.abc import Collection, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from instagram_assets.forget.erasure_steps import Step
from instagram_assets.forget.file_operations import remove_path, rename_path
from instagram_assets.forget.files_and_folders import file_steps, link_steps, path_below
from instagram_assets.ingest.redact.redactor import RecordRedactor
from instagram_assets.privacy.forgotten_identifiers import Forgotten, is_search_of
from instagram_assets.storage.atomic import write_atomic
from instagram_assets.storage.fingerprints import url_identity
from instagram_assets.storage.image_folder_state import MANIFEST, sheet_of
from instagram_assets.storage.owned_files import (
    claims_of,
    digest,
    owned_folder_lock,
    publish,
    rename_claim,
    stage,
    staging,
)

_AREA = "datasets"


def search_folder_steps(searches: Path, root: Path, forgotten: Forgotten, own: Collection[str] = ()) -> Iterator[Step]:
    """Yields the steps for the folders of all image searches; `own` are the names of searches for the subject."""
    for folder in sorted(path for path in searches.iterdir() if path.is_dir()) if searches.is_dir() else ():
        if folder.is_symlink():
            yield from link_steps(_AREA, folder, root, forgotten)
            continue
        if _is_own(folder, forgotten, own):
            if _has_sheet(folder):
                yield Step(_AREA, f"{path_below(searches, root)}/…", "remove", 1, partial(_remove_sheet, folder))
            yield Step(_AREA, f"{path_below(searches, root)}/…", "remove", _files(folder), partial(remove_path, folder))
            continue
        if lines := [row for row in _rows(folder) if _is_gone(row, forgotten)]:
            name = path_below(folder, root)
            yield Step(_AREA, name, "rewrite", len(lines), partial(_remove_images, folder, forgotten))
        yield from _texts(folder, root, forgotten)
        if (new := forgotten.scrub(folder.name)) != folder.name:
            yield Step(_AREA, f"{path_below(searches, root)}/…", "rewrite", 0, partial(_rename, folder, new))


def _is_own(folder: Path, forgotten: Forgotten, own: Collection[str]) -> bool:
    """Whether a search was for the subject, judged by the folder's name or the queries in its manifest."""
    name = unquote(folder.name)
    if name in own or folder.name in own or is_search_of(name, forgotten):
        return True
    queries = {query for row in _rows(folder) if isinstance(query := row.get("query"), str)}
    return any(is_search_of(query, forgotten) for query in queries)


def _texts(folder: Path, root: Path, forgotten: Forgotten) -> Iterator[Step]:
    """Yields the steps for HTML pages and other text files of a folder that mention the subject."""
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name != MANIFEST:
            yield from file_steps(_AREA, path, root, forgotten)
    manifest = folder / MANIFEST
    left = [row for row in _rows(folder) if not _is_gone(row, forgotten)]
    if manifest.is_file() and any(RecordRedactor(forgotten).record(row) != row for row in left):
        yield from file_steps(_AREA, manifest, root, forgotten)


def _has_sheet(folder: Path) -> bool:
    """Whether the folder has a contact sheet, or only its record file, left by a killed erasure."""
    sheet = sheet_of(folder)
    return sheet.exists() or sheet.name in claims_of(sheet.parent)


def _remove_sheet(folder: Path) -> int:
    """Removes the contact sheet, even if the user changed it, then its record file, which has the folder's name."""
    sheet = sheet_of(folder)
    remove_path(sheet)
    with owned_folder_lock(sheet.parent):
        if sheet.name in claims_of(sheet.parent):
            publish(sheet.parent, {}, gone={sheet.name: ""})
    return 0


def _rename(folder: Path, name: str) -> int:
    """Renames a folder to `name`, which contains the pseudonym; its contact sheet is renamed first."""
    new, number = name, 1
    while (folder.with_name(new)).exists():
        number += 1
        new = f"{name}-{number}"
    sheet, target = sheet_of(folder), folder.with_name(new)
    rename_path(sheet, sheet_of(target).name)
    rename_claim(sheet, sheet_of(target), target)
    return rename_path(folder, new)


def _remove_images(folder: Path, forgotten: Forgotten) -> int:
    """Removes erased images, then the contact sheet, and last the manifest lines that list these images."""
    with owned_folder_lock(folder):
        rows = _rows(folder)
        gone = {str(row["file"]) for row in rows if _is_gone(row, forgotten) and row.get("file")}
        numbers = {f"img_{row['number']:04}" for row in rows if _is_gone(row, forgotten) and row.get("number")}
        # Also what a user made of one of them: its name has the same number.
        gone |= {name for name in os.listdir(folder) if name.partition(".")[0] in numbers}
        claimed = {name: sha256 for name in gone if (sha256 := digest(folder / name)) is not None}
        recorded = {name: "" for name in claims_of(folder) if name in gone}
        with staging(folder):
            publish(folder, {}, gone={**recorded, **claimed})
        _remove_sheet(folder)
        kept = [row for row in rows if not _is_gone(row, forgotten)]
        text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in kept).encode()
        if MANIFEST not in claims_of(folder):
            write_atomic(folder / MANIFEST, lambda stream: stream.write(text))
            return len(text)
        with staging(folder):
            sha256 = stage(folder, MANIFEST, lambda path: path.write_bytes(text))
            publish(folder, {MANIFEST: sha256})
        return len(text)


def _rows(folder: Path) -> list[dict[str, Any]]:
    """Returns the records of a folder's manifest; empty if it is missing or unreadable."""
    try:
        lines = (folder / MANIFEST).read_text("utf-8").splitlines()
        return [row for row in map(json.loads, lines) if isinstance(row, dict)]
    except (FileNotFoundError, ValueError):
        return []


def _is_gone(row: dict[str, Any], forgotten: Forgotten) -> bool:
    ids = (row.get("sha256"), row.get("file_sha256"))
    if any(forgotten.has("image", value) for value in ids if isinstance(value, str)):
        return True
    url = row.get("url")
    try:
        return isinstance(url, str) and forgotten.has("url", url_identity(url))
    except ValueError:
        return False


def _files(path: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(path)) if path.is_dir() else 1
