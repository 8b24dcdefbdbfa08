"""Base64 of a word in the midst of other text: its letters depend on how many bytes stand before it."""

import base64
from collections.abc import Iterator

_FIRST_LETTERS = (0, 2, 3)
"""Of four letters, the first that holds nothing of the none, one or two bytes before a word."""


def core(word: bytes, before: int) -> str:
    """The letters, of the standard alphabet, that depend on nothing but the word where `before` bytes, of none to two,
    stand before it in its group of three.
    """
    letters = base64.b64encode(bytes(before) + word).decode()
    return letters[_FIRST_LETTERS[before] : (before + len(word)) * 8 // 6]


def alignments(run: str) -> Iterator[bytes]:
    """The bytes of a run of base64 letters, of either alphabet, beginning at each of its first four letters."""
    standard = run.replace("-", "+").replace("_", "/")
    for start in range(min(4, len(standard))):
        part = standard[start:]
        part = part[:-1] if len(part) % 4 == 1 else part
        yield base64.b64decode(part + "=" * (-len(part) % 4))


def parted(run: str, place: int) -> Iterator[tuple[bytes, bytes]]:
    """What a run says before a word and from it on, whose `core` begins at a place; each way in which it may be."""
    said = list(alignments(run))
    for before, first in enumerate(_FIRST_LETTERS):
        groups, start = divmod(place - first, 4)
        if groups >= 0 and start < len(said):
            at = groups * 3 + before
            yield said[start][:at], said[start][at:]
