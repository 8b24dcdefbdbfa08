"""How a text may be read: as it stands, with escapes and percent signs undone, with look-alike letters, from base64.

What takes names out of texts and what searches for them read alike, so that a text without names is found to be one.
"""

import base64
import html
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote

from instagram_assets.account_words import UNSEEN

_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([nrtbf\"\\/]))")
_UNSEEN = re.compile(UNSEEN)
_LONG = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_SHORT = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{6,15}(?![A-Za-z0-9+/_-])")
_MOST_TRIES = 200_000


def unescaped(text: str) -> str:
    """A text of JSON without its escapes."""
    return _ESCAPED.sub(_instead, text) if "\\" in text else text


def spellings(text: str) -> Iterator[str]:
    """A text as it reads with each way of writing letters undone, one after the other; nothing for a plain one."""
    for undo in (unescaped, _without_entities, _unquoted, _folded):
        if (plain := undo(text)) != text:
            yield plain
            text = plain


def from_base64(text: str) -> Iterator[tuple[str, str]]:
    """Runs of letters that can be base64, each with what it says; of short ones only what is plain letters."""
    tried = set[str]()
    for pattern, decoded in ((_LONG, _decoded), (_SHORT, _decoded_short)):
        for run in pattern.findall(text):
            if run not in tried and len(tried) <= _MOST_TRIES:
                tried.add(run)
                yield from ((run, plain) for plain in decoded(run))


def alignments(run: str) -> Iterator[bytes]:
    """The bytes of a run of base64 letters, of either alphabet, beginning at each of its first four letters."""
    standard = run.replace("-", "+").replace("_", "/")
    for start in range(min(4, len(standard))):
        part = standard[start:]
        part = part[:-1] if len(part) % 4 == 1 else part
        yield base64.b64decode(part + "=" * (-len(part) % 4))


def _decoded(run: str) -> Iterator[str]:
    for data in alignments(run):
        for codec in ("utf-8", "utf-16-le"):
            plain = data.decode(codec, "ignore")
            # Other texts that look like base64 decode to noise.
            if len(plain) * (1 if codec == "utf-8" else 2) > len(data) // 4 and _is_readable(plain):
                yield plain


@lru_cache(100_000)
def _decoded_short(run: str) -> tuple[str, ...]:
    return tuple(data.decode() for data in alignments(run) if data.isascii() and data.decode().isprintable())


def _is_readable(text: str) -> bool:
    return text.isprintable() or sum(map(str.isprintable, text)) > 0.95 * len(text)


def _instead(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else {"n": "\n", "r": "\n", "t": "\t"}.get(found[2], found[2])


def _without_entities(text: str) -> str:
    return html.unescape(text) if "&" in text else text


def _unquoted(text: str) -> str:
    return unquote(text, errors="replace") if "%" in text else text


def _folded(text: str) -> str:
    """With plain letters for those that only look otherwise, such as full-width ones, and none that nobody sees."""
    return text if text.isascii() else unicodedata.normalize("NFKC", _UNSEEN.sub("", text))
