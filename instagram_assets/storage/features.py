"""What models computed, kept per image or text and model: a run that dies loses one batch, a re-run computes nothing.

Below `<root>/<kind>/<fingerprint>/` lie Parquet files that are written once and never changed. A batch of results is
one new file; when there are many small files, they are folded into one large one, and only when that one is safe
do the small ones go. So at every moment each row is in at least one file, whoever else appends, folds or dies, on a
disk as on an object store. The same key in two files is one row: the one that was written last.

DESIGN §5 asks for folders by the first two characters of the image id. A batch of 256 images would then be up to 256
files of one row, and every question would open all folders. Files in the order of writing keep together
what was computed together, which is also what is asked for together.
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
    File,
    GoneError,
    alone_in,
    list_files,
    opened,
    publish,
    remove,
)

BATCH = 256
"""Most rows that one death of a process may cost."""

OnProgress = Callable[[int, int], None]
"""Is told how many are finished, and of how many."""

_MANY = 64
"""So many small files are folded."""
_FULL = 16_384
"""A file with so many rows is not folded again: 32 MB of 512-wide vectors."""
_WRITTEN = "_written"


class FeatureStore:
    """The results of one kind and one fingerprint: a table with `schema`, one row per key.

    The key is the first column: an `image_id`, or the hash of whatever else was looked at.

    `kind` names what is computed (`captions`), `fingerprint` the model and everything else that changes results, so
    also the version of the columns. Several processes may use one store. Raises StorageError when the disk refuses,
    ContractError when a file there has other columns than `schema`.
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
        """The rows of those keys that are known, each once, in the order of `keys`.

        Only row groups that hold them are read; memory holds twice the result and some rows of one file. A damaged
        file is moved to the folder `damaged` with a warning, and its rows are no longer known.
        """
        wanted = pa.array(list(dict.fromkeys(keys)), pa.string())
        while len(wanted):
            try:
                return self._take(*self._locate(wanted))
            except GoneError:
                continue
        return self.schema.empty_table()

    def append(self, table: pa.Table) -> None:
        """Keep these rows, all or none, in place of older rows of the same keys; durable when this returns.

        When a key is in the table twice, the later row counts.
        """
        rows = _conform(table, self.schema, str(self.folder))
        rows = rows.take(_newest(_codes(rows[self.key]), np.zeros(rows.num_rows, np.int64)))
        if not rows.num_rows:
            return
        # Clocks may step back; what this process wrote later must win all the same.
        self._last = max(time.time_ns(), self._last + 1)
        written = pa.array(np.full(rows.num_rows, self._last))
        publish(self.folder, rows.append_column(_WRITTEN, written), self._last)
        self._appended += 1
        if self._appended % _MANY == 0:
            self.tidy()

    def tidy(self) -> None:
        """Take away what dead processes left half done, and fold small files into large ones when there are many.

        On object stores, which have no locks, two processes may fold the same files: then rows are there twice, which
        no reader notices. On a disk the second leaves the work to the first.
        """
        if atomic.is_local(self.folder):
            atomic.sweep(Path(self.folder.path))
        if len(self._small_files()) < _MANY:
            return
        with alone_in(self.folder) as alone:
            for group in _groups(self._small_files()) if alone else ():
                self._fold(group)

    def _fold(self, files: list[File]) -> None:
        """Put the rows of several files into one new file, then take the old ones away."""
        whole: list[pa.Table] = []
        folded: list[File] = []
        for file in files:
            try:
                with opened(self.folder, file, self._stored) as parquet:
                    whole.append(parquet.read(use_threads=False))
                folded.append(file)
            except GoneError:
                continue
        if len(folded) < 2:
            return
        rows = pa.concat_tables(whole)
        newest = rows.take(_newest(_codes(rows[self.key]), rows[_WRITTEN].to_numpy()))
        publish(self.folder, newest, max(file.written for file in folded))
        remove(self.folder, folded)

    def _locate(self, wanted: pa.Array) -> tuple[list[File], NDArray[np.int64]]:
        """Files, and for each row of the answer: its file's place among them and its own place in that file."""
        files: list[File] = []
        found: list[NDArray[np.int64]] = [np.empty((4, 0), np.int64)]
        # A file may be folded while we look; its rows are then in one that was not there before.
        while unseen := sorted(set(list_files(self.folder)) - set(files)):
            for number, file in enumerate(unseen, start=len(files)):
                try:
                    with opened(self.folder, file, self._stored) as parquet:
                        keys = parquet.read(columns=[self.key, _WRITTEN], use_threads=False)
                except GoneError:
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
        """The rows at those places, in that order; only the row groups that hold them are read."""
        tables: list[pa.Table] = [self.schema.empty_table()]
        order: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for number in np.unique(found[0]).tolist():
            answers = np.flatnonzero(found[0] == number)
            rows = found[1, answers]
            groups, inverse = np.unique(rows // ROW_GROUP, return_inverse=True)
            with opened(self.folder, files[number], self._stored) as parquet:
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
    """One row per key, in the order of `keys`: from the store what is known, the rest computed and kept.

    `compute` is called once with the unknown keys, each once, in order, and not at all when there are none. It
    yields tables of finished rows as they come, with the columns of the store. They are kept in batches of
    `batch` rows; when `compute` or `on_progress` raises, what was yielded is kept before the error goes on, and
    `compute` is closed.

    Where the store has a column `status`, rows with another status than `ok` are returned and not kept, for next time
    they may succeed. A yielded table may have one more column, the boolean `permanent`: a failure for which it is
    true lies in what was looked at, and is kept too. `skip_existing=False` computes all anew and replaces what was
    kept. `on_progress` gets the number of finished keys and of all, whenever some were computed.
    Raises ContractError when `compute` ends without a row for each key, or gives rows of others.
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
    """The tables as they come, each told when the next one is asked for: then it was taken care of."""
    for table in tables:
        yield table
        done += table.num_rows
        if on_progress is not None:
            on_progress(done, total)


def _kept(tables: Iterator[pa.Table], store: FeatureStore, batch: int) -> list[pa.Table]:
    """All rows of the tables, those worth keeping appended to the store on the way."""
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
    if "status" not in table.column_names:
        return pa.array(np.ones(table.num_rows, bool))
    ok = arrow.equal(table["status"], "ok")
    return arrow.or_kleene(ok, table["permanent"]) if "permanent" in table.column_names else ok


def _conform(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """The columns of the schema, in its order and types."""
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
    """The rows, in their order, that are the newest of their place; of equally new ones the last."""
    order = np.lexsort((written, places))
    last = np.append(places[order][1:] != places[order][:-1], True) if len(order) else np.empty(0, bool)
    return np.sort(order[last])


def _codes(column: Any) -> NDArray[np.int64]:
    """A number for each value of a text column, equal for equal texts."""
    return column.combine_chunks().dictionary_encode().indices.to_numpy()


def _groups(files: list[File]) -> Iterator[list[File]]:
    """Files in their order, cut so that each group but the last makes a full file."""
    group: list[File] = []
    for file in files:
        group.append(file)
        if sum(one.rows for one in group) >= _FULL:
            yield group
            group = []
    yield group
