"""A crawl goes as far as all who asked for it want, is open once, and once decided only waits for its file."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.collect.collection_scope import Bounds
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.crawl_table import (
    close_crawl,
    find_open_crawl,
    last_closed_crawl,
    open_crawl,
    set_outcome,
)
from instagram_assets_tests.collect.small_site import START

BOUNDS = st.builds(Bounds, st.none() | st.integers(0, 5), st.none() | st.sampled_from([1.0, 2.0, 3.0]))


@given(one=BOUNDS, other=BOUNDS, third=BOUNDS)
def test_bounds_that_satisfy_two_cover_both_and_no_order_matters(one: Bounds, other: Bounds, third: Bounds) -> None:
    both = one.and_also(other)
    assert both.covers(one)
    assert both.covers(other)
    assert both == other.and_also(one)
    assert both.and_also(third) == one.and_also(other.and_also(third))
    assert one.covers(one)
    assert one.covers(other) == (both == one)
    assert Bounds(None).covers(both)


def test_a_subject_has_one_open_crawl_whoever_asks(tmp_path: Path) -> None:
    database = CollectorDatabase(tmp_path)
    first = open_crawl(database, "small", "sun_diary", Bounds(5, 100.0), START)
    again = open_crawl(database, "small", "sun_diary", Bounds(3, 50.0), START + 60)
    assert (again.id, again.began_at, again.bounds) == (first.id, START, Bounds(5, 50.0))
    assert open_crawl(database, "other", "sun_diary", Bounds(3), START).id != first.id
    assert find_open_crawl(database, "small", "sun_diary") == again
    with pytest.raises(sqlite3.IntegrityError), sqlite3.connect(database.file) as connection:
        connection.execute(
            "INSERT INTO crawls (site, subject, bounds, began_at) VALUES ('small', 'sun_diary', '{}', 1)"
        )
    connection.close()


def test_what_was_decided_is_there_for_who_comes_next_and_the_last_is_the_one_that_was_closed_last(
    tmp_path: Path,
) -> None:
    database = CollectorDatabase(tmp_path)
    for number, outcome in enumerate(["partial", "complete"]):
        crawl = open_crawl(database, "small", "sun_diary", Bounds(5), START + number)
        with database.writing() as connection:
            set_outcome(connection, crawl, outcome, "so it is", 4)
        decided = find_open_crawl(database, "small", "sun_diary")
        assert decided
        assert (decided.id, decided.outcome, decided.reason, decided.posts) == (crawl.id, outcome, "so it is", 4)
        with database.writing() as connection:
            close_crawl(connection, decided, START + 10 - number, "file.json")
        assert find_open_crawl(database, "small", "sun_diary") is None
    last = last_closed_crawl(database, "small", "sun_diary")
    assert last
    assert (last.outcome, last.file, last.ended_at) == ("partial", "file.json", START + 10)
