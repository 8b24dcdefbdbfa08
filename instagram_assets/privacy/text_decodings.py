"""Decodes texts in all ways that could hide a name: escapes, percent-encoding, look-alike letters, base64.

Masking and the search for leaks use the same decodings, so that a masked text passes the search.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote

from instagram_assets.schemas.account_names import UNSEEN, base64_decodings

_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([nrtbf\"\\/]))")
_UNSEEN = re.compile(UNSEEN)
_RUN = re.compile(r"[A-Za-z0-9+/_-]{6,}")
_LONG = 16
_REMEMBERED = 64
_BREAK = re.compile(r"[A-Za-z0-9+/_-][ \t]*\r?\n[ \t>]*[A-Za-z0-9+/_-]")
_BROKEN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{4,}+(?:[ \t]*\r?\n[ \t>]*+[A-Za-z0-9+/_-]++)+")
_BETWEEN = re.compile(r"[ \t\r\n>]+")
# Random bytes contain no such long runs of printable characters, least of all in two-byte encodings.
_STRETCH, _WIDE_STRETCH = re.compile(r"[^\x00-\x08\x0e-\x1f\x7f-\x9f\ufffd]{4,}"), re.compile(r"[\x20-\x7e]{4,}")
_STRETCH_BYTES, _STRETCH_OVER_LINES = 9, 16
_PARTS = re.compile(r"[+/_-]")
# Our pseudonyms, hashes and numbers are not base64, and decoding many of them yields any short name by chance.
_OF_NO_TEXT = re.compile(r"(?:person|post|profile)_[0-9a-f]{16}|[0-9a-f]{32,}|[0-9]+")
# Characters that every decoding leaves unchanged: ASCII except escape starts, and letters and emojis without
# look-alikes. Neither spaces nor combining characters are among them.
_PICTURES = "\u2190-\u21ff\u232b-\u23ff\u2500-\u27bf\u2b00-\u2bff\U0001f191-\U0001f1ff\U0001f252-\U0001faff"
_PLAIN = (
    r"!-$'-\[\]-~\u00a1-\u00a7\u00b7\u00bf-\u0131\u2012-\u2016\u2018-\u2023\u3001-\u3029\u3041-\u3096\u30a1-\u30fe"
    rf"\u3130-\u318f\u4e00-\u9fff\uac00-\ud7a3{_PICTURES}"
)
_NOT_PLAIN = re.compile(rf"[^\x00- {_PLAIN}\x7f]")
# Emoji joiners and modifiers are invisible, but do not separate words.
_DISGUISED = re.compile(rf"(?<!\S)(?:[{_PLAIN}]++|(?<=[{_PICTURES}])[\u200d\ufe0e\ufe0f])*+\S++")
_MOST_TRIES = 200_000
_MOST_LAYERS = 5


def unescape_json(text: str) -> str:
    """Returns a text with its JSON escapes decoded."""
    return _ESCAPED.sub(_instead, text) if "\\" in text else text


def decoded_variants(text: str) -> Iterator[str]:
    """Yields the text after each successive decoding that changes it; nothing for plain text.

    Nested encodings (`%2540`, `&amp;#64;`), as in URLs within URLs, are decoded repeatedly.
    """
    for _ in range(_MOST_LAYERS):
        before = text
        for undo in (unescape_json, _without_entities, _unquoted, _folded):
            if (plain := undo(text)) != text:
                yield plain
                text = plain
        if text == before:
            return


def may_be_encoded(piece: str) -> bool:
    """Whether a decoding may change `piece`, a run of characters without spaces."""
    return _NOT_PLAIN.search(piece) is not None and _DISGUISED.search(piece) is not None


def replace_encoded(text: str, replace: Callable[[str], str]) -> str:
    """Returns a text with `replace` applied to each run of non-space characters that may be encoded."""
    return _DISGUISED.sub(lambda found: replace(found[0]), text) if _NOT_PLAIN.search(text) else text


def decode_base64_runs(text: str) -> Iterator[tuple[str, str]]:
    """Yields (run, decoded text) for runs that may be base64; short runs only if decoded to printable ASCII."""
    runs = dict.fromkeys(run for run in _RUN.findall(text) if not _OF_NO_TEXT.fullmatch(run))
    long = [run for run in runs if len(run) >= _LONG]
    # Only a part of a path, or of several joined words, may be base64.
    parts = (part for run in long for part in _PARTS.split(run) if 6 <= len(part) < len(run))
    for run in islice(dict.fromkeys((*long, *runs, *parts)), 2 * _MOST_TRIES):
        said = _decoded(run) if len(run) > _REMEMBERED else _known(run)
        yield from ((run, plain) for plain in said)


def decode_wrapped_base64(text: str) -> Iterator[tuple[str, str]]:
    """Yields (run, decoded text) for base64 that is wrapped over several lines, as in mails and key files."""
    if not _BREAK.search(text):
        return
    for found in _BROKEN.finditer(text):
        for data in base64_decodings(_BETWEEN.sub("", found[0])):
            yield from ((found[0], plain) for plain in _stretches(data, _STRETCH_OVER_LINES))


@lru_cache(100_000)
def _known(run: str) -> tuple[str, ...]:
    return tuple(_decoded(run) if len(run) >= _LONG else _decoded_short(run))


def _decoded(run: str) -> Iterator[str]:
    for data in base64_decodings(run):
        yield from _stretches(data, _STRETCH_BYTES)


def _stretches(data: bytes, shortest: int) -> Iterator[str]:
    """Yields runs of readable text in bytes: UTF-8 of at least `shortest` bytes, and UTF-16."""
    for plain in _STRETCH.findall(data.decode("utf-8", "replace")):
        if len(plain.encode()) >= shortest:
            yield plain
    for half in (data, data[1:]):
        yield from _WIDE_STRETCH.findall(half.decode("utf-16-le", "replace"))


def _decoded_short(run: str) -> Iterator[str]:
    return (data.decode() for data in base64_decodings(run) if data.isascii() and data.decode().isprintable())


def _instead(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else {"n": "\n", "r": "\r", "t": "\t"}.get(found[2], found[2])


def _without_entities(text: str) -> str:
    return html.unescape(text) if "&" in text else text


def _unquoted(text: str) -> str:
    return unquote(text, errors="replace") if "%" in text else text


def _folded(text: str) -> str:
    """Returns the text with look-alike letters (e.g. full-width) as plain letters, without invisible characters."""
    return text if text.isascii() else unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
