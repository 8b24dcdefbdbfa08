"""Redaction of CSV tables: rows about erased accounts and posts are removed; elsewhere erased names are replaced."""

import csv
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from instagram_assets.ingest.reader.csv_tables import Header, decoder_of, is_title
from instagram_assets.ingest.reader.json_values import Record, parse
from instagram_assets.ingest.redact.json_documents import NotRewritableError, Tally
from instagram_assets.ingest.redact.json_spans import rewritten
from instagram_assets.ingest.redact.redactor import GONE, RecordRedactor

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r(?!\Z)|\n)")
_HINT = re.compile(r"sep=.[\r\n]*\Z")
_LONGEST_CELL = 1 << 30


def scrubbed_table(chunks: Iterator[str], header: Header, redactor: RecordRedactor, tally: Tally) -> Iterator[str]:
    """Yield the text of a CSV file without data erased on request; `tally` counts the changes.

    Raises NotRewritableError if a quote is never closed.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST_CELL))
    rows = _Rows(chunks)
    reader = csv.reader(rows, delimiter=header.separator, strict=True)
    record_of: Any = None
    names: list[str] = []
    while True:
        rows.text = ""
        try:
            row = next(reader)
        except StopIteration:
            yield rows.text
            return
        except csv.Error as error:
            if rows.ended:
                raise NotRewritableError("a quote is never closed") from error
            yield from _by_text(rows.text, redactor, tally)
            continue
        if record_of is not None:
            yield from _row(rows.text, row, names, record_of, header.separator, redactor, tally)
        elif any(row) and not is_title(row) and not _HINT.match(rows.text.lstrip("\ufeff ")):
            names = [name.strip().lstrip("\ufeff ") for name in row]
            record_of = decoder_of(names)
            yield rows.text
        else:
            yield redactor.text(rows.text)


def marked_cells(
    cells: Sequence[Any], names: Sequence[str], record: Record, redactor: RecordRedactor
) -> list[Any] | None:
    """Return a row's redacted cells, unchanged ones as the same objects; None if the whole row is removed.

    `record` is what `ingest` parses from the row; `names` are the column names.
    """
    if redactor.marked(record) is GONE:
        return None
    flat = {name: cell for name, cell in zip(names, cells, strict=False) if cell is not None}
    walked = redactor.marked(flat)
    if walked is GONE:
        return None
    new: list[Any] = []
    for position, cell in enumerate(cells):
        after = walked.get(names[position], cell) if position < len(names) else redactor.record(cell)
        is_empty = after is GONE or (after is None and cell is not None)
        new.append("" if is_empty else _cell(cell, after, redactor))
    return new


def _cell(before: Any, after: Any, redactor: RecordRedactor) -> Any:
    """Return the redacted cell `before`; if it contains JSON, that is parsed, so that whole objects can be removed.

    `after` is the same cell, redacted as plain text: the result if the cell is not JSON.
    """
    if not isinstance(before, str) or before[:1] not in ("[", "{"):
        return after
    try:
        value, end = parse(before, 0)
    except (json.JSONDecodeError, IndexError):
        return after
    if end != len(before):
        return after
    marked = redactor.marked(value)
    if marked is value:
        return after
    return "" if marked is GONE else redactor.text(rewritten(before, value, marked, redactor.text))


def _row(
    text: str,
    row: list[str],
    names: list[str],
    record_of: Callable[[Sequence[object], str], Record],
    separator: str,
    redactor: RecordRedactor,
    tally: Tally,
) -> Iterator[str]:
    if not any(cell.strip() for cell in row):
        yield text
        return
    if not redactor.may_hold(text):
        tally.left += 1
        yield text
        return
    cells = marked_cells(row, names, record_of(row, ""), redactor)
    if cells is None:
        tally.gone += 1
        return
    tally.left += 1
    if all(new is old for new, old in zip(cells, row, strict=True)) or cells == row:
        yield text
        return
    tally.touched += 1
    yield _written(text, row, cells, separator)


def _written(text: str, row: list[str], cells: list[Any], separator: str) -> str:
    """Return the text of a row with changed `cells`; unchanged ones are copied from `text` with their quotes."""
    cell = re.compile(rf'"(?:[^"]|"")*"|[^{re.escape(separator)}\r\n]*')
    parts: list[str] = []
    at = 0
    for before, after in zip(row, cells, strict=True):
        found = cell.match(text, at)
        end = found.end() if found else at
        raw = text[at:end]
        parts.append(raw if after == before else _quoted(str(after), separator, is_quoted=raw.startswith('"')))
        at = end + 1
    return separator.join(parts) + text[at - 1 :]


def _quoted(cell: str, separator: str, *, is_quoted: bool) -> str:
    if not is_quoted and not any(sign in cell for sign in (separator, '"', "\r", "\n")):
        return cell
    doubled = cell.replace('"', '""')
    return f'"{doubled}"'


def _by_text(text: str, redactor: RecordRedactor, tally: Tally) -> Iterator[str]:
    """Yield, unchanged, a row that cannot be parsed; nothing if an erased name occurs in it."""
    if redactor.text(text) != text:
        tally.gone += 1
        return
    tally.left += 1
    yield text


class _Rows:
    """Iterator over the lines of a text; `text` collects the lines of the current row."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self._lines = _lines(chunks)
        self.text = ""
        self.ended = False

    def __iter__(self) -> "_Rows":
        return self

    def __next__(self) -> str:
        line = next(self._lines, None)
        if line is None:
            self.ended = True
            raise StopIteration
        # A skipped line is passed to the csv reader as an empty one.
        self.text += line
        return line


def _lines(chunks: Iterator[str]) -> Iterator[str]:
    held = ""
    for chunk in chunks:
        text, at = held + chunk, 0
        for found in _LINE.finditer(text):
            yield found[0]
            at = found.end()
        held = text[at:]
    if held:
        yield held
