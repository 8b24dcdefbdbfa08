"""Reads age labels from CSV files in the variants that spreadsheets write, and joins them with the users' texts."""

import codecs
import csv
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.errors import FileError, RecordError
from instagram_assets.ingest.reader.byte_streams import looks_like, utf8_chunks, wrong_encoding
from instagram_assets.ingest.reader.text_lines import Lines
from instagram_assets.schemas import TEXTS
from instagram_assets.settings import IngestSettings

CSV_SEPARATORS = ",;\t|"
BAD_ROW = "is no row of this table"

# Means no separator: in a table of one column every separator is part of the text.
_NO_SEPARATOR = "\x1f"
_SPREADSHEETS = (".xlsx", ".xls", ".ods")
_TO_UNDERSCORE = re.compile(r"[\s.\-]+")


class CsvRow(NamedTuple):
    """One CSV row: its first line number, and its cells (column → text), or an error message if it is invalid."""

    line: int
    cells: dict[str, str]
    problem: str = ""


def read_csv_rows(
    path: Path, columns: Mapping[str, Sequence[str]], needed: Sequence[Sequence[str]], limits: IngestSettings
) -> Iterator[CsvRow]:
    """The rows of a CSV file below its header, one at a time; empty rows are skipped.

    `columns` maps each column to read to its accepted names, in lower case with `_` between words; of each group in
    `needed` at least one column is required. Other columns are ignored, missing cells are empty. The separator is the
    one of `CSV_SEPARATORS` that finds most columns in the header. Files are in UTF-8 with or without a byte order mark,
    in the encoding of `limits`, or in CP949, which Korean spreadsheets write; also compressed with gzip or xz.
    Raises FileError with the line when the file cannot be read, lacks a needed column or never closes a quote.
    """
    if path.suffix.lower() in _SPREADSHEETS:
        raise FileError(str(path), "this is a spreadsheet's own format", "Save it as CSV UTF-8")
    lines = Lines(utf8_chunks(path, _with_true_encoding(path, limits)), path, limits, "surrogatepass")
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise FileError(str(path), "the file is empty", "A CSV file starts with a line of column names")
    separator, places, width = _header(first.lstrip("\ufeff "), path, lines.number, columns, needed)
    # csv's own limit of 128 KiB per cell is global to the process; here the line length limits memory.
    csv.field_size_limit(max(csv.field_size_limit(), limits.max_record_mb << 20))
    before = lines.number
    reader = csv.reader(lines, delimiter=separator, strict=True)
    while True:
        start = lines.number + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if lines.ended:
                problem, remedy = "a quote is opened here and never closed", 'Close it; write a quote in a text as ""'
                raise FileError(str(path), problem, remedy, f"line {start}") from error
            until = f", up to line {lines.number}," if lines.number > start else ""
            yield CsvRow(start, {}, f'{BAD_ROW}: a quote stands in the middle of a cell{until} and should be ""')
            continue
        if not any(cell.strip() for cell in row):
            continue
        if any(cell.strip() for cell in row[width:]):
            problem = f"{BAD_ROW}: {len(row)} cells, but line {before} names {width} columns; put texts in quotes"
            yield CsvRow(start, {}, problem)
            continue
        yield CsvRow(start, {name: row[place] if place < len(row) else "" for name, place in places.items()})


def _with_true_encoding(path: Path, limits: IngestSettings) -> IngestSettings:
    """`limits`, with the encoding CP949 if the file is clearly in CP949 and not in the configured encoding."""
    refused = _wrong_encoding(path, limits)
    if refused is None:
        return limits
    guess, error = refused
    in_cp949 = limits.model_copy(update={"encoding": "cp949"})
    if guess != "cp949" or _wrong_encoding(path, in_cp949):
        raise error
    return in_cp949


