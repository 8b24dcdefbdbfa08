"""One request to a site, its answer, and what the answer means, told apart by its content and never by status alone."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


@dataclass(frozen=True)
class Ask:
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
class Answer:
    """What came back, redirects not followed: header names are in lower case, the body is unpacked and bounded."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Outcome(StrEnum):
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


STOPS_IDENTITY = frozenset((Outcome.AUTH_GONE, Outcome.CHECKPOINT, Outcome.NO_PERMISSION))
ENDS_SUBJECT = frozenset((Outcome.NOT_FOUND, Outcome.PRIVATE))
TRIED_AGAIN = frozenset((Outcome.TRANSIENT, Outcome.HTML))


@dataclass(frozen=True)
class Verdict:
    """What an answer means. `reason` says why in words; `content` is what came, for an `ok`.

    Of an answer in a form that is not known, `content` is what to keep of it: its body, where the site says nothing.

    `pause` are seconds to leave before the identity's next request: what the site asked for, or what its usage makes
    advisable. Of a throttled answer it is the least time that the circuit breaker stays open.
    """

    outcome: Outcome
    reason: str = ""
    content: Any = None
    pause: float = 0.0
