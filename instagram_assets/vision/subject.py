"""Which cluster of a search is its subject, and which of its images are kept, or why not."""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.schemas import SEARCH_DATASET
from instagram_assets.schemas.overrides import DROPPED, KEPT, NOTHING, Override
from instagram_assets.vision.cluster import NOISE, ClusterLabels, largest_cluster
from instagram_assets.vision.eps_neighbours import UnitVectors

NEAR_DISTANCE = 0.02
"""Cosine distance up to which two images may be the same picture; re-encoded and reduced ones are below 0.01."""

Row = dict[str, Any]


class Choice(NamedTuple):
    """The subject's cluster (-1 without any), whether another fits as well, and how each fits the query if asked."""

    label: int
    tied: bool
    scores: dict[int, float]


def centres(labels: ClusterLabels, vectors: UnitVectors) -> UnitVectors:
    """Each cluster's normalized mean embedding: float32[clusters, width] of unit length; zero if they cancel out."""
    sums = np.stack(
        [vectors[labels == label].sum(axis=0) for label in range(labels.max(initial=NOISE) + 1)]
        or [np.empty(0, np.float32)]
    )
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def choose(labels: ClusterLabels, vectors: UnitVectors, text: NDArray[np.float32] | None = None) -> Choice:
    """The largest cluster, or with a text's embedding the one whose centre is nearest; of equals the smallest label."""
    first = largest_cluster(labels)
    if text is None or first.label == NOISE:
        return Choice(first.label, first.tied, {})
    scores = centres(labels, vectors) @ text
    best = int(scores.argmax())
    return Choice(best, bool((scores == scores[best]).sum() > 1), dict(enumerate(scores.tolist())))


def distances(labels: ClusterLabels, vectors: UnitVectors) -> NDArray[np.float32]:
    """The cosine distance of each image to its cluster's centre, never below 0; NaN for noise."""
    found = np.full(len(labels), np.nan, np.float32)
    inside = labels != NOISE
    if inside.any():
        middle = centres(labels, vectors)[labels[inside]]
        found[inside] = np.maximum(0, 1 - (vectors[inside] * middle).sum(axis=1))
    return found


def same_pictures(
    image_ids: Sequence[str], phashes: Sequence[str | None], vectors: UnitVectors, bits: int
) -> list[str]:
    """For each image the first image_id among its near-duplicates; its own when there are none.

    Two images are the same picture when their perceptual hashes differ in at most `bits` of 64 and their embeddings
    are within `NEAR_DISTANCE`: alone, the hash confuses simple pictures and the embedding pictures of one kind. A
    chain of such pairs is one group.
    """
    from scipy.sparse.csgraph import connected_components

    if not image_ids:
        return []
    hashes = np.array([int(phash or "0", 16) for phash in phashes], np.uint64)
    hashed = np.array([phash is not None for phash in phashes])
    near = np.bitwise_count(hashes[:, np.newaxis] ^ hashes) <= bits
    near &= vectors @ vectors.T >= 1 - NEAR_DISTANCE
    near &= hashed[:, np.newaxis] & hashed
    groups = connected_components(near, directed=False)[1].tolist()
    first: dict[int, str] = {}
    for group, image_id in zip(groups, image_ids, strict=True):
        first.setdefault(group, image_id)
    return [first[group] for group in groups]


def judge(
    results: pa.Table,
    images: pa.Table,
    clusters: pa.Table,
    limit: int,
    before: Mapping[str, int] | None = None,
    by_hand: Mapping[str, Override] = NOTHING,
) -> list[Row]:
    """One row per candidate with `kept` or the reason why not; the rest as in `schemas.SEARCH_DATASET` without `file`.

    First the kept ones, nearest to the subject's centre first, then the others by rank. Of the same picture the
    largest file is kept. Images that `before` names go before all others, also where the limit is reached, those with
    the smallest number first: so a larger search takes none away that somebody works with.

    What somebody kept `by_hand` is kept whatever else is said of it, unless it was not fetched or cannot be decoded,
    and the others have what it leaves of the limit. What they dropped is not, and the same picture in other files
    neither.
    """
    order = before or {}
    found: dict[str, Row] = {row["image_id"]: row for row in clusters.to_pylist()}
    fetched: dict[int, Row] = {row["rank"]: row for row in images.to_pylist()}
    best = _best_of_group(found, fetched.values(), order, by_hand)
    seen: dict[str, int] = {}
    rows: list[Row] = []
    for result in sorted(results.to_pylist(), key=lambda row: row["rank"]):
        image = fetched[result["rank"]]
        place = found.get(image["image_id"], {})
        override = by_hand.get(image["image_id"]) if image["image_id"] not in seen else None
        kept, reason = _verdict(image, place, seen, best, by_hand, override)
        if image["image_id"]:
            seen.setdefault(image["image_id"], image["rank"])
        rows.append(_candidate(result | image | place | {"reason": reason, "kept": kept}))
    kept_rows = sorted((row for row in rows if row["kept"]), key=_nearest_first)
    chosen = [row for row in kept_rows if row["reason"] is None]
    room = max(0, limit - (len(kept_rows) - len(chosen)))
    for row in sorted(chosen, key=lambda row: _turn(row, order))[room:]:
        row.update(kept=False, reason=f"beyond the limit of {limit} images")
    return [row for row in kept_rows if row["kept"]] + [row for row in rows if not row["kept"]]


