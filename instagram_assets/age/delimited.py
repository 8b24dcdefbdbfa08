"""Tables as people save them from spreadsheets: CSV with any of the usual separators, line ends and encodings."""

import codecs
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from instagram_assets.errors import FileError
from instagram_assets.ingest.reader.lines import Lines
from instagram_assets.ingest.reader.streams import looks_like, utf8_chunks, wrong_encoding
from instagram_assets.settings import IngestSettings

SEPARATORS = ",;\t|"
UNREADABLE = "is no row of this table"

# Stands for "none": in a table of one column every separator belongs to the text.
_NO_SEPARATOR = "\x1f"
_SPREADSHEETS = (".xlsx", ".xls", ".ods")
_TO_UNDERSCORE = re.compile(r"[\s.\-]+")


class Row(NamedTuple):
    """One row: the line that it starts in, its cells by the names that were asked for, or what is wrong with it."""

    line: int
    cells: dict[str, str]
    problem: str = ""


def read_rows(
    path: Path, columns: Mapping[str, Sequence[str]], needed: Sequence[Sequence[str]], limits: IngestSettings
) -> Iterator[Row]:
    """The rows of a CSV file below its header, one at a time; empty rows are passed over.

    `columns` gives for each column wanted the names it may have, in lower case with `_` between words; of each group
    of `needed` one must be there. Other columns are ignored, missing cells are empty. The separator is the one of
    `SEPARATORS` that makes most sense of the header. UTF-8 with or without a byte order mark, the encoding of
    `limits`, or CP949, which Korean spreadsheets write; also packed with gzip or xz.
    Raises FileError with the line when the file cannot be read, lacks a needed column or never closes a quote.
    """
    if path.suffix.lower() in _SPREADSHEETS:
        raise FileError(str(path), "this is a spreadsheet's own format", "Save it as CSV UTF-8")
    lines = Lines(utf8_chunks(path, _with_true_encoding(path, limits)), path, limits, "surrogatepass")
    first = next((line for line in lines if line.strip()), None)
    if first is None:
        raise FileError(str(path), "the file is empty", "A CSV file starts with a line of column names")
    separator, places, width = _header(first.lstrip("\ufeff "), path, lines.number, columns, needed)
    # Its own limit is 128 KiB a cell, and one for all threads; what bounds memory here is the length of a line.
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
            yield Row(start, {}, f'{UNREADABLE}: a quote stands in the middle of a cell{until} and should be ""')
            continue
        if not any(cell.strip() for cell in row):
            continue
        if any(cell.strip() for cell in row[width:]):
            problem = f"{UNREADABLE}: {len(row)} cells, but line {before} names {width} columns; put texts in quotes"
            yield Row(start, {}, problem)
            continue
        yield Row(start, {name: row[place] if place < len(row) else "" for name, place in places.items()})


def _with_true_encoding(path: Path, limits: IngestSettings) -> IngestSettings:
    """The limits, with CP949 as the encoding where the file is not in theirs and clearly in that one."""
    refused = _wrong_encoding(path, limits)
    if refused is None:
        return limits
    guess, error = refused
    in_cp949 = limits.model_copy(update={"encoding": "cp949"})
    if guess != "cp949" or _wrong_encoding(path, in_cp949):
        raise error
    return in_cp949


def _wrong_encoding(path: Path, limits: IngestSettings) -> tuple[str | None, FileError] | None:
    """The encoding that a file is probably in, and the error that says so, where it is not in that of the limits."""
    decoder = codecs.getincrementaldecoder("utf-8")("surrogatepass")
    line = 1
    try:
        for chunk in chain(utf8_chunks(path, limits), [b""]):
            decoder.decode(chunk, final=not chunk)
            line += chunk.count(b"\n")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        # From the beginning of a line, so that a guess does not start in the middle of a character.
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
    """The separator, the place of each wanted column that is there, and how many columns there are."""
    found = [(separator, *_places(line, separator, columns)) for separator in (_NO_SEPARATOR, *SEPARATORS)]
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
