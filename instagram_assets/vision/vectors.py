"""The embeddings that can be compared: each image once, in one array, whatever the order of the rows."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.arrow import compute
from instagram_assets.errors import ContractError
from instagram_assets.vision.nearness import UNIT_WITHIN, Vectors, lengths

_UNUSABLE = ("", "embedding not finite", "embedding zero", "embedding not of unit length")


@dataclass(frozen=True)
class ImageVectors:
    """The embeddings of different images in the order of their ids, with the accounts that posted each.

    `vectors` is float32[n, width]. `accounts` holds, for each account, the rows of its images. `left_out` counts the
    rows of the embeddings that could not be used, by reason.
    """

    image_ids: list[str]
    vectors: Vectors
    accounts: dict[str, NDArray[np.int64]]
    model: str
    left_out: dict[str, int]


def read_vectors(embeddings: pa.Table | pa.RecordBatchReader) -> ImageVectors:
    """The usable vectors of a table or stream of `schemas.EMBEDDINGS`, each image once, sorted by image_id.

    The order of the rows does not matter: an image that stands in several posts has one vector, since it is computed
    from its bytes. From a stream, memory holds the vectors and one batch. Raises ContractError when the rows come from
    different models.
    """
    places: dict[str, int] = {}
    owners: dict[str, set[int]] = {}
    models: set[str] = set()
    left_out: Counter[str] = Counter()
    store = _Growing()
    for batch in _batches(embeddings):
        statuses = batch.column("status")
        left_out.update(f"embedding {status}" for status in statuses.to_pylist() if status != "ok")
        batch = batch.filter(compute.equal(statuses, "ok"))
        models.update(compute.unique(batch.column("model")).to_pylist())
        usable, vectors = _usable(batch.column("embedding"), left_out)
        _refuse_several(models, {store.width, vectors.shape[1]} if len(vectors) and store.width else set())
        names = batch.filter(pa.array(usable))
        image_ids = names.column("image_id").to_pylist()
        fresh: list[int] = []
        for row, image_id in enumerate(image_ids):
            if image_id not in places:
                places[image_id] = len(places)
                fresh.append(row)
        store.append(vectors[fresh])
        for account, image_id in zip(names.column("account").to_pylist(), image_ids, strict=True):
            owners.setdefault(account, set()).add(places[image_id])
    return _sorted(places, owners, store.rows(), next(iter(models), ""), dict(left_out))


def _batches(embeddings: pa.Table | pa.RecordBatchReader) -> Iterable[pa.RecordBatch]:
    return embeddings.to_batches() if isinstance(embeddings, pa.Table) else embeddings


def _refuse_several(models: set[str], widths: set[int]) -> None:
    if len(models) > 1:
        several = f"by different models: {', '.join(sorted(models))}"
    elif len(widths) > 1:
        several = f"with different widths: {', '.join(map(str, sorted(widths)))}"
    else:
        return
    raise ContractError(
        f"embeddings: made {several}. They cannot be compared. Materialize embeddings again for all partitions."
    )


def _usable(column: pa.Array, left_out: Counter[str]) -> tuple[NDArray[np.bool_], Vectors]:
    """Which rows of a column of vectors have a direction, and the vectors of those."""
    usable = compute.is_valid(column).to_numpy(zero_copy_only=False)
    values = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    vectors = values.reshape(-1, column.type.list_size)
    norms = lengths(vectors)
    problems = [~np.isfinite(norms), norms == 0, np.abs(norms - 1) > UNIT_WITHIN]
    problem = np.select(problems, [1, 2, 3], 0)
    left_out.update(_UNUSABLE[which] for which in problem[problem > 0])
    if missing := int((~usable).sum()):
        left_out["embedding missing"] += missing
    usable = usable.copy()
    usable[usable] = problem == 0
    return usable, vectors[problem == 0]


class _Growing:
    """Rows of one width appended to one array, which grows in place by an eighth."""

    def __init__(self) -> None:
        self.width = 0
        self._array = np.empty((0, 0), np.float32)
        self._rows = 0

    def append(self, rows: Vectors) -> None:
        if not len(rows):
            return
        if not self.width:
            self.width = rows.shape[1]
            self._array = np.empty((4096, self.width), np.float32)
        after = self._rows + len(rows)
        if after > len(self._array):
            # realloc moves pages of memory, not their bytes: the vectors are never there twice.
            self._array.resize((after + after // 8, self.width), refcheck=False)
        self._array[self._rows : after] = rows
        self._rows = after

    def rows(self) -> Vectors:
        """All rows, the array cut to them."""
        self._array.resize((self._rows, self.width), refcheck=False)
        return self._array


def _sorted(
    places: dict[str, int], owners: dict[str, set[int]], vectors: Vectors, model: str, left_out: dict[str, int]
) -> ImageVectors:
    image_ids = sorted(places)
    order = np.array([places[image_id] for image_id in image_ids], np.int64)
    _reorder(vectors, order)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    accounts = {account: np.sort(rank[sorted(owners[account])]) for account in sorted(owners)}
    return ImageVectors(image_ids, vectors, accounts, model, left_out)


def _reorder(vectors: Vectors, order: NDArray[np.int64]) -> None:
    """Make it `vectors[order]` in place, cycle by cycle: a copy would double the memory."""
    sources = order.tolist()
    for start in range(len(sources)):
        held, at = vectors[start].copy(), start
        while (source := sources[at]) != start:
            vectors[at] = vectors[source]
            sources[at], at = at, source
        vectors[at] = held
        sources[at] = at
