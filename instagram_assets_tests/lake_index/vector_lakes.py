"""Images with embeddings, as the index has them before they are numbered."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.schemas import EMBEDDING


def image_id(number: int) -> str:
    """The image_id of a number."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def unit_vectors(count: int, width: int = 64, seed: int = 0) -> NDArray[np.float32]:
    """Random directions."""
    vectors = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def embedded(numbers: Sequence[int], vectors: NDArray[np.float32], model: str = "clip@1") -> pa.Table:
    """Rows of embeddings of the images of these numbers."""
    ids = [image_id(number) for number in numbers]
    return pa.table({"image_id": ids, "embedding": pa.array(list(vectors), EMBEDDING), "model": [model] * len(ids)})


def index_with(path: Path, numbers: Sequence[int]) -> duckdb.DuckDBPyConnection:
    """An index that has these images, and nothing else."""
    connection = duckdb.connect(str(path))
    connection.execute("CREATE TABLE images (image_id VARCHAR, vector INTEGER)")
    add_images(connection, numbers)
    return connection


def add_images(connection: duckdb.DuckDBPyConnection, numbers: Sequence[int]) -> None:
    """Images that nothing numbers yet."""
    connection.executemany("INSERT INTO images VALUES ($1, NULL)", [(image_id(number),) for number in numbers])


def rows_of(connection: duckdb.DuckDBPyConnection) -> dict[str, int | None]:
    """Which row each image has."""
    return dict(connection.execute("SELECT image_id, vector FROM images").fetchall())
