"""What models computed, kept per image and model: a run that dies loses one batch, a re-run computes nothing.

Below `<root>/<kind>/<fingerprint>/` lie Parquet files that are written once and never changed. A batch of results is
one new file; when there are many small files, they are folded into one large one, and only when that one is safe
do the small ones go. So at every moment each row is in at least one file, whoever else appends, folds or dies, on a
disk as on an object store. The same image in two files is one row: the one that was written last.

DESIGN §5 asks for folders by the first two characters of the image id. A batch of 256 images would then be up to 256
files of one row, and every question would open all folders. Files in the order of writing keep together
what was computed together, which is also what is asked for together.
"""

import fcntl
import io
import logging
import os
import re
import time
import uuid
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from upath import UPath

from instagram_assets.arrow import compute as arrow
from instagram_assets.errors import ContractError, StorageError
from instagram_assets.storage import atomic

if TYPE_CHECKING:
    import pyarrow.parquet as pq

BATCH = 256
"""Most rows that one death of a process may cost."""

logger = logging.getLogger(__name__)

_MANY = 64
"""So many small files are folded."""
_FULL = 16_384
"""A file with so many rows is not folded again: 32 MB of 512-wide vectors."""
_ROW_GROUP = 1024
_WRITTEN = "_written"
_NAME = re.compile(r"(?P<written>\d{20})-(?P<rows>\d+)-(?P<footer>[0-9a-f]{8})-[0-9a-f]{32}\.parquet")
_FOOTER_END = 8


@dataclass(frozen=True, slots=True, order=True)
class _File:
    """One stored file. Its name says when it was written, how many rows it has, and the CRC-32 of its footer."""

    written: int
    name: str
    rows: int
    footer: int

    @classmethod
    def of(cls, name: str) -> "_File | None":
        match = _NAME.fullmatch(name)
        return match and cls(int(match["written"]), name, int(match["rows"]), int(match["footer"], 16))


class _ChangedError(Exception):
    """A file is no longer there: another process folded it, or it was damaged and moved aside. Look again."""


