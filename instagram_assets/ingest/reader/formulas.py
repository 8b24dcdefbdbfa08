"""Formulas of a workbook's sheet whose results the file does not have, as programs write them that do not compute."""

import html
import re
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_AT_ONCE = 1 << 20
# A cell of a formula without a value. An empty text is a value, which Excel writes as one of a text.
_CELL = re.compile(
    rb"""<(?:\w+:)?c\b(?P<attributes>[^<>]*)>\s*
    (?:<(?:\w+:)?f\b[^<>]*(?:/>|>(?P<formula>[^<]*)</(?:\w+:)?f>))\s*
    (?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v>\s*</(?:\w+:)?v>)?\s*</(?:\w+:)?c>""",
    re.VERBOSE,
)
_PLACE = re.compile(rb"""\br\s*=\s*["']([A-Za-z]{1,3})([0-9]{1,7})["']""")
_TEXT = re.compile(rb"""\bt\s*=\s*["']str["']""")
# What a cell takes at most: 32,767 characters, each of them escaped.
_LONGEST = 1 << 18


class Formula(NamedTuple):
    """A formula at a row, from 1, and a column, from 0."""

    row: int
    column: int
    text: str


def unsaved_formulas(sheet: BinaryIO) -> Iterator[Formula]:
    """The formulas without a saved result of a sheet's XML, in their order, in bounded memory."""
    held = b""
    while chunk := sheet.read(_AT_ONCE):
        held += chunk
        end = 0
        for cell in _CELL.finditer(held) if b"<f" in held or b":f" in held else ():
            end = cell.end()
            place = _PLACE.search(cell["attributes"])
            if place and not _TEXT.search(cell["attributes"]):
                text = html.unescape((cell["formula"] or b"").decode("utf-8", "replace"))
                yield Formula(int(place[2]), _column(place[1].decode()), f"={text}")
        held = held[max(end, len(held) - _LONGEST) :]


def _column(letters: str) -> int:
    """A as 0, Z as 25, AA as 26."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1
