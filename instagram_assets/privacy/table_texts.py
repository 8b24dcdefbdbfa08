"""Texts in tables: strings nested in Arrow arrays, and columns whose values are account names."""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from typing import IO, Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.schemas.account_names import NAME_FIELDS

_BETWEEN = re.compile(r"[,;\s]+")
_TABLES = (".csv", ".tsv")


def is_text_table(path: str) -> bool:
    """Whether a file is CSV or TSV, judged by its suffix."""
    return path.casefold().endswith(_TABLES)


def has_name_cell(stream: IO[bytes], names: Collection[str]) -> bool:
    """Whether a CSV or TSV file has one of these names in a column of account names, also within a list of names."""
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
    """Returns the account names in a database row, by its column names; in a key-value table, by the key."""
    key = str(row.get("key") or "").rpartition("/")[2]
    wanted = NAME_FIELDS | ({"value"} if key in NAME_FIELDS else set[str]())
    return [value for name, value in row.items() if name in wanted and isinstance(value, str)]


def _has(cell: str | None, names: Collection[str]) -> bool:
    return any(name.casefold().removeprefix("@") in names for name in _BETWEEN.split(cell or ""))


@lru_cache(maxsize=1024)
def has_texts(kind: pa.DataType) -> bool:
    """Whether an Arrow type is or contains strings or bytes."""
    if pa.types.is_struct(kind):
        return any(has_texts(each.type) for each in kind)
    if pa.types.is_dictionary(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return has_texts(kind.value_type)
    if pa.types.is_map(kind):
        return has_texts(kind.key_type) or has_texts(kind.item_type)
    return any(is_text(kind) for is_text in (pa.types.is_string, pa.types.is_large_string)) or pa.types.is_binary(kind)


def column_texts(tables: Sequence[pa.Table]) -> Iterator[tuple[str, bytes]]:
    """Yields (column, its strings as bytes, one value per line) for tables that share a schema."""
    whole = concat_tables(tables)
    for name in whole.column_names:
        for texts in texts_of(whole, name):
            lines = compute.binary_join(pa.scalar(texts.drop_null(), pa.list_(texts.type)), "\n")
            yield name, b"\n" + lines.as_buffer().to_pybytes() + b"\n"


def concat_tables(tables: Sequence[pa.Table]) -> pa.Table:
    """Returns the concatenation of tables that share a schema, each column in one chunk."""
    return (pa.concat_tables(tables) if len(tables) > 1 else tables[0]).combine_chunks()


def texts_of(table: pa.Table, name: str) -> Iterator[pa.Array]:
    """Yields the strings of a table column, including those in lists and structs."""
    for chunk in table[name].chunks:
        yield from texts_in(chunk)


def texts_in(array: pa.Array) -> list[pa.Array]:
    """Returns the strings of an array, including those in lists and structs, as flat string arrays."""
    kind = array.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return [array]
    if pa.types.is_dictionary(kind):
        return texts_in(array.dictionary)
    if pa.types.is_map(kind):
        return [*texts_in(array.keys), *texts_in(array.items)]
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return texts_in(array.flatten())
    if pa.types.is_struct(kind):
        return [text for part in array.flatten() for text in texts_in(part)]
    return []
