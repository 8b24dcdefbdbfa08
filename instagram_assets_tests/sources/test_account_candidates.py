"""Who is named again and again is proposed, the steady before the loud, and nobody who is known."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa

from instagram_assets.schemas import POSTS
from instagram_assets.sources.account_candidates import CANDIDATE_SCHEMA, account_candidates

MONDAY = date(2026, 9, 7)


def post(number: int, day: date, account: str = "sun", **named: Any) -> dict[str, Any]:
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    known = {"post_id": str(number), "account": account, "owner": account, "day": day, "kind": "post"}
    return known | {"taken_at": moment, "coauthors": [], "mentions": [], "tagged": []} | named


def proposed(*posts: dict[str, Any], known: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return account_candidates(POSTS.table(list(posts)), known).to_pylist()


def names(*posts: dict[str, Any], known: tuple[str, ...] = ()) -> list[str]:
    return [row["account"] for row in proposed(*posts, known=known)]


def test_a_candidate_says_how_often_in_how_many_weeks_and_by_whom_it_is_named() -> None:
    (row,) = proposed(
        post(1, MONDAY, coauthors=["moon"], mentions=["moon"]),
        post(2, MONDAY + timedelta(days=6), tagged=["moon"]),
        post(3, MONDAY + timedelta(days=7), "star", mentions=["moon", "star"]),
        post(4, MONDAY + timedelta(days=14)),
        known=("sun", "star"),
    )
    assert row == {
        "account": "moon",
        "weeks": 2,
        "share_of_weeks": 2 / 3,
        "posts": 3,
        "named_by": 2,
        "coauthored": 1,
        "mentioned": 2,
        "tagged": 1,
        "own_posts": 0,
        "first_day": MONDAY,
        "last_day": MONDAY + timedelta(days=7),
    }


def test_the_steady_stand_before_the_loud() -> None:
    steady = [post(week, MONDAY + timedelta(weeks=week), mentions=["steady"]) for week in range(4)]
    loud = [post(100 + number, MONDAY, tagged=["loud"]) for number in range(30)]
    assert names(*steady, *loud) == ["steady", "loud"]


def test_of_equally_steady_ones_the_more_often_named_stand_first_then_co_authors() -> None:
    posts = [
        post(1, MONDAY, mentions=["aa", "bb"], coauthors=["cc"]),
        post(2, MONDAY, mentions=["bb"]),
    ]
    assert names(*posts) == ["bb", "cc", "aa"]


def test_nobody_is_proposed_who_is_known_or_names_himself() -> None:
    posts = [post(1, MONDAY, mentions=["sun", "moon", "star"], tagged=["sun"], coauthors=["sun"])]
    assert names(*posts, known=("moon", "#육아일기")) == ["star"]
    assert names(*posts, known=("moon", "star")) == []


def test_who_owns_a_post_that_was_collected_of_another_is_its_co_author() -> None:
    (row,) = proposed(post(1, MONDAY, owner="moon", coauthors=["sun"]))
    assert (row["account"], row["coauthored"], row["posts"], row["own_posts"]) == ("moon", 1, 1, 1)


def test_a_post_that_was_collected_of_two_accounts_counts_once() -> None:
    both = [post(1, MONDAY, account, owner="sun", coauthors=["moon", "star"]) for account in ("sun", "moon")]
    rows = {row["account"]: row for row in proposed(*both)}
    assert rows["star"]["posts"] == rows["star"]["coauthored"] == 1
    assert rows["star"]["named_by"] == 2


def test_own_posts_that_are_collected_already_are_told() -> None:
    posts = [post(1, MONDAY, mentions=["moon"]), post(2, MONDAY, "moon"), post(3, MONDAY, "moon")]
    assert {row["account"]: row["own_posts"] for row in proposed(*posts)} == {"moon": 2}


def test_an_iso_week_begins_on_monday() -> None:
    sunday = [post(1, MONDAY - timedelta(days=1), mentions=["moon"]), post(2, MONDAY, mentions=["moon"])]
    same = [post(1, MONDAY, mentions=["moon"]), post(2, MONDAY + timedelta(days=6), mentions=["moon"])]
    assert [proposed(*posts)[0]["weeks"] for posts in (sunday, same)] == [2, 1]


def test_posts_without_owners_or_lists_and_no_posts_at_all_propose_nobody() -> None:
    empty = account_candidates(POSTS.empty())
    assert empty.schema == CANDIDATE_SCHEMA
    assert empty.num_rows == 0
    assert names(post(1, MONDAY, owner=None, mentions=None, coauthors=None)) == []
    assert names(post(1, MONDAY, owner=None, mentions=["moon"])) == ["moon"]


def test_lists_in_several_chunks_keep_their_posts() -> None:
    tables = [POSTS.table([post(number, MONDAY, mentions=[f"name_{number}"])]) for number in range(3)]
    assert account_candidates(pa.concat_tables(tables))["account"].to_pylist() == ["name_0", "name_1", "name_2"]
