"""One JSON value out of a text: parsed strictly, bounded in depth and digits, its oddities named."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain
from typing import Any

from instagram_assets.errors import RecordError

Record = dict[str, Any]

MAX_DEPTH = 64
TOO_DEEP = f"(nested deeper than {MAX_DEPTH} levels)"

_HOPELESS_DEPTH = 1000
_MAX_DIGITS = 100
_CONTAINERS = frozenset((dict, list))
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class BadRecord:
    """A record that cannot be used: why, and what stood there (its text when it is not JSON)."""

    error: RecordError
    content: object


def parse(text: str, at: int) -> tuple[Any, int]:
    """The JSON value at `at` and where it ends; a BadRecord in its place when it has doubled keys or huge numbers.

    Raises JSONDecodeError when it is not JSON, RecordError when it is nested beyond reason.
    """
    try:
        value, end = _scan(text, at)
        if _depth(value) <= MAX_DEPTH:
            return value, end
    except StopIteration as stopped:
        raise json.JSONDecodeError("Expecting value", text, stopped.value) from None
    except json.JSONDecodeError:
        raise
    except _DoubledKeyError as error:
        value, end = _plain_scanner.raw_decode(text, at)
        return BadRecord(RecordError(str(error), "the key stands twice in one object"), value), end
    except RecursionError:
        pass  # the shallow copy below is what we want then, too
    except ValueError:
        return _parse_huge(text, at)
    shallow, end = _shallow(text, at)
    return parse(shallow, 0)[0], end


def _parse_huge(text: str, at: int) -> tuple[BadRecord, int]:
    """As `parse` where a number has more digits than Python turns into an int."""
    huge: list[str] = []

    def parse_int(digits: str) -> int | str:
        if len(digits) <= _MAX_DIGITS:
            return int(digits)
        huge.append(digits)
        return digits[:_MAX_DIGITS]

    decoded: tuple[Any, int] = json.JSONDecoder(strict=False, parse_int=parse_int).raw_decode(text, at)
    value, end = decoded
    members: list[tuple[str, object]] = list(value.items()) if hasattr(value, "items") else []
    field = next((key for key, member in members if member == huge[0][:_MAX_DIGITS]), "")
    return BadRecord(RecordError(field, f"a number of {len(huge[0]):,} digits"), value), end


def _shallow(text: str, at: int) -> tuple[str, int]:
    """The JSON value at `at` with everything below MAX_DEPTH replaced by a short text, and where it ends."""
    depth, kept_from, parts = 0, at, list[str]()
    for token in _TOKEN.finditer(text, at):
        if token[0] in "[{":
            depth += 1
            if depth == MAX_DEPTH + 1:
                parts += [text[kept_from : token.start()], json.dumps(TOO_DEEP)]
            if depth > _HOPELESS_DEPTH:
                raise RecordError("", f"nested deeper than {_HOPELESS_DEPTH} levels")
        elif token[0] in "]}":
            if depth == MAX_DEPTH + 1:
                kept_from = token.end()
            depth -= 1
            if depth == 0:
                return "".join([*parts, text[kept_from : token.end()]]), token.end()
    raise json.JSONDecodeError("Unterminated value", text, len(text))


def _depth(value: Any) -> int:
    level, depth = [value] if type(value) in _CONTAINERS else [], 0
    while level:
        depth += 1
        inside = [outer.values() if type(outer) is dict else outer for outer in level if outer]
        level = [inner for inner in chain.from_iterable(inside) if type(inner) in _CONTAINERS]
    return depth


class _DoubledKeyError(Exception):
    """An object has the same key twice; JSON does not say which one counts."""


def _object(pairs: list[tuple[str, Any]]) -> Record:
    record = dict(pairs)
    if len(record) == len(pairs):
        return record
    keys = [key for key, _ in pairs]
    raise _DoubledKeyError(next(key for key in keys if keys.count(key) > 1))


_KINDS = ((bool, "true or false"), ((int, float), "number"), (str, "text"), (list, "list"), (dict, "object"))

_scanner: Any = json.JSONDecoder(strict=False, object_pairs_hook=_object)
# What `raw_decode` calls, without a Python function around it: this runs once for each record.
_scan: Callable[[str, int], tuple[Any, int]] = _scanner.scan_once
_plain_scanner = json.JSONDecoder(strict=False)


def kind_of(value: object) -> str:
    """What a JSON value is, in plain words."""
    return next((name for types, name in _KINDS if isinstance(value, types)), "null")
