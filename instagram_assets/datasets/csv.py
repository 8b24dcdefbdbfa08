r"""The merged dataset as CSV for machine learning, and a reader that restores every value with its type.

UTF-8 with one byte order mark, so that spreadsheets show Korean; comma-separated; `\r\n` after each record (RFC 4180);
one kind, posts or reels, per file; a header with the names of `merged_records.RECORD_COLUMNS`. The encoding of values
as cells is described in `csv_cells`.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa

from instagram_assets.datasets import csv_cells
from instagram_assets.datasets.merged_records import CAPTION_COLUMNS, RECORD_COLUMNS, PostKind, kind_of
from instagram_assets.engagement.post_metrics import impression as impression_of
from instagram_assets.errors import ContractError, FileError
from instagram_assets.schemas import Column
from instagram_assets.schemas.posts import visible_likes
from instagram_assets.storage.atomic import write_atomic

_BOM = "\ufeff"
_END = "\r\n"
_CELL = re.compile(r'(?:"(?P<quoted>[^"]*(?:""[^"]*)*)"|(?P<plain>[^",\r\n]*))(?P<end>,|\r\n|\r|\n|\Z)')

IMPRESSION = Column(
    "impression", pa.float64(), "(likesCount + commentsCount) / followersCount; null when one is unknown"
)
CAPTION_RAW = Column("caption_raw", pa.string(), "The caption with its newlines as they were")

_KNOWN = {column.name: column for column in (*RECORD_COLUMNS, *CAPTION_COLUMNS)}
_TYPES = {column.name: column.type for column in (*_KNOWN.values(), IMPRESSION, CAPTION_RAW)}


class CsvCounts(NamedTuple):
    """The number of records written to a CSV file, and of those left out as of the other kind (post or reel)."""

    rows: int
    left_out: int


def write_csv(
    records: Iterable[dict[str, Any]],
    path: Path,
    *,
    kind: PostKind | None,
    impression: bool = True,
    caption_raw: bool = False,
    spreadsheet_safe: bool = False,
    columns: list[str] | None = None,
) -> CsvCounts:
    """Write the records of one kind, `post` or `reel` (all records if `kind` is None), atomically as a CSV file.

    `columns` are the record keys to write, in order; by default those of `merged_records.RECORD_COLUMNS`. `impression`
    adds the column `IMPRESSION` (engagement rate: (likes + comments) / followers) and `caption_raw` the column
    `CAPTION_RAW`, after the last column of `RECORD_COLUMNS`. A record of unknown kind counts as `kind`.
    `spreadsheet_safe` writes a `'` before text that a spreadsheet would run as a formula or change (see `csv_cells`).
    Raises ContractError when a record has a key without a column.
    """
    names = _with_options(columns or [column.name for column in RECORD_COLUMNS], impression, caption_raw)
    expected, rows, left_out = set(names), 0, 0

    def write(stream: BinaryIO) -> None:
        nonlocal rows, left_out
        header = (csv_cells.encode(name, spreadsheet_safe=spreadsheet_safe) for name in names)
        stream.write(csv_cells.utf8(f"{_BOM}{','.join(header)}{_END}"))
        for record in records:
            if kind and (kind_of(record) or kind) != kind:
                left_out += 1
                continue
            if unknown := record.keys() - expected:
                raise ContractError(f"{path.name}: no column is called {sorted(unknown)}; name it in `columns`")
            rows += 1
            row = {**record, **_options_of(record, impression, caption_raw)}
            line = (
                csv_cells.encode(row.get(n), _TYPES.get(n), caption=n == "caption", spreadsheet_safe=spreadsheet_safe)
                for n in names
            )
            stream.write(csv_cells.utf8(f"{','.join(line)}{_END}"))

    write_atomic(path, write)
    return CsvCounts(rows, left_out)


def read_csv(path: str | Path, *, spreadsheet_safe: bool = False) -> Iterator[dict[str, Any]]:
    """Yields the records of a CSV file that this package wrote, with every value restored to its type.

    Several adjacent newlines in a caption are read as one. Columns that are not in `RECORD_COLUMNS` are read as
    strings. Pass `spreadsheet_safe=True` for a file that was written with it: then the `'` before formulas and long ids
    is removed. Raises FileError with the line number.

    >>> from instagram_assets import read_csv
    >>> for record in read_csv("posts.csv"):
    ...     print(record["id"], record["caption"], record["hashtags"])
    10000 #산책
    one more line ['산책']
    """
    path = Path(path)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        for _, row in read_csv_rows(stream, path, spreadsheet_safe=spreadsheet_safe):
            if isinstance(row, FileError):
                raise row
            yield row


def read_csv_rows(
    lines: Iterable[str], path: Path, *, spreadsheet_safe: bool | None = None
) -> Iterator[tuple[int, dict[str, Any] | FileError]]:
    """Yields (line number, record) for each record of a CSV file; for a malformed record, a FileError in its place.

    `lines` is the file's content, `path` is for messages. Every value is restored to its type. `spreadsheet_safe` says
    whether the file was written with it; if it is None, that is detected from the ids. Raises FileError if the rest of
    the file cannot be read.
    """
    rows = _split(lines, path)
    header = next(rows, None)
    if header is None:
        raise FileError(str(path), "is empty", "A CSV file starts with a line of column names")
    if isinstance(header[1], FileError):
        raise header[1]
    names = _column_names(header[1], path, spreadsheet_safe is True)
    unguarded, decoding = unguard_of(names, spreadsheet_safe), decoders(names)
    for number, row in rows:
        if isinstance(row, FileError):
            yield number, row
        elif row == [None] and len(names) > 1:
            continue
        elif len(row) != len(names):
            problem = f"{len(row)} cells, but the header names {len(names)} columns"
            yield number, FileError(str(path), problem, "Write the file again", f"line {number}")
        else:
            both = zip(names, decoding, unguarded(row), strict=True)
            yield number, {name: None if text is None else decode(text) for name, decode, text in both}


def unguard_of(names: Sequence[str], spreadsheet_safe: bool | None) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Returns a function that removes the `'` guards of `spreadsheet_safe` from the cells of a row.

    A guard is the `'` before text that a spreadsheet would run as a formula or change. `names` are the columns of a
    row. With `spreadsheet_safe` true the guards are removed from every row, with false from none, with None from rows
    whose cell `id` has a guard.
    """
    place = names.index("id") if "id" in names else None

    def unguarded(row: Sequence[Any]) -> Sequence[Any]:
        is_safe = spreadsheet_safe
        if is_safe is None:
            is_safe = place is not None and place < len(row) and str(row[place]).startswith("'")
        return [csv_cells.unguard(cell) if isinstance(cell, str) else cell for cell in row] if is_safe else row

    return unguarded


