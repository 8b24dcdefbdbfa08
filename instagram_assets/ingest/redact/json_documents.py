"""Redaction of JSON files one record at a time: arrays, one record per line, wrapper objects, whole tables.

Records that are not removed are copied character by character; of a record with an erased name only that value changes.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from instagram_assets.ingest.formats import cell_values
from instagram_assets.ingest.reader.json_values import MAX_DEPTH, BadRecord, Record, parse
from instagram_assets.ingest.reader.record_reader import WRAPPERS
from instagram_assets.ingest.redact.json_spans import rewritten
from instagram_assets.ingest.redact.redactor import GONE, RecordRedactor

_WHITE = " \t\r\n"
_LONGEST = 1 << 30


class NotRewritableError(Exception):
    """Raised for a text that cannot be split into records."""


@dataclass
class Tally:
    """Counts of a file's records: removed (`gone`), changed by replacing a name (`touched`), and remaining (`left`)."""

    gone: int = 0
    touched: int = 0
    left: int = 0

    @property
    def changed(self) -> bool:
        return self.gone > 0 or self.touched > 0


class Text:
    """A sliding window over an input text: the part that is not written yet, and the current offset in it."""

    def __init__(self, chunks: Iterator[str]) -> None:
        self._chunks = chunks
        self.text = ""
        self.at = 0

    def more(self) -> bool:
        """Read at least as much text as is buffered; False at the end of the file."""
        self.text, self.at = self.text[self.at :], 0
        wanted, parts = len(self.text), [self.text]
        if wanted > _LONGEST:
            raise NotRewritableError("a record is larger than 1 GB")
        for chunk in self._chunks:
            parts.append(chunk)
            wanted -= len(chunk)
            if wanted <= 0 and chunk:
                break
        self.text = "".join(parts)
        return len(parts) > 1

    def space(self) -> str:
        """Consume and return the white space at the current offset."""
        found = ""
        while True:
            at = self.at
            while at < len(self.text) and self.text[at] in _WHITE:
                at += 1
            found += self.text[self.at : at]
            self.at = at
            if at < len(self.text) or not self.more():
                return found

    def sign(self) -> str:
        """Return the character at the current offset without consuming it; empty at the end of the file."""
        return self.text[self.at] if self.at < len(self.text) or self.more() else ""

    def take(self, length: int = 1) -> str:
        taken = self.text[self.at : self.at + length]
        self.at += len(taken)
        return taken

    def value(self) -> tuple[Any, str]:
        """Consume the JSON value at the current offset; returns it with its text.

        Raises NotRewritableError if it is invalid.
        """
        while True:
            try:
                value, end = parse(self.text, self.at)
            except (json.JSONDecodeError, IndexError) as error:
                if self.more():
                    continue
                raise NotRewritableError("it is no whole JSON") from error
            if end == len(self.text) and self.text[end - 1] not in '}]"' and self.more():
                continue
            return value, self.take(end - self.at)


def scrubbed_lines(chunks: Iterator[str], redactor: RecordRedactor, tally: Tally) -> Iterator[str]:
    """Yield a redacted text of one JSON record per line; lines that are not JSON are redacted as plain text."""
    held = ""
    for chunk in chunks:
        *lines, held = (held + chunk).split("\n")
        for line in lines:
            yield from _line(line, "\n", redactor, tally)
    if held:
        yield from _line(held, "", redactor, tally)


def _line(line: str, end: str, redactor: RecordRedactor, tally: Tally) -> Iterator[str]:
    body = line.strip(_WHITE)
    if not body or not redactor.may_hold(body):
        tally.left += bool(body)
        yield line + end
        return
    try:
        value, length = parse(body, 0)
    except (json.JSONDecodeError, IndexError):
        length, value = -1, None
    if length != len(body):
        # It may be the truncated part of a record that is removed: then nothing of it may stay.
        if redactor.text(body) != body:
            tally.gone += 1
            return
        tally.left += 1
        yield line + end
        return
    if (new := record_text(body, value, redactor, tally)) is not None:
        yield (line if new is body else line.replace(body, new, 1)) + end


