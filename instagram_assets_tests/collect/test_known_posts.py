"""Which posts are read again: those that reached an age since they were seen last, and have not reached the next."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.collect.collection_scope import KnownPosts
from instagram_assets.collect.known_posts import known_posts, oldest_due_post
from instagram_assets.ingest import landing
from instagram_assets.ingest.observations import read_posts
from instagram_assets.settings import load_settings
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets.storage.layout import set_up
from instagram_assets_tests.ingest.formats import writers
from instagram_assets_tests.ingest.records import write

NOW = datetime(2026, 11, 27, 9, tzinfo=UTC)
AGES = (1, 7, 30)


def seen(*posts: tuple[float, list[float]]) -> pa.Table:
    """Observations of posts: how many days old each is now, and at which ages in days it was observed."""
    rows = [
        {
            "post_id": str(number),
            "taken_at": NOW - timedelta(days=age),
            "observed_at": NOW - timedelta(days=age) + timedelta(days=at),
        }
        for number, (age, observed) in enumerate(posts)
        for at in observed
    ]
    return pa.Table.from_pylist(rows)


@pytest.mark.parametrize(
    ("age", "observed", "is_due"),
    [
        (0.5, [0.1], False),  # has reached no age
        (1.0, [0.1], True),
        (3.0, [0.1], True),
        (3.0, [0.1, 1.5], False),  # was read at the first age
        (6.9, [0.9], True),
        (7.0, [0.1, 1.5], True),
        (7.0, [0.1, 7.0], False),
        (7.5, [0.1], True),  # the first age was missed, the second is not
        (29.0, [0.1, 8.0], False),
        (30.0, [0.1, 8.0], True),
        (59.0, [0.1, 8.0], True),
        (60.0, [0.1, 8.0], False),  # no number of the thirtieth day any more
        (400.0, [399.0], False),
    ],
)
def test_a_post_is_due_from_an_age_on_until_the_next_unless_it_was_seen_then(
    age: float, observed: list[float], is_due: bool
) -> None:
    expected = NOW - timedelta(days=age) if is_due else None
    assert oldest_due_post(seen((age, observed)), NOW.timestamp(), AGES) == expected
    assert oldest_due_post(seen((age, observed)), NOW.timestamp(), AGES[::-1]) == expected


def test_the_oldest_that_is_due_is_how_far_to_go_back() -> None:
    posts = seen((0.2, [0.1]), (2, [0.1]), (9, [0.1]), (20, [0.1, 10]), (31, [0.1, 30.5]), (90, [0.1]))
    assert oldest_due_post(posts, NOW.timestamp(), AGES) == NOW - timedelta(days=9)
    assert oldest_due_post(posts, NOW.timestamp(), AGES, 3) == NOW - timedelta(days=9)
    assert oldest_due_post(posts, NOW.timestamp(), AGES, 2) == NOW - timedelta(
        days=2
    )  # no collection of two posts goes further
    assert oldest_due_post(posts, NOW.timestamp(), ()) is None
    assert oldest_due_post(posts.slice(0, 0), NOW.timestamp(), AGES) is None


def test_the_lake_says_which_post_of_an_account_is_the_newest_and_which_is_due(tmp_path: Path) -> None:
    lake, settings = UPath(tmp_path / "lake"), load_settings(start_day=date(2015, 1, 1))
    set_up(lake)
    days = {"sun_diary": (2, 9), "moon.cafe": (40,)}
    for owner, ages in days.items():
        for age in ages:
            taken = NOW - timedelta(days=age)
            post = writers.ALBUM._replace(
                number=writers.ALBUM.number + age, owner=owner, seconds=int(taken.timestamp())
            )
            record: Any = {**writers.graph_node(post), "observed_at": (taken + timedelta(hours=2)).isoformat()}
            landing.land_file(write(tmp_path, json.dumps(record), f"{owner}{age}.json"), lake, settings=settings)
        window = date(2010, 1, 1), date(2027, 1, 1)
        rows = read_posts(lake, "posts", [owner], *window)
        write_cells(lake, "raw_posts", [owner], window, rows)
    found = known_posts(lake, ["sun_diary", "moon.cafe", "nobody"], NOW.timestamp(), AGES)
    assert found == {
        "sun_diary": KnownPosts(NOW - timedelta(days=2), NOW - timedelta(days=9)),
        "moon.cafe": KnownPosts(NOW - timedelta(days=40), NOW - timedelta(days=40)),
    }