def _wrong_encoding(path: Path, limits: IngestSettings) -> tuple[str | None, FileError] | None:
    """The probable encoding of a file and an error that names it; None if the configured encoding is valid."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    line = 1
    try:
        for chunk in chain(utf8_chunks(path, limits), [b""]):
            decoder.decode(chunk, final=not chunk)
            line += chunk.count(b"\n")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        # From the beginning of a line, so that detection does not start within a character.
        guess = looks_like(error.object[before.rfind(b"\n") + 1 :])
        line += before.count(b"\n")
        return guess, wrong_encoding(path, guess, f"line {line}")
    except FileError as error:
        if limits.encoding != "cp949":
            raise
        return None, error
    return None


def _header(
    line: str, path: Path, number: int, columns: Mapping[str, Sequence[str]], needed: Sequence[Sequence[str]]
) -> tuple[str, dict[str, int], int]:
    """The separator, the index of each of `columns` that the header has, and the header's number of columns."""
    found = [(separator, *_places(line, separator, columns)) for separator in (_NO_SEPARATOR, *CSV_SEPARATORS)]
    separator, places, names = max(found, key=lambda entry: (len(entry[1]), len(entry[2])))
    where = f"line {number}"
    for group in needed:
        if not any(name in places for name in group):
            wanted = " or ".join(f"`{name}`" for name in group)
            shown = ", ".join(names)[:200]
            raise FileError(
                str(path), f"there is no column {wanted} (found: {shown})", "Name it so in the first line", where
            )
    for name, place in places.items():
        if doubled := [other for other in names[place + 1 :] if _plain(other) in columns[name]]:
            problem = f"`{names[place]}` and `{doubled[0]}` both say `{name}`"
            raise FileError(str(path), problem, "Leave one of them out", where)
    return separator, places, len(names)


def _places(line: str, separator: str, columns: Mapping[str, Sequence[str]]) -> tuple[dict[str, int], list[str]]:
    try:
        names = [name.strip() for name in next(csv.reader([line], delimiter=separator), [""])]
    except csv.Error:
        return {}, [line.strip()]
    plain = [_plain(name) for name in names]
    places = {
        name: min(plain.index(spelling) for spelling in spellings if spelling in plain)
        for name, spellings in columns.items()
        if any(spelling in plain for spelling in spellings)
    }
    return places, names


def _plain(name: str) -> str:
    return _TO_UNDERSCORE.sub("_", name.strip().casefold())


LABELS_SCHEMA = pa.schema([("username", pa.string()), ("label", pa.int8()), ("age", pa.int16())])
REJECTED_SCHEMA = pa.schema(
    [("line", pa.int64()), ("username", pa.string()), ("field", pa.string()), ("reason", pa.string())]
)

MIN_AGE, MAX_AGE = 1, 120
LABEL_COLUMNS = {
    "username": ("username", "user_name", "account"),
    "age": ("age", "labeled_age", "labelled_age"),
    "birth_year": ("birth_year", "year_of_birth"),
}
"""The names that a column may have; upper case, spaces, dots and dashes make no difference: `user.name`."""

# Instagram's names, and the pseudonyms that stand for them.
_USERNAME = re.compile(r"[a-z0-9_.][a-z0-9_.-]{0,63}")
_WHOLE = re.compile(r"([+-]?)([0-9]+)(?:\.0*)?")
_MOST_DIGITS = 4


class Labels(NamedTuple):
    """Valid labels, one row per user in the order of the file, and the rejected rows with their reasons.

    `table` has the columns of `LABELS_SCHEMA`: label 1 for age ≥ cut-off, else 0. `refused` has those of
    `REJECTED_SCHEMA`, with an empty username if the cell is no valid username.
    """

    table: pa.Table
    refused: pa.Table


class _Said(NamedTuple):
    line: int
    username: str
    age: int


def read_labels(path: Path, cutoff: int, this_year: int, limits: IngestSettings | None = None) -> Labels:
    """Read labels from a CSV file with `username` (with or without @) and `age` or `birth_year`, in whole years.

    An age computed from a year of birth is the one reached in `this_year`, so it can be one year too high. A user may
    occur several times with the same age; all rows of a user with conflicting ages are rejected. Raises FileError if
    the file is unusable or has no valid row.
    """
    said: list[_Said] = []
    refused: list[tuple[int, str, str, str]] = []
    for row in read_csv_rows(path, LABEL_COLUMNS, (("username",), ("age", "birth_year")), limits or IngestSettings()):
        username = row.cells.get("username", "").strip().removeprefix("@").lower()
        try:
            if row.problem:
                raise RecordError("", row.problem)
            said.append(_Said(row.line, _username(username), _age(row.cells, this_year)))
        except RecordError as error:
            # An invalid name is only shown in the reason, where control characters are escaped.
            shown = username if _USERNAME.fullmatch(username) else ""
            refused.append((row.line, shown, error.field, error.reason))
    ages: dict[str, list[_Said]] = defaultdict(list)
    for one in said:
        ages[one.username].append(one)
    agreed = [rows[0] for rows in ages.values() if len({one.age for one in rows}) == 1]
    refused += [_contradiction(one, rows) for rows in ages.values() if len({r.age for r in rows}) > 1 for one in rows]
    refused.sort()
    if not agreed:
        raise _nothing_usable(path, refused)
    labels = [int(one.age >= cutoff) for one in agreed]
    columns = [[one.username for one in agreed], labels, [one.age for one in agreed]]
    return Labels(_table(columns, LABELS_SCHEMA), _table(list(zip(*refused, strict=True)) or [[]] * 4, REJECTED_SCHEMA))