class FeatureStore:
    """The results of one kind and one fingerprint: a table with `schema`, one row per `image_id`.

    `kind` names what is computed (`captions`), `fingerprint` the model and everything else that changes results, so
    also the version of the columns. Several processes may use one store. Raises StorageError when the disk refuses,
    ContractError when a file there has other columns than `schema`.
    """

    def __init__(self, root: UPath | Path, kind: str, fingerprint: str, schema: pa.Schema) -> None:
        if schema.names[:1] != ["image_id"] or schema.field(0).type != pa.string():
            raise ContractError(f"{kind}: the first column must be image_id, a string")
        self.schema = schema
        self.folder = UPath(root) / quote(kind, safe="") / quote(fingerprint, safe="")
        self._stored = schema.append(pa.field(_WRITTEN, pa.int64())).remove_metadata()
        self._last = 0
        self._appended = 0

    def find(self, image_ids: Iterable[str]) -> pa.Table:
        """The rows of those images that are known, each once, in the order of `image_ids`.

        Only row groups that hold them are read; memory holds twice the result and some rows of one file. A damaged
        file is moved to the folder `damaged` with a warning, and its rows are no longer known.
        """
        wanted = pa.array(dict.fromkeys(image_ids), pa.string())
        while len(wanted):
            try:
                return self._take(*self._locate(wanted))
            except _ChangedError:
                continue
        return self.schema.empty_table()

    def append(self, table: pa.Table) -> None:
        """Keep these rows, all or none, in place of older rows of the same images; durable when this returns.

        When an image is in the table twice, the later row counts.
        """
        rows = _conform(table, self.schema, str(self.folder))
        rows = rows.take(_newest(_codes(rows["image_id"]), np.zeros(rows.num_rows, np.int64)))
        if not rows.num_rows:
            return
        # Clocks may step back; what this process wrote later must win all the same.
        self._last = max(time.time_ns(), self._last + 1)
        self._write(rows.append_column(_WRITTEN, pa.array(np.full(rows.num_rows, self._last))))
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
        with _alone_in(self.folder) as alone:
            for group in _groups(self._small_files()) if alone else ():
                self._fold(group)

    def _fold(self, files: list[_File]) -> None:
        """Put the rows of several files into one new file, then take the old ones away."""
        whole: list[pa.Table] = []
        folded: list[_File] = []
        for file in files:
            try:
                with self._open(file) as parquet:
                    whole.append(parquet.read(use_threads=False))
                folded.append(file)
            except _ChangedError:
                continue
        if len(folded) < 2:
            return
        rows = pa.concat_tables(whole)
        self._write(rows.take(_newest(_codes(rows["image_id"]), rows[_WRITTEN].to_numpy())))
        for file in folded:
            (self.folder / file.name).unlink(missing_ok=True)
        if atomic.is_local(self.folder):
            atomic.sync_folders([Path(self.folder.path)])

    def _locate(self, wanted: pa.Array) -> tuple[list[_File], NDArray[np.int64]]:
        """Files, and for each row of the answer: its file's place among them and its own place in that file."""
        files: list[_File] = []
        found: list[NDArray[np.int64]] = [np.empty((4, 0), np.int64)]
        # A file may be folded while we look; its rows are then in one that was not there before.
        while unseen := sorted(set(self._files()) - set(files)):
            for number, file in enumerate(unseen, start=len(files)):
                try:
                    with self._open(file) as parquet:
                        keys = parquet.read(columns=["image_id", _WRITTEN], use_threads=False)
                except _ChangedError:
                    continue
                places = arrow.index_in(keys["image_id"].combine_chunks(), value_set=wanted)
                rows = np.flatnonzero(places.is_valid())
                place, written = places.take(rows).to_numpy(), keys[_WRITTEN].take(rows).to_numpy()
                found.append(np.stack([place.astype(np.int64), written, np.full(len(rows), number), rows]))
            files += unseen
        place, written, file, row = np.concatenate(found, axis=1)
        newest = _newest(place, written)
        newest = newest[np.argsort(place[newest])]
        return files, np.stack([file[newest], row[newest]])

    def _take(self, files: list[_File], found: NDArray[np.int64]) -> pa.Table:
        """The rows at those places, in that order; only the row groups that hold them are read."""
        tables: list[pa.Table] = [self.schema.empty_table()]
        order: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
        for number in np.unique(found[0]).tolist():
            answers = np.flatnonzero(found[0] == number)
            rows = found[1, answers]
            groups, inverse = np.unique(rows // _ROW_GROUP, return_inverse=True)
            with self._open(files[number]) as parquet:
                some = parquet.read_row_groups(groups.tolist(), columns=self.schema.names, use_threads=False)
            # All row groups but the last have the same size.
            tables.append(some.take(inverse * _ROW_GROUP + rows % _ROW_GROUP))
            order.append(answers)
        return pa.concat_tables(tables).take(np.argsort(np.concatenate(order)))

    def _write(self, rows: pa.Table) -> None:
        """Publish rows as one new file whose name nobody else can have."""
        import pyarrow.parquet as pq

        stream = io.BytesIO()
        pq.write_table(
            rows.combine_chunks(),
            stream,
            row_group_size=_ROW_GROUP,
            compression="zstd",
            compression_level=1,
            use_dictionary=False,
            write_statistics=False,
            write_page_checksum=True,
        )
        data = stream.getbuffer()
        written = arrow.max(rows[_WRITTEN]).as_py()
        name = f"{written:020}-{rows.num_rows}-{_footer_crc(stream):08x}-{uuid.uuid4().hex}.parquet"
        atomic.write_atomic(self.folder / name, lambda target: target.write(data))

    @contextmanager
    def _open(self, file: _File) -> Generator["pq.ParquetFile"]:
        """A stored file to read from. A damaged one is moved aside; then, or when it is gone, _ChangedError."""
        import pyarrow.parquet as pq

        path = self.folder / file.name
        try:
            with path.open("rb") as stream:
                if _footer_crc(stream) != file.footer:
                    raise pa.ArrowInvalid("the footer is not the one that was written")
                parquet = pq.ParquetFile(stream, page_checksum_verification=True)
                _check_columns(parquet.schema_arrow, self._stored, path)
                yield parquet
        except FileNotFoundError as error:
            raise _ChangedError from error
        except (pa.ArrowException, OSError) as error:
            # Arrow's complaints about content have no error number; those of disk and network have.
            if isinstance(error, OSError) and error.errno is not None:
                raise StorageError(f"{path}: cannot be read ({error.strerror}). Fix access, then run again.") from error
            self._move_aside(file, error)
            raise _ChangedError from error

    def _move_aside(self, file: _File, error: Exception) -> None:
        logger.warning(
            "%s is damaged (%s). It was moved to the folder `damaged` beside it; its %d rows are computed again.",
            self.folder / file.name,
            error,
            file.rows,
        )
        aside = self.folder / "damaged"
        if atomic.is_local(aside):
            atomic.make_folder(Path(aside.path))
        try:
            self.folder.fs.mv((self.folder / file.name).path, (aside / file.name).path)
        except FileNotFoundError:
            return  # another process was faster
        if atomic.is_local(aside):
            atomic.sync_folders([Path(aside.path), Path(self.folder.path)])

    def _small_files(self) -> list[_File]:
        return [file for file in self._files() if file.rows < _FULL]

    def _files(self) -> list[_File]:
        """The stored files, oldest first; what else lies in the folder is none of ours."""
        return sorted(file for name in self._names() if (file := _File.of(name)))

    def _names(self) -> list[str]:
        if atomic.is_local(self.folder):
            try:
                return os.listdir(self.folder.path)
            except FileNotFoundError:
                return []
        # Object stores remember listings, and another process may have changed them.
        self.folder.fs.invalidate_cache(self.folder.path)
        return [path.name for path in self.folder.iterdir()] if self.folder.exists() else []


def computed(
    image_ids: Iterable[str],
    store: FeatureStore,
    compute: Callable[[list[str]], Iterator[pa.Table]],
    *,
    batch: int = BATCH,
    skip_existing: bool = True,
) -> pa.Table:
    """One row per image, in the order of `image_ids`: from the store what is known, the rest computed and kept.

    `compute` is called once with the unknown images, each once, in order, and not at all when there are none. It
    yields tables of finished rows as they come, with the columns of the store. They are kept in batches of
    `batch` rows; when `compute` raises, what it had yielded is kept before the error goes on.

    Where the store has a column `status`, rows with another status than `ok` are returned and not kept, for next time
    they may succeed. A yielded table may have one more column, the boolean `permanent`: a failure for which it is
    true lies in the image itself, and is kept too. `skip_existing=False` computes all anew and replaces what was kept.
    Raises ContractError when `compute` ends without a row for each image, or gives rows of others.
    """
    wanted = list(dict.fromkeys(image_ids))
    known = store.find(wanted) if skip_existing else store.schema.empty_table()
    have = set(known["image_id"].to_pylist())
    missing = [image_id for image_id in wanted if image_id not in have]
    fresh = _kept(compute(missing), store, batch) if missing else []
    store.tidy()
    if not missing:
        return known
    table = pa.concat_tables([known, *fresh])
    places = arrow.index_in(table["image_id"].combine_chunks(), value_set=pa.array(wanted, pa.string()))
    rows = _newest(places.fill_null(-1).to_numpy(), np.zeros(table.num_rows, np.int64))
    order = places.take(rows)
    if order.null_count or len(order) != len(wanted):
        raise ContractError(f"{store.folder}: {len(wanted)} images were asked for, {len(order)} came back")
    return table.take(rows[np.argsort(order.to_numpy())])


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
    return arrow.or_(ok, table["permanent"]) if "permanent" in table.column_names else ok


def _conform(table: pa.Table, schema: pa.Schema, name: str) -> pa.Table:
    """The columns of the schema, in its order and types."""
    if missing := set(schema.names) - set(table.column_names):
        raise ContractError(f"{name}: columns missing {sorted(missing)}")
    try:
        rows = table.select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ContractError(f"{name}: {error}") from error
    if rows["image_id"].null_count:
        raise ContractError(f"{name}: a row has no image_id")
    return rows


def _check_columns(found: pa.Schema, expected: pa.Schema, path: UPath) -> None:
    if not found.equals(expected):
        raise ContractError(
            f"{path}: has the columns {found.names}, not {expected.names}, or other types. "
            "Columns that change need a new fingerprint; take the folder away to compute it again."
        )


def _newest(places: NDArray[np.int64], written: NDArray[np.int64]) -> NDArray[np.int64]:
    """The rows, in their order, that are the newest of their place; of equally new ones the last."""
    order = np.lexsort((written, places))
    last = np.append(places[order][1:] != places[order][:-1], True) if len(order) else np.empty(0, bool)
    return np.sort(order[last])


def _codes(column: Any) -> NDArray[np.int64]:
    """A number for each value of a text column, equal for equal texts."""
    return column.combine_chunks().dictionary_encode().indices.to_numpy()


def _groups(files: list[_File]) -> Iterator[list[_File]]:
    """Files in their order, cut so that each group but the last makes a full file."""
    group: list[_File] = []
    for file in files:
        group.append(file)
        if sum(one.rows for one in group) >= _FULL:
            yield group
            group = []
    yield group


def _footer_crc(stream: Any) -> int:
    """CRC-32 of a Parquet file's footer, which page checksums do not cover; 0 when there is none."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _FOOTER_END))
    length = int.from_bytes(stream.read(4), "little") + _FOOTER_END
    if length > size:
        return 0
    stream.seek(size - length)
    return zlib.crc32(stream.read(length))


@contextmanager
def _alone_in(folder: UPath) -> Generator[bool]:
    """True when no other process of this machine is in here; always true on object stores, which have no locks."""
    if not atomic.is_local(folder):
        yield True
        return
    descriptor = os.open(folder.path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(descriptor)
