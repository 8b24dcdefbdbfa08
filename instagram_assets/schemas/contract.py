"""The classes of contracts (table schemas): Column, Contract and View; types and columns that several tables share."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from instagram_assets.errors import ContractError

BY_CELL = ("account", "day")
"""The partition columns of tables with a partition for each account and day (`cell` in names)."""
BY_ACCOUNT = ("account",)
BY_SEARCH = ("search",)


@dataclass(frozen=True)
class Column:
    """A column: name, Arrow type and meaning.

    `added` is true for a column that was added to the contract in a later version, so that older files lack it.
    """

    name: str
    type: pa.DataType
    meaning: str
    added: bool = False


@dataclass(frozen=True)
class Contract:
    """A table's schema: what a row is, the columns, the key columns (unique per row), and the partition columns."""

    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partitions: tuple[str, ...] = ()

    @cached_property
    def sort_columns(self) -> tuple[str, ...]:
        """The columns by which a stored table is sorted: the partition columns, then the key columns."""
        return tuple(dict.fromkeys([*self.partitions, *self.key]))

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema([pa.field(column.name, column.type) for column in self.columns])

    def empty(self) -> pa.Table:
        """Returns a table of this contract without rows."""
        return self.schema.empty_table()

    def table(self, rows: list[dict[str, object]]) -> pa.Table:
        """Returns rows (column name → value) as a table of this contract; a missing column is null.

        Raises ContractError for an unknown column.
        """
        known = {column.name for column in self.columns}
        for row in rows:
            if unknown := row.keys() - known:
                raise ContractError(f"{self.row}: no column is called {sorted(unknown)}")
        return pa.Table.from_pylist(rows, schema=self.schema)

    def filled(self, table: pa.Table) -> pa.Table:
        """Returns the table with nulls in the columns that were added to the contract after the table was written."""
        for column in self.columns:
            if column.added and column.name not in table.column_names:
                table = table.append_column(column.name, pa.nulls(table.num_rows, column.type))
        return table

    def conform(self, table: pa.Table, name: str) -> pa.Table:
        """Returns the table with its columns in the contract's order and types; `name` is for error messages.

        Raises ContractError if a column is missing or unknown, or has values that do not fit its type.
        """
        if table.schema.equals(self.schema):
            # A table read from a file has the file's field metadata, which is dropped here.
            return pa.Table.from_arrays(table.columns, schema=self.schema)
        table = self.filled(table)
        missing = [c.name for c in self.columns if c.name not in table.column_names]
        unknown = [n for n in table.column_names if n not in self.schema.names]
        if missing or unknown:
            raise ContractError(f"{name}: columns missing {missing}, unknown {unknown}")
        try:
            return table.select(self.schema.names).cast(self.schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ContractError(f"{name}: {error}") from error


@dataclass(frozen=True)
class View:
    """A table that is not stored but computed, when it is read, by SQL over other tables.

    `sql` returns the contract's columns, with rows in any order; `order` is the text of an ORDER BY clause for them.
    `reads` maps each table that the SQL reads to the columns it needs. The view's rows of an account must depend on
    that account's rows only; `by_day` is true if the same holds for each day. `partitions` are the columns by which
    its rows can be selected, as in a contract.
    """

    contract: Contract
    reads: Mapping[str, tuple[str, ...]]
    sql: str
    order: str
    by_day: bool
    partitions: tuple[str, ...] = BY_CELL


MOMENT = pa.timestamp("us", tz="UTC")
TEXTS = pa.list_(pa.string())
MEDIA = pa.list_(
    pa.struct(
        [
            pa.field("position", pa.int32()),
            pa.field("kind", pa.string()),
            pa.field("url", pa.string()),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
        ]
    )
)
CANDIDATES = pa.list_(pa.struct([pa.field("caption", pa.string()), pa.field("score", pa.float32())]))
EMBEDDING = pa.list_(pa.float32())
WORDS = pa.list_(pa.struct([pa.field("word", pa.string()), pa.field("pos", pa.string())]))
SCORED_WORDS = pa.list_(pa.struct([pa.field("word", pa.string()), pa.field("score", pa.float32())]))
ARCHIVE_SCHEME = "archive"
"""URL scheme of media in a user's own Instagram export (`archive://ACCOUNT/PATH`), which cannot be downloaded."""
SIZES = pa.list_(pa.struct([pa.field("month", pa.string()), pa.field("posts", pa.int64())]))

ACCOUNT = Column("account", pa.string(), "Username of the collected account, in lower case")
DAY = Column("day", pa.date32(), "Calendar day of `taken_at` in the configured time zone")
POST_ID = Column(
    "post_id", pa.string(), "Instagram's ID of the post; restored from the shortcode if the source has it rounded"
)
POSITION = Column("position", pa.int32(), "Zero-based position in the post")
IMAGE_ID = Column("image_id", pa.string(), "SHA-256 of the image file; equal for exact duplicates")
IMAGE_OF_POST = (IMAGE_ID, POST_ID, ACCOUNT, DAY, POSITION)
WIDTH = Column("width", pa.int32(), "Width in pixels")
HEIGHT = Column("height", pa.int32(), "Height in pixels")
BYTES = Column("bytes", pa.int64(), "Size of the file in bytes")
SHARPNESS = Column("sharpness", pa.float64(), "Variance of the Laplacian with the short side reduced to 300 px")
SHARPNESS_NATIVE = Column("sharpness_native", pa.float64(), "Variance of the Laplacian at the image's own size")
LIGHT_AND_FOCUS = (
    Column(
        "focus",
        pa.float64(),
        "Ratio of the gradients' energy at 300 px and at 150 px, of the sharpest edges: 1 blurred, 2 sharp, more fine "
        "detail; whatever the contrast",
        added=True,
    ),
    Column("brightness", pa.float64(), "Grey level, 0 to 255, that one pixel in a thousand exceeds", added=True),
    Column("contrast", pa.float64(), "Grey levels between the darkest and the brightest such pixels", added=True),
    Column("noise", pa.float64(), "Standard deviation of the noise at 300 px, in grey levels (Immerkær)", added=True),
)
PHASH = Column("phash", pa.string(), "Perceptual hash: 64 bits as 16 hexadecimal digits")
UNIT_EMBEDDING = Column("embedding", EMBEDDING, "L2-normalized embedding of the image; null unless `status` is `ok`")
MODEL = Column("model", pa.string(), "Name and fingerprint of the model")
