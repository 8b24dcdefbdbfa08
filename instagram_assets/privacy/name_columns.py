"""Columns and files whose whole value is the name of an account, also where that is an ordinary word such as `love`."""

import csv
import io
import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import IO, Any

from instagram_assets.schemas.account_names import NAME_FIELDS

_BETWEEN = re.compile(r"[,;\s]+")
_TABLES = (".csv", ".tsv")


def is_table(path: str) -> bool:
    """Whether a file is a table as text by its name."""
    return path.casefold().endswith(_TABLES)


def cells_have(stream: IO[bytes], names: Collection[str]) -> bool:
    """Whether a table with a header has one of these names as a whole cell of a column of names, or in its list."""
    parts: Any = stream
    text = io.TextIOWrapper(parts, "utf-8-sig", "replace", newline="")
    try:
        first = text.readline()
        separator = "\t" if "\t" in first else ";" if ";" in first and "," not in first else ","
        text.seek(0)
        with suppress(csv.Error):
            rows = csv.DictReader(text, delimiter=separator)
            fields = NAME_FIELDS.intersection(name.strip() for name in rows.fieldnames or ())
            return bool(fields) and any(_has(row.get(field), names) for row in rows for field in fields)
        return False
    finally:
        text.detach()


def names_in_row(row: Mapping[str, object]) -> list[str]:
    """The values of a database's row that are names; in a table of keys and values the key says what the value is."""
    key = str(row.get("key") or "").rpartition("/")[2]
    wanted = NAME_FIELDS | ({"value"} if key in NAME_FIELDS else set[str]())
    return [value for name, value in row.items() if name in wanted and isinstance(value, str)]


def _has(cell: str | None, names: Collection[str]) -> bool:
    return any(name.casefold().removeprefix("@") in names for name in _BETWEEN.split(cell or ""))
