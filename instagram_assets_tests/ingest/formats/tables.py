"""Records as the tables that collectors and spreadsheets make of them."""

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

import openpyxl

Record = dict[str, Any]

_IN_PLACE = re.compile(rb't="inlineStr"><is>(.*?)</is>', re.DOTALL)
_SHEETS = b"http://schemas.openxmlformats.org/spreadsheetml/2006"


def flattened(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The cells that Apify's export makes of a record: `childPosts/0/displayUrl`; what is empty has none."""
    if not isinstance(value, dict | list):
        yield name, value
        return
    items: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        yield from flattened(inner, f"{name}/{key}" if name else str(key))


def rows(records: Sequence[Record]) -> list[list[Any]]:
    """A row of names, those of any record in their order, and one for each record."""
    cells = [dict(flattened(record)) for record in records]
    names = list(dict.fromkeys(name for row in cells for name in row))
    return [names, *([row.get(name) for name in names] for row in cells)]


def as_csv(records: Sequence[Record], separator: str = ",", end: str = "\r\n", *, bom: bool = True) -> bytes:
    """Apify's CSV: every cell in quotes, null empty, yes or no as in JSON."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerows([_text(cell) for cell in row] for row in rows(records))
    return (b"\xef\xbb\xbf" if bom else b"") + stream.getvalue().encode()


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    return "" if cell is None else str(cell)


def as_xlsx(*sheets: Sequence[Sequence[Any]]) -> bytes:
    """A workbook of sheets with these rows; no text becomes a formula."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for table in sheets:
        sheet = book.create_sheet()
        for number, row in enumerate(table, 1):
            for column, value in enumerate(row, 1):
                if value is None:
                    continue
                cell = sheet.cell(number, column, value)
                if isinstance(value, str):
                    cell.data_type = "s"
    stream = io.BytesIO()
    book.save(stream)
    return _with_shared_texts(stream.getvalue())


def with_parts(content: bytes, parts: dict[str, bytes | None]) -> bytes:
    """A workbook in which some parts are others, new or, with null, gone."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as after:
        for name in dict.fromkeys([*before.namelist(), *parts]):
            if (data := parts[name] if name in parts else before.read(name)) is not None:
                after.writestr(name, data)
    return stream.getvalue()


def _with_shared_texts(content: bytes) -> bytes:
    """A workbook as Excel and Apify write it: each text once, in a part of its own. openpyxl writes them in place."""
    texts: dict[bytes, int] = {}
    parts: dict[str, bytes | None] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        for name in book.namelist():
            if name.startswith("xl/worksheets/sheet"):
                parts[name] = _IN_PLACE.sub(
                    lambda cell: b't="s"><v>%d</v>' % texts.setdefault(cell[1], len(texts)), book.read(name)
                )
        types, links = book.read("[Content_Types].xml"), book.read("xl/_rels/workbook.xml.rels")
    items = b"".join(b"<si>%s</si>" % text for text in texts)
    parts["xl/sharedStrings.xml"] = b'<sst xmlns="%s/main">%s</sst>' % (_SHEETS, items)
    parts["[Content_Types].xml"] = types.replace(
        b"</Types>",
        b'<Override PartName="/xl/sharedStrings.xml" ContentType="application/vnd.openxmlformats-officedocument'
        b'.spreadsheetml.sharedStrings+xml"/></Types>',
    )
    parts["xl/_rels/workbook.xml.rels"] = links.replace(
        b"</Relationships>",
        b'<Relationship Id="rId99" Target="/xl/sharedStrings.xml" Type="http://schemas.openxmlformats.org'
        b'/officeDocument/2006/relationships/sharedStrings"/></Relationships>',
    )
    return with_parts(content, parts)
