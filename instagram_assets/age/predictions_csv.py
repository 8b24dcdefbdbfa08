"""Predictions of the age model as CSV: one file with a row per user, and one with the audience's share and interval."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from instagram_assets.age.audience_share import AudienceShare
from instagram_assets.datasets import csv_cells
from instagram_assets.errors import FileError
from instagram_assets.schemas import AGE_PREDICTIONS
from instagram_assets.storage.atomic import write_atomic


def check_output_file(path: Path) -> None:
    """Raise FileError if a file cannot be written to `path`: the path is a folder, or a parent is a file."""
    if path.is_dir():
        raise FileError(str(path), "is a folder", f"Name the file to write, such as {path / 'predictions.csv'}")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise FileError(str(path), f"{above} is a file, so nothing can lie below it", "Name a file in a folder")


def write_predictions_csv(
    predictions: pa.Table, path: Path, age_cutoff: int, *, spreadsheet_safe: bool = False
) -> None:
    """Write a table of `age_predictions` as CSV, replacing an existing file atomically.

    The first two columns are those of the original project bumc_instascraping, `Username` and `Age is equal to or
    greater than 21` (or whatever the cut-off is): `1`, `0`, or empty where the model abstained. The columns of
    `age_predictions` follow. UTF-8 with a byte order mark, so that spreadsheets read it; `spreadsheet_safe` writes a
    `'` before text that they would run as a formula.
    """
    others = [name for name in AGE_PREDICTIONS.schema.names if name not in ("account", "at_least_cutoff")]
    rows: list[list[Any]] = [["Username", f"Age is equal to or greater than {age_cutoff}", *others]]
    for row in predictions.to_pylist():
        answer = None if row["at_least_cutoff"] is None else int(row["at_least_cutoff"])
        rows.append([row["account"], answer, *(row[name] for name in others)])
    _write(rows, path, spreadsheet_safe)


def write_share_csv(
    found: AudienceShare, predictions: Path, age_cutoff: int, *, spreadsheet_safe: bool = False
) -> Path:
    """Write the shares of an audience above and below the cut-off to a CSV beside its predictions; returns the path.

    The file has the name of the predictions file with `_share` appended. Columns: `people`, `share` (empty if there is
    no point estimate), `low` and `high` of the 95 % interval, `accounts`, `assumes`, `note`, `warnings`,
    `by_known_ages`.
    """
    path = predictions.with_name(f"{predictions.stem}_share{predictions.suffix or '.csv'}")
    rows: list[Sequence[Any]] = [
        ("people", "share", "low", "high", "accounts", "assumes", "note", "warnings", "by_known_ages")
    ]
    told = " ".join(found.warnings), found.anchor.change if found.anchor else None
    for people, share in ((f"{age_cutoff} or older", found.share), (f"under {age_cutoff}", found.share.below)):
        rows.append((people, share.share, share.low, share.high, share.n, share.assumes, share.note, *told))
    _write(rows, path, spreadsheet_safe)
    return path


def _write(rows: Iterable[Sequence[Any]], path: Path, spreadsheet_safe: bool) -> None:
    lines = (",".join(csv_cells.encode(value, spreadsheet_safe=spreadsheet_safe) for value in row) for row in rows)
    content = csv_cells.utf8("\ufeff" + "".join(f"{line}\r\n" for line in lines))
    write_atomic(path, lambda stream: stream.write(content))
