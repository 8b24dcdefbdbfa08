"""Neighbouring records parted and parsed many at a time, as exact as one by one.

msgspec finds where each value of an array ends, and parses it, several times faster than the standard library. It is
strict where exports are not (NaN, halves of characters, control characters in texts): what it refuses, and what is
nested deeper than we keep, is left to `json_values`, which decides alone what becomes of it.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from instagram_assets.ingest.reader.json_values import MAX_DEPTH, depth_of

# What stands between two neighbours, of records or of objects in one: it is looked for from the end of a text.
_BETWEEN = re.compile(rb'\}[ \t\r\n]*,[ \t\r\n]*\{[ \t\r\n]*"[^"\\]*"[ \t\r\n]*:')
_TAILS = (1 << 16, 1 << 19, 1 << 62)

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode = msgspec.json.Decoder().decode

UNREAD: Any = object()


def split(text: bytes) -> tuple[list[bytes], int]:
    """The first values of an array's text after its bracket or comma, and where the last of them ends.

    A few at the end, whole or not, are left out; none come back when the text is not just objects, one after the
    other, in the strictest JSON.
    """
    for end in _ends(text):
        try:
            # Only an array that is one as a whole passes: so the end that was guessed is the end of a value.
            return [bytes(raw) for raw in _split(b"[%b]" % text[:end])], end
        except (msgspec.DecodeError, RecursionError):
            continue
    return [], 0


def quick_value(text: bytes) -> Any:
    """The JSON value that a text is, exactly as `json_values.parse` gives it; UNREAD when that must look at it."""
    try:
        value = _decode(text)
    except (msgspec.DecodeError, ValueError, RecursionError):  # ValueError: not UTF-8
        return UNREAD
    if text.count(b"{") + text.count(b"[") > MAX_DEPTH and depth_of(value) > MAX_DEPTH:
        return UNREAD
    return value


def _ends(text: bytes) -> Iterator[int]:
    """Where the last record that another one follows may end: guesses, each from a longer part of the text's end."""
    for tail in _TAILS:
        places = [found.start() for found in _BETWEEN.finditer(text, max(0, len(text) - tail))]
        if places:
            depths = _depths(text, places)
            yield places[int(np.flatnonzero(depths == depths.min())[-1])] + 1
        if tail >= len(text):
            return


def _depths(text: bytes, places: list[int]) -> Any:
    """How deep each of the places lies, compared with the first, which is in no string."""
    # Blanks in the place of escaped signs keep every place where it is.
    part = text[places[0] :].replace(b"\\\\", b"  ").replace(b'\\"', b"  ")
    signs = np.frombuffer(part, np.uint8)
    brackets = np.flatnonzero((signs | 0x20 == 0x7B) | (signs | 0x20 == 0x7D))  # [ and ] are 0x20 below { and }
    in_strings = np.searchsorted(np.flatnonzero(signs == 0x22), brackets) & 1
    brackets = brackets[in_strings == 0]
    steps = np.cumsum(np.where(signs[brackets] | 0x20 == 0x7B, 1, -1))
    found = np.searchsorted(brackets, np.array(places) - places[0])
    return steps[np.minimum(found, len(steps) - 1)]  # where quotes do not pair, a place may seem to be in a string
