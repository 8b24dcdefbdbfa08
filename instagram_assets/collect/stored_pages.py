"""Pages of a crawl in the database: a header line, then one JSON line per record, so that records are parsed lazily."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, overload

from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.site_adapter import CrawlPage, PostRef

_HEAD = "SELECT position, substr(page, 1, instr(page, x'0a') - 1) AS head FROM pages WHERE crawl = ? ORDER BY position"


def store_page(connection: sqlite3.Connection, crawl: int, position: int, at: float, page: CrawlPage) -> None:
    """Store a page as number `position` of a crawl, within the caller's transaction.

    `at` is the Unix timestamp at which it was fetched.
    """
    head = {
        "records": len(page.records),
        "cursor": page.cursor,
        "facts": dict(page.facts),
        "posts": [[post.shortcode, _text(post.taken_at), post.is_pinned] for post in page.posts],
    }
    content = b"".join(json_line(value) for value in (head, *page.records))
    connection.execute(
        "INSERT INTO pages (crawl, position, at, page) VALUES (?, ?, ?, ?)", (crawl, position, at, content)
    )


def load_pages(database: CollectorDatabase, crawl: int) -> list[CrawlPage]:
    """Load the pages of a crawl in order; their records are loaded lazily and not cached."""
    with database.reading() as connection:
        rows = connection.execute(_HEAD, (crawl,)).fetchall()
    return [_page(json.loads(row["head"]), database, crawl, row["position"]) for row in rows]


def with_lazy_records(page: CrawlPage, database: CollectorDatabase, crawl: int, position: int) -> CrawlPage:
    """A copy of a stored page whose records are loaded from the database on access."""
    return replace(page, records=_Records(database, crawl, position, len(page.records)))


def record_lines(database: CollectorDatabase, crawl: int) -> Iterator[tuple[float, bytes]]:
    """Yield each record of a crawl with the time at which it was fetched, with one page in memory at a time.

    The time is in Unix seconds, the record is one line of JSON.
    """
    with database.reading() as connection:
        for row in connection.execute("SELECT at, page FROM pages WHERE crawl = ? ORDER BY position", (crawl,)):
            yield from ((row["at"], line) for line in bytes(row["page"]).split(b"\n")[1:-1])


def json_line(value: object) -> bytes:
    """Encode a value as one line of JSON in UTF-8; lone surrogates, which UTF-8 cannot encode, are escaped."""
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":")).encode() + b"\n"


class _Records(Sequence[Mapping[str, Any]]):
    """The records of one stored page, loaded from the database on access."""

    def __init__(self, database: CollectorDatabase, crawl: int, position: int, count: int) -> None:
        self._database, self._place, self._count = database, (crawl, position), count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Mapping[str, Any]: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Mapping[str, Any]]: ...
    def __getitem__(self, index: int | slice) -> Mapping[str, Any] | Sequence[Mapping[str, Any]]:
        return self._read()[index]

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        return iter(self._read())

    def _read(self) -> list[Mapping[str, Any]]:
        with self._database.reading() as connection:
            row = connection.execute("SELECT page FROM pages WHERE crawl = ? AND position = ?", self._place).fetchone()
        return [json.loads(line) for line in bytes(row["page"]).split(b"\n")[1:-1]]


def _page(head: dict[str, Any], database: CollectorDatabase, crawl: int, position: int) -> CrawlPage:
    posts = [PostRef(code, _moment(taken_at), is_pinned) for code, taken_at, is_pinned in head["posts"]]
    records = _Records(database, crawl, position, head["records"])
    return CrawlPage(records, posts, head["cursor"], head["facts"])


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
