"""The embeddings that can be compared: of one model, each image once, in one array, whatever the order of the rows."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.arrow import compute
from instagram_assets.errors import ContractError
from instagram_assets.vision.eps_neighbours import UNIT_WITHIN, Vectors, lengths

OTHER_MODEL = "embedding of another model"
"""The reason in `ImageVectors.left_out` for vectors of a space that is not compared."""
_UNUSABLE = ("", "embedding not finite", "embedding zero", "embedding not of unit length")


@dataclass(frozen=True)
class ImageVectors:
    """The embeddings of different images in the order of their ids, with the accounts that posted each.

    `vectors` is float32[n, width]. `accounts` holds, for each account, the rows of its images. `left_out` counts the
    rows of the embeddings that could not be used, by reason; `models` those that could, by model.
    """

    image_ids: list[str]
    vectors: Vectors
    accounts: dict[str, NDArray[np.int64]]
    model: str
    left_out: dict[str, int]
    models: dict[str, int]


def read_vectors(
    embeddings: pa.Table | pa.RecordBatchReader, preferred: Callable[[], str | None] = lambda: None
) -> ImageVectors:
    """The usable vectors of a table or stream of `schemas.EMBEDDINGS`, each image once, sorted by image_id.

    The order of the rows does not matter: an image that stands in several posts has one vector, since it is computed
    from its bytes. Vectors of different models cannot be compared: of several models the one that `preferred` names
    is taken, and where it names none that is there, the one with most rows; `preferred` is not asked when there is one.
    From a stream, memory holds the vectors and one batch. Raises ContractError when vectors of one model have
    different widths.
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
    # Before anything is sorted: they may be as large as what is kept.
    found.clear()
    return vectors.sorted(models, dict(left_out))


def _chosen(models: dict[str, int], preferred: Callable[[], str | None]) -> str:
    if len(models) > 1 and (named := preferred()) in models:
        return named
    return max(models, key=lambda model: models[model], default="")


def _usable(column: pa.Array, model: str, left_out: Counter[str]) -> tuple[NDArray[np.bool_], Vectors]:
    """Which rows of one model's column of vectors can be normalized, and the vectors of those."""
    usable = compute.is_valid(column).to_numpy(zero_copy_only=False)
    _refuse_several(model, compute.unique(compute.list_value_length(column).drop_null()).to_pylist())
    values = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32, copy=False)
    vectors = values.reshape(int(usable.sum()), -1) if len(values) else np.empty((0, 0), np.float32)
    norms = lengths(vectors)
    problems = [~np.isfinite(norms), norms == 0, np.abs(norms - 1) > UNIT_WITHIN]
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
    """What was read of one model's embeddings."""

    def __init__(self, name: str) -> None:
        self.count = 0
        self._name = name
        self._places: dict[str, int] = {}
        self._owners: dict[str, set[int]] = {}
        self._vectors = _Growing()

    def add(self, rows: pa.RecordBatch, vectors: Vectors) -> None:
        """Take rows, whose vectors are these; an image that is known gets no second vector."""
        _refuse_several(self._name, [self._vectors.width or vectors.shape[1], vectors.shape[1]])
        self.count += len(vectors)
        image_ids = rows.column("image_id").to_pylist()
        fresh: list[int] = []
        for row, image_id in enumerate(image_ids):
            if image_id not in self._places:
                self._places[image_id] = len(self._places)
                fresh.append(row)
        self._vectors.append(vectors[fresh])
        for account, image_id in zip(rows.column("account").to_pylist(), image_ids, strict=True):
            self._owners.setdefault(account, set()).add(self._places[image_id])

    def sorted(self, models: dict[str, int], left_out: dict[str, int]) -> ImageVectors:
        """All images by their ids; the vectors are put in that order where they are."""
        image_ids = sorted(self._places)
        order = np.array([self._places[image_id] for image_id in image_ids], np.int64)
        vectors = self._vectors.rows()
        _reorder(vectors, order)
        rank = np.empty(len(order), np.int64)
        rank[order] = np.arange(len(order))
        accounts = {account: np.sort(rank[sorted(self._owners[account])]) for account in sorted(self._owners)}
        return ImageVectors(image_ids, vectors, accounts, self._name, left_out, models)


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
