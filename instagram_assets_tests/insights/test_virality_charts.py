"""Viral posts are counted as they were labelled, and the reels of a week stand with what is known of each."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from instagram_assets.calendar import monday
from instagram_assets.insights.virality_charts import hypotheses, reels_of_week, viral_posts, viral_weeks
from instagram_assets.lake_index.filters import Filter
from instagram_assets_tests.insights.lakes import FILTERS, Row, Small, named, post, random_posts, small

WEEK = date(2026, 10, 26)
LABELS = {True: "viral", False: "other", None: "unknown"}


def label(each: Row, viral: bool | None) -> Row:
    taken = {name: each[name] for name in ("kind", "account", "taken_at")}
    return {**taken, "id": each["post_id"], "viral": viral, "score": 1.5, "rule": "r", "reason": f"is {viral}"}


def verdict(each: Row) -> bool | None:
    return None if each["likes"] is None else each["likes"] > 1_500


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Small:
    posts = random_posts(5)
    reels = [each for each in posts if each["kind"] == "reel"]
    return small(
        tmp_path_factory.mktemp("labelled"),
        posts,
        viral_labels=[label(each, verdict(each)) for each in posts],
        reel_videos=[{**each, "poster": f"aa/{each['post_id']}.jpg"} for each in reels],
        reel_analyses=[{**each, "hook": "a cat", "hypotheses": ["it jumps"], "status": "ok"} for each in reels[:9]],
        viral_hypotheses=[
            {"week": WEEK, "kind": "contrast", "hypothesis": "shorter", "difference": -3.0, "low": -5.0, "high": -1.0},
            {"week": WEEK, "kind": "model", "hypothesis": "the song", "supported_by": ["a", "b"]},
            {"week": WEEK - timedelta(7), "kind": "model", "hypothesis": "the cat", "contradicted_by": ["c"]},
        ],
    )


@pytest.mark.parametrize("criteria", FILTERS, ids=named)
def test_posts_of_each_week_are_counted_by_their_label(labelled: Small, criteria: Filter) -> None:
    chosen = labelled.chosen(criteria)
    expected = Counter((monday(each["day"]), LABELS[verdict(each)]) for each in chosen)
    rows = viral_weeks(labelled.index, criteria).to_pylist()
    assert {(row["first_day"], row["label"]): row["posts"] for row in rows if row["posts"]} == expected
    weeks = {row["first_day"] for row in rows}
    assert len(rows) == 3 * len(weeks)
    assert all(row["last_day"] == row["first_day"] + timedelta(6) for row in rows)


def test_labels_are_those_that_sql_over_the_lake_counts(labelled: Small) -> None:
    told = labelled.lake.sql("SELECT viral, count(*) AS posts FROM viral_labels GROUP BY viral").to_pylist()
    counts = Counter[str]()
    for row in viral_weeks(labelled.index, Filter()).to_pylist():
        counts[row["label"]] += row["posts"]
    assert counts == {LABELS[row["viral"]]: row["posts"] for row in told}


@pytest.mark.parametrize("criteria", FILTERS, ids=named)
def test_a_count_leads_to_the_posts_of_that_label(labelled: Small, criteria: Filter) -> None:
    from instagram_assets.insights.virality_charts import CHARTS

    chart = next(chart for chart in CHARTS if chart.name == "viral_weeks")
    for row in chart.numbers(labelled.index, criteria).to_pylist():
        behind = chart.posts(row, criteria)
        assert (behind is None) == (row["label"] == "unknown")
        if behind:
            found = [each for each in labelled.chosen(behind) if verdict(each) is (behind.viral == "yes")]
            assert len(found) == row["posts"]


@pytest.mark.parametrize("criteria", FILTERS, ids=named)
def test_each_viral_post_is_there_the_newest_first(labelled: Small, criteria: Filter) -> None:
    rows = viral_posts(labelled.index, criteria).to_pylist()
    expected = sorted((each for each in labelled.chosen(criteria) if verdict(each)), key=lambda each: each["taken_at"])
    assert [row["post_id"] for row in rows] == [each["post_id"] for each in reversed(expected)]
    for row in rows:
        assert (row["impression"] is None) == row["account"].startswith("#")
        assert row["reason"] == "is True"


def test_a_post_without_a_label_is_unknown(tmp_path: Path) -> None:
    lake = small(tmp_path, [post("anna", 1, datetime(2026, 10, 27, tzinfo=UTC))])
    assert [row["label"] for row in viral_weeks(lake.index, Filter()).to_pylist() if row["posts"]] == ["unknown"]
    assert viral_posts(lake.index, Filter()).num_rows == 0


def test_hypotheses_are_of_the_weeks_that_the_days_touch(labelled: Small) -> None:
    def told(**criteria: Any) -> list[str]:
        return [row["hypothesis"] for row in hypotheses(labelled.index, Filter(**criteria)).to_pylist()]

    assert told() == ["shorter", "the song", "the cat"]
    assert told(first=WEEK + timedelta(6)) == ["shorter", "the song"]
    assert told(last=WEEK - timedelta(1)) == ["the cat"]
    shorter, song, cat = hypotheses(labelled.index, Filter()).to_pylist()
    assert (shorter["low"], shorter["difference"], shorter["high"], shorter["supported"]) == (-5.0, -3.0, -1.0, None)
    assert (song["supported"], cat["contradicted"]) == (2, 1)


def test_the_reels_of_a_week_stand_with_poster_label_hook_and_hypotheses(labelled: Small) -> None:
    found = reels_of_week(labelled.index, Filter(), WEEK + timedelta(3))
    expected = [each for each in labelled.posts if each["kind"] == "reel" and monday(each["day"]) == WEEK]
    assert (found.week, found.last, found.total) == (WEEK, WEEK + timedelta(6), len(expected))
    assert (found.before, found.after) == (WEEK - timedelta(7), WEEK + timedelta(7))
    verdicts = {each["post_id"]: verdict(each) for each in expected}
    assert all(row["viral"] is verdicts[row["post_id"]] for row in found.reels)
    assert all(row["poster"] == f"aa/{row['post_id']}.jpg" for row in found.reels)
    order = [(row["viral"] is None, not row["viral"]) for row in found.reels]
    assert order == sorted(order)
    watched = [row for row in found.reels if row["hook"]]
    assert all(row["hypotheses"] == ["it jumps"] for row in watched)


def test_without_a_week_the_newest_with_reels_is_shown(labelled: Small) -> None:
    newest = max(monday(each["day"]) for each in labelled.posts if each["kind"] == "reel")
    found = reels_of_week(labelled.index, Filter())
    assert (found.week, found.after) == (newest, None)


def test_a_week_and_a_lake_without_reels(labelled: Small, tmp_path: Path) -> None:
    none = reels_of_week(labelled.index, Filter(), date(2020, 1, 1))
    assert (none.total, none.reels, none.before) == (0, [], None)
    assert none.after is not None
    lake = small(tmp_path, [post("anna", 1, datetime(2026, 10, 27, tzinfo=UTC))])
    assert reels_of_week(lake.index, Filter()).week is None
