"""One request at a time per identity, over all processes: asked when it may be, and its answer written down.

Before each request, under the identity's lock, the books are asked whether it is stopped, its breaker open, or a window
full; waiting happens without the lock, so that a person or another process can change things meanwhile. What an answer
means and what follows from it (a stop, an open breaker, a pause) is one transaction, so that a kill loses none of it. A
request whose program died before that has no outcome in the books, and counts in all limits.
"""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from random import Random
from urllib.parse import quote

from instagram_assets.collect.backoff import Backoff
from instagram_assets.collect.clock import (
    Clock,
    correct_clock_skew,
    correct_clock_skew_of_all,
    duration_text,
    utc_datetime,
)
from instagram_assets.collect.database import LOCKS_FOLDER, CollectorDatabase
from instagram_assets.collect.identities import identity_state, record_classification
from instagram_assets.collect.limiter import Budget, Grant, Limiter, sleep_until_granted
from instagram_assets.collect.site import (
    RETRIED_OUTCOMES,
    STOPPING_OUTCOMES,
    Classification,
    Request,
    Response,
    ResponseOutcome,
    SiteAdapter,
)
from instagram_assets.errors import BreakerOpenError, BudgetSpentError, IdentityStoppedError
from instagram_assets.storage.locks import alone_in

TRIES = 4
_ELSEWHERE = "Put the collectors' books on a local disk: INSTAGRAM_ASSETS_DATA_DIR"


class Requester:
    """Asks a site for one identity, which is the site's. `send` makes the request; `tell` is told of waits in words.

    `patience` are the most seconds to wait because the site wants it; limits and waits after failures are always kept.
    `budget` counts each try of a request that is about a subject.
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
        """Ask, wait as long as limits and the site want, and try up to four times where that may help.

        Returns an ok, not_found, private or contract_changed, or the last of four transient or html_instead_of_json.
        What is throttled is asked again when the breaker closes. Raises IdentityStoppedError where a person has to do
        something first, BreakerOpenError where the site wants a longer pause than our patience, and BudgetSpentError
        where a day has no more requests; nothing is asked until then.
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
        """Wait for one request, make it, and write down what its answer means."""
        logged = 0.0
        while True:
            with alone_in(self._folder, _ELSEWHERE):
                grant = self._grant(subject, request.what)
                if grant.request_id is not None:
                    classification = self._classify_response(request, self._send(request))
                    record_classification(
                        self._database, grant.request_id, self._site.identity, classification, self._clock.now()
                    )
                    return classification
            logged = sleep_until_granted(grant, logged, self._clock, self._log)

    def _classify_response(self, request: Request, response: Response) -> Classification:
        """What an answer means; with its body where the form is not known, for who has to look at it."""
        classification = self._site.classify(request, response)
        if classification.outcome is ResponseOutcome.CONTRACT_CHANGED and classification.content is None:
            return replace(classification, content=response.body)
        return classification

    def _grant(self, subject: str, what: str) -> Grant:
        """The next request, granted, unless it has to wait for its identity or the limits."""
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
