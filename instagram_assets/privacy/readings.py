"""How a text may be read: as it stands, with escapes and percent signs undone, with look-alike letters, from base64.

What takes names out of texts and what searches for them read alike, so that a text without names is found to be one.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from urllib.parse import unquote

from instagram_assets.base64_alignments import alignments
from instagram_assets.privacy.personal import UNSEEN

_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|([nrtbf\"\\/]))")
_UNSEEN = re.compile(UNSEEN)
_RUN = re.compile(r"[A-Za-z0-9+/_-]{6,}")
_LONG = 16
_REMEMBERED = 64
# Signs that each way of reading leaves as they are: ASCII but what begins an escape, and letters and pictures that no
# other sign looks like. Neither spaces nor combining signs are among them.
_PICTURES = "\u2190-\u21ff\u232b-\u23ff\u2500-\u27bf\u2b00-\u2bff\U0001f191-\U0001f1ff\U0001f252-\U0001faff"
_PLAIN = (
    r"!-$'-\[\]-~\u00a1-\u00a7\u00b7\u00bf-\u0131\u2012-\u2016\u2018-\u2023\u3001-\u3029\u3041-\u3096\u30a1-\u30fe"
    rf"\u3130-\u318f\u4e00-\u9fff\uac00-\ud7a3{_PICTURES}"
)
_NOT_PLAIN = re.compile(rf"[^\x00- {_PLAIN}\x7f]")
# What joins pictures and gives them colour is seen by nobody, but parts no word behind a picture.
_DISGUISED = re.compile(rf"(?<!\S)(?:[{_PLAIN}]++|(?<=[{_PICTURES}])[\u200d\ufe0e\ufe0f])*+\S++")
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


def is_disguised(piece: str) -> bool:
    """False for a run of signs without spaces that reads the same in every `spellings` of it."""
    return _NOT_PLAIN.search(piece) is not None and _DISGUISED.search(piece) is not None


def disguised(text: str, replace: Callable[[str], str]) -> str:
    """A text in which `replace` was asked of each run of signs without spaces that may read otherwise."""
    return _DISGUISED.sub(lambda found: replace(found[0]), text) if _NOT_PLAIN.search(text) else text


def from_base64(text: str) -> Iterator[tuple[str, str]]:
    """Runs of letters that can be base64, each with what it says; of short ones only what is plain letters."""
    runs = dict.fromkeys(_RUN.findall(text))
    for long in (True, False):
        for run in islice((run for run in runs if (len(run) >= _LONG) == long), _MOST_TRIES):
            said = _decoded(run) if len(run) > _REMEMBERED else _known(run)
            yield from ((run, plain) for plain in said)


@lru_cache(100_000)
def _known(run: str) -> tuple[str, ...]:
    return tuple(_decoded(run) if len(run) >= _LONG else _decoded_short(run))


def _decoded(run: str) -> Iterator[str]:
    for data in alignments(run):
        for codec in ("utf-8", "utf-16-le"):
            plain = data.decode(codec, "ignore")
            # Other texts that look like base64 decode to noise.
            if len(plain) * (1 if codec == "utf-8" else 2) > len(data) // 4 and _is_readable(plain):
                yield plain


def _decoded_short(run: str) -> Iterator[str]:
    return (data.decode() for data in alignments(run) if data.isascii() and data.decode().isprintable())


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
