"""What the page of a day says of each account is what the lake says, and nothing is told that is not known."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from instagram_assets.insights.chart_definition import FEW
from instagram_assets.insights.daily_summary import DAYS_BEFORE, DaySummary, day_summary
from instagram_assets.insights.filter_form import repeated_posts
from instagram_assets.lake_index.filters import Filter
from instagram_assets_tests.insights.lakes import ACCOUNTS, Row, Small, engagement, image_id, middle, post, small

DAY = date(2026, 11, 3)
NOON = datetime(2026, 11, 3, 11, tzinfo=UTC)
NEXT_MORNING = NOON + timedelta(hours=20)


def before(account: str, days: int, **values: Any) -> Row:
    return post(account, 1_000 + days, NOON - timedelta(days=days), observed_at=NOON, **values)


def account_of(found: DaySummary, name: str) -> Any:
    return next(each for each in (*found.active, *found.silent, *found.missing) if each.account == name)


@pytest.mark.parametrize("accounts", [(), ("anna",), ("nobody",)], ids=str)
@pytest.mark.parametrize("day", [date(2026, 10, 25), date(2026, 11, 2)], ids=str)
def test_each_post_stands_against_the_median_of_the_weeks_before(
    berlin: Small, day: date, accounts: tuple[str, ...]
) -> None:
    found = day_summary(berlin.index, day, accounts)
    chosen = [each for each in berlin.posts if not accounts or each["account"] in accounts]
    assert found.posts == sum(each["day"] == day for each in chosen)
    first = day - timedelta(days=DAYS_BEFORE)
    for account in found.active:
        mine = [each for each in chosen if each["account"] == account.account]
        known = [engagement(each) for each in mine if first <= each["day"] < day and engagement(each) is not None]
        usual = middle(number for number in known if number is not None) if len(known) >= FEW else None
        assert account.usual == usual
        of_day = {each["post_id"]: engagement(each) for each in mine if each["day"] == day}
        assert {row["post_id"] for row in account.posts} == set(of_day)
        for row in account.posts:
            number = of_day[row["post_id"]]
            assert row["ratio"] == (pytest.approx(number / usual) if number is not None and usual else None)


def test_posts_of_the_day_are_those_that_sql_over_the_lake_has(berlin: Small) -> None:
    for row in berlin.lake.sql("SELECT day, count(*) AS posts FROM posts GROUP BY day").to_pylist():
        assert day_summary(berlin.index, row["day"]).posts == row["posts"]


def test_a_post_a_second_before_midnight_is_of_the_day_before(tmp_path: Path) -> None:
    midnight = datetime(2026, 11, 2, 23, tzinfo=UTC)  # of Berlin, in winter
    lake = small(tmp_path, [post("anna", 1, midnight - timedelta(seconds=1)), post("anna", 2, midnight)])
    assert [each["post_id"] for each in day_summary(lake.index, DAY).active[0].posts] == ["anna-2"]
    assert [each["post_id"] for each in day_summary(lake.index, DAY - timedelta(1)).active[0].posts] == ["anna-1"]


def test_followers_are_compared_with_the_day_before_they_were_read(tmp_path: Path) -> None:
    def read(account: str, hours: int, followers: int) -> Row:
        return {"account": account, "observed_at": NOON + timedelta(hours=hours), "followers": followers}

    profiles = [
        *(read("anna", -24, 100), read("anna", 19, 131), read("anna", 20, 130), read("anna", 70, 999)),
        *(read("bea", 20, 7), read("cleo", -80 * 24, 1), read("cleo", -79 * 24, 2)),
    ]
    found = day_summary(small(tmp_path, [post("anna", 1, NOON)], raw_profiles=profiles).index, DAY)
    anna, bea, cleo = (account_of(found, name) for name in ("anna", "bea", "cleo"))
    assert (anna.followers, anna.growth) == (130, 30)
    assert (anna.growth_since, anna.followers_day) == (date(2026, 11, 2), date(2026, 11, 4))
    assert (bea.followers, bea.growth) == (7, None)
    assert (cleo.followers, cleo.growth) == (None, None)
    assert found.growths == [30]


def test_an_account_that_posted_nothing_is_told_from_one_that_was_not_collected(tmp_path: Path) -> None:
    posts = [
        post("anna", 1, NOON, observed_at=NEXT_MORNING),
        before("quiet", 3, likes=1),
        before("unknown", 4, likes=1),
    ]
    read = {"account": "quiet", "observed_at": NEXT_MORNING, "followers": 5}
    found = day_summary(small(tmp_path, posts, raw_profiles=[read]).index, DAY)
    assert [each.account for each in found.active] == ["anna"]
    assert [(each.account, each.last_day) for each in found.silent] == [("quiet", DAY - timedelta(3))]
    assert [each.account for each in found.missing] == ["unknown"]


def test_words_are_new_when_nobody_wrote_them_before_and_risen_when_far_more_did(tmp_path: Path) -> None:
    said = [("봄", 3), ("눈", 3), ("늘", 3)]
    posts = [post("anna", number, NOON) for number in range(3)]
    older = [before("anna", days) for days in range(1, 21)]
    words: list[Row] = []
    for each in posts:
        words += [{**each, "tokens": [{"word": word, "pos": "noun"} for word, _ in said]}]
    for place, each in enumerate(older):
        usual = [{"word": "늘", "pos": "noun"}] + ([{"word": "눈", "pos": "noun"}] if place == 0 else [])
        words += [{**each, "tokens": usual}]
    found = day_summary(small(tmp_path, [*posts, *older], tokens=words).index, DAY)
    assert [(row["word"], row["posts"], row["before"]) for row in found.words] == [("봄", 3, 0), ("눈", 3, 1)]


def test_where_nothing_was_before_no_word_is_new(tmp_path: Path) -> None:
    posts = [post("anna", 1, NOON)]
    tokens = [{**posts[0], "tokens": [{"word": "봄", "pos": "noun"}]}]
    found = day_summary(small(tmp_path, posts, tokens=tokens).index, DAY)
    assert (found.words, found.is_compared) == ([], False)


def test_the_best_post_is_that_which_did_best_for_its_account(tmp_path: Path) -> None:
    posts = [
        *(before("anna", days, likes=1_000) for days in range(1, 8)),
        *(before("bea", days, likes=10) for days in range(1, 8)),
        post("anna", 1, NOON, likes=1_200),
        post("bea", 2, NOON, likes=40),
        post("bea", 3, NOON, likes=None),
    ]
    found = day_summary(small(tmp_path, posts).index, DAY)
    assert found.best is not None
    assert found.best["post_id"] == "bea-2"
    assert found.best["ratio"] == pytest.approx(41 / 11)
    assert [each.account for each in found.active] == ["bea", "anna"]


def test_with_too_little_before_the_most_likes_are_best_and_nothing_is_compared(tmp_path: Path) -> None:
    found = day_summary(small(tmp_path, [post("anna", 1, NOON, likes=3), post("bea", 2, NOON, likes=9)]).index, DAY)
    assert found.best is not None
    assert (found.best["post_id"], found.best["ratio"]) == ("bea-2", None)


def test_viral_posts_stand_first(tmp_path: Path) -> None:
    posts = [post(account, 1, NOON, likes=number) for account, number in (("anna", 900), ("bea", 3))]
    labels = [
        {"kind": "post", "account": each["account"], "id": each["post_id"], "viral": each["account"] == "bea"}
        for each in posts
    ]
    found = day_summary(small(tmp_path, posts, viral_labels=labels).index, DAY)
    assert [row["post_id"] for row in found.viral] == ["bea-1"]
    assert [each.account for each in found.active] == ["bea", "anna"]


def test_images_that_are_missing_or_blurred_are_counted(tmp_path: Path) -> None:
    posts = [post("anna", 1, NOON)]
    kept = {name: posts[0][name] for name in ("account", "day", "post_id")}
    statuses = ("ok", "ok", "refused", "failed", "expired")
    images = [
        {**kept, "position": place, "status": status, "image_id": image_id(str(place)) if status == "ok" else None}
        for place, status in enumerate(statuses)
    ]
    quality = [{**kept, "position": place, "passed": not place, "image_id": image_id(str(place))} for place in (0, 1)]
    found = day_summary(small(tmp_path, posts, images=images, image_quality=quality).index, DAY)
    assert [found.images(each) for each in ("refused", "failed", "blurred")] == [
        [("anna", 1)],
        [("anna", 2)],
        [("anna", 1)],
    ]


def test_a_day_without_posts_names_its_neighbours_and_what_came_since(berlin: Small, tmp_path: Path) -> None:
    lake = small(tmp_path, [post("anna", number, NOON + timedelta(days=number)) for number in (-2, 2, 3)])
    found = day_summary(lake.index, DAY)
    assert (found.posts, found.before, found.after) == (0, DAY - timedelta(2), DAY + timedelta(2))
    assert (found.later_posts, found.newest, found.best) == (2, DAY + timedelta(3), None)
    assert {each.account for each in day_summary(berlin.index, date(2026, 1, 1)).silent} == set(ACCOUNTS)


def test_an_empty_lake_has_no_newest_day(tmp_path: Path) -> None:
    assert day_summary(small(tmp_path, []).index, DAY).newest is None


REPEATED = [post("anna", 1, NOON), post("#cats", 2, NOON, post_id="anna-1"), post("bea", 1, NOON), post("bea", 2, NOON)]


def test_a_post_of_several_collections_counts_in_each_and_is_said_to(tmp_path: Path) -> None:
    lake = small(tmp_path, [*REPEATED, post("bea", 3, NOON - timedelta(days=1), post_id="anna-1")])
    found = day_summary(lake.index, DAY)
    assert (found.posts, found.repeated) == (4, 1)
    assert (
        day_summary(lake.index, DAY, ["anna"]).repeated
        == day_summary(lake.index, DAY - timedelta(days=1)).repeated
        == 0
    )


def test_the_charts_say_of_how_many_posts_each_row_counts(tmp_path: Path) -> None:
    index = small(tmp_path, [*REPEATED, post("cleo", 1, NOON - timedelta(days=9), post_id="bea-2", kind="reel")]).index
    for criteria, number in (
        (Filter(), 2),
        (Filter(first=DAY), 1),
        (Filter(last=DAY - timedelta(days=1)), 0),
        (Filter(kind="post"), 1),
        (Filter(account=("anna", "#cats", "bea")), 1),
        (Filter(account=("anna",)), 0),
    ):
        assert repeated_posts(index, criteria) == number, criteria
    assert repeated_posts(small(tmp_path / "none", [post("anna", 1, NOON)]).index, Filter()) == 0
