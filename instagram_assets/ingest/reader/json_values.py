"""Parsing of single JSON values, with limits on depth and digits; time and memory are linear in the text's length."""

import json
import math
import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from instagram_assets.errors import RecordError

Record = dict[str, Any]

MAX_DEPTH = 64
MAX_DIGITS = 100
TOO_DEEP = f"(nested deeper than {MAX_DEPTH} levels)"

_HOPELESS_DEPTH = 1000
_CONTAINERS = frozenset((dict, list))
# Possessive: no backtracking, so that a long string costs no memory. The unterminated last string of a truncated text
# is also one token: it is scanned once and not again from each quote in it.
_TOKEN = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot be used: the error, and its content (its text when it is not JSON)."""

    error: RecordError
    content: object


class PlacedRecord(dict[str, Any]):
    """A record that is a row of a table, with its location there: `line 12`, or `sheet 'posts', row 12`."""

    __slots__ = ("place",)

    def __init__(self, record: Record, place: str) -> None:
        super().__init__(record)
        self.place = place


def parse(text: str, at: int) -> tuple[Any, int]:
    """Parse the JSON value at offset `at`; returns it with its end offset. A too deeply nested value is a BadRecord.

    Of duplicate keys the last one is used. Values below MAX_DEPTH become TOO_DEEP; an integer of more than MAX_DIGITS
    digits, which Python rejects, becomes infinite. Raises only JSONDecodeError, when the text is not JSON.
    """
    try:
        value, end = _scan(text, at)
    except StopIteration as stopped:
        raise json.JSONDecodeError("Expecting value", text, stopped.value) from None
    except json.JSONDecodeError:
        raise
    except (RecursionError, ValueError):  # ValueError: more digits than Python converts to an int
        return _parse_carefully(text, at)
    return (value, end) if depth_of(value) <= MAX_DEPTH else _parse_carefully(text, at)


def _parse_carefully(text: str, at: int) -> tuple[Any, int]:
    """Parse the JSON value at offset `at` in the slow way that supports deep nesting and huge numbers."""
    shallow = _shallow(text, at)
    try:
        value, end = _careful_scan(shallow.text, 0)
    except StopIteration as stopped:
        raise json.JSONDecodeError("Expecting value", text, shallow.place(stopped.value)) from None
    except json.JSONDecodeError as error:
        raise json.JSONDecodeError(error.msg, text, shallow.place(error.pos)) from None
    if shallow.depth > _HOPELESS_DEPTH:
        value = BadRecord(RecordError("", f"nested deeper than {_HOPELESS_DEPTH:,} levels"), value)
    return value, shallow.place(end)


@dataclass
class _Shallow:
    """A JSON text with everything below MAX_DEPTH replaced by TOO_DEEP, with its offsets in the original text."""

    text: str = ""
    depth: int = 0
    # Where each part begins here, and in the original text.
    here: list[int] = field(default_factory=list[int])
    there: list[int] = field(default_factory=list[int])

    def place(self, at: int) -> int:
        """Convert an offset in this shortened text to the offset in the original text."""
        part = bisect_right(self.here, at) - 1
        return self.there[part] + at - self.here[part]


def _shallow(text: str, at: int) -> _Shallow:
    """Return the JSON value at offset `at` with limited depth. Raises JSONDecodeError when the text ends inside it."""
    if text[at] not in "[{":
        return _Shallow(text[at:], 0, [0], [at])
    instead = json.dumps(TOO_DEEP)
    found, parts, length = _Shallow(here=[0], there=[at]), list[str](), 0
    depth, kept_from = 0, at
    for token in _TOKEN.finditer(text, at):
        start, sign = token.start(), text[token.start()]
        if sign in "[{":
            depth += 1
            found.depth = max(found.depth, depth)
            if depth == MAX_DEPTH + 1:
                parts += [text[kept_from:start], instead]
                length += start - kept_from + len(instead)
        elif sign in "]}":
            if depth == MAX_DEPTH + 1:
                kept_from = start + 1
                found.here.append(length)
                found.there.append(kept_from)
            depth -= 1
            if depth == 0:
                found.text = "".join([*parts, text[kept_from : start + 1]])
                return found
    raise json.JSONDecodeError("Unterminated value", text, len(text))


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= MAX_DIGITS else -math.inf if digits.startswith("-") else math.inf


def depth_of(value: Any) -> int:
    """Return the nesting depth of lists and objects in a value."""
    level, depth = [value] if type(value) in _CONTAINERS else [], 0
    while level:
        depth += 1
        inside = [outer.values() if type(outer) is dict else outer for outer in level if outer]
        level = [inner for inner in chain.from_iterable(inside) if type(inner) in _CONTAINERS]
    return depth


_KINDS = ((bool, "true or false"), ((int, float), "number"), (str, "text"), (list, "list"), (dict, "object"))

# What `raw_decode` calls, without its Python wrapper: this runs once for each record.
_Scan = Callable[[str, int], tuple[Any, int]]
_scanner: Any = json.JSONDecoder(strict=False)
_scan: _Scan = _scanner.scan_once
_careful_scanner: Any = json.JSONDecoder(strict=False, parse_int=_whole_number)
_careful_scan: _Scan = _careful_scanner.scan_once


def json_type_name(value: object) -> str:
    """Return the JSON type of a value as a word for messages, such as `list` or `null`."""
    return next((name for types, name in _KINDS if isinstance(value, types)), "null")
