"""Hashtags over days, in virtual time: what the runs cover is there once, and what they do not cover is named."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from instagram_assets.collect.asking import Answer, Ask
from instagram_assets.collect.collector import collect
from instagram_assets.collect.gaps import Gap, gaps, gaps_of_all
from instagram_assets.collect.wish import Ended, Wish
from instagram_assets.demo.graph_api import RECENT, error
from instagram_assets.ingest.shortcodes import code_in
from instagram_assets_tests.collect.graph import BEGIN, DIARY, TAG, Desk, days, desk
from instagram_assets_tests.servers.graph_api import Failure

SEOUL = ZoneInfo("Asia/Seoul")


def run(at: Desk, inbox: Path, when: datetime, *subjects: str) -> list[Ended]:
    """One run at a time, as the schedule would start it."""
    at.clock.time = max(at.clock.time, when.timestamp())
    wanted = subjects or (TAG,)
    found = collect(at.site, at.requester, wanted, Wish(), books=at.books, inbox=inbox, clock=at.clock, tell=at.told)
    return [each.outcome for each in found]


def exported(inbox: Path) -> list[str]:
    """The codes of all posts in the inbox that were among the newest, of each file once."""
    top = {post.code for post in DIARY.top}
    files = [file.read_text(encoding="utf-8").splitlines() for file in sorted(inbox.glob("collected_*"))]
    codes = [{code_in(json.loads(line)["record"]["permalink"]) for line in lines} for lines in files]
    return [code for file in codes for code in file if code and code not in top]


def test_of_30_days_with_two_runs_each_and_one_day_missed_all_is_there_but_the_gap_which_is_named(
    tmp_path: Path,
) -> None:
    missed = 14
    times = [BEGIN + days(day) + timedelta(hours=hour, minutes=59) for day in range(30) for hour in (11, 23)]
    top = {post.code for post in DIARY.top}
    with desk(tmp_path / "books", [], [DIARY]) as at:
        for when in times:
            if when.date() != (BEGIN + days(missed)).date():
                assert run(at, tmp_path, when) == [Ended.COMPLETE]
        (gap,) = gaps(at.books, TAG, at.clock.now())
        # The runs at 23:59 before and at 11:59 after the missed day leave its first half open.
        assert abs(gap.begins - (BEGIN + days(missed) - timedelta(minutes=1))) < timedelta(minutes=1)
        assert abs(gap.ends - (BEGIN + days(missed) + timedelta(hours=11, minutes=59))) < timedelta(minutes=1)
        assert gap.words(SEOUL).startswith(f"{TAG}: posts may be missing from 2026-11-15 08:59 to 20:59 (12.0 hours)")

        seen = Counter(exported(tmp_path))
        during = [post for post in DIARY.posts if times[0] - days(1) < post.taken_at <= times[-1]]
        lost = [post for post in during if post.code not in seen and post.code not in top]
        assert lost
        assert {post.taken_at.date() for post in lost} == {(BEGIN + days(missed)).date()}
        assert all(gap.begins <= post.taken_at <= gap.ends for post in lost)
        # 24 hours are seen by two runs, a run twelve hours later.
        assert max(seen.values()) == 2
        assert at.graph.count("ig_hashtag_search") == 1


def test_what_is_older_than_a_day_since_the_last_run_is_missing_already(tmp_path: Path) -> None:
    with desk(tmp_path / "books", [], [DIARY]) as at:
        run(at, tmp_path, BEGIN)
        assert gaps(at.books, TAG, (BEGIN + timedelta(hours=23)).timestamp()) == []
        (gap,) = gaps_of_all(at.books, (BEGIN + timedelta(hours=30)).timestamp())
        assert (round(gap.hours, 1), gap.hashtag) == (6.0, TAG)


def test_only_whole_runs_count_and_a_hashtag_that_was_never_collected_has_no_gap(tmp_path: Path) -> None:
    with desk(tmp_path / "books", [], [DIARY]) as at:
        at.graph.failures.append(Failure(RECENT, error(2, "later"), times=1))
        assert run(at, tmp_path, BEGIN) == [Ended.OPEN]
        assert gaps(at.books, TAG, (BEGIN + days(3)).timestamp()) == []
        assert gaps(at.books, "#other", BEGIN.timestamp()) == []


def test_a_run_whose_last_page_came_hours_after_its_first_does_not_claim_what_had_left_the_window(
    tmp_path: Path,
) -> None:
    with desk(tmp_path / "books", [], [DIARY]) as at:
        run(at, tmp_path, BEGIN)
        send, sent = at.requester.send, list[Ask]()

        def late(ask: Ask) -> Answer:
            sent.append(ask)
            answer = send(ask)
            if len(sent) == 1:
                at.clock.sleep(36_000)
            return answer

        at.requester.send = late
        assert run(at, tmp_path, BEGIN + timedelta(hours=20)) == [Ended.COMPLETE]
        (gap,) = gaps(at.books, TAG, at.clock.now())
        assert (gap.begins - BEGIN < timedelta(minutes=1), round(gap.hours, 1)) == (True, 6.0)


def test_gaps_of_long_ago_are_not_told_again(tmp_path: Path) -> None:
    with desk(tmp_path / "books", [], [DIARY]) as at:
        for day in (0, 3, 4, 5):
            run(at, tmp_path, BEGIN + days(day))
        now = at.clock.now()
        assert [round(gap.hours) for gap in gaps(at.books, TAG, now)] == [48]
        assert gaps(at.books, TAG, now, since=(BEGIN + days(4)).timestamp()) == []


def test_a_gap_within_a_day_and_one_of_minutes_are_told_in_the_words_of_their_zone() -> None:
    begins = datetime(2026, 11, 3, 15, 30, tzinfo=UTC)
    assert (
        Gap(TAG, begins, begins + timedelta(minutes=20)).words(SEOUL).endswith("2026-11-04 00:30 to 00:50 (20 minutes)")
    )
    assert (
        Gap(TAG, begins, begins + timedelta(hours=30))
        .words(UTC)
        .endswith("2026-11-03 15:30 to 2026-11-04 21:30 (30.0 hours)")
    )
