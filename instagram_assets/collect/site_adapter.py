"""Interface of a site that is collected: requests, responses, their classification, and pages of records."""

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
    """One HTTP request. `what` describes it to people, such as `the profile of sun_diary`, without secrets.

    Secrets are in `headers` and `form` alone, which are never shown or stored.
    """

    url: str
    what: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    form: Mapping[str, str] | None = field(default=None, repr=False)
    """Posted where it is given; else the address is only read."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True)
class Response:
    """An HTTP response, redirects not followed: header names in lower case, body decompressed and limited in size."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ResponseOutcome(StrEnum):
    """The kinds of responses, by what they mean for the identity that sent the request."""

    OK = "ok"
    NOT_FOUND = "not_found"
    """There is no such account or hashtag; asking again changes nothing."""
    PRIVATE = "private"
    """The account shows its posts to its followers alone, or is none that this API tells about."""
    THROTTLED = "throttled"
    """The identity sent too many requests: none is sent until its circuit breaker closes again."""
    AUTH_GONE = "auth_gone"
    """A login or a token is wanted, or is not valid any more."""
    CHECKPOINT = "checkpoint"
    """A person has to confirm something; every further request would make it worse."""
    BUDGET_SPENT = "budget_spent"
    """The site's own budget for subjects of this kind is used: this one has to wait, others need not."""
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
    """The classification of a response: its outcome, the reason in words, and its content where it is `ok`.

    Of a response in an unknown format, `content` is what to save of it: its body, where the site says nothing. `pause`
    are seconds to wait before the identity's next request: what the site demanded, or what its usage makes advisable.
    Of a throttled response it is the least time that the circuit breaker stays open.
    """

    outcome: ResponseOutcome
    reason: str = ""
    content: Any = None
    pause: float = 0.0


@dataclass(frozen=True)
class PostRef:
    """A post on a page, with what decides where to stop. `taken_at` is aware; null where the site hides it."""

    shortcode: str
    taken_at: datetime | None
    is_pinned: bool = False


@dataclass(frozen=True)
class CrawlPage:
    """One stored page: its records as the site gave them, each of which becomes one record of the export file.

    `cursor` leads to the next page; null at the end. `facts` is what the adapter needs for its next request, stored as
    JSON with the page and, key by key, in the subject's `facts`, where a later crawl finds it; `profile_id` is the id
    of the account. A page without posts, such as a profile, has a cursor as well when posts come next. Posts of a
    hashtag are in no order: an old one says nothing about those behind it.
    """

    records: Sequence[Mapping[str, Any]]
    posts: Sequence[PostRef] = ()
    cursor: str | None = None
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])


class SiteAdapter(Protocol):
    """Adapter of a site that is collected page by page. A subject is an account name, or `#tag` for a hashtag."""

    @property
    def name(self) -> str:
        """The site's name in the database and in file names: `graph_api`, `instagram`."""
        ...

    @property
    def identity(self) -> str:
        """Who sends the requests, without a secret; rate limits, breaker and stops belong to it."""
        ...

    def refusal(self, subject: str) -> str:
        """Why a subject cannot be requested; empty when it can."""
        ...

    def next_request(self, subject: str, pages: Sequence[CrawlPage]) -> Request | None:
        """The request after these pages, all that are stored; null when there are no more."""
        ...

    def classify(self, request: Request, response: Response) -> Classification:
        """Classify a response by its content."""
        ...

    def parse(self, request: Request, content: Any) -> CrawlPage:
        """Parse the content of an `ok` into a page. Raises ContractError where its format is unknown."""
        ...


class RequestSender(Protocol):
    """Sends a request and classifies its response, within all limits; see `collect.retrying_requester`."""

    def fetch(self, subject: str, request: Request) -> Classification: ...
