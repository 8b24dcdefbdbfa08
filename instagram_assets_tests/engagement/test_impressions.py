"""What the impression promises: reactions per follower, and null when a number is not known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets import schemas
from instagram_assets.engagement.post_metrics import impression, impressions

_COUNTS = st.none() | st.integers(-1, 3) | st.integers(0, 2**40)


def _posts(*rows: dict[str, object]):
    return schemas.POSTS.table([{"post_id": str(n), "account": "mina.draws", **row} for n, row in enumerate(rows)])


def test_an_impression_is_likes_and_comments_per_follower():
    table = impressions(_posts({"kind": "post", "likes": 30, "comments": 10, "followers": 160}))
    assert table.schema == schemas.IMPRESSIONS.schema
    assert table.to_pylist()[0]["impression"] == 0.25


@pytest.mark.parametrize("followers", [0, None])
@pytest.mark.bad_input("no followers")
def test_no_followers_or_unknown_followers_give_no_impression(followers: int | None):
    table = impressions(_posts({"likes": 30, "comments": 10, "followers": followers}))
    assert table["impression"].to_pylist() == [None]


def test_hidden_likes_never_enter_an_impression():
    shown = {"likes": 3, "comments": 1, "followers": 10}
    table = impressions(
        _posts({**shown, "likes_hidden": True}, {**shown, "likes_hidden": False}, {**shown, "likes": None})
    )
    assert table["impression"].to_pylist() == [None, 0.4, None]


def test_unknown_comments_give_no_impression():
    assert impressions(_posts({"likes": 3, "followers": 10}))["impression"].to_pylist() == [None]


def test_no_posts_give_no_impressions():
    assert impressions(schemas.POSTS.empty()).num_rows == 0


@given(st.lists(st.tuples(_COUNTS, _COUNTS, _COUNTS), max_size=20))
def test_a_table_and_a_single_post_follow_the_same_rule(counts: list[tuple[int | None, int | None, int | None]]):
    rows: list[dict[str, object]] = [{"likes": row[0], "comments": row[1], "followers": row[2]} for row in counts]
    table = impressions(_posts(*rows))
    assert table["impression"].to_pylist() == [impression(*row) for row in counts]
