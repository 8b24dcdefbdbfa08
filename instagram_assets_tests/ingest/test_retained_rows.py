"""Posts of which observations are past retention are merged as if those were still there."""

from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.ingest.merge import merge_posts
from instagram_assets.ingest.retained_rows import retained_rows
from instagram_assets.schemas import POSTS, POSTS_RAW, PROFILES_RAW

PICTURE = [{"position": 0, "kind": "image", "url": "https://cdn.example/a.jpg", "width": 4, "height": 5}]

Rows = list[dict[str, Any]]


def hour(number: int) -> datetime:
    return datetime(2025, 8, 1 + number // 24, number % 24, tzinfo=UTC)


def observed(post_id: str, at: int, **more: Any) -> dict[str, Any]:
    row = {"post_id": post_id, "account": "sun", "day": date(2025, 7, 1), "kind": "post", "observed_at": hour(at)}
    return {**row, "owner": "sun", "likes": at, "source_sha256": "0", "source_index": 0, **more}


def seen(at: int) -> dict[str, Any]:
    return {"account": "sun", "profile_id": None, "followers": at, "observed_at": hour(at)}


def merged(rows: Rows, profiles: Rows, before: int | None = None, earlier: pa.Table | None = None) -> pa.Table:
    """What is made of the rows from that hour on, where these were made of before."""
    first = hour(before or 0)
    left, seen_since = ([row for row in some if row["observed_at"] >= first] for some in (rows, profiles))
    reels = POSTS_RAW.table([row for row in left if row["kind"] == "reel"])
    posts = POSTS_RAW.table([row for row in left if row["kind"] == "post"])
    known = None
    if earlier is not None:
        known = retained_rows(earlier, pa.concat_tables([posts, reels]), first)
    return merge_posts(posts, reels, PROFILES_RAW.table(seen_since), "all", known)


OBSERVATIONS = st.lists(
    st.builds(
        observed,
        st.sampled_from("123"),
        st.integers(0, 40),
        kind=st.sampled_from(["post", "post", "reel"]),
        media=st.sampled_from([[], PICTURE]),
        type=st.just("image"),
    ),
    max_size=12,
    unique_by=lambda row: (row["post_id"], row["observed_at"]),
)
PROFILES = st.lists(st.builds(seen, st.integers(0, 40)), max_size=4, unique_by=lambda row: row["observed_at"])


@given(OBSERVATIONS, PROFILES, st.integers(0, 47))
def test_a_cell_that_is_made_again_after_retention_is_what_it_was(rows: Rows, profiles: Rows, before: int) -> None:
    whole = merged(rows, profiles)
    after = merged(rows, profiles, before, whole)
    assert after.to_pylist() == whole.to_pylist()
    assert merged(rows, profiles, before, after).equals(after)
    # The next night more is gone.
    assert merged(rows, profiles, min(before + 9, 47), after).to_pylist() == whole.to_pylist()


@given(OBSERVATIONS, st.integers(0, 47), st.integers(41, 47))
def test_a_new_observation_of_a_post_takes_its_place_as_if_nothing_were_gone(
    rows: Rows, before: int, again: int
) -> None:
    earlier = merged(rows, [])
    new = [*rows, observed("1", max(again, before), media=[], type="image")]
    assert merged(new, [], before, earlier).to_pylist() == merged(new, []).to_pylist()


def test_a_post_that_left_the_landing_zone_for_another_reason_leaves_the_table() -> None:
    rows = [observed("1", 30), observed("2", 3)]
    (row,) = merged(rows[1:], [], 10, merged(rows, [])).to_pylist()
    assert row["post_id"] == "2"


def test_what_is_made_otherwise_of_the_same_observations_is_not_taken_from_what_was_before() -> None:
    earlier = merged([observed("1", 30, media=PICTURE, caption="as older rules read it")], [])
    (row,) = merged([observed("1", 30, media=[], caption="as it is")], [], 10, earlier).to_pylist()
    assert (row["caption"], row["media"]) == ("as it is", [])


def test_the_profile_of_that_time_stays_where_none_is_nearer() -> None:
    earlier = merged([observed("1", 12)], [seen(11)])
    kept = merged([observed("1", 12)], [seen(11), seen(40)], 12, earlier)
    assert kept["followers"].to_pylist() == [11]
    nearer = merged([observed("1", 12)], [seen(11), seen(12)], 12, earlier)
    assert nearer["followers"].to_pylist() == [12]


@pytest.mark.parametrize("before", [0, 20])
def test_without_earlier_rows_nothing_is_remembered(before: int) -> None:
    rows = [observed("1", 21), observed("1", 3)]
    left = [row for row in rows if row["observed_at"] >= hour(before)]
    assert merged(rows, [], before, POSTS.empty()).equals(merged(left, []))
