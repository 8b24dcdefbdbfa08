"""The embedding file of the index: one bfloat16 row per distinct image.

The file is a header of 4,096 bytes, followed by rows of `width` bfloat16 numbers of unit length. Rows are only
appended. The index stores how many rows of the file belong to it, so that readers of an older index can use the same
file. The column `vector` of the index table `images` is an image's row index in the file. Rows of deleted images are
overwritten with zeros; when a third of all rows is unused, the file is rewritten under a new name.
"""

import json
import mmap
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import DamagedError
from instagram_assets.storage.atomic import refusal, sync_folders
from instagram_assets.storage.lake import files, read_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

HEADER = 4_096
"""Size of the header in bytes."""
_MARK = "instagram_assets vectors 1"
_TABLES = """
CREATE TABLE IF NOT EXISTS vectors (vector INTEGER, image_id BLOB);   -- rows that an image has; its SHA-256
CREATE TABLE IF NOT EXISTS vector_file (file VARCHAR, model VARCHAR, width INTEGER, count INTEGER);
"""
_GONE_SHARE = 1 / 3
"""Fraction of rows without an image above which the file is rewritten."""
EmbeddingTables = Callable[[], Iterable[pa.Table]]
"""A function that yields tables with `image_id`, `embedding`, `model`, each a small part of the lake."""


@dataclass(frozen=True)
class VectorFile:
    """Metadata of an index's embedding file: its name, model, width, and number of valid rows."""

    file: str
    model: str
    width: int
    count: int


def embedding_parts(root: UPath) -> Iterator[pa.Table]:
    """Yields the embeddings of all posts and searches of a lake, one Parquet file at a time.

    The columns are `image_id`, `embedding` and `model`. Raises StorageError for a damaged file.
    """
    for name in ("embeddings", "search_embeddings"):
        for path in files(root, name):
            yield read_rows(path, name, columns=("image_id", "embedding", "model"))


def write_vectors(
    connection: "DuckDBPyConnection", folder: Path, every: EmbeddingTables, changed: EmbeddingTables | None = None
) -> str:
    """Write the embedding file and the row index of each image in it; returns the file name, "" without embeddings.

    `connection` is that of the new index, whose table `images` is already filled. `every` yields the embeddings of the
    whole lake. `changed` yields only those of changed partitions, which are appended to the existing file. The file is
    rewritten if `changed` is None, if it is damaged, or if more than a third of its rows belong to images that were
    deleted or re-embedded by another model. If the lake has embeddings of several models, only the model with the most
    rows is used. Raises StorageError.
    """
    connection.execute(_TABLES)
    known = _read_metadata(connection)
    try:
        if changed is None or known is None or not _append(connection, folder, known, changed):
            _rewrite(connection, folder, every)
    except OSError as error:
        raise refusal(folder, error) from error
    connection.execute(
        "UPDATE images SET vector = v.vector FROM vectors v "
        "WHERE images.vector IS NULL AND images.image_id IS NOT NULL AND v.image_id = unhex(images.image_id)"
    )
    made = _read_metadata(connection)
    return made.file if made else ""


def are_whole(connection: "DuckDBPyConnection", folder: Path) -> bool:
    """Whether the embedding file of an index is complete; true for an index without embeddings."""
    known = _read_metadata(connection)
    try:
        if known:
            check_file(folder / known.file, known)
    except DamagedError:
        return False
    return True


def check_file(path: Path, expected: VectorFile) -> None:
    """Raise DamagedError unless the embedding file exists, has the expected model and width, and has all its rows."""
    remedy = "Run `instagram-assets index --rebuild`."
    try:
        with path.open("rb") as stream:
            header = json.loads(stream.read(HEADER).rstrip(b"\0") or b"null")
            size = stream.seek(0, os.SEEK_END)
    except (OSError, ValueError) as error:
        raise DamagedError(f"{path}: the embeddings of the index cannot be read ({error}). {remedy}") from error
    if header != _header(expected.model, expected.width):
        raise DamagedError(f"{path}: these are not the embeddings that belong to the index. {remedy}")
    if size < HEADER + expected.count * expected.width * 2:
        raise DamagedError(f"{path}: embeddings of the index are missing at its end. {remedy}")


