"""The books over the years: those of an older version are brought up to date, others are told and left as they are."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from instagram_assets.collect import errands
from instagram_assets.collect.books import ASKED, Books
from instagram_assets.collect.errands import Aim
from instagram_assets.errors import StorageError


def execute(books: Books, *statements: str) -> None:
    with closing(sqlite3.connect(books.file, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def test_books_of_a_newer_version_are_told_and_left_as_they_are(tmp_path: Path) -> None:
    books = Books(tmp_path)
    errands.begin(books, "small", "sun_diary", Aim(3), 0.0)
    execute(books, "PRAGMA user_version = 99")
    before = books.file.read_bytes()
    with pytest.raises(StorageError, match=r"books\.sqlite: a newer version .* has written it .*Install that version"):
        errands.unfinished(books, "small", "sun_diary")
    assert books.file.read_bytes() == before


def test_errands_of_an_older_version_go_on_and_are_known_to_be_nobodys(tmp_path: Path) -> None:
    books = Books(tmp_path)
    errands.begin(books, "small", "sun_diary", Aim(3), 5.0)
    execute(books, "ALTER TABLE errands DROP COLUMN identity", "PRAGMA user_version = 0")
    errand = errands.begin(books, "small", "sun_diary", Aim(3), 9.0, "small:me")
    assert (errand.began_at, errand.identity) == (5.0, "")
    assert errands.begin(books, "small", "moon", Aim(3), 9.0, "small:me").identity == "small:me"


def test_books_that_were_emptied_are_told_once_requests_stood_in_them(tmp_path: Path) -> None:
    books = Books(tmp_path)
    books.file.touch()  # as a kill while they were made leaves them
    errands.begin(books, "small", "sun_diary", Aim(3), 0.0)
    (tmp_path / ASKED).mkdir()
    books.file.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(StorageError, match=r"books\.sqlite: is empty.*take it away"):
            errands.unfinished(books, "small", "sun_diary")
    books.file.unlink()
    assert errands.unfinished(books, "small", "sun_diary") is None
