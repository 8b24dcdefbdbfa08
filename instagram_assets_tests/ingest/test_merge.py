"""Each post once: its newest observation, with its owner's profile of that time."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.ingest.merge import merge_posts
from instagram_assets.schemas import POSTS, POSTS_RAW, PROFILES_RAW


def hour(number: int) -> datetime:
    return datetime(2025, 8, 1 + number // 24, number % 24, tzinfo=UTC)


def observed(post_id: str, at: int, **more: Any) -> dict[str, Any]:
    row = {"post_id": post_id, "account": "sun", "day": date(2025, 7, 1), "kind": "post", "observed_at": hour(at)}
    return {**row, "owner": "sun", "source_sha256": "0", "source_index": 0, **more}


def seen(at: int, followers: int, account: str = "sun", profile_id: str | None = None) -> dict[str, Any]:
    return {"account": account, "profile_id": profile_id, "followers": followers, "observed_at": hour(at)}


def merge(posts: list[dict[str, Any]], profiles: list[dict[str, Any]] | None = None, mode: str = "all") -> pa.Table:
    reels = [row for row in posts if row["kind"] == "reel"]
    others = [row for row in posts if row["kind"] == "post"]
    return merge_posts(POSTS_RAW.table(others), POSTS_RAW.table(reels), PROFILES_RAW.table(profiles or []), mode)


def test_the_newest_observation_wins_and_all_are_counted() -> None:
    (row,) = merge([observed("1", 1, likes=5), observed("1", 9, likes=7), observed("1", 4, likes=9)]).to_pylist()
    assert (row["likes"], row["observations"]) == (7, 3)


def test_a_newer_look_without_pictures_takes_none_away() -> None:
    shown = {"type": "image", "width": 4, "height": 5}
    picture = [{"position": 0, "kind": "image", "url": "https://cdn.example/a.jpg", "width": 4, "height": 5}]
    older = [{**picture[0], "url": "https://cdn.example/older.jpg"}]
    rows = merge(
        [
            observed("1", 1, likes=5, media=older, **shown),
            observed("1", 2, likes=6, media=picture, **shown),
            observed("1", 9, likes=7, media=[]),
            observed("2", 3, likes=8, media=[]),
            observed("3", 1, media=picture, **shown),
        ]
    ).to_pylist()
    assert [(row["likes"], row["type"], row["media"], row["width"]) for row in rows] == [
        (7, "image", picture, 4),
        (8, None, [], None),
        (None, "image", picture, 4),
    ]


def test_a_post_that_was_seen_as_a_reel_is_a_reel() -> None:
    (row,) = merge([observed("1", 9, likes=7), observed("1", 1, kind="reel")]).to_pylist()
    assert (row["kind"], row["likes"], row["observations"]) == ("reel", 7, 2)


def test_one_post_collected_under_two_accounts_stays_two_rows() -> None:
    assert merge([observed("1", 1), observed("1", 2, account="moon")])["account"].to_pylist() == ["moon", "sun"]


@pytest.mark.parametrize(("mode", "ids"), [("all", ["1", "2"]), ("post", ["1"]), ("reel", ["2"])])
def test_mode_chooses_the_kind(mode: str, ids: list[str]) -> None:
    assert merge([observed("1", 1), observed("2", 1, kind="reel")], mode=mode)["post_id"].to_pylist() == ids


@pytest.mark.parametrize(
    ("profiles", "followers"),
    [
        ([seen(1, 10), seen(9, 20)], 10),
        ([seen(1, 10), seen(6, 20)], 20),
        ([seen(3, 10), seen(5, 20)], 20),
        ([seen(4, 10), seen(4, 20, "other")], 10),
        ([seen(4, 10), seen(20, 20, "renamed", "77")], 20),
        ([seen(4, 10, "other", "78")], None),
        ([], None),
    ],
    ids=["nearest before", "nearest after", "tie: the later", "own name", "id before name", "nobody", "no profiles"],
)
def test_the_profile_is_the_owners_nearest_in_time(profiles: list[dict[str, Any]], followers: int | None) -> None:
    merged = merge([observed("1", 4, owner_id="77")], profiles)
    assert merged["followers"].to_pylist() == [followers]


def test_nothing_in_gives_nothing_out_with_every_column() -> None:
    assert merge([]).schema.equals(POSTS.schema)


ROWS = st.lists(
    st.tuples(
        st.sampled_from("123"),
        st.integers(0, 40),
        st.sampled_from(["post", "reel"]),
        st.sampled_from(["sun", "moon", None]),
    ),
    max_size=12,
)
PROFILES = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["sun", "moon", "star"])), max_size=8, unique_by=lambda row: row
)


@given(ROWS, PROFILES, st.randoms())
@settings(max_examples=200, deadline=None)
def test_merging_agrees_with_the_plain_loop_in_any_order(rows: Any, profiles: Any, shuffle: Any) -> None:
    posts = [observed(i, at, kind=kind, owner=owner, source_index=n) for n, (i, at, kind, owner) in enumerate(rows)]
    people = [seen(at, n + 1, name) for n, (at, name) in enumerate(profiles)]
    expected: dict[str, tuple[str, int, int | None]] = {}
    for post_id in {row["post_id"] for row in posts}:
        same = [row for row in posts if row["post_id"] == post_id]
        newest = max(same, key=lambda row: (row["observed_at"], row["kind"], -row["source_index"]))
        kind = "reel" if any(row["kind"] == "reel" for row in same) else "post"
        own = [person for person in people if person["account"] == newest["owner"]]
        at = newest["observed_at"]
        own.sort(key=lambda person: (abs(person["observed_at"] - at), -person["observed_at"].timestamp()))
        moments = len({row["observed_at"] for row in same})
        expected[post_id] = (kind, moments, own[0]["followers"] if own else None)
    shuffle.shuffle(posts)
    shuffle.shuffle(people)
    found = {
        row["post_id"]: (row["kind"], row["observations"], row["followers"]) for row in merge(posts, people).to_pylist()
    }
    assert found == expected
