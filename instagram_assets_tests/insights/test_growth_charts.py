"""Growth is told by medians of what is known, by the age of posts, and by the last number of each day."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import quantiles

import pytest

from instagram_assets.insights import growth_charts
from instagram_assets.insights.chart_definition import FEW
from instagram_assets.lake_index.filters import Filter
from instagram_assets_tests.insights.lakes import FILTERS, Row, Small, middle, named, post, small

AT = datetime(2026, 11, 2, 10, tzinfo=UTC)
LATE = datetime(2026, 11, 2, 23, 30, tzinfo=UTC)  # 00:30 of the next day in Berlin


def profile(account: str, at: datetime, followers: int | None) -> Row:
    return {"account": account, "observed_at": at, "followers": followers}


def test_the_last_number_of_followers_of_each_day_counts(tmp_path: Path) -> None:
    read = [
        *(profile("anna", AT + timedelta(hours=hour), 100 + hour) for hour in range(3)),
        profile("anna", LATE, 90),
        profile("bea", AT, 7),
        profile("cleo", AT, None),
    ]
    lake = small(tmp_path, [post("anna", 1, AT)], raw_profiles=read)
    rows = growth_charts.followers(lake.index, Filter()).to_pylist()
    days = date(2026, 11, 2), date(2026, 11, 3)
    assert [tuple(row.values()) for row in rows] == [(days[0], "anna", 102), (days[1], "anna", 90), (days[0], "bea", 7)]
    assert growth_charts.followers(lake.index, Filter(account=("bea",))).num_rows == 1
    assert growth_charts.followers(lake.index, Filter(first=days[1])).to_pylist() == rows[1:2]


def test_an_account_without_followers_has_no_line(berlin: Small) -> None:
    assert growth_charts.followers(berlin.index, Filter()).num_rows == 0


@pytest.mark.parametrize("criteria", FILTERS, ids=named)
def test_accounts_stand_at_their_median_likes_and_followers(berlin: Small, criteria: Filter) -> None:
    expected: dict[str, list[Row]] = {}
    for each in berlin.chosen(criteria):
        if each["likes"] is not None and each["followers"]:
            expected.setdefault(each["account"], []).append(each)
    rows = growth_charts.likes_followers(berlin.index, criteria).to_pylist()
    assert {row["account"] for row in rows} == set(expected)
    for row in rows:
        posts = expected[row["account"]]
        assert row["likes"] == middle(each["likes"] for each in posts)
        assert row["followers"] == middle(each["followers"] for each in posts)
        assert (row["posts"], row["few"]) == (len(posts), len(posts) < FEW)


def test_each_post_is_a_point_until_there_are_too_many(berlin: Small, monkeypatch: pytest.MonkeyPatch) -> None:
    known = {each["post_id"] for each in berlin.posts if each["likes"] is not None and each["followers"]}
    every = growth_charts.post_likes_followers(berlin.index, Filter()).to_pylist()
    assert {row["post_id"] for row in every} == known
    monkeypatch.setattr(growth_charts, "MOST_POINTS", 20)
    drawn, again = (growth_charts.post_likes_followers(berlin.index, Filter()).to_pylist() for _ in range(2))
    assert drawn == again
    assert len(drawn) == 20
    assert {row["account"] for row in drawn} == {"anna", "bea"}


def test_a_point_leads_to_its_post(berlin: Small) -> None:
    row = growth_charts.post_likes_followers(berlin.index, Filter()).to_pylist()[0]
    behind = growth_charts.one_post(row, Filter(kind="reel"))
    assert behind == Filter(account=(row["account"],), post=row["post_id"])


def test_likes_by_age_are_medians_of_posts_that_were_read_twice(tmp_path: Path) -> None:
    posts = [post("anna", number, AT, likes=100 * number) for number in range(1, 8)]
    looks = [
        {**each, "observed_at": AT + timedelta(hours=hours), "likes": likes}
        for each in posts
        for hours, likes in ((2, each["likes"] // 2), (2.5, each["likes"] // 2 + 1), (30, each["likes"]))
    ]
    once = post("anna", 99, AT, likes=1)
    unknown = [{**post("anna", 98, AT), "observed_at": AT + timedelta(hours=h), "likes": None} for h in (2, 30)]
    lake = small(tmp_path, [*posts, once, post("anna", 98, AT, likes=None)], raw_posts=[*looks, once, *unknown])
    rows = growth_charts.growth_curves(lake.index, Filter()).to_pylist()
    for row, numbers in zip(rows, ([50 * n + 1 for n in range(1, 8)], [100 * n for n in range(1, 8)]), strict=True):
        low, half, high = quantiles(numbers, n=4, method="inclusive")
        assert (row["low"], row["likes"], row["high"], row["posts"], row["few"]) == (low, half, high, 7, False)
    assert [row["hours"] for row in rows] == [2, 24]


def test_a_look_within_the_first_hour_and_a_post_read_once_have_no_place(tmp_path: Path) -> None:
    looks = [{**post("anna", 1, AT), "observed_at": AT + timedelta(minutes=minutes)} for minutes in (5, 50)]
    lake = small(tmp_path, [post("anna", 1, AT)], raw_posts=looks)
    assert growth_charts.growth_curves(lake.index, Filter()).num_rows == 0


@pytest.mark.parametrize("criteria", FILTERS, ids=named)
def test_impressions_of_each_day_are_the_medians_of_sql_over_the_lake(berlin: Small, criteria: Filter) -> None:
    told = berlin.lake.sql(
        "SELECT day, account, kind, quantile_cont(impression, 0.5) AS median, count(*) AS posts FROM impressions "
        "WHERE impression IS NOT NULL GROUP BY GROUPING SETS ((day, account, kind), (day, account))"
    ).to_pylist()
    expected = {
        (row["day"], row["account"]): (row["median"], row["posts"])
        for row in told
        if row["kind"] == (criteria.kind or None)
        and (not criteria.account or row["account"] in criteria.account)
        and (not criteria.first or row["day"] >= criteria.first)
        and (not criteria.last or row["day"] <= criteria.last)
    }
    rows = growth_charts.impressions(berlin.index, criteria).to_pylist()
    assert {(row["first_day"], row["account"]): (row["impression"], row["posts"]) for row in rows} == expected
