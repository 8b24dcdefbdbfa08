"""Predictions of the age model as CSV: one file with a row per user, and one with the audience's share and interval."""

import codecs
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from instagram_assets.datasets import csv_cells
from instagram_assets.errors import FileError
from instagram_assets.schemas import AGE_PREDICTIONS
from instagram_assets.storage.atomic import write_atomic

if TYPE_CHECKING:
    from instagram_assets.age.audience_share import AudienceShare

_ANSWER = "Age is equal to or greater than"
_SHARE_COLUMNS = (
    "people",
    "share",
    "low",
    "high",
    "accounts",
    "assumes",
    "note",
    "warnings",
    "by_known_ages",
    "left_out",
)
_PREDICTIONS_HEADER = f"Username,{_ANSWER} ".encode()
_SHARE_HEADER = ",".join(_SHARE_COLUMNS[:7]).encode()


def check_output_file(path: Path) -> None:
    """Raise FileError if predictions cannot be written to `path`, or if their share would replace a file of the user.

    `path` cannot be a folder or below a file. The share goes to `NAME_share.csv`, which the user did not name: a file
    of that name is only replaced if it has the header of `write_share_csv`, in this or an earlier version.
    """
    if path.is_dir():
        raise FileError(str(path), "is a folder", f"Name the file to write, such as {path / 'predictions.csv'}")
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not above.is_dir():
        raise FileError(str(path), f"{above} is a file, so nothing can lie below it", "Name a file in a folder")
    share = _share_path(path)
    if share.exists() and not _starts_with(share, _SHARE_HEADER):
        raise FileError(str(share), "is there already, and is no share", "Give the predictions another name")


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
    rows: list[list[Any]] = [["Username", f"{_ANSWER} {age_cutoff}", *others]]
    for row in predictions.to_pylist():
        answer = None if row["at_least_cutoff"] is None else int(row["at_least_cutoff"])
        rows.append([row["account"], answer, *(row[name] for name in others)])
    _write(rows, path, spreadsheet_safe)


def write_share_csv(
    found: "AudienceShare", predictions: Path, age_cutoff: int, *, spreadsheet_safe: bool = False
) -> Path:
    """Write the shares of an audience above and below the cut-off to a CSV beside its predictions; returns the path.

    The file has the name of the predictions file with `_share` appended. Columns: `people`, `share` (empty if there is
    no point estimate), `low` and `high` of the 95 % interval, `accounts`, `assumes`, `note`, `warnings`,
    `by_known_ages`, and `left_out`, how many people do not count since the model was trained or tested with them.
    """
    path = _share_path(predictions)
    rows: list[Sequence[Any]] = [_SHARE_COLUMNS]
    told = " ".join(found.warnings), found.anchor.change if found.anchor else None, found.left_out
    for people, share in ((f"{age_cutoff} or older", found.share), (f"under {age_cutoff}", found.share.below)):
        rows.append((people, share.share, share.low, share.high, share.n, share.assumes, share.note, *told))
    _write(rows, path, spreadsheet_safe)
    return path


def is_predictions_file(path: Path) -> bool:
    """Whether a file is one of `write_predictions_csv`, of the original project's predictions, or of shares."""
    return _starts_with(path, _PREDICTIONS_HEADER) or _starts_with(path, _SHARE_HEADER)


def _starts_with(path: Path, header: bytes) -> bool:
    try:
        with open(path, "rb") as stream:
            head = stream.read(len(codecs.BOM_UTF8) + len(header))
    except OSError:
        return False
    return head.removeprefix(codecs.BOM_UTF8).startswith(header)


def _share_path(predictions: Path) -> Path:
    return predictions.with_name(f"{predictions.stem}_share{predictions.suffix or '.csv'}")


def _write(rows: Iterable[Sequence[Any]], path: Path, spreadsheet_safe: bool) -> None:
    content = _lines(rows, spreadsheet_safe)
    write_atomic(path, lambda stream: stream.write(content))


def _lines(rows: Iterable[Sequence[Any]], spreadsheet_safe: bool = False) -> bytes:
    lines = (",".join(csv_cells.encode(value, spreadsheet_safe=spreadsheet_safe) for value in row) for row in rows)
    return csv_cells.utf8("\ufeff" + "".join(f"{line}\r\n" for line in lines))
