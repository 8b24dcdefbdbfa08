"""The books over the years: those of an older version are brought up to date, others are told and left as they are."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from instagram_assets.collect.collection_scope import Bounds
from instagram_assets.collect.collector_database import LOCKS_FOLDER, CollectorDatabase
from instagram_assets.collect.crawl_table import find_open_crawl, open_crawl
from instagram_assets.errors import StorageError


def execute(database: CollectorDatabase, *statements: str) -> None:
    with closing(sqlite3.connect(database.file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_books_of_a_newer_version_are_told_and_left_as_they_are(tmp_path: Path) -> None:
    database = CollectorDatabase(tmp_path)
    open_crawl(database, "small", "sun_diary", Bounds(3), 0.0)
    execute(database, "PRAGMA user_version = 99")
    before = database.file.read_bytes()
    with pytest.raises(StorageError, match=r"books\.sqlite: a newer version .* has written it .*Install that version"):
        find_open_crawl(database, "small", "sun_diary")
    assert database.file.read_bytes() == before


def test_crawls_of_an_older_version_go_on_and_are_known_to_be_nobodys(tmp_path: Path) -> None:
    database = CollectorDatabase(tmp_path)
    open_crawl(database, "small", "sun_diary", Bounds(3), 5.0)
    execute(database, "ALTER TABLE crawls DROP COLUMN identity", "PRAGMA user_version = 0")
    crawl = open_crawl(database, "small", "sun_diary", Bounds(3), 9.0, "small:me")
    assert (crawl.began_at, crawl.identity) == (5.0, "")
    assert open_crawl(database, "small", "moon", Bounds(3), 9.0, "small:me").identity == "small:me"


def test_books_that_were_emptied_are_told_once_requests_stood_in_them(tmp_path: Path) -> None:
    database = CollectorDatabase(tmp_path)
    database.file.touch()  # as a kill while they were made leaves them
    open_crawl(database, "small", "sun_diary", Bounds(3), 0.0)
    (tmp_path / LOCKS_FOLDER).mkdir()
    database.file.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(StorageError, match=r"books\.sqlite: is empty.*take it away"):
            find_open_crawl(database, "small", "sun_diary")
    database.file.unlink()
    assert find_open_crawl(database, "small", "sun_diary") is None
