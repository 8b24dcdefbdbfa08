"""A search's folder under faults: it grows, loses an image, is made anew as JPEGs, and a person works in it, too."""

import hashlib
import io
import json
import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from instagram_assets.datasets.image_folder import write_folder
from instagram_assets.storage.image_folder_state import MANIFEST, sheet_of
from instagram_assets.storage.owned_files import HIDDEN
from instagram_assets_tests.faults.campaign import Scenario

IMPORTS = ("PIL.ImageOps", "PIL.JpegImagePlugin", "PIL.PngImagePlugin")
_FIRST, _THEN = (1, 2, 3, 4, 5), (6, 1, 2, 3, 4, 7)
_CHANGED, _DELETED = "img_0002.png", "img_0003.png"
_THEIRS = {"labels.csv": b"img_0001.png,tabby", "img_0009.png": b"mine", "more/notes.txt": b"mine", _CHANGED: b"crop"}


def write_search(root: str) -> None:
    """Called in the worker: two searches into the folder that `prepare` made."""
    _write(Path(root), _THEN, refresh=True)
    _write(Path(root), _THEN, reencoded=True)


def prepare(root: Path) -> None:
    """The state before: a folder of five images in which a person has put, changed and deleted files."""
    shutil.copytree(_prepared(), root, dirs_exist_ok=True)


@cache
def _prepared() -> Path:
    root = Path(tempfile.mkdtemp(prefix="faults-folders-"))
    (root / "media").mkdir()
    for number in {*_FIRST, *_THEN}:
        _source(root, number).write_bytes(_picture(number))
    _write(root, _FIRST)
    folder = _folder(root)
    (folder / "more").mkdir()
    for name, content in _THEIRS.items():
        (folder / name).write_bytes(content)
    (folder / _DELETED).unlink()
    return root


def _write(root: Path, kept: Sequence[int], *, refresh: bool = False, reencoded: bool = False) -> None:
    rows = [
        {"rank": rank, "image_id": _image_id(number), "kept": True, "reason": None} for rank, number in enumerate(kept)
    ]
    files = {_image_id(number): _source(root, number) for number in kept}
    write_folder(_folder(root), rows, files, {"query": "cats"}, refresh=refresh, reencoded=reencoded)


@cache
def _picture(number: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 12), (number * 30, 9, 9)).save(out, "PNG")
    return out.getvalue()


def _image_id(number: int) -> str:
    return hashlib.sha256(_picture(number)).hexdigest()


def _source(root: Path, number: int) -> Path:
    return root / "media" / f"{_image_id(number)}.png"


def _folder(root: Path) -> Path:
    return root / "search" / "cats"


def _images(root: Path) -> set[str]:
    """The images in the folder that are not the person's."""
    return {path.name for path in _folder(root).glob("img_*")} - _THEIRS.keys()


def _lines(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (_folder(root) / MANIFEST).read_text("utf-8").splitlines()]


def _nothing_lost(root: Path) -> str:
    """What a fault has done to the person's files, or to images that the manifest names."""
    for name, content in _THEIRS.items():
        if (_folder(root) / name).read_bytes() != content:
            return f"{name} of the person is not as it was"
    if back := _images(root) & {_DELETED, "img_0003.jpg"}:
        return f"{back} is there again"
    for name in _images(root):
        with Image.open(_folder(root) / name) as picture:
            picture.load()  # raises for a torn one
    named = {line["file"] for line in _lines(root) if line["file"] and line["file"] != _DELETED}
    lost = named - _images(root) - _THEIRS.keys()
    return f"the manifest names {lost}" if lost else ""


def _complete(root: Path) -> str:
    if problem := _nothing_lost(root):
        return problem
    kept = {line["sha256"]: line["file"] for line in _lines(root) if line["kept"]}
    if kept.keys() != {_image_id(number) for number in _THEN if number != 3}:
        return f"other pictures are kept: {sorted(kept.values())}"
    if set(kept.values()) - {_CHANGED} != _images(root):
        return f"these images are there: {sorted(_images(root))}"
    if [kept[_image_id(number)] for number in (1, 2, 4)] != ["img_0001.jpg", _CHANGED, "img_0004.jpg"]:
        return f"a picture has another number: {kept}"
    there = {path.name for path in _folder(root).iterdir() if path.is_file()} - _THEIRS.keys() - _images(root)
    if there != {MANIFEST, "dataset_card.md"}:
        return f"these files are there: {sorted(there)}"
    hidden = [path.name for folder in (_folder(root), _folder(root).parent) for path in (folder / HIDDEN).iterdir()]
    if hidden != ["written.json"] * 2 or not sheet_of(_folder(root)).exists():
        return f"left half done: {hidden}"
    return ""


def _arguments(folder: Path) -> Sequence[object]:
    return [str(folder)]


FOLDERS = Scenario(
    "the folder of a search",
    "instagram_assets_tests.faults.folders:write_search",
    prepare=prepare,
    arguments=_arguments,
    after_fault=_nothing_lost,
    after_rerun=_complete,
    imports=IMPORTS,
)
