"""Conversion of table cells to JSON values (numbers, booleans, lists, timestamps), chosen by the column's name."""

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator
from datetime import date, datetime, time
from functools import cache
from typing import Any, Literal

import pyarrow as pa

from instagram_assets.ingest.formats import ads, apify, comments, merged_dataset
from instagram_assets.ingest.formats.registry import format_of
from instagram_assets.ingest.reader.json_values import MAX_DEPTH, Record, depth_of
from instagram_assets.schemas import POSTS_RAW, PROFILES_RAW

ValueKind = Literal["id", "flag", "number", "list", "time", "text"]

_IDS = ("post_id", "shortcode", "owner_id", "profile_id")
_LISTS = ("images", "childPosts", "latestPosts", "imageUrls")
_OF_CHILDREN: dict[str, ValueKind] = {"fullName": "text", "username": "text"}
_WHOLE = re.compile(r"-?[0-9]{1,18}")
_FRACTION = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,18}")
_ID_AS_FLOAT = re.compile(r"([0-9]{1,30})\.0+")
_ID_AS_POWER = re.compile(r"[0-9](?:\.[0-9]{1,20})?[eE]\+?[0-9]{1,2}")
_FLAGS = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
_LONGEST_LITERAL = 1_000_000


def is_known(record: Record) -> bool:
    """True for a row that is a record of a known format; a row with only an error message or a status is not."""
    name, _ = format_of(record)
    if name == "apify_errors":
        return "errorDescription" in record
    if name == ads.FORMAT:
        return ads.is_table(record)
    return name not in ("", "refusals", "pages", comments.PAGES)


def is_own(names: list[str]) -> bool:
    """True if these are the column names of our own merged dataset."""
    return merged_dataset.is_record(dict.fromkeys(names))


def converter(key: str, is_item: bool) -> Callable[[object], object]:
    """Return the function that converts a cell to the JSON value of field `key`, or (`is_item`) to an item of its list.

    Cells are strings, or in a workbook also numbers, booleans and timestamps. A cell that cannot be converted is
    returned unchanged: the parsers of records report the problem.
    """
    kind = _kinds().get(key) or ("number" if ads.is_number(key) else "text")
    return _RULES["text" if is_item and kind == "list" else kind]


@cache
def _kinds() -> dict[str, ValueKind]:
    """Return the value kind (text, time, id, flag, number, list) of each field that maps to one of our columns."""
    found: dict[str, ValueKind] = {}
    for mapping, contract in ((apify.PROFILE, PROFILES_RAW), (merged_dataset.POST, POSTS_RAW), (apify.POST, POSTS_RAW)):
        for column, paths in mapping.fields.items():
            found |= dict.fromkeys(paths, _kind_of(column, contract.schema.field(column).type))
    return {**found, **dict.fromkeys(_LISTS, "list"), **_OF_CHILDREN}


def _kind_of(column: str, type_: Any) -> ValueKind:
    if column in _IDS:
        return "id"
    if pa.types.is_boolean(type_):
        return "flag"
    if pa.types.is_integer(type_) or pa.types.is_floating(type_):
        return "number"
    if pa.types.is_list(type_):
        return "list"
    return "time" if pa.types.is_temporal(type_) else "text"


def _text(cell: object) -> object:
    """Convert a cell back to a string, since spreadsheets turn some strings into numbers, timestamps or booleans."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell) if isinstance(cell, int | float) else _time(cell)


def _time(cell: object) -> object:
    return cell.isoformat() if isinstance(cell, datetime | date | time) else cell


def _id(cell: object) -> object:
    if not isinstance(cell, str):
        return _time(cell)
    if whole := _ID_AS_FLOAT.fullmatch(cell):
        return whole[1]
    return float(cell) if _ID_AS_POWER.fullmatch(cell) else cell


def _flag(cell: object) -> object:
    if isinstance(cell, bool):
        return cell
    return _FLAGS.get(str(cell).strip().casefold(), _time(cell))


def _number(cell: object) -> object:
    if not isinstance(cell, str):
        return _time(cell)
    text = cell.strip()
    if _WHOLE.fullmatch(text):
        return int(text)
    return float(text) if _FRACTION.fullmatch(text) else cell


def _list(cell: object) -> object:
    """Parse a list written as JSON or as Python's repr, which is what pandas writes."""
    text = cell.strip() if isinstance(cell, str) else ""
    if not text.startswith("[") or len(text) > _LONGEST_LITERAL:
        return _text(cell)
    return next((value for value in _readings(text) if isinstance(value, list)), cell)


def _readings(text: str) -> Iterator[object]:
    for read in (json.loads, _from_python):
        try:
            value = read(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        if depth_of(value) <= MAX_DEPTH:
            yield value


def _from_python(text: str) -> object:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about invalid backslash escapes in texts
        # Round trip through JSON, so that only JSON types are returned.
        return json.loads(json.dumps(ast.literal_eval(text)))


_RULES: dict[ValueKind, Callable[[object], object]] = {
    "id": _id,
    "flag": _flag,
    "number": _number,
    "list": _list,
    "time": _time,
    "text": _text,
}
