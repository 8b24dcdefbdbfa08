"""Reader for CSV tables: unflattens each row to the nested record that its collector flattened, in bounded memory."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import dropwhile, islice
from pathlib import Path
from typing import NamedTuple

from instagram_assets.errors import FileError, RecordError
from instagram_assets.ingest.formats import ads, cell_values
from instagram_assets.ingest.reader.byte_streams import looks_like, wrong_encoding
from instagram_assets.ingest.reader.json_values import BadRecord, PlacedRecord, Record
from instagram_assets.ingest.reader.json_window import SPLIT
from instagram_assets.ingest.reader.text_lines import Lines
from instagram_assets.ingest.reader.unflatten import Unflattener
from instagram_assets.settings import IngestSettings

SEPARATORS = ",;\t"
UNREAD_SEPARATORS = "|^~"
"""Unsupported separators, which are recognised only to report them."""

_SAMPLE = 100
_NAMES_SHOWN = 8
_NAME_SHOWN = 40
# The separator line of Excel (`sep=;`).
_HINT = re.compile(r"sep=.[\r\n]*\Z")
_ESCAPED = re.compile("[\udc80-\udcff]")

Item = tuple[Record | BadRecord, int]


class Header(NamedTuple):
    """Header of a table: its separator and its column names."""

    separator: str
    names: list[str]


def table_in(head: bytes) -> Header | None:
    """Return the header of the table at the start of a file; None unless its rows are records of a known format."""
    return next((header for header, rows in _guesses(head) if is_known_table(header.names, rows)), None)


def unread_separator(head: bytes) -> str:
    """Return the unsupported separator with which a file would be a table in a known format; empty if there is none."""
    guesses = _guesses(head, UNREAD_SEPARATORS)
    return next((header.separator for header, rows in guesses if is_known_table(header.names, rows)), "")


def unknown_columns(head: bytes) -> str:
    """Return a table's first column names as text, for the error message about unknown columns; empty for no table."""
    for header, rows in _guesses(head):
        width = len(header.names)
        named = all(name.strip() and len(name) <= _NAME_SHOWN for name in header.names)
        if named and rows and all(len(row) == width for row in rows):
            return shown_columns(header.names)
    return ""


def shown_columns(names: Sequence[str]) -> str:
    """Format the first of some column names for a message."""
    first = [name[:_NAME_SHOWN] for name in names[:_NAMES_SHOWN]]
    more = ["…"] if len(names) > len(first) else []
    return ", ".join([name if name.isprintable() else ascii(name)[1:-1] for name in first] + more)


def is_known_table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> bool:
    """True if a table's rows are records of a known format, judging by its column names and some of its rows."""
    unflattener = Unflattener(names, cell_values.converter)
    samples = [["x"] * len(names), *rows]
    return any(cell_values.is_known(unflattener.record(row)) for row in samples)


def is_title(row: Sequence[object]) -> bool:
    """True for a row with several cells of which one is filled: a title above the column names of a spreadsheet."""
    return len(row) > 1 and sum(cell is not None and str(cell).strip() != "" for cell in row) == 1


def check_names(names: Sequence[str], path: Path, where: str) -> None:
    """Raise FileError if two columns have the same name; `where` is the position of the header for the message."""
    given = [name for name in names if name]
    if len(set(given)) < len(given):
        twice = shown_columns(sorted({name for name in given if given.count(name) > 1}))
        raise FileError(str(path), f"columns named twice: {twice}", "Give each column its own name", where)


def decoder_of(names: Sequence[str]) -> Callable[[Sequence[object], str], Record]:
    """Return the function that makes a record from a row's cells and location: flat for our own CSV, else nested."""
    record_of = Unflattener(names, cell_values.converter).record
    if not cell_values.is_own(list(names)):
        if ads.is_table(names):
            return lambda row, place: ads.with_row_number(names, record_of(row), place)
        return lambda row, place: PlacedRecord(record_of(row), place)
    from instagram_assets.datasets.csv import decoders, unguard_of

    decode, unguarded = decoders(names), unguard_of(names, None)

    def own_record_of(row: Sequence[object], place: str) -> Record:
        both = zip(decode, unguarded(row), strict=False)
        cells = [decoder(cell) if isinstance(cell, str) and cell else cell for decoder, cell in both]
        return PlacedRecord(record_of(cells), place)

    return own_record_of


def table_records(chunks: Iterator[bytes], header: Header, path: Path, limits: IngestSettings) -> Iterator[Item]:
    """Yield the records of a CSV file, each with the length of its text in characters.

    A row that does not match the header, or is not UTF-8, becomes a BadRecord that names its line. Raises FileError
    when the file is in another encoding, or a quote is never closed.
    """
    lines = _Rows(Lines(chunks, path, limits), path, limits)
    if cell_values.is_own(header.names) and header.separator == ",":
        yield from _own_records(lines, path)
        return
    # The csv module's limit is 128 KiB a cell and global to all threads; memory is bounded by the row length instead.
    csv.field_size_limit(max(csv.field_size_limit(), limits.max_record_mb << 20))
    reader = csv.reader(lines, delimiter=header.separator, strict=True)
    names = _names_in(reader, lines, path)
    check_names(names, path, f"line {lines.number}")
    record_of = decoder_of(names)
    while True:
        start = lines.begin()
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.ended:
                problem, remedy = "a quote is opened here and never closed", "Fetch or export it again, or close it"
                raise FileError(str(path), problem, remedy, f"line {start}") from error
            yield _bad(start, 'a quote stands in the middle of a cell and should be ""', lines.text), len(lines.text)
            continue
        if problem := lines.problem(start):
            yield _bad(start, problem, lines.text), len(lines.text)
        elif any(cell.strip() for cell in row):
            fault = _misfit(row, names, lines.text)
            yield _bad(start, fault, lines.text) if fault else record_of(row, f"line {start}"), len(lines.text)


