"""Fast parsing of many JSON records at a time, with the same results as parsing them one by one.

msgspec finds where each value of an array ends, and parses it, several times faster than the standard library. It is
strict where exports are not (NaN, lone surrogates, control characters in strings): values that it rejects or that are
nested too deeply are parsed by `json_values`, which alone decides how to handle them.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from instagram_assets.ingest.reader.json_values import MAX_DEPTH, depth_of

# The separator between two records, or between objects in one; it is searched from the end of the text.
_BETWEEN = re.compile(rb'\}[ \t\r\n]*,[ \t\r\n]*\{[ \t\r\n]*"[^"\\]*"[ \t\r\n]*:')
_TAILS = (1 << 16, 1 << 19, 1 << 62)

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode

UNREAD: Any = object()


def split_values(text: bytes) -> tuple[list[bytes], int]:
    """Split part of a JSON array, from after its bracket or a comma on, into the JSON texts of its first values.

    Returns these texts and the offset at which the last one ends. A few values at the end of the text, complete or not,
    are left out; the list is empty when the text is not a sequence of objects in strict JSON.
    """
    for end in _ends(text):
        try:
            # Only a complete array is accepted, so the guessed end is verified as the end of a value.
            return [bytes(raw) for raw in _split(b"[%b]" % text[:end])], end
        except (msgspec.DecodeError, RecursionError):
            continue
    return [], 0


def quick_value(text: bytes) -> Any:
    """Parse a JSON text with the same result as `json_values.parse`; UNREAD if only that function can parse it."""
    try:
        value = _decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):  # ValueError: not UTF-8
        return UNREAD
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and depth_of(value) > MAX_DEPTH:
        return UNREAD
    return value


def _ends(text: bytes) -> Iterator[int]:
    """Yield candidate offsets of the end of the last complete record, searched in ever longer tails of the text."""
    for tail in _TAILS:
        places = [found.start() for found in _BETWEEN.finditer(text, max(0, len(text) - tail))]
        if places:
            depths = _depths(text, places)
            yield places[int(np.flatnonzero(depths == depths.min())[-1])] + 1
        if tail >= len(text):
            return


def _depths(text: bytes, places: list[int]) -> Any:
    """Return the nesting depth at each offset, relative to the first one, which must not be inside a string."""
    # Escapes are replaced by blanks of the same length, which keeps all offsets.
    part = text[places[0] :].replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
    signs = np.frombuffer(part, np.uint8)
    brackets = np.flatnonzero((signs | 0x20 == 0x7B) | (signs | 0x20 == 0x7D))  # [ and ] are 0x20 below { and }
    in_strings = np.searchsorted(np.flatnonzero(signs == 0x22), brackets) & 1
    brackets = brackets[in_strings == 0]
    steps = np.cumsum(np.where(signs[brackets] | 0x20 == 0x7B, 1, -1))
    found = np.searchsorted(brackets, np.array(places) - places[0])
    return steps[np.minimum(found, len(steps) - 1)]  # where quotes are unbalanced, an offset may seem to be in a string