def record_text(text: str, value: Any, redactor: RecordRedactor, tally: Tally) -> str | None:
    """Return the redacted text of one record, the same object if it is unchanged; None if all of it is removed.

    `value` is the parsed record; the counts in `tally` are updated.
    """
    if not redactor.may_hold(text):
        tally.left += 1
        return text
    if isinstance(value, BadRecord):
        value = value.content
    if isinstance(value, dict) and (table := _table(value, redactor, tally)) is not None:  # pyright: ignore[reportUnknownArgumentType]
        return rewritten(text, value, table, lambda key: key) if tally.changed else text
    marked = redactor.marked(value)
    if marked is GONE:
        tally.gone += 1
        return None
    tally.left += 1
    new = text if marked is value else rewritten(text, value, marked, redactor.text)
    if text.count("{") + text.count("[") > MAX_DEPTH:
        new = redactor.text(new)  # values below the depth limit are never parsed, but may contain a name
    if new == text:
        return text
    tally.touched += 1
    return new


def scrubbed_document(chunks: Iterator[str], redactor: RecordRedactor, tally: Tally) -> Iterator[str]:
    """Yield the text of a JSON document without data erased on request. Raises NotRewritableError if it is not JSON."""
    text = Text(chunks)
    yield text.space()
    first = text.sign()
    if first == "[":
        yield from _elements(text, redactor, tally, None)
    elif first == "{" and _wraps(text):
        yield from _members(text, redactor, tally)
    elif first:
        value, written = text.value()
        yield from _whole(value, written, redactor, tally)
    yield text.space()
    if text.sign():
        raise NotRewritableError("something stands after its end")


def _wraps(text: Text) -> bool:
    """True for an object that wraps an array of records, judging by the first MiB of its text."""
    from instagram_assets.ingest.reader.record_reader import SNIFFED_BYTES, is_wrapper

    while len(text.text) - text.at < SNIFFED_BYTES and text.more():
        pass
    return is_wrapper(text.text[text.at : text.at + SNIFFED_BYTES].encode("utf-8", "surrogatepass"))


def _elements(text: Text, redactor: RecordRedactor, tally: Tally, names: list[str] | None) -> Iterator[str]:
    """Yield the redacted elements of an array, each with the white space around it.

    `names` are the column names if the elements are rows of a table, else None.
    """
    yield text.take()
    first_lead: str | None = None
    is_first = True
    while True:
        lead = text.space()
        first_lead = lead if first_lead is None else first_lead
        if text.sign() == "]":
            yield lead + text.take()
            return
        value, written = text.value()
        trail = text.space()
        if isinstance(value, list) and names and len(value) == len(names):  # pyright: ignore[reportUnknownArgumentType]
            new = _row_text(written, value, names, redactor, tally)  # pyright: ignore[reportUnknownArgumentType]
        else:
            new = record_text(written, value, redactor, tally)
        following = text.sign()
        if following not in (",", "]") or not following:
            raise NotRewritableError("its array is broken")
        if new is not None:
            yield (first_lead if is_first else f",{lead}") + new + ("" if following == "]" else trail)
            is_first = False
        text.take()
        if following == "]":
            yield trail + "]"
            return


def _row_text(text: str, row: list[Any], names: list[str], redactor: RecordRedactor, tally: Tally) -> str | None:
    """Return the redacted text of a table row, an array with columns `names`; None if the row is removed."""
    old = dict(zip(names, row, strict=True))
    marked = redactor.marked(old)
    if marked is GONE:
        tally.gone += 1
        return None
    tally.left += 1
    if marked is old:
        return text
    tally.touched += 1
    # Removed cells become null, so that a row keeps its number of cells.
    cells = [None if marked.get(name) is GONE else marked.get(name) for name in names]
    return rewritten(text, row, cells, redactor.text)


