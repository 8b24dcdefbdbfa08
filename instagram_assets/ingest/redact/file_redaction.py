"""A file without what is forgotten, whatever its format: for the inbox, `done` and `rejected`, and for outputs."""

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
from instagram_assets.ingest.reader.record_reader import HEAD, is_lines
from instagram_assets.ingest.reader.xlsx_sheets import is_workbook
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.ingest.redact.csv_redaction import scrubbed_table
from instagram_assets.ingest.redact.json_documents import NotRewritableError, Tally, scrubbed_document, scrubbed_lines
from instagram_assets.ingest.redact.redactor import Scrubber
from instagram_assets.ingest.redact.text_encoding import Coding
from instagram_assets.ingest.redact.workbook_redaction import BROKEN_BOOK, scrub_workbook
from instagram_assets.ingest.zips import is_zip
from instagram_assets.media.sniff import image_format
from instagram_assets.privacy.forgotten_identifiers import Forgotten

_DAMAGED = (NotRewritableError, gzip.BadGzipFile, EOFError, zlib.error, lzma.LZMAError, UnicodeError)
# No identifier is longer, but for addresses; of these the patterns have the names of files.
_LONGEST = 2_000
_LATER = datetime(2100, 1, 1, tzinfo=UTC)


class Scrubbed(NamedTuple):
    """What scrubbing a file came to.

    `rows` are the records that are gone and those in which a name was replaced, `changed` says that `target` was
    written, `is_gone` that nothing is left, or that it cannot be rewritten and a name stands in it: it must go whole.
    """

    rows: int
    changed: bool
    is_gone: bool = False


UNCHANGED = Scrubbed(0, False)
GONE_WHOLE = Scrubbed(1, False, True)


def scrub_file(
    path: Path, target: Path, forgotten: Forgotten, *, source: RecordSource | None = None, encoding: str = "utf-8"
) -> Scrubbed:
    """Write a file to `target` (which must not be there) without what is forgotten; nothing where it holds none of it.

    What is not the subject's is the same byte for byte where the file is no ZIP, workbook, gzip or xz; there the
    content is. The file itself is not touched. Memory does not grow with it. `source` says whose records they are that
    do not say it, by default whoever's archive it is; `encoding` is that of texts that do not tell. Raises OSError
    where the disk refuses.
    """
    if not forgotten:
        return UNCHANGED
    scrubber = Scrubber(forgotten, source or source_of(path))
    if is_zip(path):
        from instagram_assets.ingest.redact.zip_redaction import scrub_zip

        return scrub_zip(path, target, scrubber, encoding)
    with suppress(FileError):
        if is_workbook(path):
            return _scrub_workbook(path, target, scrubber)
    return scrub_text(path, target, scrubber, encoding)


def source_of(path: Path) -> RecordSource:
    """Where the records of a file come from, as far as it matters for what they are about."""
    return RecordSource(path.name, "", _LATER, ZoneInfo("UTC"), path=path, find_owner=_owner)


def scrub_text(path: Path, target: Path, scrubber: Scrubber, encoding: str) -> Scrubbed:
    """As `scrub_file`, of a file that is packed with gzip or xz at most."""
    try:
        coding = Coding(path, encoding)
        if coding.is_data:
            return by_bytes(path, scrubber)
        if _is_clean(coding, scrubber):
            return UNCHANGED
        # Once to see whether anything is in it, which for most files is all; only then to write.
        tally = Tally()
        for _ in _pieces(coding, scrubber, tally):
            if tally.changed:
                break
        if not tally.changed:
            return UNCHANGED
    except _DAMAGED:
        return by_bytes(path, scrubber)
    tally = Tally()
    try:
        coding.write(target, _pieces(coding, scrubber, tally))
    except _DAMAGED:
        target.unlink(missing_ok=True)
        return GONE_WHOLE
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return _ended(target, tally)


def _is_clean(coding: Coding, scrubber: Scrubber) -> bool:
    """True for a text of which it is told without taking it apart that nothing of what is forgotten is in it."""
    if scrubber.forgotten.patterns is None or scrubber.source.archive_owner is not None:
        return False
    held = ""
    for chunk in coding.chunks():
        if scrubber.may_hold(held + chunk):
            return False
        held = chunk[-_LONGEST:]
    return True


def by_bytes(path: Path, scrubber: Scrubber) -> Scrubbed:
    """A file that cannot be taken apart goes whole where a name stands in it; a picture where it is forgotten."""
    digest, held, is_picture = hashlib.sha256(), b"", False
    with path.open("rb") as stream:
        head = stream.read(64)
        is_picture = image_format(head) is not None or head[4:8] == b"ftyp"
        stream.seek(0)
        while data := stream.read(1 << 20):
            digest.update(data)
            if is_picture:  # in megabytes of noise any short name stands somewhere
                continue
            for text in ((held + data).decode("latin-1"), (held + data)[::2].decode("latin-1")):
                if scrubber.text(text) != text:
                    return GONE_WHOLE
            held = data[-200:]
    return GONE_WHOLE if scrubber.forgotten.has("image", digest.hexdigest()) else UNCHANGED


def _scrub_workbook(path: Path, target: Path, scrubber: Scrubber) -> Scrubbed:
    tally = Tally()
    try:
        scrub_workbook(path, None, scrubber, tally)
        if not tally.changed:
            return UNCHANGED
        tally = Tally()
        scrub_workbook(path, target, scrubber, tally)
    except BROKEN_BOOK:
        target.unlink(missing_ok=True)
        return by_bytes(path, scrubber)
    return _ended(target, tally)


def _ended(target: Path, tally: Tally) -> Scrubbed:
    if not tally.left:
        target.unlink(missing_ok=True)
    return Scrubbed(tally.gone + tally.touched, tally.left > 0, tally.left == 0)


def _owner(path: Path) -> str | None:
    with suppress(FileError, OSError):
        return archive_owner(path)
    return None


def _pieces(coding: Coding, scrubber: Scrubber, tally: Tally) -> Iterator[str]:
    """The pieces of a text without what is forgotten, by the way in which its records stand in it."""
    chunks = coding.chunks()
    head = ""
    for chunk in chunks:
        head += chunk
        if len(head) >= HEAD:
            break
    mark, head = ("\ufeff", head[1:]) if head.startswith("\ufeff") else ("", head)
    text = chain([head], chunks)
    encoded = head.encode("utf-8", "surrogatepass")
    yield mark
    if is_lines(encoded):
        yield from scrubbed_lines(text, scrubber, tally)
    elif head.lstrip()[:1] in ("{", "[", '"'):
        yield from scrubbed_document(text, scrubber, tally)
    elif header := table_in(encoded):
        yield from scrubbed_table(text, header, scrubber, tally)
    else:
        yield from _plain(text, scrubber, tally)


def _plain(chunks: Iterator[str], scrubber: Scrubber, tally: Tally) -> Iterator[str]:
    """A text without records, such as a page: names in it are replaced."""
    held = ""
    for chunk in chain(chunks, [""]):
        text = held + chunk
        # A name never goes over the end of a line or a quote; a line may be as long as the file.
        cut = max(text.rfind("\n"), text.rfind(" "), text.rfind('"')) + 1 if chunk else len(text)
        held, part = text[cut:], text[:cut]
        scrubbed = scrubber.text(part)
        tally.touched += scrubbed != part
        tally.left += 1
        yield scrubbed


def with_owner(scrubber: Scrubber, path: Path, owner: str | None) -> Scrubber:
    """The same scrubber for a file of an archive whose owner is known."""
    return Scrubber(scrubber.forgotten, replace(source_of(path), account=owner, find_owner=None))
