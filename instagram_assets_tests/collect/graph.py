"""What tests of the Graph API need: virtual time, a server in that time, and the small loop that asks it."""

import http.client
import json
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from instagram_assets.collect.asking import Answer, Ask, Outcome, Verdict
from instagram_assets.collect.books import Books
from instagram_assets.collect.graph_api import GraphApiSite
from instagram_assets.collect.site import Page
from instagram_assets.demo.graph_media import GraphAccount, GraphHashtag, account, hashtag
from instagram_assets.settings import GraphApiSettings
from instagram_assets_tests.collect.virtual_clock import VirtualClock
from instagram_assets_tests.servers.graph_api import FaultyGraph

BEGIN = datetime(2026, 9, 1, tzinfo=UTC)
TAG = "#육아일기"


@dataclass
class Told:
    """What was said on the way."""

    lines: list[str] = field(default_factory=list[str])

    def __call__(self, line: str) -> None:
        self.lines.append(line)


class SmallRequester:
    """Sends and judges, with a row in the books for each request, two seconds after the one before; tries once."""

    def __init__(self, site: GraphApiSite, books: Books, clock: VirtualClock, send: Callable[[Ask], Answer]) -> None:
        self.site, self.books, self.clock, self.send = site, books, clock, send

    def ask(self, subject: str, ask: Ask) -> Verdict:
        self.clock.sleep(2)
        with self.books.writing() as connection:
            row = connection.execute(
                "INSERT INTO requests (at, identity, site, subject, what) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (self.clock.now(), self.site.identity, self.site.name, subject, ask.what),
            ).fetchone()
        verdict = self.site.judge(ask, self.send(ask))
        with self.books.writing() as connection:
            connection.execute(
                "UPDATE requests SET outcome = ?, reason = ? WHERE id = ?", (verdict.outcome, verdict.reason, row["id"])
            )
        self.clock.sleep(verdict.pause)
        return verdict


@dataclass
class Desk:
    """A site with all that it works with."""

    graph: FaultyGraph
    site: GraphApiSite
    books: Books
    clock: VirtualClock
    told: Told
    requester: SmallRequester

    def pages(self, subject: str) -> list[Page]:
        """All pages of a subject; the facts of each stay in the books, as those of a real run do."""
        pages = list[Page]()
        while (ask := self.site.next_ask(subject, pages)) is not None:
            verdict = self.requester.ask(subject, ask)
            assert verdict.outcome is Outcome.OK, verdict
            pages.append(self.site.read(ask, verdict.content))
            remember(self.books, subject, pages[-1])
        return pages

    def verdict(self, subject: str) -> Verdict:
        """What comes of the first request about a subject."""
        ask = self.site.next_ask(subject, [])
        assert ask is not None
        return self.requester.ask(subject, ask)


def remember(books: Books, subject: str, page: Page) -> None:
    """Keep what a page says of its subject."""
    with books.writing() as connection:
        connection.execute("INSERT OR IGNORE INTO subjects (site, subject) VALUES ('graph_api', ?)", (subject,))
        connection.execute(
            "UPDATE subjects SET facts = json_patch(facts, ?) WHERE site = 'graph_api' AND subject = ?",
            (json.dumps(dict(page.facts)), subject),
        )


@contextmanager
def desk(
    folder: Path,
    accounts: list[GraphAccount] | None = None,
    hashtags: list[GraphHashtag] | None = None,
    *,
    same_cursor: bool = False,
    **settings: Any,
) -> Generator[Desk]:
    """A server with these accounts and hashtags, and a site that asks it."""
    clock, told, books = VirtualClock(BEGIN.timestamp()), Told(), Books(folder)
    with FaultyGraph(accounts or [], hashtags or [], now=clock.now, same_cursor=same_cursor) as graph:
        wanted = GraphApiSettings(api_url=graph.url, user_id=graph.own_id, **settings)
        site = GraphApiSite(wanted, graph.token, books, clock, told)
        with sending() as send:
            yield Desk(graph, site, books, clock, told, SmallRequester(site, books, clock, send))


@contextmanager
def sending() -> Generator[Callable[[Ask], Answer]]:
    """What sends a request to this machine and brings the answer, over one connection."""
    connections: dict[str, http.client.HTTPConnection] = {}

    def send(ask: Ask) -> Answer:
        parts = urlsplit(ask.url)
        connection = connections.setdefault(parts.netloc, http.client.HTTPConnection(parts.netloc, timeout=30))
        target = f"{parts.path}?{urlencode(ask.params)}" if ask.params else parts.path
        body = urlencode(ask.form) if ask.form is not None else None
        connection.request("GET" if body is None else "POST", target, body, dict(ask.headers))
        reply = connection.getresponse()
        return Answer(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())

    try:
        yield send
    finally:
        for connection in connections.values():
            connection.close()


def days(number: int) -> timedelta:
    return timedelta(days=number)


SUN = account("sun_diary", 120, BEGIN - timedelta(hours=1))
DIARY = hashtag(TAG[1:], BEGIN - days(1), 40, 80)
