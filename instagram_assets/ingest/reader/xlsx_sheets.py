"""Reader for Excel workbooks (XLSX): yields the rows of each sheet of records as nested records."""

import html
import re
import warnings
import zipfile
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from instagram_assets.errors import FileError, RecordError
from instagram_assets.ingest.formats.ads import NEEDED
from instagram_assets.ingest.reader.byte_streams import UNPACKED_FREE, UNPACKED_RATIO, changed, check_regular, identity
from instagram_assets.ingest.reader.csv_tables import Item, check_names, decoder_of, is_known_table, shown_columns
from instagram_assets.ingest.reader.json_values import BadRecord

_XML_CHUNK = 1 << 20
# A formula cell without a cached value. An empty text is a value, which Excel writes with the type of a text.
_CELL = re.compile(
    rb"""<(?:\w+:)?c\b(?P<attributes>[^<>]*)>\s*
    (?:<(?:\w+:)?f\b[^<>]*(?:/>|>(?P<formula>[^<]*)</(?:\w+:)?f>))\s*
    (?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>""",
    re.VERBOSE,
)
_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")
_TEXT = re.compile(rb"""\bt\s*=\s*["']str["']""")
# Maximum size of a cell: 32,767 characters, each of them escaped.
_LONGEST = 1 << 18


class Formula(NamedTuple):
    """A formula in a sheet: its row (from 1), its column (from 0), and its text."""

    row: int
    column: int
    text: str


def unsaved_formulas(sheet: BinaryIO) -> Iterator[Formula]:
    """Yield the formulas in a sheet's XML that have no cached result, in order, in bounded memory."""
    held = b""
    while chunk := sheet.read(_XML_CHUNK):
        held += chunk
        end = 0
        for cell in _CELL.finditer(held) if b"<f" in held or b":f" in held else ():
            end = cell.end()
            place = _PLACE.search(cell["attributes"])
            if place and not _TEXT.search(cell["attributes"]):
                text = html.unescape((cell["formula"] or b"").decode("utf-8", "replace"))
                yield Formula(int(place[2]), _column(place[1].decode()), f"={text}")
        held = held[max(end, len(held) - _LONGEST) :]


def _column(letters: str) -> int:
    """Convert column letters to an index: A is 0, Z is 25, AA is 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


_MOST_ROWS = 1_048_576
"""Maximum number of rows in an Excel sheet."""

_PART = "xl/workbook.xml"
_MOST_UNPACKED = 1 << 30
_AT_ONCE = 500
_SAMPLE = 100
_MOST_TITLES = 10
_ERRORS = frozenset(("#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A", "#GETTING_DATA", "#SPILL!"))
# XLSX's escapes for characters that XML does not allow.
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_SAVE_AS = "Save it again as XLSX, or as CSV UTF-8"

_Row = tuple[object, ...]
Passed = Callable[[str], None]
"""Callback for a sheet that is not read; it gets the sheet's name and header, such as "'notes' with what, who"."""


def is_workbook(path: Path) -> bool:
    """True for a ZIP that contains the parts of an XLSX workbook. Raises FileError for an unreadable file."""
    check_regular(path)  # opening a pipe would block forever
    try:
        with path.open("rb") as stream:
            if stream.read(2) != b"PK":
                return False
        with zipfile.ZipFile(path) as archive:
            return _PART in archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return False


def workbook_records(path: Path, passed: Passed = lambda _: None) -> Iterator[Item]:
    """Yield the records of each sheet whose rows are records of a known format, one sheet after the other.

    `passed` is called with each other non-empty sheet, after the workbook has been read. A row that does not match its
    header becomes a BadRecord that names sheet and row. Numbers, booleans and timestamps are converted back to strings
    in columns that hold strings. Raises FileError when the workbook is damaged, expands to too much, or has no sheet of
    records; the error then names the sheets.
    """
    before = identity(check_regular(path))
    _check_size(path)
    passed_over, empty = list[str](), list[str]()
    found = False
    with open(path, "rb") as stream:
        book = _opened(stream, path)
        try:
            for sheet in book.worksheets:
                rows = enumerate(_rows(sheet, path), 1)
                header = _header(row for _, row in rows)
                names = [_name(cell) for cell in header]
                sample = list(islice(rows, _SAMPLE))
                if not is_known_table(names, [row for _, row in sample]):
                    title = sheet.title[:40]
                    empty += [] if names else [repr(title)]
                    passed_over += [f"{title!r} with {shown_columns(names)}"] if names else []
                    continue
                found = True
                check_names(names, path, f"sheet {sheet.title!r}")
                yield from _records(chain(sample, rows), names, sheet.title)
        finally:
            book.close()
    if not found:
        sheets = "; ".join([*passed_over, *(f"{title} with nothing" for title in empty)][:5]) or "none at all"
        raise FileError(
            str(path),
            f"no sheet of this workbook has columns that we know (its sheets: {sheets})",
            f"Give one whose first row has the names of the export's columns; {NEEDED}",
        )
    if identity(check_regular(path)) != before:
        raise changed(path)
    for told in passed_over:
        passed(told)