def _username(name: str) -> str:
    if not name:
        raise RecordError("username", "is empty; give the account's name")
    if not _USERNAME.fullmatch(name):
        raise RecordError("username", f"{_shown(name)} is no account name; use letters, digits, `_`, `.` and `-`")
    return name


def _age(cells: dict[str, str], this_year: int) -> int:
    """The age in a row.

    Raises RecordError if it has neither age nor year of birth, or both and they contradict each other.
    """
    age, year = cells.get("age", "").strip(), cells.get("birth_year", "").strip()
    if not age and not year:
        raise RecordError("age" if "age" in cells else "birth_year", "is empty; fill it in or take the row out")
    if not year:
        return _whole(age, "age", MIN_AGE, MAX_AGE)
    reached = this_year - _whole(year, "birth_year", this_year - MAX_AGE, this_year - MIN_AGE)
    if not age:
        return reached
    years = _whole(age, "age", MIN_AGE, MAX_AGE)
    # Before the birthday one is a year younger than the year of birth says.
    if years not in (reached, reached - 1):
        raise RecordError("age", f"{years} contradicts `birth_year` {year} in {this_year}; correct one of them")
    return years


def _whole(text: str, field: str, least: int, most: int) -> int:
    number = _WHOLE.fullmatch(text)
    if not number:
        raise RecordError(field, f"{_shown(text)} is no whole number; write digits only")
    sign, digits = number.groups()
    if sign == "-" or len(digits) > _MOST_DIGITS or not least <= int(digits) <= most:
        raise RecordError(field, f"{_shown(text)} is not possible; allowed: {least} to {most}")
    if sign:
        raise RecordError(field, f"{_shown(text)} has a sign; write digits only")
    return int(digits)


def _contradiction(one: _Said, rows: list[_Said]) -> tuple[int, str, str, str]:
    told = ", ".join(f"line {other.line} says {other.age}" for other in rows[:5])
    return one.line, one.username, "age", f"two ages for one user ({told}); leave the right one"


def _nothing_usable(path: Path, refused: list[tuple[int, str, str, str]]) -> FileError:
    if not refused:
        return FileError(str(path), "there is no row below the header", "Add one line per user")
    line, _, field, reason = refused[0]
    problem = f"none of its {len(refused)} rows can be used; {field or 'row'}: {reason}"
    return FileError(str(path), problem, "Mend the rows and try again", f"line {line}")


def _shown(text: str) -> str:
    return ascii(text[:60]) + ("…" if len(text) > 60 else "")


def _table(columns: Sequence[Sequence[object]], schema: pa.Schema) -> pa.Table:
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


LABELLED_SCHEMA = pa.schema([("username", pa.string()), ("label", pa.int8()), ("texts", TEXTS)])
LEFT_OUT_SCHEMA = pa.schema([("username", pa.string()), ("reason", pa.string())])
NO_TEXTS_OF_USER = "nobody of this name is among the texts"


class LabelledTexts(NamedTuple):
    """Users with label and texts (`LABELLED_SCHEMA`), and labelled users without texts, each with the reason."""

    table: pa.Table
    left_out: pa.Table


def join_labels_and_texts(labels: pa.Table, texts: pa.Table) -> LabelledTexts:
    """Labels (the columns of `LABELS_SCHEMA`) joined with texts (those of `USER_TEXTS`), in the order of the labels."""
    names = texts["username"].to_pylist()
    reasons = dict(zip(names, texts["reason"].to_pylist(), strict=True))
    lengths = compute.list_value_length(texts["texts"]).to_pylist()
    rows = {name: row for row, (name, length) in enumerate(zip(names, lengths, strict=True)) if length}
    wanted = labels["username"].to_pylist()
    has_texts = pa.array([name in rows for name in wanted], pa.bool_())
    kept = labels.filter(has_texts).select(["username", "label"])
    found = texts["texts"].take(pa.array([rows[name] for name in kept["username"].to_pylist()], pa.int64()))
    missing = [{"username": name, "reason": reasons.get(name, NO_TEXTS_OF_USER)} for name in wanted if name not in rows]
    return LabelledTexts(
        kept.append_column("texts", found).cast(LABELLED_SCHEMA), pa.Table.from_pylist(missing, schema=LEFT_OUT_SCHEMA)
    )