def decoders(names: Sequence[str]) -> list[Callable[[str], Any]]:
    """Returns, for each of these column names, the function that decodes a cell's text to a typed value."""
    return [csv_cells.decoder(_TYPES.get(name), caption=name == "caption") for name in names]


def keys_of_records(records: Iterable[dict[str, Any]]) -> list[str]:
    """Returns the distinct keys of all records: those of `RECORD_COLUMNS` in its order, then others as they appear."""
    seen: dict[str, None] = {}
    for record in records:
        seen.update(dict.fromkeys(record))
    return [name for name in _KNOWN if name in seen] + [name for name in seen if name not in _KNOWN]


def _with_options(columns: list[str], impression: bool, caption_raw: bool) -> list[str]:
    wanted = [c.name for c, on in ((IMPRESSION, impression), (CAPTION_RAW, caption_raw)) if on]
    names = [name for name in columns if name not in wanted]
    after = max((place for place, name in enumerate(names, start=1) if name in _KNOWN), default=0)
    return names[:after] + wanted + names[after:]


def impression_of_record(record: dict[str, Any]) -> float | None:
    """Returns a record's engagement rate `impression`: (likes + comments) / followers; null when it is unknown."""
    likes = visible_likes(_whole(record.get("likesCount")), bool(record.get("likesHidden")))
    return impression_of(likes, _whole(record.get("commentsCount")), _whole(record.get("followersCount")))


def _options_of(record: dict[str, Any], impression: bool, caption_raw: bool) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if impression:
        values[IMPRESSION.name] = impression_of_record(record)
    if caption_raw:
        values[CAPTION_RAW.name] = record.get("caption")
    return values


def _whole(value: Any) -> int | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _column_names(row: list[str | None], path: Path, spreadsheet_safe: bool) -> list[str]:
    names = [(csv_cells.unguard(cell or "") if spreadsheet_safe else cell or "") for cell in row]
    names[0] = names[0].lstrip(_BOM)
    if twice := {name for name in names if names.count(name) > 1}:
        raise FileError(str(path), f"columns named twice: {sorted(twice)}", "Give each column its own name", "line 1")
    return names


def _split(stream: Iterable[str], path: Path) -> Iterator[tuple[int, list[str | None] | FileError]]:
    """Yields (number of its first line, cells) for each CSV record; a cell is None if it is empty and unquoted."""
    pending: list[str] = []
    number, inside_quotes = 0, False
    try:
        for number, line in enumerate(stream, start=1):
            pending.append(line)
            inside_quotes ^= line.count('"') % 2 == 1
            if not inside_quotes:
                first = number - len(pending) + 1
                record = "".join(pending)
                pending.clear()
                yield first, _cells_of(record, path, first)
    except UnicodeDecodeError as error:
        raise FileError(str(path), "is not UTF-8", "Save it as UTF-8", f"after line {number}") from error
    if pending:
        first = number - len(pending) + 1
        raise FileError(str(path), "a quote is never closed", "Write the file again", f"line {first}")


def _cells_of(record: str, path: Path, line: int) -> list[str | None] | FileError:
    row: list[str | None] = []
    place = 0
    while True:
        cell = _CELL.match(record, place)
        if cell is None:
            where = f"line {line}, column {place + 1}"
            return FileError(str(path), "a cell has quotes in its middle", "Write the file again", where)
        quoted = cell["quoted"]
        row.append(cell["plain"] or None if quoted is None else quoted.replace('""', '"'))
        place = cell.end()
        if cell["end"] != ",":
            return row
