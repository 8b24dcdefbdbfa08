"""Selects which candidate images of a search go into its folder, with a reason for each rejected one."""

from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import pyarrow as pa

from instagram_assets.schemas import SEARCH_DATASET
from instagram_assets.schemas.images import NOISE
from instagram_assets.schemas.search import DROPPED, KEPT, NOTHING, Override

_Row = dict[str, Any]


def select_images(
    results: pa.Table,
    images: pa.Table,
    clusters: pa.Table,
    limit: int,
    before: Mapping[str, int] | None = None,
    by_hand: Mapping[str, Override] = NOTHING,
) -> list[_Row]:
    """Selects up to `limit` candidates; returns one row per candidate, with `kept` and the reason if rejected.

    Rows have the columns of `schemas.SEARCH_DATASET` without `file`: first the selected images, nearest to the centroid
    of the subject's cluster first, then the rejected ones by rank. Of near-duplicates, the one with the largest file is
    selected. Images in `before` (image id to position in the previous selection) have priority, also beyond the limit,
    so that repeating a search removes no image that is already in use.

    Images that the user accepted (`by_hand`) are always selected, unless they could not be downloaded or decoded, and
    count towards the limit first. Images that the user rejected are never selected, nor are their near-duplicates.
    """
    order = before or {}
    clusters_by_id: dict[str, _Row] = {row["image_id"]: row for row in clusters.to_pylist()}
    fetched: dict[int, _Row] = {row["rank"]: row for row in images.to_pylist()}
    best = _best_of_group(clusters_by_id, fetched.values(), order, by_hand)
    seen: dict[str, int] = {}
    rows: list[_Row] = []
    for result in sorted(results.to_pylist(), key=lambda row: row["rank"]):
        image = fetched[result["rank"]]
        cluster_row = clusters_by_id.get(image["image_id"], {})
        override = by_hand.get(image["image_id"]) if image["image_id"] not in seen else None
        kept, reason = _verdict(image, cluster_row, seen, best, by_hand, override)
        if image["image_id"]:
            seen.setdefault(image["image_id"], image["rank"])
        rows.append(_candidate(result | image | cluster_row | {"reason": reason, "kept": kept}))
    kept_rows = sorted((row for row in rows if row["kept"]), key=_nearest_first)
    chosen = [row for row in kept_rows if row["reason"] is None]
    room = max(0, limit - (len(kept_rows) - len(chosen)))
    for row in sorted(chosen, key=lambda row: _previous_rank(row, order))[room:]:
        row.update(kept=False, reason=f"beyond the limit of {limit} images")
    return [row for row in kept_rows if row["kept"]] + [row for row in rows if not row["kept"]]


def _nearest_first(row: _Row) -> tuple[float, int]:
    """Sort key: distance to the centroid of the subject's cluster.

    Images without a cluster (accepted by hand) are last.
    """
    return inf if row["distance"] is None else row["distance"], row["rank"]


def _previous_rank(row: _Row, order: Mapping[str, int]) -> float:
    return order.get(row["image_id"], inf)


def _size_and_rank(image: _Row) -> tuple[int, int]:
    """Sort key: larger files first; images with files of equal size by their rank on the results page."""
    return -(image["bytes"] or 0), image["rank"]


def _decision(image: _Row, by_hand: Mapping[str, Override]) -> str | None:
    override = by_hand.get(image["image_id"])
    return override.decision if override else None


def _best_of_group(
    clusters_by_id: Mapping[str, _Row],
    images: Iterable[_Row],
    order: Mapping[str, int],
    by_hand: Mapping[str, Override],
) -> dict[str, _Row]:
    """Returns for each group of near-duplicates the image to select: by default the largest file, of ties the first.

    An image accepted by hand has priority, then one already in the folder (`order` has its position), then one rejected
    by hand (so that its whole group is left out). Only images of the subject's cluster are considered.
    """

    def priority(image: _Row) -> tuple[bool, float, bool, int, int]:
        decision = _decision(image, by_hand)
        return decision != "keep", _previous_rank(image, order), decision != "drop", *_size_and_rank(image)

    best: dict[str, _Row] = {}
    for image in sorted(images, key=priority):
        cluster_row = clusters_by_id.get(image["image_id"])
        if cluster_row and cluster_row["is_subject"] and image["passed"]:
            best.setdefault(cluster_row["near_group"], image)
    return best


def _verdict(
    image: _Row,
    cluster_row: _Row,
    seen: Mapping[str, int],
    best: Mapping[str, _Row],
    by_hand: Mapping[str, Override],
    override: Override | None,
) -> tuple[bool, str | None]:
    """Returns whether a candidate is selected, and the reason if it is rejected or was decided by hand.

    `override` is the user's decision about this image, `seen` has the rank of each file that came before, and `best`
    the image to select from each group of near-duplicates.
    """
    if override and override.decision == "drop":
        return False, override.reason
    # Images without a sharpness could not be decoded.
    if override and image["status"] == "ok" and image["sharpness"] is not None:
        return True, override.reason
    reason = _why_not(image, cluster_row, seen, best, by_hand)
    return reason is None, reason


def _why_not(
    image: _Row, cluster_row: _Row, seen: Mapping[str, int], best: Mapping[str, _Row], by_hand: Mapping[str, Override]
) -> str | None:
    """Returns the reason why a candidate is rejected, as a message; None if it is selected.

    `seen` has the rank of each file that came before, `best` the image to select from each group of near-duplicates.
    """
    if image["status"] != "ok" or not image["passed"]:
        return image["reason"] if image["status"] == "ok" else f"not fetched: {image['reason']}"
    if image["image_id"] in seen:
        return f"doubled: same file as result {seen[image['image_id']]}"
    if not cluster_row:
        return "no embedding"
    if cluster_row["cluster"] == NOISE:
        return "in no cluster"
    if not cluster_row["is_subject"]:
        return f"in cluster {cluster_row['cluster']}, which is not the subject"
    winner = best[cluster_row["near_group"]]
    if winner["image_id"] == image["image_id"]:
        return None
    return f"doubled: same picture as result {winner['rank']}, {_why_better(winner, image, by_hand)}"


def _why_better(winner: _Row, image: _Row, by_hand: Mapping[str, Override]) -> str:
    decision = _decision(winner, by_hand)
    if decision:
        return f"which was {KEPT if decision == 'keep' else DROPPED}"
    return "whose file is larger" if _size_and_rank(winner) < _size_and_rank(image) else "which the folder knows"


def _candidate(row: _Row) -> _Row:
    return {name: row.get(name) for name in SEARCH_DATASET.schema.names}
