"""Redaction of workbooks: the values of their sheets, row by row, in bounded memory.

Only values are written, and no formulas, charts or formatting, since those could reveal a removed row.
"""

import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from instagram_assets.errors import FileError
from instagram_assets.ingest.reader.csv_tables import decoder_of, is_title
from instagram_assets.ingest.redact.csv_redaction import marked_cells
from instagram_assets.ingest.redact.json_documents import Tally
from instagram_assets.ingest.redact.redactor import RecordRedactor

BROKEN_BOOK = (FileError, zipfile.BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError, EOFError)
"""Errors that reading a damaged workbook can raise."""

_LONGEST_TITLE = 31


def scrub_workbook(path: Path, target: Path | None, redactor: RecordRedactor, tally: Tally) -> None:
    """Write a workbook's redacted values to `target`; if that is None, only count the changes into `tally`.

    Raises one of BROKEN_BOOK for a damaged workbook.
    """
    import openpyxl

    with path.open("rb") as stream:
        book = openpyxl.load_workbook(stream, read_only=True, data_only=True, keep_links=False)
        written: Any = openpyxl.Workbook(write_only=True) if target else None
        try:
            for sheet in book.worksheets:
                title = redactor.text(sheet.title)
                tally.touched += title != sheet.title
                out = written.create_sheet(title[:_LONGEST_TITLE]) if written else None
                for row in _rows(sheet.iter_rows(values_only=True), redactor, tally):
                    if out is not None:
                        out.append(row)
        finally:
            book.close()
        if written and target:
            written.save(target)


def _rows(rows: Iterator[tuple[Any, ...]], redactor: RecordRedactor, tally: Tally) -> Iterator[list[Any]]:
    names: list[str] = []
    record_of: Any = None
    for row in rows:
        if record_of is None:
            if any(cell is not None for cell in row) and not is_title(row):
                names = ["" if cell is None else str(cell).strip() for cell in row]
                record_of = decoder_of(names)
            yield [redactor.record(cell) for cell in row]
            continue
        if all(cell is None for cell in row):
            yield list(row)
            continue
        cells = marked_cells(row, names, record_of(row, ""), redactor)
        if cells is None:
            tally.gone += 1
            continue
        tally.left += 1
        tally.touched += any(new is not old for new, old in zip(cells, row, strict=True))
        yield cells
