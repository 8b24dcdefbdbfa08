r"""The encoding of values as CSV cells, and their decoding.

    null         an empty cell                    a,,b
    empty text   an empty cell in quotes          a,"",b
    caption      a run of newlines becomes |||    first line|||second line
    list         items joined by ,                "draw,colour"   "0.5,0.25"
    number       as in JSON                       3   0.25
    yes or no    True, False

A separator within a value is escaped by a backslash, and so is a backslash: `\,` inside list items, `\|` for the bars
of `|||` and bars beside a newline inside captions, `\\` in both. A lone `\` is the list of one empty text; an item `\N`
is null. Captions and items with neither separator nor backslash, and all other texts, are verbatim. Other values, such
as lists whose items do not have the column's item type (text when unknown), are JSON.

With `spreadsheet_safe` a `'` is written before text that a spreadsheet would run as a formula, and before digits that
it would change: ids of more than 15 digits, of which it keeps 15, and leading zeros, which it drops.
"""

import json
import math
import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa

_NEWLINES = re.compile(r"[\r\n]+")
_BARS = re.compile(r"\|{3,}|(?<=\n)\|+|\|+(?=\n)")
_CAPTION_MARK = re.compile(r"\\([\\|])|\|\|\|")
_ITEM_PART = re.compile(r"\\[\\,N]|,|[^\\,]+|\\")
_LONE_EMPTY_ITEM = "\\"
_NULL_ITEM = "\\N"
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_NUMBER = re.compile(r"-?[0-9]{1,400}(\.[0-9]{1,400})?([eE][+-]?[0-9]{1,3})?")
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_CHANGED_DIGITS = re.compile(r"'*(?:[0-9]{16,}|0[0-9]+)\Z")


def encode(
    value: Any, type_: pa.DataType | None = None, *, caption: bool = False, spreadsheet_safe: bool = False
) -> str:
    """Returns a value encoded as the text of a CSV cell, quoted if CSV needs it.

    `type_` is the column's type, None if unknown; `caption` means the column of captions, in which newlines become
    `|||`. With `spreadsheet_safe` a `'` is written before text that a spreadsheet would run as a formula and before
    digits that it would change.
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool | int | float):
        written = repr(value)
        return f"'{written}" if spreadsheet_safe and _CHANGED_DIGITS.match(written) else written
    text = _encode_text(value, type_, caption)
    if spreadsheet_safe and _is_guarded(text):
        text = f"'{text}"
    return quote(text)


def quote(text: str) -> str:
    """Returns a string as a CSV cell: in quotes if it is empty or contains a quote, a comma or a newline."""
    if not text or '"' in text or "," in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def utf8(text: str) -> bytes:
    """Returns a string encoded as UTF-8; unpaired surrogates, which JSON allows and UTF-8 does not, become U+FFFD."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def unguard(text: str) -> str:
    """Returns a cell's text without the `'` that `spreadsheet_safe` wrote before it."""
    return text[1:] if text[:1] == "'" and _is_guarded(text) else text


def decoder(type_: pa.DataType | None, *, caption: bool = False) -> Callable[[str], Any]:
    """Returns a function that decodes a cell's unquoted text to a value of the column's type.

    `type_` is the column's type; if it is None (unknown), the value is a string. `caption` means the column of
    captions, in which `|||` stands for newlines. A cell that does not match the type is returned as unchanged text.
    """
    if caption:
        return _decode_caption
    if type_ is None:
        return str
    if pa.types.is_list(type_):
        return _decode_list if pa.types.is_string(type_.value_type) else _decode_numbers
    if pa.types.is_boolean(type_):
        return lambda text: {"true": True, "false": False}.get(text.lower(), text)
    if pa.types.is_integer(type_):
        return lambda text: int(text) if _WHOLE.fullmatch(text) else text
    if pa.types.is_floating(type_):
        return lambda text: float(text) if _NUMBER.fullmatch(text) else text
    return str


def _is_guarded(text: str) -> bool:
    """Whether a spreadsheet would run the text as a formula or change its digits, after any number of leading `'`."""
    return bool(_FORMULA.match(text) or _CHANGED_DIGITS.match(text))


def _encode_text(value: Any, type_: pa.DataType | None, caption: bool) -> str:
    if isinstance(value, str):
        return _encode_caption(value) if caption else value
    if isinstance(value, list) and _is_joined(value, type_):
        return _encode_list(value)
    return json.dumps(value, ensure_ascii=False)


def _encode_caption(text: str) -> str:
    one_newline = _NEWLINES.sub("\n", text.replace("\\", "\\\\"))
    return _BARS.sub(lambda bars: "\\|" * len(bars[0]), one_newline).replace("\n", "|||")


def _decode_caption(text: str) -> str:
    return _CAPTION_MARK.sub(lambda mark: mark[1] or "\n", text)


def _is_joined(items: list[Any], type_: pa.DataType | None) -> bool:
    """Whether a list's items all have the column's item type, so that it is written joined by commas, not as JSON."""
    if type_ is None or not pa.types.is_list(type_):
        return all(isinstance(item, str) for item in items)
    if pa.types.is_string(type_.value_type):
        return all(item is None or isinstance(item, str) for item in items)
    return all(item is None or type(item) in (int, float) for item in items)


def _encode_list(items: list[Any]) -> str:
    if items == [""]:
        return _LONE_EMPTY_ITEM
    return ",".join(map(_encode_item, items))


def _encode_item(item: str | float | None) -> str:
    if item is None or (isinstance(item, float) and not math.isfinite(item)):
        return _NULL_ITEM
    return item.replace("\\", "\\\\").replace(",", "\\,") if isinstance(item, str) else repr(item)


def _decode_numbers(text: str) -> list[float | None] | str:
    items = text.split(",") if text else []
    if all(item == _NULL_ITEM or _NUMBER.fullmatch(item) for item in items):
        return [None if item == _NULL_ITEM else float(item) for item in items]
    return text


def _decode_list(text: str) -> list[str | None]:
    if not text:
        return []
    if text == _LONE_EMPTY_ITEM:
        return [""]
    if "\\" not in text:
        return [*text.split(",")]
    items: list[str | None] = [""]
    for part in _ITEM_PART.findall(text):
        if part == ",":
            items.append("")
        elif part == _NULL_ITEM:
            items[-1] = None
        else:
            items[-1] = (items[-1] or "") + (part[1:] if len(part) == 2 and part[0] == "\\" else part)
    return items