def _check_size(path: Path) -> None:
    """Raise FileError for a workbook that expands to far more than its size, or cannot be decompressed."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise _damaged(path, error) from error
    if any(member.flag_bits & 1 for member in members):
        raise FileError(str(path), "this workbook is locked with a password", "Save it without one")
    unpacked, packed = sum(member.file_size for member in members), path.stat().st_size
    if unpacked > max(UNPACKED_FREE, packed * UNPACKED_RATIO):
        problem = f"it unpacks to more than {UNPACKED_RATIO} times its size"
        raise FileError(str(path), problem, "If you trust it, save it as CSV UTF-8")
    if unpacked > _MOST_UNPACKED:
        problem = f"this workbook unpacks to more than {_MOST_UNPACKED >> 30} GB, which is read whole"
        raise FileError(str(path), problem, "Export it as CSV or JSON, which may be of any size")


def _opened(stream: Any, path: Path) -> Any:
    from openpyxl import load_workbook

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about styles and similar, which are not read
            return load_workbook(stream, read_only=True, data_only=True, keep_links=False)
    except (MemoryError, FileError):
        raise
    except Exception as error:  # a damaged workbook can raise any error in openpyxl
        raise _damaged(path, error) from error


def _rows(sheet: Any, path: Path) -> Iterator[_Row]:
    """Yield the rows of a sheet, ignoring the size in its XML; a formula without a cached result becomes its text."""
    try:
        sheet.reset_dimensions()
        rows = _with_formulas(sheet.iter_rows(values_only=True), sheet)
        read = 0
        while True:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                batch: list[_Row] = list(islice(rows, _AT_ONCE))
            read += len(batch)
            if not batch:
                return
            if read > _MOST_ROWS:
                problem = f"sheet {sheet.title!r} has more than {_MOST_ROWS:,} rows"
                raise FileError(str(path), problem, "Export it as CSV or JSON, which may be of any size")
            yield from batch
    except (MemoryError, FileError):
        raise
    except Exception as error:
        raise _damaged(path, error) from error


def _with_formulas(rows: Iterator[_Row], sheet: Any) -> Iterator[_Row]:
    with sheet._get_source() as source:  # the private method with which openpyxl opens the XML of a sheet
        formulas = unsaved_formulas(source)
        formula = next(formulas, None)
        for number, row in enumerate(rows, 1):
            cells = row
            while formula and formula.row <= number:
                if formula.row == number and formula.column < len(cells) and cells[formula.column] is None:
                    cells = (*cells[: formula.column], formula.text, *cells[formula.column + 1 :])
                formula = next(formulas, None)
            yield cells


def _header(rows: Iterator[_Row]) -> _Row:
    """Return the header row: the first with several cells (rows above it are titles), else the first non-empty one."""
    title: _Row = ()
    for row in islice((row for row in rows if any(map(_is_there, row))), _MOST_TITLES + 1):
        if sum(map(_is_there, row)) > 1:
            return row
        title = title or row
    return title


def _records(rows: Iterator[tuple[int, _Row]], names: Sequence[str], title: str) -> Iterator[Item]:
    record_of = decoder_of(names)
    for number, row in rows:
        clean = [_value(cell) for cell in row]
        if not any(map(_is_there, clean)):
            continue
        length = sum(len(cell) if isinstance(cell, str) else 8 for cell in clean)
        if any(map(_is_there, clean[len(names) :])):
            problem = f"sheet {title!r}, row {number}: more cells than the first row has names"
            yield BadRecord(RecordError("", problem), None), length
        else:
            yield record_of(clean, f"sheet {title!r}, row {number}"), length


def _value(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    if cell in _ERRORS:
        return None
    return _ESCAPED.sub(lambda code: chr(int(code[1], 16)), cell) if "_x" in cell else cell


def _is_there(cell: object) -> bool:
    return cell is not None and not (isinstance(cell, str) and not cell.strip())


def _name(cell: object) -> str:
    return "" if cell is None else str(_value(cell)).strip()


def _damaged(path: Path, error: Exception) -> FileError:
    said = f"{type(error).__name__}: {ascii(str(error))[:200]}"
    return FileError(str(path), f"this is a damaged workbook ({said})", _SAVE_AS)
