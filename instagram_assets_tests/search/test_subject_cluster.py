"""Which cluster is the subject, which pictures are the same, and which are kept."""

from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from instagram_assets.schemas import SEARCH_CLUSTERS, SEARCH_IMAGES, SEARCH_RESULTS
from instagram_assets.schemas.search import Decision, Override
from instagram_assets.search.image_selection import select_images
from instagram_assets.search.subject_cluster import (
    SubjectChoice,
    centre_distances,
    choose_subject,
    near_duplicate_groups,
)
from instagram_assets.vision.eps_neighbours import UnitVectors


def directions(*degrees: float) -> UnitVectors:
    angles = np.radians(np.array(degrees, np.float64))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def labels(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.array(values, np.int32)


def test_the_largest_cluster_is_the_subject_and_of_equals_the_first() -> None:
    vectors = directions(0, 1, 90, 91, 92, 180)
    assert choose_subject(labels(0, 0, 1, 1, 1, -1), vectors) == SubjectChoice(1, False, {})
    assert choose_subject(labels(0, 0, 1, 1, -1, -1), vectors) == SubjectChoice(0, True, {})
    assert choose_subject(labels(-1, -1, -1, -1, -1, -1), vectors) == SubjectChoice(-1, False, {})


def test_a_text_chooses_the_cluster_that_fits_it_best() -> None:
    vectors = directions(0, 2, 90, 92, 92, 180)
    found = choose_subject(labels(0, 0, 1, 1, 1, -1), vectors, directions(1)[0])
    assert found.label == 0
    assert not found.tied
    assert found.scores == pytest.approx({0: 1.0, 1: np.cos(np.radians(90.333))}, abs=1e-3)
    assert choose_subject(labels(0, 1), directions(30, -30), directions(0)[0])[:2] == (0, True)
    assert choose_subject(labels(-1, -1), directions(0, 9), directions(0)[0]) == SubjectChoice(-1, False, {})


def test_distance_is_measured_to_the_middle_of_the_own_cluster() -> None:
    found = centre_distances(labels(0, 0, 0, -1), directions(0, 10, 20, 180))
    assert found[:3] == pytest.approx([1 - np.cos(np.radians(10)), 0, 1 - np.cos(np.radians(10))], abs=1e-6)
    assert np.isnan(found[3])


def test_the_same_picture_is_alike_in_hash_and_in_meaning() -> None:
    near, far = f"{0b111:016x}", f"{0xFFFF:016x}"
    hashes = [f"{0:016x}", near, near, far, None, None]
    vectors = directions(0, 5, 90, 0, 0, 0)
    assert near_duplicate_groups([*"abcdef"], hashes, vectors, 6) == [*"aacdef"]
    assert near_duplicate_groups([], [], np.empty((0, 0), np.float32), 6) == []


def tables(*rows: tuple[str | None, bool, str | None, int, int | None, float | None, str]) -> list[pa.Table]:
    """Tables of a search: image_id, passed, reason, bytes, cluster, distance, near_group for each rank."""
    results, images = list[dict[str, object]](), list[dict[str, object]]()
    places = dict[str, dict[str, object]]()
    for rank, (image_id, passed, reason, size, cluster, distance, group) in enumerate(rows, start=1):
        results.append({"search": "s", "query": "q", "rank": rank, "url": f"u{rank}", "source": "naver"})
        status = "ok" if image_id else "failed"
        found: dict[str, object] = {"image_id": image_id, "passed": passed, "bytes": size}
        found |= {"status": status, "reason": reason}
        # What cannot be decoded has no sharpness.
        found["sharpness"] = None if reason and reason.startswith("cannot be decoded") else 60.0
        images.append({"search": "s", "rank": rank, **found})
        if image_id and cluster is not None:
            place = {"cluster": cluster, "distance": distance, "is_subject": cluster == 0, "near_group": group}
            places[image_id] = {"search": "s", "image_id": image_id, **place}
    return [
        SEARCH_RESULTS.table(results),
        SEARCH_IMAGES.table(images),
        SEARCH_CLUSTERS.table(list(places.values())),
    ]


def test_every_candidate_is_kept_or_says_why_not() -> None:
    rows = select_images(
        *tables(
            ("a", True, None, 10, 0, 0.3, "a"),
            (None, False, "HTTP 404", 0, None, None, ""),
            ("b", False, "blurred: sharpness 1 below 50", 10, None, None, ""),
            ("a", True, None, 10, 0, 0.3, "a"),
            ("c", True, None, 99, 0, 0.2, "a"),
            ("d", True, None, 10, 1, 0.1, "d"),
            ("e", True, None, 10, -1, None, "e"),
            ("f", True, None, 10, None, None, ""),
            ("g", True, None, 10, 0, 0.1, "g"),
            ("h", True, None, 10, 0, 0.4, "h"),
        ),
        limit=2,
    )
    assert [(row["rank"], row["reason"]) for row in rows] == [
        (9, None),
        (5, None),
        (1, "doubled: same picture as result 5, whose file is larger"),
        (2, "not fetched: HTTP 404"),
        (3, "blurred: sharpness 1 below 50"),
        (4, "doubled: same file as result 1"),
        (6, "in cluster 1, which is not the subject"),
        (7, "in no cluster"),
        (8, "no embedding"),
        (10, "beyond the limit of 2 images"),
    ]
    assert [row["kept"] for row in rows] == [True] * 2 + [False] * 8


def test_images_of_the_folder_win_over_larger_files_and_nearer_ones() -> None:
    found = tables(
        ("a", True, None, 10, 0, 0.5, "a"),
        ("b", True, None, 99, 0, 0.1, "a"),
        ("c", True, None, 10, 0, 0.2, "c"),
        ("d", True, None, 10, 0, 0.4, "d"),
    )
    reasons = {row["image_id"]: row["reason"] for row in select_images(*found, limit=2, before={"a": 0, "d": 1})}
    assert reasons == {
        "d": None,
        "a": None,
        "b": "doubled: same picture as result 1, which the folder knows",
        "c": "beyond the limit of 2 images",
    }
    alone = select_images(*found, limit=1, before={"d": 1})
    assert [row["image_id"] for row in alone if row["kept"]] == ["d"]


def by_hand(**decisions: Decision) -> dict[str, Override]:
    at = datetime(2026, 11, 27, tzinfo=UTC)
    return {image_id: Override(decision, f"why {image_id}", at) for image_id, decision in decisions.items()}


def test_what_is_kept_by_hand_is_kept_whatever_is_said_of_it_and_comes_before_others() -> None:
    found = tables(
        ("a", True, None, 10, 0, 0.1, "a"),
        ("b", False, "blurred: sharpness 1 below 50", 10, None, None, ""),
        ("c", True, None, 5, 0, 0.2, "a"),
        ("d", True, None, 10, 1, 0.1, "d"),
        ("e", True, None, 10, -1, None, "e"),
        ("f", False, "cannot be decoded (broken)", 10, None, None, ""),
        (None, False, "HTTP 404", 0, None, None, ""),
        ("b", False, "blurred: sharpness 1 below 50", 10, None, None, ""),
        ("g", True, None, 10, 0, 0.3, "g"),
        ("h", True, None, 10, 0, 0.4, "h"),
    )
    said = by_hand(b="keep", c="keep", d="keep", e="keep", f="keep", h="keep")
    rows = select_images(*found, limit=6, before={"g": 0}, by_hand=said)
    assert [(row["rank"], row["kept"], row["reason"]) for row in rows] == [
        (4, True, "kept by hand: why d"),
        (3, True, "kept by hand: why c"),
        (9, True, None),
        (10, True, "kept by hand: why h"),
        (2, True, "kept by hand: why b"),
        (5, True, "kept by hand: why e"),
        (1, False, "doubled: same picture as result 3, which was kept by hand"),
        (6, False, "cannot be decoded (broken)"),
        (7, False, "not fetched: HTTP 404"),
        (8, False, "blurred: sharpness 1 below 50"),
    ]
    few = select_images(*found, limit=2, by_hand=said)
    assert {row["image_id"] for row in few if row["kept"]} == set("bcdeh")
    assert next(row["reason"] for row in few if row["rank"] == 9) == "beyond the limit of 2 images"


def test_what_is_dropped_by_hand_goes_with_its_doubles_and_leaves_its_place_to_others() -> None:
    found = tables(
        ("a", True, None, 99, 0, 0.1, "a"),
        ("b", True, None, 10, 0, 0.2, "a"),
        ("a", True, None, 99, 0, 0.1, "a"),
        ("c", True, None, 10, 0, 0.3, "c"),
        ("d", True, None, 10, 0, 0.4, "d"),
    )
    assert [row["image_id"] for row in select_images(*found, limit=2) if row["kept"]] == ["a", "c"]
    rows = select_images(*found, limit=2, by_hand=by_hand(a="drop"))
    assert [(row["rank"], row["kept"], row["reason"]) for row in rows] == [
        (4, True, None),
        (5, True, None),
        (1, False, "dropped by hand: why a"),
        (2, False, "doubled: same picture as result 1, which was dropped by hand"),
        (3, False, "doubled: same file as result 1"),
    ]
    rows = select_images(*found, limit=2, by_hand=by_hand(a="drop", b="keep"))
    assert [row["image_id"] for row in rows if row["kept"]] == ["b", "c"]
    # The other file of a dropped double stays.
    rows = select_images(*found, limit=1, before={"a": 0}, by_hand=by_hand(b="drop"))
    assert [row["image_id"] for row in rows if row["kept"]] == ["a"]
