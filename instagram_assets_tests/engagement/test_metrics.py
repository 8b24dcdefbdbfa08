"""What post metrics promise: every observation once, and growth as the median over posts."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.engagement.metrics import growth, post_metrics
from instagram_assets.ingest import landing
from instagram_assets.schemas import POST_METRICS, POSTS_RAW
from instagram_assets.settings import load_settings
from instagram_assets_tests.ingest.records import post, write

FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
BEGIN = datetime(2025, 8, 1, tzinfo=UTC)


def looks(*rows: dict[str, Any]) -> pa.Table:
    plain: dict[str, Any] = {"post_id": "1", "account": "sun_diary", "day": date(2025, 7, 1), "kind": "post"}
    posts = [plain | row for row in rows]
    tables = [POSTS_RAW.table([row for row in posts if row["kind"] == kind]) for kind in ("post", "reel")]
    return post_metrics(*tables)


def at(days: float) -> datetime:
    return BEGIN + timedelta(days=days)


def test_a_newer_export_adds_an_observation_and_keeps_the_older_ones(tmp_path: Path) -> None:
    lake, settings = UPath(tmp_path / "lake"), load_settings(start_day=date(2015, 1, 1))

    def seen() -> list[tuple[str, int | None]]:
        posts, reels = (landing.read_posts(lake, kind, ["sun_diary"], FIRST, LAST) for kind in ("posts", "reels"))
        rows = post_metrics(posts, reels).to_pylist()
        return [(row["observed_at"].astimezone(UTC).date().isoformat(), row["likes"]) for row in rows]

    for day, likes in (("2025-08-03", 150), ("2025-08-01", 120)):
        export = write(tmp_path, [post(likesCount=likes, scrapedAt=f"{day}T01:00:00Z")], f"{day}.json")
        landing.land(export, lake, settings=settings)
    assert seen() == [("2025-08-01", 120), ("2025-08-03", 150)]
    export = write(tmp_path, [post(likesCount=-1, scrapedAt="2025-08-09T01:00:00Z")], "newest.json")
    landing.land(export, lake, settings=settings)
    assert seen() == [("2025-08-01", 120), ("2025-08-03", 150), ("2025-08-09", None)]


def test_the_same_moment_counts_once_and_the_reel_stands() -> None:
    table = looks(
        {"observed_at": at(0), "likes": 9, "kind": "post"},
        {"observed_at": at(0), "likes": 5, "plays": 7, "kind": "reel"},
        {"observed_at": at(1), "likes": 6, "kind": "post"},
    )
    assert [(row["likes"], row["plays"], row["kind"]) for row in table.to_pylist()] == [
        (5, 7, "reel"),
        (6, None, "reel"),
    ]


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
    assert growth(looks(*rows), "likes") == [(0.0, 1.0), (1.0, 3.0), (3.0, 3.0)]
    assert growth(looks(*rows), "views") == []


def test_nothing_in_gives_nothing_out_with_every_column() -> None:
    assert looks().schema.equals(POST_METRICS.schema)
    assert growth(looks(), "likes") == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.integers(0, 4), st.sampled_from(["post", "reel"]), st.none() | st.integers(0, 9)
        ),
        max_size=12,
    )
)
def test_every_moment_of_every_post_is_there_once(drawn: list[tuple[str, int, str, int | None]]) -> None:
    table = looks(*({"post_id": p, "observed_at": at(d), "kind": k, "likes": n} for p, d, k, n in drawn))
    rows = table.to_pylist()
    assert [(row["post_id"], row["observed_at"]) for row in rows] == sorted({(p, at(d)) for p, d, _, _ in drawn})
    reels = {p for p, _, kind, _ in drawn if kind == "reel"}
    assert all((row["kind"] == "reel") == (row["post_id"] in reels) for row in rows)
    for day, ratio in growth(table, "likes")[1:]:
        assert ratio == median(_ratios(rows, day))


def _ratios(rows: list[dict[str, Any]], day: float) -> list[float]:
    known = [row for row in rows if row["likes"] is not None]
    first: dict[str, dict[str, Any]] = {}
    for row in known:
        first.setdefault(row["post_id"], row)
    pairs = [(row, first[row["post_id"]]) for row in known if row is not first[row["post_id"]]]
    return [
        row["likes"] / then["likes"]
        for row, then in pairs
        if then["likes"] and (row["observed_at"] - then["observed_at"]).days == day
    ]
