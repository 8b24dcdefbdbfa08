"""Feature store: a persistent cache of model results, keyed by image or text, and by model; written in batches.

`<root>/<kind>/<fingerprint>/` has immutable Parquet files. A batch of results is one new file. Many small files are
merged into a large one, and deleted only when the large one is durable. So each row is always in at least one file,
even if another process appends, merges or is killed at the same time, on a disk and on an object store. If a key is in
several files, the row that was written last is used.

DESIGN §5 specifies folders by the first two characters of the image id. A batch of 256 images would then be up to 256
files of one row, and every query would open all folders. Files in the order of writing keep those rows together that
are computed together, and usually queried together.
"""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from upath import UPath

from instagram_assets.arrow import compute as arrow
from instagram_assets.errors import ContractError
from instagram_assets.storage import atomic
from instagram_assets.storage.feature_files import (
    ROW_GROUP,
    FeatureFileGoneError,
    File,
    list_files,
    open_feature_file,
    remove_feature_files,
    try_folder_lock,
    write_feature_file,
)

BATCH = 256
"""The default number of rows per batch: at most so many computed rows are lost if the process is killed."""

OnProgress = Callable[[int, int], None]
"""Type of a progress callback, called with (number of finished keys, number of all keys)."""

_MANY = 64
"""Small files are merged if there are at least so many."""
_FULL = 16_384
"""A file with at least so many rows is not merged again; as 512-dimensional float32 vectors they are 32 MiB."""
_WRITTEN = "_written"