def _names_in(reader: Iterator[list[str]], lines: "_Rows", path: Path) -> list[str]:
    """Return the column names, below any title rows. Raises FileError if the names cannot be parsed."""
    try:
        header = next((row for row in reader if any(row) and not is_title(row)), [])
    except csv.Error as error:
        problem = f"the names of the columns cannot be read ({error})"
        raise FileError(str(path), problem, "Fetch or export it again", f"line {lines.number}") from error
    return [name.strip() for name in header]


class _Rows:
    """Iterator over the lines from the header on; it also collects the text of the current row, for error messages."""

    def __init__(self, lines: Lines, path: Path, limits: IngestSettings) -> None:
        self._lines = lines
        self._path = path
        self._limit = limits.max_record_mb << 20
        self._parts: list[str] = []
        self._held = 0
        self._before_header = True

    @property
    def number(self) -> int:
        return self._lines.number

    @property
    def ended(self) -> bool:
        return self._lines.ended

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def begin(self) -> int:
        """Start a new row: discard the text of the last one, and return the number of the new row's first line."""
        self._parts, self._held = [], 0
        return self.number + 1

    def problem(self, start: int) -> str:
        """Return the encoding problem of the current row, which begins at line `start`; empty if there is none.

        Raises FileError if the text is in another encoding.
        """
        text = self.text
        if text.isascii() or not (found := _ESCAPED.search(text)):
            return ""
        if guess := looks_like(text.encode("utf-8", "surrogateescape")):
            raise wrong_encoding(self._path, guess, f"line {start}")
        return f"not UTF-8 at character {found.start() + 1} of the row"

    def __iter__(self) -> "_Rows":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        while self._before_header and (not line.strip() or _HINT.match(line.lstrip("\ufeff "))):
            line = next(self._lines)
        if self._before_header:
            line, self._before_header = line.lstrip("\ufeff "), False
        self._parts.append(line)
        self._held += len(line)
        if self._held > self._limit:
            where = f"line {self.number - len(self._parts) + 1}"
            raise FileError(str(self._path), f"a record is larger than {self._limit >> 20} MB", SPLIT, where)
        return line


def _guesses(head: bytes, separators: str = SEPARATORS) -> Iterator[tuple[Header, list[list[str]]]]:
    """Yield a possible header and sample rows for each separator, the one with the most columns first."""
    text = head.decode("utf-8", "surrogateescape").lstrip("\ufeff \t\r\n")
    if _HINT.match(text.partition("\n")[0]):
        text = text.partition("\n")[2]
    found: list[tuple[Header, list[list[str]]]] = []
    for separator in separators:
        rows = list(dropwhile(is_title, islice(_whole_rows(text, separator), _SAMPLE)))
        # Thousands of columns may fill the whole sample: then the names found so far must do.
        rows = rows or list(islice(_whole_rows(text, separator, strict=False), 1))
        if rows and len(rows[0]) > 1:
            found.append((Header(separator, [name.strip() for name in rows[0]]), rows[1:]))
    yield from sorted(found, key=lambda guess: -len(guess[0].names))


def _whole_rows(text: str, separator: str, *, strict: bool = True) -> Iterator[list[str]]:
    """Yield the complete rows of a text that may be cut off; without `strict` also its incomplete last row."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=strict)
    while True:
        try:
            row = next(reader)
        except (StopIteration, csv.Error):
            return
        if any(row):
            yield row


def _misfit(row: Sequence[str], names: Sequence[str], text: str) -> str:
    """Return the problem with a row's number of cells.

    Empty if there is none: spreadsheets omit empty cells at the end.
    """
    if any(cell.strip() for cell in row[len(names) :]):
        return f"{len(row)} cells, but the header names {len(names)} columns; put texts in quotes"
    if len(row) < len(names) and not text.endswith(("\n", "\r")):
        return f"the file ends in the middle of this row, after {len(row)} of {len(names)} cells"
    return ""


def _bad(line: int, problem: str, text: str) -> BadRecord:
    return BadRecord(RecordError("", f"line {line}: {problem}"), text)


def _own_records(lines: _Rows, path: Path) -> Iterator[Item]:
    """Yield the records of our own dataset CSV, with values already converted by that format's reader."""
    from instagram_assets.datasets.csv import read_csv_rows

    lines.begin()
    for start, row in read_csv_rows(lines, path):
        problem = lines.problem(start) or (row.problem if isinstance(row, FileError) else "")
        if problem or isinstance(row, FileError):
            yield _bad(start, problem, lines.text), len(lines.text)
        else:
            yield PlacedRecord(row, f"line {start}"), len(lines.text)
        lines.begin()
