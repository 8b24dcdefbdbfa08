"""Posting times are counted by the clock on the wall, and reactions against what each account usually gets."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from instagram_assets.insights.chart_definition import FEW
from instagram_assets.insights.posting_time_charts import CHARTS, best_hours, posting_frequency, posting_times
from instagram_assets.lake_index.filters import Filter
from instagram_assets_tests.insights.lakes import FILTERS, Small, engagement, local, middle, named, post, small

MIDNIGHT = datetime(2026, 11, 1, 23, tzinfo=UTC)  # of Berlin, the night to Monday


def ratios_by(lake: Small, criteria: Filter, key: Any) -> dict[Any, list[float]]:
    usual = defaultdict[str, list[int]](list)
    for each in lake.chosen(criteria):
        if (number := engagement(each)) is not None:
            usual[each["account"]].append(number)
    found = defaultdict[Any, list[float]](list)
    for each in lake.chosen(criteria):
        number, of_account = engagement(each), middle(usual[each["account"]])
        found[key(each)] += [number / of_account] if number is not None and of_account else []
    return found


def hour_of_week(each: dict[str, Any]) -> tuple[int, int]:
    return local(each["taken_at"]).isoweekday(), local(each["taken_at"]).hour


@pytest.mark.parametrize("criteria", FILTERS, ids=named)
def test_each_hour_of_the_week_has_the_median_against_the_accounts_own(berlin: Small, criteria: Filter) -> None:
    rows = posting_times(berlin.index, criteria).to_pylist()
    expected = ratios_by(berlin, criteria, hour_of_week)
    counts = Counter(map(hour_of_week, berlin.chosen(criteria)))
    assert {(row["weekday"], row["hour"]): row["posts"] for row in rows} == counts
    for row in rows:
        found = expected[row["weekday"], row["hour"]]
        assert row["known"] == len(found)
        assert row["few"] == (len(found) < FEW)
        assert row["ratio"] == pytest.approx(middle(found))


@pytest.mark.parametrize("criteria", FILTERS, ids=named)
def test_the_best_hour_stands_first_and_those_with_few_posts_last(berlin: Small, criteria: Filter) -> None:
    rows = best_hours(berlin.index, criteria).to_pylist()
    expected = ratios_by(berlin, criteria, lambda each: local(each["taken_at"]).hour)
    assert {row["hour"]: row["ratio"] for row in rows} == pytest.approx(
        {hour: middle(found) for hour, found in expected.items()}
    )
    many = [row["ratio"] for row in rows if not row["few"]]
    assert many == sorted(many, reverse=True)
    assert [row["few"] for row in rows] == sorted(row["few"] for row in rows)


def test_hours_are_those_that_sql_over_the_lake_counts(berlin: Small) -> None:
    told = berlin.lake.sql(
        "SELECT isodow(taken_at AT TIME ZONE 'Europe/Berlin') AS weekday, hour(taken_at AT TIME ZONE 'Europe/Berlin') "
        "AS hour, count(*) AS posts FROM posts GROUP BY ALL"
    ).to_pylist()
    rows = posting_times(berlin.index, Filter()).to_pylist()
    assert {(row["weekday"], row["hour"], row["posts"]) for row in rows} == {tuple(row.values()) for row in told}


def test_the_hour_that_comes_twice_counts_both_and_midnight_parts_the_days(tmp_path: Path) -> None:
    twice = [datetime(2026, 10, 25, hour, 30, tzinfo=UTC) for hour in (0, 1)]  # 02:30 in summer, then in winter
    before, after = datetime(2026, 11, 1, 22, 59, 59, tzinfo=UTC), MIDNIGHT
    lake = small(tmp_path, [post("anna", number, at) for number, at in enumerate((*twice, before, after))])
    rows = posting_times(lake.index, Filter()).to_pylist()
    assert {(row["weekday"], row["hour"]): row["posts"] for row in rows} == {(7, 2): 2, (7, 23): 1, (1, 0): 1}


def test_hidden_likes_are_never_none_at_all(tmp_path: Path) -> None:
    likes = (None, 100, 300)
    lake = small(tmp_path, [post("anna", n, MIDNIGHT, likes=each, comments=0) for n, each in enumerate(likes)])
    [row] = posting_times(lake.index, Filter()).to_pylist()
    assert (row["posts"], row["known"], row["ratio"]) == (3, 2, 1.0)


def test_one_post_with_hidden_likes_has_no_ratio(tmp_path: Path) -> None:
    lake = small(tmp_path, [post("anna", 1, MIDNIGHT, likes=None)])
    [row] = posting_times(lake.index, Filter()).to_pylist()
    assert (row["ratio"], row["known"], row["few"]) == (None, 0, True)


@pytest.mark.parametrize("criteria", FILTERS, ids=named)
def test_posts_of_each_day_are_counted_also_where_there_are_none(berlin: Small, criteria: Filter) -> None:
    rows = posting_frequency(berlin.index, criteria).to_pylist()
    chosen = berlin.chosen(criteria)
    counts = Counter((each["account"], each["day"]) for each in chosen)
    days = [each["day"] for each in chosen]
    expected = len({each["account"] for each in chosen}) * ((max(days) - min(days)).days + 1) if days else 0
    assert len(rows) == expected
    assert all(row["posts"] == counts[row["account"], row["first_day"]] for row in rows)
    assert all(row["first_day"] == row["last_day"] for row in rows)


def test_long_stretches_are_counted_by_week_from_monday_and_by_month(berlin: Small, tmp_path: Path) -> None:
    weeks = posting_frequency(berlin.index, Filter(first=date(2026, 1, 1), last=date(2026, 12, 31))).to_pylist()
    assert {row["first_day"].isoweekday() for row in weeks} == {1}
    assert sum(row["posts"] for row in weeks) == len(berlin.posts)
    years = [datetime(year, 3, 5, 12, tzinfo=UTC) for year in (2022, 2026)]
    lake = small(tmp_path, [post("anna", number, at) for number, at in enumerate(years)])
    months = posting_frequency(lake.index, Filter()).to_pylist()
    assert {row["first_day"].day for row in months} == {1}
    assert [row["posts"] for row in months if row["posts"]] == [1, 1]
    assert len(months) == 4 * 12 + 1


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.name)
@pytest.mark.parametrize("criteria", FILTERS, ids=named)
def test_the_posts_behind_a_row_are_as_many_as_it_says(berlin: Small, criteria: Filter, chart: Any) -> None:
    for row in chart.numbers(berlin.index, criteria).to_pylist()[:40]:
        behind = chart.posts(row, criteria)
        found = [
            each
            for each in berlin.chosen(behind)
            if behind.hour in (None, local(each["taken_at"]).hour)
            and behind.weekday in (None, local(each["taken_at"]).isoweekday())
        ]
        assert len(found) == row["posts"]
