"""A file without what is forgotten, whatever its format: for the inbox, `done` and `rejected`, and for outputs."""

import lzma
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from instagram_assets.ingest.reader.records import HEAD, is_lines
from instagram_assets.ingest.reader.tables import table_in
from instagram_assets.ingest.scrub.documents import NotRewritableError, Tally, scrubbed_document, scrubbed_lines
from instagram_assets.ingest.scrub.records import Scrubber
from instagram_assets.ingest.scrub.tables import scrubbed_table
from instagram_assets.ingest.scrub.texts import Coding
from instagram_assets.ingest.source import Source
from instagram_assets.privacy.forgotten import Forgotten

_BROKEN = (NotRewritableError, OSError, EOFError, zlib.error, lzma.LZMAError, UnicodeError)


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
    path: Path, target: Path, forgotten: Forgotten, *, source: Source | None = None, encoding: str = "utf-8"
) -> Scrubbed:
    """Write a file to `target` (which must not be there) without what is forgotten; nothing where it holds none of it.

    What is not the subject's is the same byte for byte where the file is no workbook, gzip or xz; there the content
    is. The file itself is not touched. Memory does not grow with it. `source` says whose records they are that do not
    say it, `encoding` is that of texts that do not tell. Raises OSError where the disk refuses.
    """
    if not forgotten:
        return UNCHANGED
    return _scrub_text(path, target, Scrubber(forgotten, source), encoding)


def _scrub_text(path: Path, target: Path, scrubber: Scrubber, encoding: str) -> Scrubbed:
    try:
        coding = Coding(path, encoding)
        # Once to see whether anything is in it, which for most files is all; only then to write.
        tally = Tally()
        for _ in _pieces(coding, scrubber, tally):
            if tally.changed:
                break
        if not tally.changed:
            return UNCHANGED
    except _BROKEN:
        return _by_bytes(path, scrubber)
    tally = Tally()
    try:
        coding.write(target, _pieces(coding, scrubber, tally))
    except NotRewritableError:
        target.unlink(missing_ok=True)
        return GONE_WHOLE
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    if not tally.left:
        target.unlink(missing_ok=True)
    return Scrubbed(tally.gone + tally.touched, tally.left > 0, tally.left == 0)


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
    """A text without records, such as a page: names in it are replaced, line by line."""
    held = ""
    for chunk in chain(chunks, [""]):
        text = held + chunk
        # A name never goes over the end of a line, and a line may be as long as the file.
        cut = len(text) if not chunk else max(text.rfind("\n"), text.rfind(" "), text.rfind('"')) + 1
        held, part = text[cut:], text[:cut]
        scrubbed = scrubber.text(part)
        tally.touched += scrubbed != part
        tally.left += 1
        yield scrubbed


def _by_bytes(path: Path, scrubber: Scrubber) -> Scrubbed:
    """A file that cannot be taken apart goes whole where a name stands in its bytes."""
    held = b""
    with path.open("rb") as stream:
        while data := stream.read(1 << 20):
            for text in ((held + data).decode("latin-1"), (held + data)[::2].decode("latin-1")):
                if scrubber.text(text) != text:
                    return GONE_WHOLE
            held = data[-200:]
    return UNCHANGED