class FeatureStore:
    """The cached results of one kind and one fingerprint: a table with the columns `schema` and one row per key.

    The key is the first column, a string: an `image_id`, or the hash of another input. `kind` names the result, such as
    `captions`. `fingerprint` is a hash of the model and of everything else that changes results, including the version
    of the columns. Several processes can use one store. Methods raise StorageError on an I/O error, and ContractError
    if stored files have other columns than `schema`.
    """

    def __init__(self, root: UPath | Path, kind: str, fingerprint: str, schema: pa.Schema) -> None:
        if not schema.names or schema.field(0).type != pa.string():
            raise ContractError(f"{kind}: the first column must be the key, a string")
        self.schema = schema
        self.key = schema.names[0]
        self.folder = UPath(root) / quote(kind, safe="") / quote(fingerprint, safe="")
        self._stored = schema.append(pa.field(_WRITTEN, pa.int64())).remove_metadata()
        self._last = 0
        self._appended = 0

    def find(self, keys: Iterable[str]) -> pa.Table:
        """Returns the stored rows of these keys, each once, in the order of `keys`; keys without a row are left out.

        Only row groups with these keys are read completely. Peak memory is twice the result plus the row groups read
        from one file. A damaged file is moved to the folder `damaged` with a warning, and its rows count as missing.
        """
        wanted = pa.array(list(dict.fromkeys(keys)), pa.string())
        while len(wanted):
            try:
                return self._take(*self._locate(wanted))
            except FeatureFileGoneError:
                continue
        return self.schema.empty_table()

    def append(self, table: pa.Table) -> None:
        """Store these rows atomically, replacing older rows of the same keys; durable on return.

        If the table has a key twice, only its last row is stored.
        """
        rows = _conform(table, self.schema, str(self.folder))
        rows = rows.take(_newest(_codes(rows[self.key]), np.zeros(rows.num_rows, np.int64)))
        if not rows.num_rows:
            return
        # Clocks can step back; later rows of this process must still count as newer.
        self._last = max(time.time_ns(), self._last + 1)
        written = pa.array(np.full(rows.num_rows, self._last))
        write_feature_file(self.folder, rows.append_column(_WRITTEN, written), self._last)
        self._appended += 1
        if self._appended % _MANY == 0:
            self.tidy()

    def tidy(self) -> None:
        """Remove temporary files of dead processes, and merge small files into large ones if there are at least 64.

        On object stores, which have no locks, two processes can merge the same files; readers ignore the duplicate
        rows. On a disk only the process with the folder's lock merges.
        """
        if atomic.is_local(self.folder):
            atomic.sweep(Path(self.folder.path))
        if len(self._small_files()) < _MANY:
            return
        with try_folder_lock(self.folder) as alone:
            for group in _groups(self._small_files()) if alone else ():
                self._fold(group)

    def _fold(self, files: list[File]) -> None:
        """Merge the rows of several files into one new file, then delete the old ones."""
        whole: list[pa.Table] = []
        folded: list[File] = []
        for file in files:
            try:
                with open_feature_file(self.folder, file, self._stored) as parquet:
                    whole.append(parquet.read(use_threads=False))
                folded.append(file)
            except FeatureFileGoneError:
                continue
        if len(folded) < 2:
            return
        rows = pa.concat_tables(whole)
        newest = rows.take(_newest(_codes(rows[self.key]), rows[_WRITTEN].to_numpy()))
        write_feature_file(self.folder, newest, max(file.written for file in folded))
        remove_feature_files(self.folder, folded)

    def _locate(self, wanted: pa.Array) -> tuple[list[File], NDArray[np.int64]]:
        """Returns the files, and an array (2, rows): each result row's file index and row index in the file."""
        files: list[File] = []
        found: list[NDArray[np.int64]] = [np.empty((4, 0), np.int64)]
        # A file can be merged meanwhile; its rows are then in a new file.
        while unseen := sorted(set(list_files(self.folder)) - set(files)):
            for number, file in enumerate(unseen, start=len(files)):
                try:
                    with open_feature_file(self.folder, file, self._stored) as parquet:
                        keys = parquet.read(columns=[self.key, _WRITTEN], use_threads=False)
                except FeatureFileGoneError:
                    continue
                places = arrow.index_in(keys[self.key].combine_chunks(), value_set=wanted)
                rows = np.flatnonzero(places.is_valid())
                place, written = places.take(rows).to_numpy(), keys[_WRITTEN].take(rows).to_numpy()
                found.append(np.stack([place.astype(np.int64), written, np.full(len(rows), number), rows]))
            files += unseen
        place, written, file, row = np.concatenate(found, axis=1)
        newest = _newest(place, written)
        newest = newest[np.argsort(place[newest])]
        return files, np.stack([file[newest], row[newest]])

    def _take(self, files: list[File], found: NDArray[np.int64]) -> pa.Table:
        """Returns the rows at the positions that `_locate` found, in their order, reading only their row groups."""
        tables: list[pa.Table] = [self.schema.empty_table()]
        order: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for number in np.unique(found[0]).tolist():
            answers = np.flatnonzero(found[0] == number)
            rows = found[1, answers]
            groups, inverse = np.unique(rows // ROW_GROUP, return_inverse=True)
            with open_feature_file(self.folder, files[number], self._stored) as parquet:
                some = parquet.read_row_groups(groups.tolist(), columns=self.schema.names, use_threads=False)
            # All row groups but the last have the same size.
            tables.append(some.take(inverse * ROW_GROUP + rows % ROW_GROUP))
            order.append(answers)
        return pa.concat_tables(tables).take(np.argsort(np.concatenate(order)))

    def _small_files(self) -> list[File]:
        return [file for file in list_files(self.folder) if file.rows < _FULL]


def computed(
    keys: Iterable[str],
    store: FeatureStore,
    compute: Callable[[list[str]], Generator[pa.Table]],
    *,
    batch: int = BATCH,
    skip_existing: bool = True,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """Returns one row per key, in the order of `keys`: cached rows from the store, the rest computed and stored.

    `compute` is called at most once, with the missing keys, deduplicated and in order. It yields tables of finished
    rows with the columns of the store, which are stored in batches of `batch` rows. If `compute` or `on_progress`
    raises, the rows yielded so far are stored, `compute` is closed, and the error is raised.

    If the store has a column `status`, rows with another status than `ok` are returned but not stored, so that the next
    run computes them again. A yielded table can have an additional boolean column `permanent`: rows with true are
    failures caused by the input, and are stored too. `skip_existing=False` computes all keys and replaces stored rows.
    `on_progress` is called with (finished keys, all keys) after each table. Raises ContractError if `compute` ends
    without a row for each key, or yields rows of other keys.
    """
    wanted = list(dict.fromkeys(keys))
    known = store.find(wanted) if skip_existing else store.schema.empty_table()
    have = set(known[store.key].to_pylist())
    missing = [key for key in wanted if key not in have]
    fresh: list[pa.Table] = []
    if missing:
        with closing(compute(missing)) as tables:
            fresh = _kept(_counted(tables, known.num_rows, len(wanted), on_progress), store, batch)
    store.tidy()
    if not missing:
        return known
    table = pa.concat_tables([known, *fresh])
    places = arrow.index_in(table[store.key].combine_chunks(), value_set=pa.array(wanted, pa.string()))
    rows = _newest(places.fill_null(-1).to_numpy(), np.zeros(table.num_rows, np.int64))
    order = places.take(rows)
    if order.null_count or len(order) != len(wanted):
        raise ContractError(f"{store.folder}: {len(wanted)} rows were asked for, {len(order)} came back")
    return table.take(rows[np.argsort(order.to_numpy())])


def _counted(tables: Iterator[pa.Table], done: int, total: int, on_progress: OnProgress | None) -> Iterator[pa.Table]:
    """Yields the tables unchanged; after each one was processed, reports the number of finished rows."""
    for table in tables:
        yield table
        done += table.num_rows
        if on_progress is not None:
            on_progress(done, total)


def _kept(tables: Iterator[pa.Table], store: FeatureStore, batch: int) -> list[pa.Table]:
    """Returns all rows of the tables, and appends the rows to cache to the store, in batches."""
    fresh: list[pa.Table] = []
    pending = store.schema.empty_table()
    try:
        for table in tables:
            rows = _conform(table, store.schema, str(store.folder))
            fresh.append(rows)
            pending = pa.concat_tables([pending, rows.filter(_worth_keeping(table))])
            while pending.num_rows >= batch:
                store.append(pending.slice(0, batch))
                pending = pending.slice(batch)
    finally:
        store.append(pending)
    return fresh


def _worth_keeping(table: pa.Table) -> Any:
    """Returns a boolean mask (rows,) of the rows to cache: those with status `ok`, or with a permanent failure."""
    if "status" not in table.column_names:
        return pa.array(np.ones(table.num_rows, bool))
    ok = arrow.equal(table["status"], "ok")
    return arrow.or_kleene(ok, table["permanent"]) if "permanent" in table.column_names else ok


def _conform(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """Returns the table with the schema's columns, in its order and types. `name` is for error messages."""
    if missing := set(schema.names) - set(table.column_names):
        raise ContractError(f"{name}: columns missing {sorted(missing)}")
    try:
        rows = table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ContractError(f"{name}: {error}") from error
    if rows[0].null_count:
        raise ContractError(f"{name}: a row has no {schema.names[0]}")
    return rows


def _newest(places: NDArray[np.int64], written: NDArray[np.int64]) -> NDArray[np.int64]:
    """Returns the sorted indices of the newest row of each key; of rows with equal times the last one.

    `places` (rows,) has an integer per row that identifies its key, such as its position in the result. `written`
    (rows,) has the times of writing in ns.
    """
    order = np.lexsort((written, places))
    last = np.append(places[order][1:] != places[order][:-1], True) if len(order) else np.empty(0, bool)
    return np.sort(order[last])


def _codes(column: Any) -> NDArray[np.int64]:
    """Returns an integer code per row of a string column, shape (rows,); equal strings have equal codes."""
    return column.combine_chunks().dictionary_encode().indices.to_numpy()


def _groups(files: list[File]) -> Iterator[list[File]]:
    """Yields groups of consecutive files to merge; each but the last has enough rows for a full file."""
    group: list[File] = []
    for file in files:
        group.append(file)
        if sum(one.rows for one in group) >= _FULL:
            yield group
            group = []
    yield group
