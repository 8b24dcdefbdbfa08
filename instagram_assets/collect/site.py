"""The interface of a site: a request, its response, what the response means, and the page of records in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Protocol

SiteName = Literal["graph_api", "instagram"]
GRAPH_API: SiteName = "graph_api"
INSTAGRAM: SiteName = "instagram"
SITES: tuple[SiteName, ...] = (GRAPH_API, INSTAGRAM)
"""All sites, the official API first."""


@dataclass(frozen=True)
class Request:
    """One request. `what` says to people what it is about, such as `the profile of sun_diary`; it holds no secret.

    Secrets stand in `headers` and `form` alone, which are never shown or stored.
    """

    url: str
    what: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    form: Mapping[str, str] | None = field(default=None, repr=False)
    """Posted where it is given; else the address is only read."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True)
class Response:
    """What came back, redirects not followed: header names are in lower case, the body is unpacked and bounded."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ResponseOutcome(StrEnum):
    """What an answer means for who asked."""

    OK = "ok"
    NOT_FOUND = "not_found"
    """There is no such account or hashtag; asking again changes nothing."""
    PRIVATE = "private"
    """The account shows its posts to its followers alone, or is none that this API tells about."""
    THROTTLED = "throttled"
    """The identity has asked too much: nothing is asked for it until its circuit breaker closes again."""
    AUTH_GONE = "auth_gone"
    """A login or a token is wanted, or is not valid any more."""
    CHECKPOINT = "checkpoint"
    """A person has to confirm something; every further request would make it worse."""
    BUDGET_SPENT = "budget_spent"
    """The site's own budget for subjects of this kind is spent: this one has to wait, others may be asked at once."""
    NO_PERMISSION = "no_permission"
    """The token lacks a permission: no request of this kind can be answered."""
    HTML = "html_instead_of_json"
    TRANSIENT = "transient"
    """A connection that failed, or a server that was busy."""
    CONTRACT_CHANGED = "contract_changed"
    """An answer in a form that we do not know."""


STOPPING_OUTCOMES = frozenset((ResponseOutcome.AUTH_GONE, ResponseOutcome.CHECKPOINT, ResponseOutcome.NO_PERMISSION))
FINAL_OUTCOMES = frozenset((ResponseOutcome.NOT_FOUND, ResponseOutcome.PRIVATE))
RETRIED_OUTCOMES = frozenset((ResponseOutcome.TRANSIENT, ResponseOutcome.HTML))


@dataclass(frozen=True)
class Classification:
    """What an answer means. `reason` says why in words; `content` is what came, for an `ok`.

    Of an answer in a form that is not known, `content` is what to keep of it: its body, where the site says nothing.

    `pause` are seconds to leave before the identity's next request: what the site asked for, or what its usage makes
    advisable. Of a throttled answer it is the least time that the circuit breaker stays open.
    """

    outcome: ResponseOutcome
    reason: str = ""
    content: Any = None
    pause: float = 0.0


@dataclass(frozen=True)
class PostRef:
    """A post as its page shows it: enough to know where to stop. `taken_at` is aware; null where the site hides it."""

    shortcode: str
    taken_at: datetime | None
    is_pinned: bool = False


@dataclass(frozen=True)
class CrawlPage:
    """One answer that is kept: its records as the site gave them, each to become one record of the export file.

    `cursor` leads to the next page; null at the end. `facts` is what the site itself has to remember for its next ask,
    stored as JSON with the page and, key by key, in the subject's `facts`, where a later crawl finds it; `profile_id`
    is the id of the account. A page without posts, such as a profile, has a cursor as well when posts come next.
    Posts of a hashtag stand in no order: an old one says nothing about those behind it.
    """

    records: Sequence[Mapping[str, Any]]
    posts: Sequence[PostRef] = ()
    cursor: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


class SiteAdapter(Protocol):
    """A source that is asked page by page. A subject is the name of an account, or `#tag` of a hashtag."""

    @property
    def name(self) -> str:
        """What stands in the books and in file names: `graph_api`, `instagram`."""
        ...

    @property
    def identity(self) -> str:
        """Who asks, as the site sees it: without a secret. Limits, breaker and stops are its own."""
        ...

    def refusal(self, subject: str) -> str:
        """Why nothing is asked about this subject, before it is; empty when it may be."""
        ...

    def next_request(self, subject: str, pages: Sequence[CrawlPage]) -> Request | None:
        """What to ask after these pages, all that are stored; null when there is nothing more."""
        ...

    def classify(self, request: Request, response: Response) -> Classification:
        """What an answer means."""
        ...

    def parse(self, request: Request, content: Any) -> CrawlPage:
        """The page in the content of an `ok`. Raises ContractError where its form is not known."""
        ...


class RequestSender(Protocol):
    """Sends a request and classifies its response, within all limits; see `collect.requester`."""

    def fetch(self, subject: str, request: Request) -> Classification: ...
