"""Interface of a website or API that is collected: requests, responses and their classification, pages of records."""

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
    """An HTTP request. `what` describes it for messages, such as `the profile of sun_diary`, without secrets.

    Secrets are in `headers` and `form` only, which are never shown or stored.
    """

    url: str
    what: str
    params: Mapping[str, str] = field(default_factory=dict[str, str])
    form: Mapping[str, str] | None = field(default=None, repr=False)
    """Form fields of a POST request; None for a GET request."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


@dataclass(frozen=True)
class Response:
    """An HTTP response, redirects not followed: header names in lower case, body decompressed and limited in size."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ResponseOutcome(StrEnum):
    """Classes of responses, by what they mean for the identity (login, token, client) that sent the request."""

    OK = "ok"
    NOT_FOUND = "not_found"
    """There is no such account or hashtag; it is not requested again."""
    PRIVATE = "private"
    """The account's posts are visible to its followers only, or the API does not support this account."""
    THROTTLED = "throttled"
    """The identity sent too many requests: none is sent until its circuit breaker closes again."""
    AUTH_GONE = "auth_gone"
    """A login or token is required, or is no longer valid."""
    CHECKPOINT = "checkpoint"
    """The site demands that a person confirms something; further requests would make it worse."""
    BUDGET_SPENT = "budget_spent"
    """The site's own budget for requests of this kind (new hashtags) is used up; other requests are possible."""
    NO_PERMISSION = "no_permission"
    """The token lacks a permission that requests of this kind need."""
    HTML = "html_instead_of_json"
    TRANSIENT = "transient"
    """The connection failed, or the server was busy; a retry can help."""
    CONTRACT_CHANGED = "contract_changed"
    """The response has an unknown format: the site has probably changed it."""


STOPPING_OUTCOMES = frozenset((ResponseOutcome.AUTH_GONE, ResponseOutcome.CHECKPOINT, ResponseOutcome.NO_PERMISSION))
FINAL_OUTCOMES = frozenset((ResponseOutcome.NOT_FOUND, ResponseOutcome.PRIVATE))
RETRIED_OUTCOMES = frozenset((ResponseOutcome.TRANSIENT, ResponseOutcome.HTML))


@dataclass(frozen=True)
class Classification:
    """The classification of a response: its outcome, the reason as text, and its content if the outcome is `ok`.

    If the format of the response is unknown, `content` is what to save of it for debugging. `pause` is the seconds to
    wait before the identity's next request, because the site demands it or its rate limit is nearly used up; for a
    throttled response it is the shortest time that the circuit breaker stays open.
    """

    outcome: ResponseOutcome
    reason: str = ""
    content: Any = None
    pause: float = 0.0


@dataclass(frozen=True)
class PostRef:
    """Reference to a post on a page, used to decide where a crawl stops.

    `taken_at` is the timezone-aware publication time; None if the site hides it.
    """

    shortcode: str
    taken_at: datetime | None
    is_pinned: bool = False


@dataclass(frozen=True)
class CrawlPage:
    """One page of a crawl: its records, unchanged, each of which becomes one record of the export file.

    `cursor` is the cursor of the next page; None at the end. A page without posts, such as a profile, also has one if
    posts follow. `facts` are values that the adapter needs for its next request, such as `profile_id`, the account id;
    they are stored as JSON with the page, and in the row of the account or hashtag for later crawls. Posts of a hashtag
    are not ordered by time.
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
        """Name, without secrets, of the login, token or client that sends the requests.

        Rate limits, circuit breaker and suspensions are kept per identity.
        """
        ...

    def refusal(self, subject: str) -> str:
        """Why an account or hashtag cannot be requested from this site; empty if it can."""
        ...

    def next_request(self, subject: str, pages: Sequence[CrawlPage]) -> Request | None:
        """The request for the page that follows the stored `pages`; None when there are no more."""
        ...

    def classify(self, request: Request, response: Response) -> Classification:
        """Classify a response by its content."""
        ...

    def parse(self, request: Request, content: Any) -> CrawlPage:
        """Parse the content of a response classified as `ok` into a page. Raises ContractError for unknown formats."""
        ...


class RequestSender(Protocol):
    """Sends a request, within all rate limits and budgets, and classifies its response.

    Implemented in `collect.retrying_requester`.
    """

    def fetch(self, subject: str, request: Request) -> Classification: ...
