"""A folder of images that does not say where they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from instagram_assets.datasets.folder import Row, Written, write_folder
from instagram_assets.privacy.pseudonyms import Pseudonymizer
from instagram_assets.schemas import SEARCH_DATASET
from instagram_assets.schemas.search import NOTHING, Override

_OF_FOLDER = ("file", "kept")


def write_declared(
    pseudonyms: Pseudonymizer | None,
    folder: Path,
    rows: Sequence[Row],
    files: Mapping[str, Path],
    asked: Mapping[str, object],
    by_hand: Mapping[str, Override] = NOTHING,
    **options: bool,
) -> Written:
    """As `write_folder`; with `pseudonyms` addresses go from its manifest, and names from that and its card.

    The rows that are given back have them still, for the lake.
    """
    if pseudonyms is None:
        return write_folder(folder, rows, files, asked, by_hand=by_hand, **options)
    shown = pseudonyms.table(SEARCH_DATASET.table([dict(row) for row in rows])).to_pylist()
    told = {name: pseudonyms.text(str(value)) for name, value in asked.items()}
    told_by_hand = {
        image_id: replace(override, why=pseudonyms.text(override.why)) for image_id, override in by_hand.items()
    }
    written, notes = write_folder(folder, shown, files, told, by_hand=told_by_hand, **options)
    true = [row | _came_true(row, *said) for row, *said in zip(rows, shown, written, strict=True)]
    return Written(true, notes)


def _came_true(row: Row, shown: Row, written: Row) -> Row:
    """What the folder says of a row, in which a reason that came from the row is as it was."""
    reason = row["reason"] if written["reason"] == shown["reason"] else written["reason"]
    return {name: written[name] for name in _OF_FOLDER} | {"reason": reason}
