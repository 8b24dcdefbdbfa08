"""A folder of images that does not say where they came from."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from instagram_assets.datasets.folder import Row, Written, write_folder
from instagram_assets.privacy.pseudonymous import Pseudonyms
from instagram_assets.schemas import SEARCH_DATASET

_OF_FOLDER = ("file", "kept", "reason")


def write_declared(
    pseudonyms: Pseudonyms | None,
    folder: Path,
    rows: Sequence[Row],
    files: Mapping[str, Path],
    asked: Mapping[str, object],
    **options: bool,
) -> Written:
    """As `write_folder`; with `pseudonyms` addresses go from its manifest, and names from that and its card.

    The rows that are given back have them still, for the lake.
    """
    if pseudonyms is None:
        return write_folder(folder, rows, files, asked, **options)
    shown = pseudonyms.table(SEARCH_DATASET.table([dict(row) for row in rows])).to_pylist()
    told = {name: pseudonyms.text(str(value)) for name, value in asked.items()}
    written, notes = write_folder(folder, shown, files, told, **options)
    true = [row | {name: said[name] for name in _OF_FOLDER} for row, said in zip(rows, written, strict=True)]
    return Written(true, notes)
