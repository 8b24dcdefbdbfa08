"""What post metrics promise: every observation once, and growth as the median over posts."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.engagement.post_metrics import (
    GROWTH_METRICS,
    ObservationCounts,
    count_observations,
    median_growth,
)
from instagram_assets.ingest import landing
from instagram_assets.ingest.observations import read_posts
from instagram_assets.schemas import POST_METRICS, POSTS_RAW
from instagram_assets.settings import load_settings
from instagram_assets.storage.sql_views import open_view, read_view
from instagram_assets_tests.engagement.observing import expected_growth, expected_metrics
from instagram_assets_tests.ingest.records import post, write
from instagram_assets_tests.storage.lakes import lake_of

FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
BEGIN = datetime(2025, 8, 1, tzinfo=UTC)
Row = dict[str, Any]


def raw(rows: list[Row]) -> pa.Table:
    plain: Row = {"post_id": "1", "account": "sun_diary", "day": date(2025, 7, 1), "kind": "post"}
    return POSTS_RAW.table([plain | row for row in rows])


def looks(*rows: Row) -> UPath:
    """A lake with these observations, each in the table of its kind."""
    reels = [row for row in rows if row.get("kind") == "reel"]
    return lake_of(raw_posts=raw([row for row in rows if row not in reels]), raw_reels=raw(reels))


def grown(lake: UPath, name: str) -> list[tuple[float, float]]:
    with open_view(lake, "post_metrics") as query:
        return median_growth(query, name)


def at(days: float) -> datetime:
    return BEGIN + timedelta(days=days)


def test_a_newer_export_adds_an_observation_and_keeps_the_older_ones(tmp_path: Path) -> None:
    lake, settings = UPath(tmp_path / "lake"), load_settings(start_day=date(2015, 1, 1))

    def seen() -> list[tuple[str, int | None]]:
        posts, reels = (read_posts(lake, kind, ["sun_diary"], FIRST, LAST) for kind in ("posts", "reels"))
        rows = read_view(lake_of(raw_posts=posts, raw_reels=reels), "post_metrics").to_pylist()
        return [(row["observed_at"].astimezone(UTC).date().isoformat(), row["likes"]) for row in rows]

    for day, likes in (("2025-08-03", 150), ("2025-08-01", 120)):
        export = write(tmp_path, [post(likesCount=likes, scrapedAt=f"{day}T01:00:00Z")], f"{day}.json")
        landing.land_file(export, lake, settings=settings)
    assert seen() == [("2025-08-01", 120), ("2025-08-03", 150)]
    export = write(tmp_path, [post(likesCount=-1, scrapedAt="2025-08-09T01:00:00Z")], "newest.json")
    landing.land_file(export, lake, settings=settings)
    assert seen() == [("2025-08-01", 120), ("2025-08-03", 150), ("2025-08-09", None)]


def test_the_same_moment_counts_once_and_the_reel_stands() -> None:
    lake = looks(
        {"observed_at": at(0), "likes": 9, "kind": "post"},
        {"observed_at": at(0), "likes": 5, "plays": 7, "kind": "reel"},
        {"observed_at": at(1), "likes": 6, "kind": "post"},
    )
    assert [(row["likes"], row["plays"], row["kind"]) for row in read_view(lake, "post_metrics").to_pylist()] == [
        (5, 7, "reel"),
        (6, None, "reel"),
    ]


def test_a_post_seen_as_a_reel_on_another_day_is_a_reel_on_every_day() -> None:
    days = date(2025, 7, 31), date(2025, 8, 1)
    lake = looks(
        {"observed_at": at(0), "day": days[0]},
        {"observed_at": at(1), "day": days[1], "kind": "reel"},
    )
    for day in days:
        (row,) = read_view(lake, "post_metrics", days=(day, day)).to_pylist()
        assert (row["day"], row["kind"]) == (day, "reel")


def test_a_post_of_two_accounts_is_told_for_each() -> None:
    lake = looks(
        {"observed_at": at(0), "likes": 1, "account": "sea.mom", "kind": "reel"},
        {"observed_at": at(0), "likes": 2},
    )
    rows = read_view(lake, "post_metrics").to_pylist()
    assert [(row["account"], row["likes"], row["kind"]) for row in rows] == [
        ("sea.mom", 1, "reel"),
        ("sun_diary", 2, "post"),
    ]
    with open_view(lake, "post_metrics") as query:
        assert count_observations(query) == ObservationCounts(observations=2, posts=1)


def test_growth_is_the_median_over_posts_with_two_looks_or_more() -> None:
    rows = [
        {"post_id": name, "observed_at": at(days), "likes": likes}
        for name, days, likes in [
            *(("a", 0, 10), ("a", 1.5, 20), ("a", 3, 30)),
            *(("b", 0, 10), ("b", 1, 40)),
            *(("zero", 0, 0), ("zero", 1, 50)),
            *(("hidden", 0, None), ("hidden", 1, None)),
            ("alone", 0, 10),
        ]
    ]
    assert grown(looks(*rows), "likes") == [(0.0, 1.0), (1.0, 3.0), (3.0, 3.0)]
    assert grown(looks(*rows), "views") == []


def test_a_post_that_is_looked_at_every_hour_weighs_like_one_that_is_looked_at_daily() -> None:
    rows = [
        {"post_id": name, "observed_at": at(days), "likes": likes}
        for name, days, likes in [
            *(("a", 0, 10), ("a", 1, 30)),
            *(("b", 0, 20), ("b", 1, 60)),
            *(("often", hour / 24, 100) for hour in range(48)),
        ]
    ]
    assert grown(looks(*rows), "likes") == [(0.0, 1.0), (0.0, 1.0), (1.0, 3.0)]


def test_of_the_looks_at_a_post_on_one_day_the_last_counts() -> None:
    rows = [{"observed_at": at(hours / 24), "likes": likes} for hours, likes in [(0, 10), (25, 20), (30, 90), (47, 40)]]
    assert grown(looks(*rows), "likes") == [(0.0, 1.0), (1.0, 4.0)]


def test_nothing_in_gives_nothing_out_with_every_column() -> None:
    assert read_view(looks(), "post_metrics").equals(POST_METRICS.empty())
    assert grown(looks(), "likes") == []


small = st.none() | st.integers(0, 3) | st.integers(0, 2**62)
observation = st.fixed_dictionaries(
    {
        "account": st.sampled_from(["sea", "Sun", "_", "해"]),
        "post_id": st.sampled_from(["1", "10", "2", "é"]),
        # Microseconds apart, or on both sides of a whole day.
        "observed_at": st.sampled_from([at(0), at(0.5), at(1), at(1) + timedelta(microseconds=1), at(40)]),
        "kind": st.sampled_from(["post", "reel", None]),
        **dict.fromkeys(GROWTH_METRICS, small),
    }
)


@how(max_examples=30)
@given(st.lists(observation, max_size=60), st.lists(observation, max_size=60))
def test_every_moment_of_every_post_is_there_once(posts: list[Row], reels: list[Row]) -> None:
    tables = raw([_on_its_day(row) for row in posts]), raw([_on_its_day(row) for row in reels])
    lake = lake_of(raw_posts=tables[0], raw_reels=tables[1])
    expected = expected_metrics(*tables)
    assert read_view(lake, "post_metrics").equals(expected)
    with open_view(lake, "post_metrics") as query:
        assert [median_growth(query, name) for name in GROWTH_METRICS] == [
            expected_growth(expected, name) for name in GROWTH_METRICS
        ]


def _on_its_day(row: Row) -> Row:
    """The same with the day on which the post was published."""
    return {**row, "day": date(2025, 6, 29) + timedelta(days=ord(row["post_id"][-1]) % 4)}