def _members(text: Text, redactor: RecordRedactor, tally: Tally) -> Iterator[str]:
    """Yield the redacted members of a wrapper object; arrays of records in it are redacted element by element."""
    yield text.take()
    names: list[str] | None = None
    while True:
        yield text.space()
        if text.sign() == "}":
            yield text.take()
            return
        key, written = text.value()
        yield written
        yield text.space()
        if text.sign() != ":":
            raise NotRewritableError("it is no whole JSON")
        yield text.take() + text.space()
        if key in WRAPPERS and text.sign() == "[":
            yield from _elements(text, redactor, tally, names)
        else:
            value, written = text.value()
            if key == "columns" and isinstance(value, list) and all(isinstance(name, str) for name in value):  # pyright: ignore[reportUnknownVariableType]
                names = value
                yield written
            else:
                yield from _aside(value, written, redactor, tally)
        yield text.space()
        if text.sign() not in (",", "}") or not text.sign():
            raise NotRewritableError("it is no whole JSON")
        if text.sign() == ",":
            yield text.take()


def _aside(value: Any, written: str, redactor: RecordRedactor, tally: Tally) -> Iterator[str]:
    """Yield the redacted value of a wrapper's member that is not an array of records; `null` if it is removed."""
    marked = redactor.marked(value)
    if marked is value:
        yield written
        return
    tally.touched += 1
    yield "null" if marked is GONE else rewritten(written, value, marked, redactor.text)


def _whole(value: Any, written: str, redactor: RecordRedactor, tally: Tally) -> Iterator[str]:
    """Yield a redacted document that is a single value: a record, a whole table, or JSON encoded as a JSON string."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        inner = _inside(value, redactor, tally)
        if tally.changed:
            yield json.dumps(inner, ensure_ascii=written.isascii()) if tally.left else ""
        else:
            yield written
        return
    if (new := record_text(written, value, redactor, tally)) is not None:
        yield new


def _inside(text: str, redactor: RecordRedactor, tally: Tally) -> str:
    from instagram_assets.ingest.reader.record_reader import SNIFFED_BYTES, is_lines

    is_one_a_line = is_lines(text[:SNIFFED_BYTES].encode("utf-8", "surrogatepass"))
    read = scrubbed_lines if is_one_a_line else scrubbed_document
    return "".join(read(iter([text]), redactor, tally))


def _table(record: Record, redactor: RecordRedactor, tally: Tally) -> Any:
    """Return a redacted table that pandas wrote as one JSON object; None if the record is not such a table."""
    values: list[Any] = list(record.values())
    if len(values) > 1 and all(isinstance(column, list) and len(column) == len(values[0]) for column in values):
        rows: list[Record] = [dict(zip(record, row, strict=True)) for row in zip(*values, strict=True)]
        if not _are_known(rows):
            return None
        marked = [_row(row, redactor, tally) for row in rows]
        return {name: [_cell(row, name) for row in marked] for name in record} if tally.changed else record
    if not values or not all(isinstance(value, dict) and value.keys() == values[0].keys() for value in values):
        return None
    labels: list[str] = list(values[0])
    rows = [{name: column[label] for name, column in record.items()} for label in labels]
    if len(values) > 1 and _are_known(rows):
        marked = [_row(row, redactor, tally) for row in rows]
        by_label = dict(zip(labels, marked, strict=True))
        if not tally.changed:
            return record
        return {name: {label: _cell(row, name) for label, row in by_label.items()} for name in record}
    if (len(values) > 1 or next(iter(record)).isdigit()) and _are_known(values):
        return {label: _row(row, redactor, tally) for label, row in record.items()}
    return None


def _are_known(rows: list[Record]) -> bool:
    # Empty cells are ignored, as in the reader of tables.
    return any(cell_values.is_known({key: cell for key, cell in row.items() if cell is not None}) for row in rows[:100])


def _row(row: Record, redactor: RecordRedactor, tally: Tally) -> Any:
    marked = redactor.marked(row)
    tally.gone += marked is GONE
    tally.left += marked is not GONE
    tally.touched += marked is not GONE and marked is not row
    return marked


def _cell(row: Any, name: str) -> Any:
    """Return the value of column `name` in a redacted row; GONE if the row is removed, None if only the value is."""
    if row is GONE:
        return GONE
    return None if row[name] is GONE else row[name]
