"""Builds and updates an index from the lake's files, reading batches of rows that fit in memory."""

from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.lake_index import insert_rows, insert_terms
from instagram_assets.lake_index.index_tables import EMBEDDING_TABLES, LAKE_COLUMNS
from instagram_assets.lake_index.lake_changes import LakeFile, LakePart, LakeParts
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.lake import read_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_ROWS_AT_ONCE = 60_000
"""Rows of all tables together that are read into memory before they are inserted."""
_CELLS = [name for name in LAKE_COLUMNS if "day" in CONTRACTS[name].partitions and name not in EMBEDDING_TABLES]
_PROFILES = ["raw_profiles"]
_SEARCHES = ["search_images", "search_clusters"]
ProgressReport = Callable[[int, int], None]
"""Progress callback: called with the number of account months inserted so far, and of all."""
_SCRATCH = """
CREATE TABLE scratch.terms (term INTEGER, text VARCHAR);
CREATE TABLE scratch.post_terms (term INTEGER, post INTEGER);
CREATE TABLE scratch.image_terms (term INTEGER, image INTEGER);
"""


class IndexBuilder:
    """Inserts rows of the lake into an index that is open for writing, unit by unit (`LakePart`)."""

    def __init__(
        self,
        connection: "DuckDBPyConnection",
        root: UPath,
        parts: LakeParts,
        zone: str,
        report: ProgressReport,
    ) -> None:
        self._connection, self._root, self._parts, self._zone, self._report = connection, root, parts, zone, report

    def build(self, scratch: Path) -> None:
        """Insert the whole lake into an empty index; `scratch` is the path of a temporary database for search terms."""
        self._connection.execute(f"ATTACH '{str(scratch).replace(chr(39), chr(39) * 2)}' AS scratch")
        self._connection.execute(_SCRATCH)
        self._insert(self._parts, "scratch")
        insert_terms.sort_terms(self._connection, "scratch")
        insert_rows.count_years(self._connection)
        self._connection.execute("DETACH scratch")
        self._store_stamps(self._parts)

    def update(self, changed: Collection[LakePart], gone: Collection[LakePart]) -> int:
        """Replace the rows of changed units of the lake (`LakePart`), and delete those of removed ones (`gone`).

        Returns how many rows of posts and images, counted together, were inserted.
        """
        connection = self._connection
        insert_rows.remove_parts(connection, [*changed, *gone])
        before = self._count()
        self._insert({part: files for part, files in self._parts.items() if part in changed}, "main")
        insert_rows.remove_unused(connection)
        whole = {part.kind for part in (*changed, *gone)}
        insert_rows.count_years(connection, changed=True)
        insert_rows.apply_labels(connection, labels="viral_labels" in whole, clusters="clusters" in whole)
        self._empty_whole_tables({part.kind for part in gone})
        self._store_stamps(self._parts)
        return self._count() - before

    def _insert(self, parts: LakeParts, terms_in: str) -> None:
        connection = self._connection
        labels, clusters = (self._whole_table(name) for name in ("viral_labels", "clusters"))
        insert_rows.collect_labels(connection, labels, clusters)
        del labels, clusters
        cells = {part: files for part, files in parts.items() if part.kind == "cell"}
        done = 0
        for number, tables in self._batches(cells, _CELLS):
            insert_rows.insert_cells(connection, tables, self._zone, terms_in=terms_in)
            done += number
            self._report(done, len(cells))
        for _, tables in self._batches(_parts_of_kind(parts, "profiles"), _PROFILES):
            insert_rows.insert_profiles(connection, tables)
        for _, tables in self._batches(_parts_of_kind(parts, "search"), _SEARCHES):
            insert_rows.insert_searches(connection, tables)
        whole = {name: self._whole_table(name) for name in ("topics", "viral_hypotheses") if LakePart(name) in parts}
        insert_rows.replace_whole(connection, whole)

    def _empty_whole_tables(self, kinds: Collection[str]) -> None:
        insert_rows.replace_whole(
            self._connection, {name: _empty_table(name) for name in ("topics", "viral_hypotheses") if name in kinds}
        )

    def _whole_table(self, name: str) -> pa.Table:
        files = self._parts.get(LakePart(name), {})
        return read_lake_file(files[name]) if name in files else _empty_table(name)

    def _batches(self, parts: LakeParts, names: list[str]) -> Iterator[tuple[int, dict[str, pa.Table]]]:
        """Yields batches of units of the lake: how many units a batch has, and their rows by table name."""
        batch: dict[str, list[pa.Table]] = {name: [] for name in names}
        number = count = 0
        for files in parts.values():
            number += 1
            for name in names:
                if name in files:
                    table = read_lake_file(files[name])
                    batch[name].append(table)
                    count += table.num_rows
            if count >= _ROWS_AT_ONCE:
                yield number, _concatenated(batch)
                batch = {name: [] for name in names}
                number = count = 0
        if number:
            yield number, _concatenated(batch)

    def _count(self) -> int:
        sql = "SELECT (SELECT count(*) FROM posts) + (SELECT count(*) FROM images)"
        return self._connection.execute(sql).fetchall()[0][0]

    def _store_stamps(self, parts: LakeParts) -> None:
        found = [
            (file.table, part.owner, part.month, file.seen, file.stamp)
            for part, files in parts.items()
            for file in files.values()
        ]
        names = ("name", "owner", "month", "seen", "stamp")
        columns = zip(*found, strict=True) if found else ([] for _ in names)
        table = pa.table([pa.array(list(column), pa.string()) for column in columns], names=list(names))
        self._connection.register("given", table)
        self._connection.execute("DELETE FROM files")
        self._connection.execute("INSERT INTO files SELECT * FROM given")
        self._connection.unregister("given")


def _parts_of_kind(parts: LakeParts, kind: str) -> LakeParts:
    return {part: files for part, files in parts.items() if part.kind == kind}


def _concatenated(batch: dict[str, list[pa.Table]]) -> dict[str, pa.Table]:
    return {name: pa.concat_tables([_empty_table(name), *tables]) for name, tables in batch.items()}


def _empty_table(name: str) -> pa.Table:
    schema = CONTRACTS[name].schema
    return pa.schema([schema.field(column) for column in LAKE_COLUMNS[name]]).empty_table()


def read_lake_file(file: LakeFile) -> pa.Table:
    """Returns the rows of a lake file, with the columns that the index needs.

    Returns no rows if the file was removed since it was listed; the next update then removes its rows from the index.
    """
    try:
        return read_rows(file.path, file.table, columns=LAKE_COLUMNS[file.table])
    except (FileNotFoundError, StorageError):
        if file.path.exists():
            raise
        return _empty_table(file.table)
