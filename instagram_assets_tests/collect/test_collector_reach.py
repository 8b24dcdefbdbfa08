"""How far a collection goes: to what is known, to a day, to a number of posts, to the end of a budget."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from instagram_assets.collect.collection_results import CollectionOutcome
from instagram_assets.collect.collection_scope import CollectionScope, KnownPosts
from instagram_assets.collect.rate_limiter import Budget
from instagram_assets.collect.site_adapter import Classification, Request, ResponseOutcome
from instagram_assets_tests.collect.collect_helper import HOUR, Bench, days_back
from instagram_assets_tests.collect.small_site import DAY, START


def test_no_more_pages_are_asked_than_the_posts_that_are_wanted_need(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(20))
    (found,) = bench.run(scope=CollectionScope(posts=5))
    assert (found.outcome, found.posts, found.requests) == (CollectionOutcome.COMPLETE, 6, 2)


def test_a_cursor_that_leads_nowhere_is_the_end(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7))

    def stuck(_number: int, _subject: str, request: Request) -> Classification | None:
        content = bench.site.content(request)
        return (
            Classification(ResponseOutcome.OK, content={**content, "next": "3"})
            if request.params["cursor"] == "3"
            else None
        )

    (found,) = bench.run(script=stuck)
    assert (found.outcome, found.posts, found.requests) == (CollectionOutcome.COMPLETE, 6, 3)


def test_only_what_is_newer_than_the_lake_is_asked_for_and_pinned_posts_end_nothing(tmp_path: Path) -> None:
    times = days_back(20)
    bench = Bench(tmp_path, sun_diary=times)
    bench.site.pinned = {"sun_diary": [START - 400 * DAY, START - 500 * DAY, START - 600 * DAY]}
    known = {"sun_diary": KnownPosts(newest=datetime.fromtimestamp(times[4], UTC))}
    (found,) = bench.run(known=known)
    assert found.outcome is CollectionOutcome.COMPLETE
    assert [cursor for _, cursor in bench.asked] == ["0", "3", "6"]


def test_pinned_posts_that_the_site_does_not_mark_end_nothing_either(tmp_path: Path) -> None:
    times = [START - 400 * DAY, *days_back(20)]
    bench = Bench(tmp_path, sun_diary=times)
    bench.run(known={"sun_diary": KnownPosts(newest=datetime.fromtimestamp(times[5], UTC))})
    assert [cursor for _, cursor in bench.asked] == ["0", "3"]


def test_a_day_is_a_bound_in_the_zone_of_the_budget_and_posts_due_to_be_read_again_move_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(30))
    bench.run(scope=CollectionScope(newer_than=date(2026, 11, 25)))
    assert len(bench.asked) == 2  # 27, 26, 25 and the page that has the 24th
    due = {
        "sun_diary": KnownPosts(
            newest=datetime.fromtimestamp(START, UTC), due=datetime.fromtimestamp(START - 10 * DAY, UTC)
        )
    }
    bench.run(scope=CollectionScope(newer_than=date(2026, 11, 25), rereads=True), known=due, again=True)
    assert len(bench.asked) == 4


def test_an_open_crawl_goes_as_far_as_the_newer_wish_wants(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(30))
    bench.run(
        scope=CollectionScope(posts=6),
        script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number else None,
    )
    bench.clock.sleep(HOUR)
    (found,) = bench.run(scope=CollectionScope(posts=9))
    assert (found.posts, bench.asked) == (9, [("sun_diary", "3"), ("sun_diary", "6")])


def test_what_was_collected_a_short_time_ago_is_not_collected_again_unless_more_is_wanted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(9))
    bench.run(scope=CollectionScope(posts=3))
    (second,) = bench.run(scope=CollectionScope(posts=3))
    assert (second.outcome, second.file, second.posts) == (CollectionOutcome.FRESH, None, 3)
    assert bench.run(scope=CollectionScope(posts=9))[0].posts == 9
    bench.clock.sleep(6 * HOUR)
    assert bench.run(scope=CollectionScope(posts=3))[0].outcome is CollectionOutcome.COMPLETE


def test_a_clock_that_was_set_back_neither_lets_wait_for_ever_nor_collects_again(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(2), moon=days_back(2))
    bench.run(script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number else None)
    bench.clock.time -= HOUR
    assert [one.outcome for one in bench.run()] == [CollectionOutcome.FRESH, CollectionOutcome.WAITING]
    bench.clock.time -= 400 * DAY
    assert [one.outcome for one in bench.run()] == [CollectionOutcome.COMPLETE, CollectionOutcome.COMPLETE]


def test_the_days_budget_of_an_account_and_of_all_is_kept_and_its_end_named(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(30), moon=days_back(30))
    midnight = datetime(2026, 11, 28, tzinfo=UTC).timestamp()
    found = bench.run(budget=Budget(per_day=5, per_subject=3))
    assert [(one.outcome, one.requests, one.until) for one in found] == [
        (CollectionOutcome.OPEN, 3, midnight),
        (CollectionOutcome.OPEN, 2, midnight),
    ]
    assert [one.outcome for one in bench.run(budget=Budget(per_day=5))] == [CollectionOutcome.WAITING] * 2
    assert bench.asked == []
    bench.clock.time = midnight
    bench.run(budget=Budget(per_day=5, per_subject=3))
    assert bench.asked == [("sun_diary", "9"), ("sun_diary", "12"), ("sun_diary", "15"), ("moon", "6"), ("moon", "9")]


def test_a_hashtag_is_read_to_its_end_in_whatever_order_and_at_the_end_of_its_budget_is_partial(tmp_path: Path) -> None:
    times = [START - 20 * HOUR, START - HOUR, START - 10 * HOUR, START - 5 * HOUR, START - 2 * HOUR]
    bench = Bench(tmp_path, **{"#육아일기": times})
    known = {"#육아일기": KnownPosts(newest=datetime.fromtimestamp(START - HOUR, UTC))}
    (found,) = bench.run(scope=CollectionScope(posts=1), known=known)
    assert (found.outcome, found.posts) == (CollectionOutcome.COMPLETE, 5)
    assert found.file
    assert found.file.name == "collected_small-tag-육아일기-2026-11-27T09-00-00.000000Z.json"
    bench.clock.sleep(12 * HOUR)
    (cut,) = bench.run(budget=Budget(per_subject=3))
    assert (cut.outcome, cut.posts) == (CollectionOutcome.PARTIAL, 3)
    assert "budget of 3 requests a day" in cut.reason


def test_a_hashtag_that_was_interrupted_for_a_day_is_delivered_as_partial_and_begun_anew(tmp_path: Path) -> None:
    bench = Bench(tmp_path, **{"#육아일기": days_back(5)})
    bench.run(script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number else None)
    bench.clock.sleep(DAY + HOUR)
    (found,) = bench.run()
    assert (found.outcome, found.posts, bench.asked[0]) == (CollectionOutcome.COMPLETE, 5, ("#육아일기", "0"))
    assert len(list(bench.inbox.iterdir())) == 2
    with bench.database.reading() as connection:
        outcomes = [row["outcome"] for row in connection.execute("SELECT outcome FROM crawls ORDER BY id")]
    assert outcomes == ["partial", "complete"]


def test_pages_behind_which_nothing_comes_for_a_week_are_delivered_as_partial(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7))

    def refused(_number: int, _subject: str, request: Request) -> Classification | None:
        return (
            Classification(ResponseOutcome.CONTRACT_CHANGED, "invalid cursor")
            if request.params["cursor"] == "3"
            else None
        )

    for day in range(7):
        (found,) = bench.run(script=refused)
        assert found.outcome is CollectionOutcome.OPEN, day
        bench.clock.sleep(DAY)
    (found,) = bench.run(script=refused)
    assert (found.outcome, found.posts) == (CollectionOutcome.PARTIAL, 3)
    assert "invalid cursor" in found.reason
    # What is in the lake now does not hide what is behind it.
    (anew,) = bench.run(known={"sun_diary": KnownPosts(newest=datetime.fromtimestamp(days_back(1)[0], UTC))})
    assert (anew.outcome, anew.posts) == (CollectionOutcome.COMPLETE, 7)


def test_a_number_of_posts_that_ends_before_those_of_the_lake_is_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(20))
    known = {"sun_diary": KnownPosts(newest=datetime.fromtimestamp(days_back(12)[-1], UTC))}
    (found,) = bench.run(scope=CollectionScope(posts=6), known=known)
    assert (found.outcome, found.posts) == (CollectionOutcome.COMPLETE, 6)
    assert "6 posts that were wanted" in found.reason
    assert bench.run(known=known, again=True)[0].reason == ""


@pytest.mark.parametrize(("catches_up", "cursors"), [(True, ["0", "3"]), (False, ["0"])], ids=["schedule", "person"])
def test_a_schedule_that_was_missed_leaves_no_hole_and_a_day_that_a_person_names_stands(
    tmp_path: Path, catches_up: bool, cursors: list[str]
) -> None:
    times = days_back(20)
    bench = Bench(tmp_path, sun_diary=times)
    known = {"sun_diary": KnownPosts(newest=datetime.fromtimestamp(times[5], UTC))}
    bench.run(scope=CollectionScope(newer_than=date(2026, 11, 26), catches_up=catches_up), known=known)
    assert [cursor for _, cursor in bench.asked] == cursors


def test_a_schedule_asks_for_its_day_where_the_lake_has_newer_posts_or_none(tmp_path: Path) -> None:
    times = days_back(20)
    bench = Bench(tmp_path, sun_diary=times, moon=times)
    known = {"sun_diary": KnownPosts(newest=datetime.fromtimestamp(times[0], UTC))}
    bench.run(scope=CollectionScope(newer_than=date(2026, 11, 23), catches_up=True), known=known)
    assert bench.asked == [(name, cursor) for name in ("sun_diary", "moon") for cursor in ("0", "3")]


def test_older_posts_than_those_of_the_lake_come_when_they_are_asked_for(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(12))
    bench.run(scope=CollectionScope(posts=3))
    known = {"sun_diary": KnownPosts(newest=datetime.fromtimestamp(days_back(1)[0], UTC))}
    (found,) = bench.run(scope=CollectionScope(posts=9, behind_known=True), known=known)
    assert (found.outcome, found.posts, found.reason) == (CollectionOutcome.COMPLETE, 9, "")


def test_what_went_elsewhere_than_the_inbox_does_not_count_as_collected(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(3))
    (first,) = bench.run()
    assert first.file
    done = first.file.parent / "done" / first.file.name
    done.parent.mkdir()
    first.file.rename(done)
    assert bench.run()[0].outcome is CollectionOutcome.FRESH
    done.unlink()
    assert bench.run()[0].outcome is CollectionOutcome.COMPLETE


def test_an_crawl_that_was_ended_days_after_it_began_says_so_and_is_not_fresh(tmp_path: Path) -> None:
    bench = Bench(tmp_path, sun_diary=days_back(7))
    bench.run(script=lambda number, *_: Classification(ResponseOutcome.TRANSIENT) if number else None)
    bench.clock.sleep(4 * DAY)
    bench.site.accounts["sun_diary"] = [*days_back(4, bench.clock.now() - HOUR), *days_back(7)]
    (late,) = bench.run()
    assert late.outcome is CollectionOutcome.COMPLETE
    assert late.reason == "as of 2026-11-27 09:00 UTC, when it was begun; the next run brings what came since"
    known = {"sun_diary": KnownPosts(newest=datetime.fromtimestamp(days_back(1)[0], UTC))}
    (following,) = bench.run(known=known)
    assert (following.outcome, following.posts) == (CollectionOutcome.COMPLETE, 6)


def test_numbers_that_cannot_be_read_again_are_told_in_words_of_their_own(tmp_path: Path) -> None:
    times = days_back(20)
    bench = Bench(tmp_path, sun_diary=times)
    known = {"sun_diary": KnownPosts(datetime.fromtimestamp(times[2], UTC), datetime.fromtimestamp(times[15], UTC))}
    (found,) = bench.run(scope=CollectionScope(posts=6, rereads=True), known=known)
    assert (found.posts, found.reason) == (6, "numbers of posts older than the 6 newest are not read again")
