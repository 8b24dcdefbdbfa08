"""A site in a test's own process: accounts with posts, three on a page, and a script of what goes wrong at an ask."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from instagram_assets.collect.clock import Clock
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.site_adapter import Classification, CrawlPage, PostRef, Request, Response, ResponseOutcome
from instagram_assets.errors import ContractError
from instagram_assets.ingest.post_ids import shortcode_of

PAGE = 3
START = datetime(2026, 11, 27, 9, tzinfo=UTC).timestamp()
DAY = 86_400.0


@dataclass
class SmallSite:
    """Accounts with the times of their posts in seconds, the newest first; `pinned` stand before them."""

    accounts: dict[str, list[float]]
    pinned: Mapping[str, list[float]] = field(default_factory=dict[str, list[float]])
    ids: dict[str, str] = field(default_factory=dict[str, str])
    name: str = "small"
    identity: str = "small:me"
    refused: Mapping[str, str] = field(default_factory=dict[str, str])

    def refusal(self, subject: str) -> str:
        return self.refused.get(subject, "")

    def next_request(self, subject: str, pages: Sequence[CrawlPage]) -> Request | None:
        if pages and pages[-1].cursor is None:
            return None
        cursor = pages[-1].cursor if pages else "0"
        return Request(
            "http://127.0.0.1/", f"posts of {subject} behind {cursor}", {"subject": subject, "cursor": cursor or "0"}
        )

    def classify(self, request: Request, response: Response) -> Classification:
        raise NotImplementedError

    def content(self, request: Request) -> Any:
        subject, begin = request.params["subject"], int(request.params["cursor"])
        pinned = self.pinned.get(subject, [])
        times = [(taken, True) for taken in pinned] + [(taken, False) for taken in self.accounts[subject]]
        posts = [record(subject, taken, is_pinned) for taken, is_pinned in times[begin : begin + PAGE]]
        following = str(begin + PAGE) if begin + PAGE < len(times) else None
        return {"posts": posts, "next": following, "id": self.ids.get(subject)}

    def parse(self, request: Request, content: Any) -> CrawlPage:
        if not isinstance(content, dict) or "posts" not in content:
            raise ContractError("the answer has no posts")
        posts = [
            PostRef(
                post["shortcode"], datetime.fromtimestamp(post["taken_at_timestamp"], UTC), post["pinned_for_users"]
            )
            for post in content["posts"]
        ]
        facts = {"profile_id": content["id"]} if content["id"] else {}
        return CrawlPage(content["posts"], posts, content["next"], facts)


def record(subject: str, taken: float, is_pinned: bool = False) -> dict[str, Any]:
    """A post as the site's own page has it; its number follows from its account and time."""
    number = 3_000_000_000_000_000_000 + sum(map(ord, subject)) * 10_000_000_000 + int(taken)
    return {
        "__typename": "XDTGraphImage",
        "id": str(number),
        "shortcode": shortcode_of(number),
        "taken_at_timestamp": int(taken),
        "display_url": f"https://scontent.cdninstagram.com/v/{number}.jpg",
        "is_video": False,
        "owner": {"id": "7", "username": subject.removeprefix("#")},
        "edge_media_to_caption": {"edges": [{"node": {"text": f"{subject} 안녕 #{int(taken) % 7} 😀"}}]},
        "edge_media_preview_like": {"count": 5},
        "edge_media_to_comment": {"count": 2},
        "pinned_for_users": [{"id": "7"}] if is_pinned else [],
    }


@dataclass
class RequestRecorder:
    """A requester without limits: writes each request into the books, and answers from the site or from a script."""

    site: SmallSite
    database: CollectorDatabase
    clock: Clock
    script: Callable[[int, str, Request], Classification | Exception | None] = lambda _number, _subject, _request: None
    asked: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def fetch(self, subject: str, request: Request) -> Classification:
        self.clock.sleep(1)
        with self.database.writing() as connection:
            connection.execute(
                "INSERT INTO requests (at, identity, site, subject, what) VALUES (?, ?, ?, ?, ?)",
                (self.clock.now(), self.site.identity, self.site.name, subject, request.what),
            )
        found = self.script(len(self.asked), subject, request)
        self.asked.append((subject, request.params["cursor"]))
        if isinstance(found, Exception):
            raise found
        return found or Classification(ResponseOutcome.OK, content=self.site.content(request))
