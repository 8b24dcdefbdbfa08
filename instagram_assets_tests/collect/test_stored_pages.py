"""What a site gave is kept and handed on as it came, and every subject has a file name of its own."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.collect.collection_scope import Bounds
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.crawl_table import close_crawl, open_crawl
from instagram_assets.collect.inbox_delivery import export_path, file_safe_name, write_export
from instagram_assets.collect.site_adapter import CrawlPage, PostRef
from instagram_assets.collect.stored_pages import load_pages, store_page
from instagram_assets.sources.account_and_hashtag_names import parse_hashtag
from instagram_assets.storage.atomic import write_atomic
from instagram_assets_tests.collect.small_site import START

TEXTS = st.text(st.characters(), max_size=12)  # half emoji, line ends and zeros, too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.lists(st.dictionaries(TEXTS, JSON, max_size=4), max_size=3)
POSTS = st.lists(
    st.builds(
        PostRef,
        st.text("abcXYZ019_-", min_size=1, max_size=11),
        st.none() | st.datetimes(datetime(2011, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),
        st.booleans(),
    ),
    max_size=3,
)
PAGES = st.lists(
    st.builds(CrawlPage, RECORDS, POSTS, st.none() | TEXTS, st.dictionaries(TEXTS, JSON, max_size=2)), max_size=3
)


@given(found=PAGES)
@settings(max_examples=60, deadline=None)
def test_pages_come_back_as_they_were_and_leave_as_lines_in_their_order(found: list[CrawlPage]) -> None:
    with TemporaryDirectory() as folder:
        database = CollectorDatabase(Path(folder))
        crawl = open_crawl(database, "small", "#육아일기", Bounds(3), START)
        for position, page in enumerate(found):
            with database.writing() as connection:
                store_page(connection, crawl.id, position, START + position, page)
        kept = load_pages(database, crawl.id)
        assert [(list(page.records), list(page.posts), page.cursor, dict(page.facts)) for page in kept] == [
            (list(page.records), list(page.posts), page.cursor, dict(page.facts)) for page in found
        ]
        assert [len(page.records) for page in kept] == [len(page.records) for page in found]
        file = write_export(Path(folder) / "inbox", database, crawl)
        wanted = [(START + position, record) for position, page in enumerate(found) for record in page.records]
        assert (file is None) == (not wanted)
        if file:
            lines = [json.loads(line) for line in file.read_bytes().split(b"\n")[:-1]]
            assert [(_seconds(line), line["record"]) for line in lines] == wanted
            assert {line["account"] for line in lines} == {"#육아일기"}


def _seconds(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["observed_at"]).timestamp()


def test_records_of_a_page_are_read_when_they_are_looked_at_and_by_place(tmp_path: Path) -> None:
    database = CollectorDatabase(tmp_path)
    crawl = open_crawl(database, "small", "sun_diary", Bounds(3), START)
    with database.writing() as connection:
        store_page(connection, crawl.id, 0, START, CrawlPage([{"a": 1}, {"a": 2}, {"a": 3}]))
    (page,) = load_pages(database, crawl.id)
    assert page.records[1] == {"a": 2}
    assert page.records[-2:] == [{"a": 2}, {"a": 3}]
    assert [record["a"] for record in page.records] == [1, 2, 3]


def test_a_file_that_landing_has_put_aside_is_not_written_again(tmp_path: Path) -> None:
    database, inbox = CollectorDatabase(tmp_path / "books"), tmp_path / "inbox"
    crawl = open_crawl(database, "small", "sun_diary", Bounds(3), START)
    with database.writing() as connection:
        store_page(connection, crawl.id, 0, START, CrawlPage([{"a": 1}]))
    written = write_export(inbox, database, crawl)
    assert written
    for place in ("done", "rejected"):
        (inbox / place).mkdir()
        aside = inbox / place / written.name
        written.rename(aside)
        assert write_export(inbox, database, crawl) == written
        assert not written.exists()
        written.parent.mkdir(exist_ok=True)
        aside.rename(written)


@pytest.mark.parametrize(
    "subject",
    ["sun_diary", "moon.cafe", "_", "#육아일기", "#" + "육" * 150, "#a_b", "#🐱", "#a😀b", "#1²", "a" * 30],
)
def test_every_subject_has_a_name_that_a_file_may_have(subject: str, tmp_path: Path) -> None:
    crawl = open_crawl(CollectorDatabase(tmp_path / "books"), "graph_api", subject, Bounds(3), START)
    path = export_path(tmp_path, crawl)
    write_atomic(path, lambda stream: stream.write(b""))
    assert list(tmp_path.glob("collected_graph_api-*Z.json")) == [path]


def test_subjects_that_look_alike_have_names_of_their_own() -> None:
    long = "육" * 149
    alike = ["tag_a", "#tag_a", "#a", "a", "#😀", "#😁", "#a😀", "#a_", f"#{long}가", f"#{long}나", "#_", "_"]
    assert len({file_safe_name(name) for name in alike}) == len(alike)
    assert {f"#{parse_hashtag(name)}" for name in alike if name.startswith("#")} <= set(alike)


def test_two_crawls_of_a_subject_have_names_of_their_own(tmp_path: Path) -> None:
    database = CollectorDatabase(tmp_path)
    names = set[str]()
    for moment in (START, START + 1e-5, START + timedelta(days=1).total_seconds()):
        crawl = open_crawl(database, "small", "sun_diary", Bounds(3), moment)
        names.add(export_path(tmp_path, crawl).name)
        with database.writing() as connection:
            close_crawl(connection, crawl, moment, None)
    assert len(names) == 3
