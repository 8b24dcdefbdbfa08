"""Hashtags over days, in virtual time: what the runs cover is a row each, and what they do not cover is named."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from upath import UPath

from instagram_assets.collect.collect_one_site import collect
from instagram_assets.collect.collection_results import CollectionOutcome
from instagram_assets.collect.collection_scope import CollectionScope
from instagram_assets.collect.hashtag_gaps import HashtagGap, all_hashtag_gaps, hashtag_gaps
from instagram_assets.collect.site_adapter import Request, Response
from instagram_assets.demo.graph_api_data import graph_hashtag
from instagram_assets.demo.graph_api_server import RECENT_REQUEST, SEARCH_REQUEST, graph_api_error
from instagram_assets.ingest import landing
from instagram_assets.ingest.merge import merge_posts
from instagram_assets.ingest.observations import read_posts, read_profiles
from instagram_assets.settings import load_settings
from instagram_assets_tests.collect.graph import BEGIN, DIARY, TAG, Desk, days, desk
from instagram_assets_tests.servers.graph_api import Failure

SEOUL = ZoneInfo("Asia/Seoul")


def run(at: Desk, inbox: Path, when: datetime, *subjects: str) -> list[CollectionOutcome]:
    """One run at a time, as the schedule would start it."""
    at.clock.time = max(at.clock.time, when.timestamp())
    wanted = subjects or (TAG,)
    found = collect(
        at.site,
        at.requester,
        wanted,
        CollectionScope(),
        database=at.database,
        inbox=inbox,
        clock=at.clock,
        log=at.logged,
    )
    return [each.outcome for each in found]


def merged(inbox: Path, lake: UPath) -> list[dict[str, Any]]:
    """What the lake makes of all files of the inbox."""
    for file in sorted(inbox.glob("collected_*")):
        assert landing.land_file(file, lake, settings=load_settings()).quarantined == 0
    first, last = date(2026, 1, 1), date(2027, 1, 1)
    posts, reels = (read_posts(lake, kind, [TAG], first, last) for kind in ("posts", "reels"))
    return merge_posts(posts, reels, read_profiles(lake, [TAG])).to_pylist()


def test_of_30_days_with_two_runs_each_and_one_day_missed_every_post_is_a_row_but_those_of_the_gap_which_is_named(
    tmp_path: Path,
) -> None:
    tag, missed = graph_hashtag(TAG[1:], BEGIN - days(1), 32, 30), (BEGIN + days(14)).date()
    times = [BEGIN + days(day) + timedelta(hours=hour, minutes=59) for day in range(30) for hour in (11, 23)]
    with desk(tmp_path / "books", [], [tag], page_size=20, top_media=False) as at:
        for when in times:
            if when.date() != missed:
                assert run(at, tmp_path, when) == [CollectionOutcome.COMPLETE]
        (gap,) = hashtag_gaps(at.database, TAG, at.clock.now())
        assert at.graph.count(SEARCH_REQUEST) == 1
    # The runs at 23:59 before and at 11:59 after the missed day leave its first half open.
    assert gap.words(SEOUL) == f"{TAG}: posts may be missing from 2026-09-15 08:59 to 20:59 (12.0 hours)"

    rows = merged(tmp_path, UPath(tmp_path / "lake"))
    during = {post.code: post for post in tag.posts if times[0] - days(1) < post.taken_at <= times[-1]}
    lost = [post for post in during.values() if gap.begins < post.taken_at <= gap.ends]
    assert lost
    assert {post.taken_at.date() for post in lost} == {missed}
    assert sorted(row["shortcode"] for row in rows) == sorted(during.keys() - {post.code for post in lost})
    for row in rows:
        post = during[row["shortcode"]]
        assert (row["account"], row["owner"], row["taken_at"]) == (TAG, None, post.taken_at)
        assert (row["likes"], row["likes_hidden"]) == (post.likes, post.likes is None)


def test_what_is_older_than_a_day_since_the_last_run_is_missing_already(tmp_path: Path) -> None:
    with desk(tmp_path / "books", [], [DIARY]) as at:
        run(at, tmp_path, BEGIN)
        assert hashtag_gaps(at.database, TAG, (BEGIN + timedelta(hours=23)).timestamp()) == []
        (gap,) = all_hashtag_gaps(at.database, (BEGIN + timedelta(hours=30)).timestamp())
        assert (round(gap.hours, 1), gap.hashtag) == (6.0, TAG)


def test_a_hashtag_that_is_not_collected_any_more_misses_nothing_after_its_last_run(tmp_path: Path) -> None:
    with desk(tmp_path / "books", [], [DIARY]) as at:
        for day in (0, 3):
            run(at, tmp_path, BEGIN + days(day))
        later = (BEGIN + days(20)).timestamp()
        assert [round(gap.hours) for gap in all_hashtag_gaps(at.database, later, collected={TAG})] == [48, 16 * 24]
        assert [round(gap.hours) for gap in all_hashtag_gaps(at.database, later, collected=())] == [48]


def test_only_whole_runs_count_and_a_hashtag_that_was_never_collected_has_no_gap(tmp_path: Path) -> None:
    with desk(tmp_path / "books", [], [DIARY]) as at:
        at.graph.failures.append(Failure(RECENT_REQUEST, graph_api_error(2, "later"), times=1))
        assert run(at, tmp_path, BEGIN) == [CollectionOutcome.OPEN]
        assert hashtag_gaps(at.database, TAG, (BEGIN + days(3)).timestamp()) == []
        assert hashtag_gaps(at.database, "#other", BEGIN.timestamp()) == []


def test_a_run_whose_last_page_came_hours_after_its_first_does_not_claim_what_had_left_the_window(
    tmp_path: Path,
) -> None:
    with desk(tmp_path / "books", [], [DIARY]) as at:
        run(at, tmp_path, BEGIN)
        send, sent = at.requester.send, list[Request]()

        def late(request: Request) -> Response:
            sent.append(request)
            response = send(request)
            if len(sent) == 1:
                at.clock.sleep(36_000)
            return response

        at.requester.send = late
        assert run(at, tmp_path, BEGIN + timedelta(hours=20)) == [CollectionOutcome.COMPLETE]
        (gap,) = hashtag_gaps(at.database, TAG, at.clock.now())
        assert (gap.begins - BEGIN < timedelta(minutes=1), round(gap.hours, 1)) == (True, 6.0)


def test_gaps_of_long_ago_are_not_told_again(tmp_path: Path) -> None:
    with desk(tmp_path / "books", [], [DIARY]) as at:
        for day in (0, 3, 4, 5):
            run(at, tmp_path, BEGIN + days(day))
        now = at.clock.now()
        assert [round(gap.hours) for gap in hashtag_gaps(at.database, TAG, now)] == [48]
        assert hashtag_gaps(at.database, TAG, now, since=(BEGIN + days(4)).timestamp()) == []


def test_a_gap_within_a_day_and_one_of_minutes_are_told_in_the_words_of_their_zone() -> None:
    begins = datetime(2026, 11, 3, 15, 30, tzinfo=UTC)
    assert (
        HashtagGap(TAG, begins, begins + timedelta(minutes=20))
        .words(SEOUL)
        .endswith("2026-11-04 00:30 to 00:50 (20 minutes)")
    )
    assert (
        HashtagGap(TAG, begins, begins + timedelta(hours=30))
        .words(UTC)
        .endswith("2026-11-03 15:30 to 2026-11-04 21:30 (30.0 hours)")
    )