def to_bfloat16(vectors: NDArray[np.float32]) -> NDArray[np.uint16]:
    """Returns each float32 rounded to the nearest bfloat16 (ties to even), as the 16 bits of the bfloat16."""
    bits = np.ascontiguousarray(vectors, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bfloat16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Converts bfloat16 bits to float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _read_metadata(connection: "DuckDBPyConnection") -> VectorFile | None:
    row = connection.execute("SELECT file, model, width, count FROM vector_file").fetchone()
    return VectorFile(*row) if row else None


def _write_metadata(connection: "DuckDBPyConnection", made: VectorFile | None) -> None:
    connection.execute("DELETE FROM vector_file")
    if made:
        connection.execute("INSERT INTO vector_file VALUES ($file, $model, $width, $count)", asdict(made))


class _Writer:
    """Appends rows to an open embedding file, one per distinct image.

    `ids` are the image_ids (as bytes) that have a row already.
    """

    def __init__(self, stream: BinaryIO, known: VectorFile, ids: set[bytes]) -> None:
        self.known, self.seen, self.new = known, ids, list[bytes]()
        self._stream = stream
        stream.seek(HEADER + known.count * known.width * 2)

    def add(self, ids: list[str], vectors: NDArray[np.float32]) -> None:
        """Write the embeddings of images that have no row yet; skips vectors with norm zero, NaN or infinity."""
        lengths = np.linalg.norm(vectors, axis=1)
        good = np.isfinite(lengths) & (lengths > 0)
        chosen: list[int] = []
        for place in np.flatnonzero(good).tolist():
            key = bytes.fromhex(ids[place])
            if key not in self.seen:
                self.seen.add(key)
                self.new.append(key)
                chosen.append(place)
        if chosen:
            self._stream.write(to_bfloat16(vectors[chosen] / lengths[chosen, None]).tobytes())

    def finish(self) -> None:
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def record(self, connection: "DuckDBPyConnection") -> None:
        """Insert the row indices of the appended images into the index, and update its table `vector_file`."""
        start = self.known.count
        rows = pa.table(
            {
                "vector": pa.array(range(start, start + len(self.new)), pa.int32()),
                "image_id": pa.array(self.new, pa.binary()),
            }
        )
        connection.register("new_vectors", rows)
        connection.execute("INSERT INTO vectors SELECT * FROM new_vectors")
        connection.unregister("new_vectors")
        _write_metadata(
            connection, VectorFile(self.known.file, self.known.model, self.known.width, start + len(self.new))
        )


def _split_by_model(table: pa.Table) -> Iterator[tuple[str, list[str], NDArray[np.float32]]]:
    """Yields (model, image_ids, float32[n, width]) for each model and embedding width in a table."""
    rows = table.filter(table["embedding"].is_valid())
    if not rows.num_rows:
        return
    widths = compute.list_value_length(rows["embedding"])
    for model in compute.unique(rows["model"]).to_pylist():
        of_model = compute.equal(rows["model"], model)
        for width in compute.unique(widths.filter(of_model)).to_pylist():
            some = rows.filter(compute.and_(of_model, compute.equal(widths, width)))
            values = some["embedding"].combine_chunks().flatten().to_numpy()
            yield model, some["image_id"].to_pylist(), values.reshape(-1, width)


def _append(connection: "DuckDBPyConnection", folder: Path, known: VectorFile, changed: EmbeddingTables) -> bool:
    """Append the embeddings of changed partitions to the existing file; returns False if it has to be rewritten."""
    path = folder / known.file
    try:
        check_file(path, known)
    except DamagedError:
        return False
    rows = {image_id: row for row, image_id in connection.execute("SELECT vector, image_id FROM vectors").fetchall()}
    row_count, others = len(rows), set[bytes]()
    with path.open("r+b") as stream:
        # Rows that an unfinished update appended are overwritten.
        writer = _Writer(stream, known, set(rows))
        for table in changed():
            for model, image_ids, vectors in _split_by_model(table):
                if (model, vectors.shape[1]) == (known.model, known.width):
                    writer.add(image_ids, vectors)
                else:
                    others.update(map(bytes.fromhex, image_ids))
        # Images embedded again by another model are in a different vector space now.
        gone = sorted({*_gone(connection), *(rows[image_id] for image_id in others & rows.keys())})
        count = known.count + len(writer.new)
        if count - (row_count + len(writer.new) - len(gone)) > _GONE_SHARE * count:
            return False
        writer.finish()
    _erase(path, known, gone)
    _forget_rows(connection, gone)
    writer.record(connection)
    return True


def _gone(connection: "DuckDBPyConnection") -> list[int]:
    """Returns the row indices of images that belong to no post and no search any more."""
    found = connection.execute(
        "SELECT vector FROM vectors "
        "WHERE image_id NOT IN (SELECT unhex(image_id) FROM images WHERE image_id IS NOT NULL)"
    )
    return [row[0] for row in found.fetchall()]


def _forget_rows(connection: "DuckDBPyConnection", gone: list[int]) -> None:
    if not gone:
        return
    connection.register("gone_vectors", pa.table({"vector": pa.array(gone, pa.int32())}))
    connection.execute("DELETE FROM vectors WHERE vector IN (SELECT vector FROM gone_vectors)")
    connection.execute("UPDATE images SET vector = NULL WHERE vector IN (SELECT vector FROM gone_vectors)")
    connection.unregister("gone_vectors")


def _erase(path: Path, known: VectorFile, gone: list[int]) -> None:
    """Overwrite rows of the embedding file with zeros, so that it keeps no embeddings of erased accounts.

    The file keeps its length; for readers of an older index, a zeroed row has similarity 0 to any query.
    """
    if not gone:
        return
    with path.open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as whole:
        size = known.width * 2
        for row in gone:
            whole[HEADER + row * size : HEADER + (row + 1) * size] = bytes(size)
        whole.flush()


def _rewrite(connection: "DuckDBPyConnection", folder: Path, every: EmbeddingTables) -> None:
    """Write the embeddings of the whole lake to one new file per model, and keep the file with the most rows."""
    writers: dict[tuple[str, int], _Writer] = {}
    largest: _Writer | None = None
    with ExitStack() as stack:
        try:
            for table in every():
                for model, image_ids, vectors in _split_by_model(table):
                    key = model, vectors.shape[1]
                    if key not in writers:
                        name = f"vectors-{uuid.uuid4().hex[:16]}.bf16"
                        stream = stack.enter_context((folder / name).open("xb"))
                        stream.write(json.dumps(_header(*key)).encode().ljust(HEADER, b"\0"))
                        writers[key] = _Writer(stream, VectorFile(name, *key, 0), set())
                    writers[key].add(image_ids, vectors)
            largest = max(writers.values(), key=lambda writer: len(writer.new), default=None)
            if largest:
                largest.finish()
        finally:
            for writer in writers.values():
                if writer is not largest:
                    (folder / writer.known.file).unlink()
    sync_folders([folder])
    connection.execute("DELETE FROM vectors")
    connection.execute("UPDATE images SET vector = NULL WHERE vector IS NOT NULL")
    _write_metadata(connection, None)
    if largest and largest.new:
        largest.record(connection)


def _header(model: str, width: int) -> dict[str, object]:
    return {"format": _MARK, "model": model, "width": width}
