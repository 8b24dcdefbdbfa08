"""Embeddings read from tables into one matrix: one model, one row per distinct image, sorted by image_id."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.arrow import compute
from instagram_assets.errors import ContractError
from instagram_assets.vision.eps_neighbours import UNIT_TOLERANCE, UnitVectors, row_norms

OTHER_MODEL = "embedding of another model"
"""The reason in `ImageVectors.left_out` for embeddings of another model than the one chosen."""
_UNUSABLE = ("", "embedding not finite", "embedding zero", "embedding not of unit length")


@dataclass(frozen=True)
class ImageVectors:
    """Embeddings of distinct images, sorted by image_id, with the row indices of each account's images.

    `vectors` is float32[n, width], L2-normalised. `left_out` counts rows that could not be used, by reason; `models`
    counts usable rows by model.
    """

    image_ids: list[str]
    vectors: UnitVectors
    accounts: dict[str, NDArray[np.int64]]
    model: str
    left_out: dict[str, int]
    models: dict[str, int]


def read_vectors(
    embeddings: pa.Table | pa.RecordBatchReader, preferred: Callable[[], str | None] = lambda: None
) -> ImageVectors:
    """Read the usable embeddings from rows of `schemas.EMBEDDINGS`, one per distinct image.

    The order of rows does not matter. Embeddings of different models are not comparable: if there are several models,
    the model that `preferred()` returns is used, or if it has no rows, the model with most rows; `preferred` is only
    called if there are several models. With a record batch reader, memory holds the matrix and one batch. Raises
    ContractError when embeddings of one model have different dimensions.
    """
    left_out: Counter[str] = Counter()
    found: dict[str, _Model] = {}
    for batch in embeddings.to_batches() if isinstance(embeddings, pa.Table) else embeddings:
        statuses = batch.column("status")
        left_out.update(f"embedding {status}" for status in statuses.to_pylist() if status != "ok")
        batch = batch.filter(compute.equal(statuses, "ok"))
        models = compute.fill_null(batch.column("model"), "")
        for model in compute.unique(models).to_pylist():
            rows = batch.filter(compute.equal(models, model))
            usable, vectors = _usable(rows.column("embedding"), model, left_out)
            if len(vectors):
                found.setdefault(model, _Model(model)).add(rows.filter(pa.array(usable)), vectors)
    models = {model: found[model].count for model in sorted(found)}
    chosen = _chosen(models, preferred)
    if others := sum(models.values()) - models.get(chosen, 0):
        left_out[OTHER_MODEL] += others
    vectors = found.pop(chosen, _Model(""))
    # Freed before sorting: the buffers may be as large as the matrix.
    found.clear()
    return vectors.sorted(models, dict(left_out))


def _chosen(models: dict[str, int], preferred: Callable[[], str | None]) -> str:
    if len(models) > 1 and (named := preferred()) in models:
        return named
    return max(models, key=lambda model: models[model], default="")


def _usable(column: pa.Array, model: str, left_out: Counter[str]) -> tuple[NDArray[np.bool_], UnitVectors]:
    """Boolean mask of the rows with a valid, L2-normalised embedding, and the embeddings of these rows."""
    usable = compute.is_valid(column).to_numpy(zero_copy_only=False)
    _refuse_several(model, compute.unique(compute.list_value_length(column).drop_null()).to_pylist())
    values = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    vectors = values.reshape(int(usable.sum()), -1) if len(values) else np.empty((0, 0), np.float32)
    norms = row_norms(vectors)
    problems = [~np.isfinite(norms), norms == 0, np.abs(norms - 1) > UNIT_TOLERANCE]
    problem = np.select(problems, [1, 2, 3], 0)
    left_out.update(_UNUSABLE[which] for which in problem[problem > 0])
    if missing := int((~usable).sum()):
        left_out["embedding missing"] += missing
    usable = usable.copy()
    usable[usable] = problem == 0
    return usable, vectors[problem == 0]


def _refuse_several(model: str, widths: Iterable[int]) -> None:
    if len(different := sorted(set(widths))) > 1:
        raise ContractError(
            f"embeddings: {model or 'one model'} made vectors of different widths: {', '.join(map(str, different))}. "
            "They cannot be compared. Materialize embeddings again for all partitions."
        )


class _Model:
    """Accumulates the embeddings of one model, one row per distinct image."""

    def __init__(self, name: str) -> None:
        self.count = 0
        self._name = name
        self._rows_by_id: dict[str, int] = {}
        self._owners: dict[str, set[int]] = {}
        self._vectors = _Growing()

    def add(self, rows: pa.RecordBatch, vectors: UnitVectors) -> None:
        """Add rows with their embeddings; images seen before are not added twice."""
        _refuse_several(self._name, [self._vectors.width or vectors.shape[1], vectors.shape[1]])
        self.count += len(vectors)
        image_ids = rows.column("image_id").to_pylist()
        fresh: list[int] = []
        for row, image_id in enumerate(image_ids):
            if image_id not in self._rows_by_id:
                self._rows_by_id[image_id] = len(self._rows_by_id)
                fresh.append(row)
        self._vectors.append(vectors[fresh])
        for account, image_id in zip(rows.column("account").to_pylist(), image_ids, strict=True):
            self._owners.setdefault(account, set()).add(self._rows_by_id[image_id])

    def sorted(self, models: dict[str, int], left_out: dict[str, int]) -> ImageVectors:
        """All images sorted by id; the matrix is reordered in place."""
        image_ids = sorted(self._rows_by_id)
        order = np.array([self._rows_by_id[image_id] for image_id in image_ids], np.int64)
        vectors = self._vectors.rows()
        _reorder(vectors, order)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        accounts = {account: np.sort(rank[sorted(self._owners[account])]) for account in sorted(self._owners)}
        return ImageVectors(image_ids, vectors, accounts, self._name, left_out, models)


class _Growing:
    """A matrix that rows are appended to; if full, its array grows in place by an eighth."""

    def __init__(self) -> None:
        self.width = 0
        self._array = np.empty((0, 0), np.float32)
        self._rows = 0

    def append(self, rows: UnitVectors) -> None:
        if not len(rows):
            return
        if not self.width:
            self.width = rows.shape[1]
            self._array = np.empty((4096, self.width), np.float32)
        after = self._rows + len(rows)
        if after > len(self._array):
            # realloc moves memory pages instead of bytes: the vectors are never in memory twice.
            self._array.resize((after + after // 8, self.width), refcheck=False)
        self._array[self._rows : after] = rows
        self._rows = after

    def rows(self) -> UnitVectors:
        """The matrix, truncated to its used rows."""
        self._array.resize((self._rows, self.width), refcheck=False)
        return self._array


def _reorder(vectors: UnitVectors, order: NDArray[np.int64]) -> None:
    """Permute rows in place to `vectors[order]`, cycle by cycle, since a copy would double the memory."""
    sources = order.tolist()
    for start in range(len(sources)):
        held, at = vectors[start].copy(), start
        while (source := sources[at]) != start:
            vectors[at] = vectors[source]
            sources[at], at = at, source
        vectors[at] = held
        sources[at] = at
