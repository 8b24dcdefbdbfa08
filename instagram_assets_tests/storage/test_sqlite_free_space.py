"""Bytes of rows that are gone are found wherever SQLite leaves them, and those of rows that stay are not."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from instagram_assets.storage.dagster_history.sqlite_free_space import deleted_row_bytes

NAME = b"name%04d"


def make(path: Path, page_size: int = 4_096) -> None:
    """A database with rows of many lengths, in a table and an index, long ones in several pages."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(f"PRAGMA page_size = {page_size}")
        database.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, account TEXT, body TEXT)")
        database.execute("CREATE INDEX by_body ON log (body)")
        rows = [(f"name{number:04d}", f"body{number:04d};" * (1 + number**2 % 1_501)) for number in range(150)]
        database.executemany("INSERT INTO log (account, body) VALUES (?, ?)", rows)


def change(path: Path, *statements: str) -> bytes:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA secure_delete = OFF")  # as SQLite is by itself, not as Debian builds it
        with database:
            for statement in statements:
                database.execute(statement)
    return path.read_bytes()


@pytest.mark.parametrize("page_size", [512, 4_096, 65_536])
def test_whatever_stands_in_no_row_is_found_and_what_stands_in_one_is_not(page_size: int, tmp_path: Path) -> None:
    make(tmp_path / "log.db", page_size)
    assert b"body" not in deleted_row_bytes((tmp_path / "log.db").read_bytes())
    content = change(tmp_path / "log.db", "DELETE FROM log WHERE id % 3 = 0")
    dead = deleted_row_bytes(content)
    alive = {number: content.count(name) - dead.count(name) for number in range(150) if (name := NAME % number)}
    # Rows that stay may have been moved, and what was there before is dead too.
    assert alive == {number: int((number + 1) % 3 != 0) for number in range(150)}
    assert any(NAME % number in dead for number in range(2, 150, 3))


@pytest.mark.parametrize("statement", ["DELETE FROM log WHERE id = 38", "UPDATE log SET body = 'x' WHERE id = 38"])
def test_nothing_is_found_once_the_database_was_written_anew(statement: str, tmp_path: Path) -> None:
    make(tmp_path / "log.db")
    assert b"body0037" in deleted_row_bytes(change(tmp_path / "log.db", statement))
    with closing(sqlite3.connect(tmp_path / "log.db")) as database:
        database.execute("VACUUM")
    assert b"body" not in deleted_row_bytes((tmp_path / "log.db").read_bytes())


def test_the_end_of_a_page_that_was_used_again_is_found(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "log.db")) as database, database:
        database.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, body TEXT)")
        database.execute("INSERT INTO log (body) VALUES (?)", ("gone" * 5_000,))
        database.execute("INSERT INTO log (body) VALUES (?)", ("here" * 10,))
    content = change(
        tmp_path / "log.db", "DELETE FROM log WHERE id = 1", f"INSERT INTO log (body) VALUES ('{'stay' * 4_100}')"
    )
    dead = deleted_row_bytes(content)
    assert content.count(b"gone") == dead.count(b"gone") or content.count(b"gone") - dead.count(b"gone") < 5
    assert b"stay" not in dead
    assert b"here" not in dead
