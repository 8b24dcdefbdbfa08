"""Redaction of a file of any format, in the inbox, `done` and `rejected`, and among the program's outputs."""

import gzip
import hashlib
import lzma
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from instagram_assets.errors import FileError
from instagram_assets.ingest.archive_pictures import archive_owner
from instagram_assets.ingest.reader.csv_tables import table_in
from instagram_assets.ingest.reader.record_reader import SNIFFED_BYTES, is_lines
from instagram_assets.ingest.reader.xlsx_sheets import is_workbook
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.ingest.redact.csv_redaction import scrubbed_table
from instagram_assets.ingest.redact.json_documents import NotRewritableError, Tally, scrubbed_document, scrubbed_lines
from instagram_assets.ingest.redact.redactor import RecordRedactor
from instagram_assets.ingest.redact.text_encoding import Coding
from instagram_assets.ingest.redact.workbook_redaction import BROKEN_BOOK, scrub_workbook
from instagram_assets.ingest.zips import is_zip
from instagram_assets.media.format_detection import image_format
from instagram_assets.privacy.forgotten_identifiers import Forgotten

_DAMAGED = (NotRewritableError, gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, UnicodeError)
# Overlap of chunks: longer than any identifier except URLs, of which the patterns contain only file names.
_LONGEST = 2_000
_LATER = datetime(2100, 1, 1, tzinfo=UTC)


class Scrubbed(NamedTuple):
    """The result of redacting a file.

    `rows` counts records that were removed or in which a name was replaced. `changed` is True if a redacted file was
    written. `is_gone` is True if the file must be deleted: nothing is left of it, or it cannot be rewritten but
    contains an erased name.
    """

    rows: int
    changed: bool
    is_gone: bool = False


UNCHANGED = Scrubbed(0, False)
GONE_WHOLE = Scrubbed(1, False, True)


def scrub_file(
    path: Path, target: Path, forgotten: Forgotten, *, source: RecordSource | None = None, encoding: str = "utf-8"
) -> Scrubbed:
    """Write a copy of a file without data erased on request to `target`, unless the file contains no such data.

    `target` must not exist. Other data is preserved byte for byte, except that a ZIP, workbook, gzip or xz is
    recompressed. The file itself is not changed. Memory use is constant. `source` gives the owner of records that do
    not name one, by default that of the data download; `encoding` applies to texts that do not declare one. Raises
    OSError for disk errors.
    """
    if not forgotten:
        return UNCHANGED
    redactor = RecordRedactor(forgotten, source or source_of(path))
    if is_zip(path):
        from instagram_assets.ingest.redact.zip_redaction import scrub_zip

        return scrub_zip(path, target, redactor, encoding)
    with suppress(FileError):
        if is_workbook(path):
            return _scrub_workbook(path, target, redactor)
    return scrub_text(path, target, redactor, encoding)


def source_of(path: Path) -> RecordSource:
    """Return a `RecordSource` for a file with only the fields that are needed to determine owners of records."""
    return RecordSource(path.name, "", _LATER, ZoneInfo("UTC"), path=path, find_owner=_owner)


def scrub_text(path: Path, target: Path, redactor: RecordRedactor, encoding: str) -> Scrubbed:
    """Write a redacted copy of a text file, plain or compressed with gzip or xz; see `scrub_file`."""
    try:
        coding = Coding(path, encoding)
        if coding.is_data:
            return by_bytes(path, redactor)
        if _is_clean(coding, redactor):
            return UNCHANGED
        # The first pass only searches, which for most files is enough; the second one writes.
        tally = Tally()
        for _ in _pieces(coding, redactor, tally):
            if tally.changed:
                break
        if not tally.changed:
            return UNCHANGED
    except _DAMAGED:
        return by_bytes(path, redactor)
    tally = Tally()
    try:
        coding.write(target, _pieces(coding, redactor, tally))
    except _DAMAGED:
        target.unlink(missing_ok=True)
        return GONE_WHOLE
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return _ended(target, tally)


