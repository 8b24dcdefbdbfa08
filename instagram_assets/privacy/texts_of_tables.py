"""The texts of Arrow tables, whatever they are nested in, for who searches in them."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.privacy.tables import texts_in


@lru_cache(maxsize=1024)
def has_texts(kind: pa.DataType) -> bool:
    """Whether a type has texts, perhaps in lists and structs."""
    if pa.types.is_struct(kind):
        return any(has_texts(each.type) for each in kind)
    if pa.types.is_dictionary(kind) or pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return has_texts(kind.value_type)
    if pa.types.is_map(kind):
        return has_texts(kind.key_type) or has_texts(kind.item_type)
    return any(is_text(kind) for is_text in (pa.types.is_string, pa.types.is_large_string)) or pa.types.is_binary(kind)


def column_texts(tables: Sequence[pa.Table]) -> Iterator[tuple[str, bytes]]:
    """The texts of each column of tables of one schema, a line each."""
    whole = joined(tables)
    for name in whole.column_names:
        for texts in texts_of(whole, name):
            lines = compute.binary_join(pa.scalar(texts.drop_null(), pa.list_(texts.type)), "\n")
            yield name, b"\n" + lines.as_buffer().to_pybytes() + b"\n"


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Tables of one schema as one, each column in one piece."""
    return (pa.concat_tables(tables) if len(tables) > 1 else tables[0]).combine_chunks()


def texts_of(table: pa.Table, name: str) -> Iterator[pa.Array]:
    """All texts of a column, those in its lists and structs too."""
    for chunk in table[name].chunks:
        yield from texts_in(chunk)