def _nearest_first(row: Row) -> tuple[float, int]:
    """Sorts by distance; what is in no cluster, and was kept by hand, comes last."""
    return inf if row["distance"] is None else row["distance"], row["rank"]


def _turn(row: Row, order: Mapping[str, int]) -> float:
    return order.get(row["image_id"], inf)


def _size_and_rank(image: Row) -> tuple[int, int]:
    """Sorts larger files first, and of equals the one that the page shows first."""
    return -(image["bytes"] or 0), image["rank"]


def _decision(image: Row, by_hand: Mapping[str, Override]) -> str | None:
    override = by_hand.get(image["image_id"])
    return override.decision if override else None


def _best_of_group(
    found: Mapping[str, Row], images: Iterable[Row], order: Mapping[str, int], by_hand: Mapping[str, Override]
) -> dict[str, Row]:
    """For each group of the same picture the image of the subject with the largest file, of equals the first.

    One that was kept by hand wins, else one that the folder knows; a dropped one keeps its group away.
    """

    def place_of(image: Row) -> tuple[bool, float, bool, int, int]:
        decision = _decision(image, by_hand)
        return decision != "keep", _turn(image, order), decision != "drop", *_size_and_rank(image)

    best: dict[str, Row] = {}
    for image in sorted(images, key=place_of):
        place = found.get(image["image_id"])
        if place and place["is_subject"] and image["passed"]:
            best.setdefault(place["near_group"], image)
    return best


def _verdict(
    image: Row,
    place: Row,
    seen: Mapping[str, int],
    best: Mapping[str, Row],
    by_hand: Mapping[str, Override],
    override: Override | None,
) -> tuple[bool, str | None]:
    """Whether a candidate is kept, and why not or that somebody decided so."""
    if override and override.decision == "drop":
        return False, override.reason
    # What has no sharpness could not be decoded.
    if override and image["status"] == "ok" and image["sharpness"] is not None:
        return True, override.reason
    reason = _why_not(image, place, seen, best, by_hand)
    return reason is None, reason


def _why_not(
    image: Row, place: Row, seen: Mapping[str, int], best: Mapping[str, Row], by_hand: Mapping[str, Override]
) -> str | None:
    """Why a candidate is not kept, in words; null when it is."""
    if image["status"] != "ok" or not image["passed"]:
        return image["reason"] if image["status"] == "ok" else f"not fetched: {image['reason']}"
    if image["image_id"] in seen:
        return f"doubled: same file as result {seen[image['image_id']]}"
    if not place:
        return "no embedding"
    if place["cluster"] == NOISE:
        return "in no cluster"
    if not place["is_subject"]:
        return f"in cluster {place['cluster']}, which is not the subject"
    winner = best[place["near_group"]]
    if winner["image_id"] == image["image_id"]:
        return None
    return f"doubled: same picture as result {winner['rank']}, {_why_better(winner, image, by_hand)}"


def _why_better(winner: Row, image: Row, by_hand: Mapping[str, Override]) -> str:
    decision = _decision(winner, by_hand)
    if decision:
        return f"which was {KEPT if decision == 'keep' else DROPPED}"
    return "whose file is larger" if _size_and_rank(winner) < _size_and_rank(image) else "which the folder knows"


def _candidate(row: Row) -> Row:
    return {name: row.get(name) for name in SEARCH_DATASET.schema.names}