def _is_clean(coding: Coding, redactor: RecordRedactor) -> bool:
    """True if a quick search, without parsing, shows that a text contains no erased data."""
    if redactor.forgotten.patterns is None or redactor.source.archive_owner is not None:
        return False
    held = ""
    for chunk in coding.chunks():
        if redactor.may_hold(held + chunk):
            return False
        held = chunk[-_LONGEST:]
    return True


def by_bytes(path: Path, redactor: RecordRedactor) -> Scrubbed:
    """Redact a file that cannot be parsed: it is removed as a whole if it contains an erased name.

    An image or video is not searched for names, but removed if its hash was erased.
    """
    digest, held, is_picture = hashlib.sha256(), b"", False
    with path.open("rb") as stream:
        head = stream.read(64)
        is_picture = image_format(head) is not None or head[4:8] == b"ftyp"
        stream.seek(0)
        while data := stream.read(1 << 20):
            digest.update(data)
            if is_picture:  # in megabytes of binary data any short name occurs by chance
                continue
            for text in ((held + data).decode("latin-1"), (held + data)[::2].decode("latin-1")):
                if redactor.text(text) != text:
                    return GONE_WHOLE
            held = data[-200:]
    return GONE_WHOLE if redactor.forgotten.has("image", digest.hexdigest()) else UNCHANGED


def _scrub_workbook(path: Path, target: Path, redactor: RecordRedactor) -> Scrubbed:
    tally = Tally()
    try:
        scrub_workbook(path, None, redactor, tally)
        if not tally.changed:
            return UNCHANGED
        tally = Tally()
        scrub_workbook(path, target, redactor, tally)
    except BROKEN_BOOK:
        target.unlink(missing_ok=True)
        return by_bytes(path, redactor)
    return _ended(target, tally)


def _ended(target: Path, tally: Tally) -> Scrubbed:
    if not tally.left:
        target.unlink(missing_ok=True)
    return Scrubbed(tally.gone + tally.touched, tally.left > 0, tally.left == 0)


def _owner(path: Path) -> str | None:
    with suppress(FileError, OSError):
        return archive_owner(path)
    return None


def _pieces(coding: Coding, redactor: RecordRedactor, tally: Tally) -> Iterator[str]:
    """Yield the redacted text of a file in pieces, by its layout: JSON lines, CSV table, JSON document, plain text."""
    chunks = coding.chunks()
    head = ""
    for chunk in chunks:
        head += chunk
        if len(head) >= SNIFFED_BYTES:
            break
    mark, head = ("\ufeff", head[1:]) if head.startswith("\ufeff") else ("", head)
    text = chain([head], chunks)
    encoded = head.encode("utf-8", "surrogatepass")
    yield mark
    if is_lines(encoded):
        yield from scrubbed_lines(text, redactor, tally)
    elif head.lstrip()[:1] in ("{", "[", '"'):
        yield from scrubbed_document(text, redactor, tally)
    elif header := table_in(encoded):
        yield from scrubbed_table(text, header, redactor, tally)
    else:
        yield from _plain(text, redactor, tally)


def _plain(chunks: Iterator[str], redactor: RecordRedactor, tally: Tally) -> Iterator[str]:
    """Yield the text of a file that has no records, such as an HTML page, with erased names replaced."""
    held = ""
    for chunk in chain(chunks, [""]):
        text = held + chunk
        # Names do not span lines or quotes; a single line may be as long as the file.
        cut = max(text.rfind("\n"), text.rfind(" "), text.rfind('"')) + 1 if chunk else len(text)
        held, part = text[cut:], text[:cut]
        scrubbed = redactor.text(part)
        tally.touched += scrubbed != part
        tally.left += 1
        yield scrubbed


def with_owner(redactor: RecordRedactor, path: Path, owner: str | None) -> RecordRedactor:
    """Return a redactor for a file of an Instagram data download, with `owner` as the owner of its records."""
    return RecordRedactor(redactor.forgotten, replace(source_of(path), account=owner, find_owner=None))
