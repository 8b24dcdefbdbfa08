"""A folder of images of one subject: the files, a manifest of every candidate, and a card that says how it came."""

import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from instagram_assets.datasets.swap import replace_folder
from instagram_assets.media.decode import open_image, reencode
from instagram_assets.media.sheets import contact_sheet
from instagram_assets.storage.atomic import write_atomic

Row = dict[str, Any]

MANIFEST = "manifest.jsonl"
CARD = "dataset_card.md"
SHEET = "contact_sheet.jpg"


def name_files(rows: Sequence[Row], files: Mapping[str, Path], *, reencoded: bool = False) -> list[Row]:
    """The rows with `file`: img_0001.jpg, img_0002.png … for the kept ones in their order, null for the others.

    `rows` are those of `schemas.SEARCH_DATASET`; `files` says where each image_id lies, with its true extension.
    """
    numbers = count(1)

    def name(row: Row) -> str | None:
        if not row["kept"]:
            return None
        extension = ".jpg" if reencoded else files[row["image_id"]].suffix
        return f"img_{next(numbers):04}{extension}"

    return [{**row, "file": name(row)} for row in rows]


def write_folder(
    folder: Path,
    rows: Sequence[Row],
    files: Mapping[str, Path],
    asked: Mapping[str, object],
    *,
    reencoded: bool = False,
) -> None:
    """Make or replace the folder as a whole: kept images, manifest, card and contact sheet.

    `rows` are as `name_files` gives them, `asked` is what the card says about the search. The images are the bytes
    that were fetched; with `reencoded`, JPEGs made anew. Raises StorageError when the disk refuses.
    """
    kept = [(row["file"], files[row["image_id"]]) for row in rows if row["kept"]]

    def fill(new: Path) -> None:
        for name, source in kept:
            if reencoded:
                _write(new / name, reencode(open_image(source)))
            else:
                _copy(source, new / name)
        _write(new / MANIFEST, manifest(rows).encode())
        _write(new / CARD, card(rows, asked).encode())
        if kept:
            _write(new / SHEET, contact_sheet([source for _, source in kept]))

    replace_folder(folder, fill)


def manifest(rows: Sequence[Row]) -> str:
    """One line of JSON per candidate, in the order of the rows; `image_id` is called what it is, `sha256`."""
    renamed = [{"sha256" if name == "image_id" else name: value for name, value in row.items()} for row in rows]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in renamed)


def card(rows: Sequence[Row], asked: Mapping[str, object]) -> str:
    """What the dataset is, in Markdown: counts, why candidates were left out, settings, and the contact sheet."""
    kept = sum(row["kept"] for row in rows)
    query = _inline(str(asked.get("query", "")))
    lines = [
        f"# {query}",
        "",
        f"{kept} images of one subject, from {len(rows)} results of an image search. `{MANIFEST}` has one line per",
        "result, with its address and why it was left out. The images belong to their owners: look at each source.",
        "",
    ]
    if kept:
        lines += [f"![The images, nearest to the middle of the cluster first]({SHEET})", ""]
    lines += ["| left out because | results |", "|---|---|"]
    lines += [f"| {_inline(reason)} | {count} |" for reason, count in why_not(rows).items()]
    lines += ["", "| setting | value |", "|---|---|"]
    lines += [f"| {name} | {_inline(str(value))} |" for name, value in asked.items()]
    return "\n".join(lines) + "\n"


def why_not(rows: Sequence[Row]) -> dict[str, int]:
    """How many candidates were left out for each kind of reason, most frequent first."""
    reasons = (str(row["reason"]) for row in rows if not row["kept"])
    return dict(Counter(map(kind_of, reasons)).most_common())


def kind_of(reason: str) -> str:
    """What stands before the numbers of a reason: `smaller than 300 px` of `smaller than 300 px (240 x 180)`."""
    for end in (" (", ": ", "; "):
        reason = reason.split(end, 1)[0]
    return reason


def _inline(text: str) -> str:
    """Text that cannot end a table's cell or begin something else in Markdown."""
    plain = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#!~" else sign for sign in plain)


def _copy(source: Path, target: Path) -> None:
    with open(source, "rb") as stream:
        write_atomic(target, lambda out: shutil.copyfileobj(stream, out), sync_folder=False)


def _write(target: Path, data: bytes) -> None:
    write_atomic(target, lambda out: out.write(data), sync_folder=False)
