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

from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.graph_api_site import GraphApiSite
from instagram_assets.collect.site_adapter import Classification, CrawlPage, Request, Response, ResponseOutcome
from instagram_assets.demo.graph_api_data import GraphAccount, GraphHashtag, graph_account, graph_hashtag
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

    def __init__(
        self, site: GraphApiSite, database: CollectorDatabase, clock: VirtualClock, send: Callable[[Request], Response]
    ) -> None:
        self.site, self.database, self.clock, self.send = site, database, clock, send

    def fetch(self, subject: str, request: Request) -> Classification:
        self.clock.sleep(2)
        with self.database.writing() as connection:
            row = connection.execute(
                "INSERT INTO requests (at, identity, site, subject, what) VALUES (?, ?, ?, ?, ?) RETURNING id",
                (self.clock.now(), self.site.identity, self.site.name, subject, request.what),
            ).fetchone()
        classification = self.site.classify(request, self.send(request))
        with self.database.writing() as connection:
            connection.execute(
                "UPDATE requests SET outcome = ?, reason = ? WHERE id = ?",
                (classification.outcome, classification.reason, row["id"]),
            )
        self.clock.sleep(classification.pause)
        return classification


@dataclass
class Desk:
    """A site with all that it works with."""

    graph: FaultyGraph
    site: GraphApiSite
    database: CollectorDatabase
    clock: VirtualClock
    logged: Told
    requester: SmallRequester

    def pages(self, subject: str) -> list[CrawlPage]:
        """All pages of a subject; the facts of each stay in the books, as those of a real run do."""
        pages = list[CrawlPage]()
        while (request := self.site.next_request(subject, pages)) is not None:
            classification = self.requester.fetch(subject, request)
            assert classification.outcome is ResponseOutcome.OK, classification
            pages.append(self.site.parse(request, classification.content))
            remember(self.database, subject, pages[-1])
        return pages

    def classification(self, subject: str) -> Classification:
        """What comes of the first request about a subject."""
        request = self.site.next_request(subject, [])
        assert request is not None
        return self.requester.fetch(subject, request)


def remember(database: CollectorDatabase, subject: str, page: CrawlPage) -> None:
    """Keep what a page says of its subject."""
    with database.writing() as connection:
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
    clock, logged, database = VirtualClock(BEGIN.timestamp()), Told(), CollectorDatabase(folder)
    with FaultyGraph(accounts or [], hashtags or [], now=clock.now, same_cursor=same_cursor) as graph:
        wanted = GraphApiSettings(api_url=graph.url, user_id=graph.own_id, **settings)
        site = GraphApiSite(wanted, graph.token, database, clock, logged)
        with sending() as send:
            yield Desk(graph, site, database, clock, logged, SmallRequester(site, database, clock, send))


@contextmanager
def sending() -> Generator[Callable[[Request], Response]]:
    """What sends a request to this machine and brings the answer, over one connection."""
    connections: dict[str, http.client.HTTPConnection] = {}

    def send(request: Request) -> Response:
        parts = urlsplit(request.url)
        connection = connections.setdefault(parts.netloc, http.client.HTTPConnection(parts.netloc, timeout=30))
        target = f"{parts.path}?{urlencode(request.params)}" if request.params else parts.path
        body = urlencode(request.form) if request.form is not None else None
        connection.request("GET" if body is None else "POST", target, body, dict(request.headers))
        reply = connection.getresponse()
        return Response(reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read())

    try:
        yield send
    finally:
        for connection in connections.values():
            connection.close()


def days(number: int) -> timedelta:
    return timedelta(days=number)


SUN = graph_account("sun_diary", 120, BEGIN - timedelta(hours=1))
DIARY = graph_hashtag(TAG[1:], BEGIN - days(1), 40, 80)
