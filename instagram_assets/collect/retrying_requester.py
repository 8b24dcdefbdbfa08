"""Sends one request at a time per identity, within rate limits, circuit breaker and budget, and retries failures.

An identity is a login, token or anonymous client; it is locked across processes. Before each request, under that lock,
the database is checked for a suspension, an open circuit breaker or a reached rate limit. The lock is released while
waiting, so that a person or another process can change the state. The classification of a response and its consequences
(a suspension, an open breaker, a pause) are stored in one transaction. A request whose process died before that has no
outcome in the database, but counts in all rate limits and budgets.
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from random import Random
from urllib.parse import quote

from instagram_assets.collect.backoff import Backoff
from instagram_assets.collect.circuit_breaker import identity_state, record_classification
from instagram_assets.collect.clock import (
    Clock,
    correct_clock_skew,
    correct_clock_skew_of_all,
    duration_text,
    utc_datetime,
)
from instagram_assets.collect.collector_database import LOCKS_FOLDER, CollectorDatabase
from instagram_assets.collect.rate_limiter import Budget, Grant, Limiter, sleep_until_granted
from instagram_assets.collect.site_adapter import (
    RETRIED_OUTCOMES,
    STOPPING_OUTCOMES,
    Classification,
    Request,
    Response,
    ResponseOutcome,
    SiteAdapter,
)
from instagram_assets.errors import BreakerOpenError, BudgetSpentError, IdentityStoppedError
from instagram_assets.storage.locks import folder_lock

TRIES = 4
_ELSEWHERE = "Put the collector's database on a local disk: INSTAGRAM_ASSETS_DATA_DIR"


class Requester:
    """Sends requests to one site as one identity. `send` makes the HTTP request; `log` receives messages about waits.

    `patience` is the maximum number of seconds to wait for an open breaker; rate limits and backoff are always waited
    for. `budget` counts each try of a request that is about a subject.
    """

    def __init__(
        self,
        site: SiteAdapter,
        send: Callable[[Request], Response],
        database: CollectorDatabase,
        limiter: Limiter,
        backoff: Backoff,
        clock: Clock,
        log: Callable[[str], object],
        *,
        patience: float = inf,
        budget: Budget | None = None,
        random: Random | None = None,
    ) -> None:
        self._site, self._send, self._database, self._limiter = site, send, database, limiter
        self._backoff, self._clock, self._log = backoff, clock, log
        self._patience, self._budget = patience, budget or Budget()
        self._random = random or Random()
        self._folder = database.folder / LOCKS_FOLDER / quote(site.identity, safe="")
        correct_clock_skew_of_all(database, clock)

    def fetch(self, subject: str, request: Request) -> Classification:
        """Send a request within all rate limits and budgets, with up to four tries for errors that can be transient.

        Returns the classification of the response: ok, not_found, private or contract_changed, or after four tries
        transient or html_instead_of_json. A throttled request is sent again when the circuit breaker closes. Raises
        IdentityStoppedError if a person has to act first, BreakerOpenError if the pause is longer than `patience`, and
        BudgetSpentError if the day's request budget is used up.
        """
        failures = 0
        while True:
            classification = self._once(subject, request)
            if classification.outcome in STOPPING_OUTCOMES:
                raise IdentityStoppedError(self._stopped())
            if classification.outcome is ResponseOutcome.THROTTLED:
                continue
            failures += 1
            if classification.outcome not in RETRIED_OUTCOMES or failures == TRIES:
                return classification
            wait = self._backoff.waits(failures - 1, self._random)
            self._log(
                f"{self._site.identity}: {request.what} failed ({classification.outcome}: {classification.reason}). "
                f"Try {failures + 1} of {TRIES} in {duration_text(wait)}."
            )
            self._clock.sleep(wait)

    def _once(self, subject: str, request: Request) -> Classification:
        """Wait until the request is allowed, send it once, and store the classification of its response."""
        logged = 0.0
        while True:
            with folder_lock(self._folder, _ELSEWHERE):
                grant = self._grant(subject, request.what)
                if grant.request_id is not None:
                    classification = self._classify_response(request, self._send(request))
                    record_classification(
                        self._database, grant.request_id, self._site.identity, classification, self._clock.now()
                    )
                    return classification
            logged = sleep_until_granted(grant, logged, self._clock, self._log)

    def _classify_response(self, request: Request, response: Response) -> Classification:
        """Classify a response; if its format is unknown, the body is added to the classification for debugging."""
        classification = self._site.classify(request, response)
        if classification.outcome is ResponseOutcome.CONTRACT_CHANGED and classification.content is None:
            return replace(classification, content=response.body)
        return classification

    def _grant(self, subject: str, what: str) -> Grant:
        """Permit the next request now, and store it, or return the time to try again.

        Requests wait while the circuit breaker of the identity (login, token or anonymous client) is open, and for the
        rate limits. Raises IdentityStoppedError if the identity is suspended until a person clears it, BreakerOpenError
        if the breaker stays open for longer than `patience`, BudgetSpentError if the day's budget is used up.
        """
        identity = self._site.identity
        correct_clock_skew(self._database, identity, self._clock)
        now, stands = self._clock.now(), identity_state(self._database, identity)
        if stands.stopped:
            raise IdentityStoppedError(self._stopped())
        if stands.open_until <= now:
            if subject and (spent := self._budget.spent(self._database, self._site.name, subject, now)):
                raise BudgetSpentError(spent.reason, spent.until)
            return self._limiter.try_acquire(self._site.name, subject, what)
        reason = f"{identity} is {stands.in_words(now)}"
        if stands.open_until - now > self._patience:
            raise BreakerOpenError(reason, utc_datetime(stands.open_until))
        return Grant(None, stands.open_until, reason)

    def _stopped(self) -> str:
        stands = identity_state(self._database, self._site.identity)
        return f"{self._site.identity} is {stands.in_words(self._clock.now())}"
