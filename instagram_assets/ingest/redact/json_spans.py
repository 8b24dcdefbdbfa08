"""Rewriting of single values in a JSON text; every other character is preserved.

Thus numbers keep their digits, unknown fields their position, and records their white space.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from instagram_assets.ingest.reader.json_values import Record, parse
from instagram_assets.ingest.redact.redactor import GONE

_SPACE = re.compile(r"[ \t\r\n]*")

Rename = Callable[[str], str]


def rewritten(text: str, old: Any, marked: Any, rename: Rename) -> str:
    """Return the JSON `text` (parsed: `old`) rewritten to `marked`: a copy of `old` with new values or GONE in places.

    Objects that are identical in both are copied as text. `rename` returns the new name of each key.
    """
    start = _skip(text, 0)
    changed, end = _value(text, start, old, marked, rename)
    return f"{text[:start]}{changed}{text[end:]}"


def _value(text: str, at: int, old: Any, marked: Any, rename: Rename) -> tuple[str, int]:
    end = parse(text, at)[1]
    if marked is old:
        return text[at:end], end
    if isinstance(marked, dict) and isinstance(old, dict):
        return _object(text, at, old, marked, rename), end  # pyright: ignore[reportUnknownArgumentType] keys are texts
    if isinstance(marked, list) and isinstance(old, list) and len(marked) == len(old):  # pyright: ignore[reportUnknownArgumentType]
        return _array(text, at, old, marked, rename), end  # pyright: ignore[reportUnknownArgumentType]
    # The text shows whether its writer escaped non-ASCII characters.
    return json.dumps(marked, ensure_ascii=text[at:end].isascii()), end


def _object(text: str, at: int, old: Record, marked: Record, rename: Rename) -> str:
    members: list[tuple[str, int, int, int]] = []
    cursor = _skip(text, at + 1)
    while text[cursor] != "}":
        key, after = parse(text, cursor)
        start = _skip(text, _skip(text, after) + 1)
        end = parse(text, start)[1]
        members.append((key, cursor, start, end))
        cursor = _skip(text, end)
        cursor = _skip(text, cursor + 1) if text[cursor] == "," else cursor
    last = {key: number for number, (key, *_) in enumerate(members)}
    parts: list[tuple[int, str]] = []
    for number, (key, key_at, start, _) in enumerate(members):
        # Of duplicate keys the last one is used; the others are never parsed and so are not copied.
        if last[key] != number or marked.get(key, GONE) is GONE:
            continue
        name, written = rename(key), text[key_at:start]
        if name != key:
            written = json.dumps(name, ensure_ascii=False) + text[parse(text, key_at)[1] : start]
        parts.append((number, written + _value(text, start, old.get(key), marked[key], rename)[0]))
    return _joined(text, at, parts, [(key_at, end) for _, key_at, _, end in members], "{}")


def _array(text: str, at: int, old: list[Any], marked: list[Any], rename: Rename) -> str:
    items: list[tuple[int, int]] = []
    parts: list[tuple[int, str]] = []
    cursor = _skip(text, at + 1)
    for number, (before, after) in enumerate(zip(old, marked, strict=True)):
        end = parse(text, cursor)[1]
        items.append((cursor, end))
        if after is not GONE:
            parts.append((number, _value(text, cursor, before, after, rename)[0]))
        cursor = _skip(text, end)
        cursor = _skip(text, cursor + 1) if text[cursor] == "," else cursor
    return _joined(text, at, parts, items, "[]")


def _joined(text: str, at: int, kept: list[tuple[int, str]], places: list[tuple[int, int]], brackets: str) -> str:
    """Join the remaining elements of an object or array, each with the text before it (white space and comma).

    `kept` are (index, text) of the remaining elements, `places` the spans of all elements in `text`.
    """
    if not kept:
        return brackets
    written = [text[at : places[0][0]], kept[0][1]]
    for number, part in kept[1:]:
        written += [text[places[number - 1][1] : places[number][0]], part]
    last = places[-1][1]
    return "".join([*written, text[last : text.index(brackets[1], last)], brackets[1]])


def _skip(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at
