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

from instagram_assets.collect.asking import STOPS_IDENTITY, TRIED_AGAIN, Answer, Ask, Outcome, Verdict
from instagram_assets.collect.backoff import Backoff
from instagram_assets.collect.books import ASKED, Books
from instagram_assets.collect.budget import Budget
from instagram_assets.collect.clock import Clock, correct, correct_all, moment, span
from instagram_assets.collect.identities import judged, state
from instagram_assets.collect.limiter import Limiter, Turn, rest
from instagram_assets.collect.site import Site
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
        site: Site,
        send: Callable[[Ask], Answer],
        books: Books,
        limiter: Limiter,
        backoff: Backoff,
        clock: Clock,
        tell: Callable[[str], object],
        *,
        patience: float = inf,
        budget: Budget | None = None,
        random: Random | None = None,
    ) -> None:
        self._site, self._send, self._books, self._limiter = site, send, books, limiter
        self._backoff, self._clock, self._tell = backoff, clock, tell
        self._patience, self._budget = patience, budget or Budget()
        self._random = random or Random()
        self._folder = books.folder / ASKED / quote(site.identity, safe="")
        correct_all(books, clock)

    def ask(self, subject: str, ask: Ask) -> Verdict:
        """Ask, wait as long as limits and the site want, and try up to four times where that may help.

        Returns an ok, not_found, private or contract_changed, or the last of four transient or html_instead_of_json.
        What is throttled is asked again when the breaker closes. Raises IdentityStoppedError where a person has to do
        something first, BreakerOpenError where the site wants a longer pause than our patience, and BudgetSpentError
        where a day has no more requests; nothing is asked until then.
        """
        failures = 0
        while True:
            verdict = self._once(subject, ask)
            if verdict.outcome in STOPS_IDENTITY:
                raise IdentityStoppedError(self._stopped())
            if verdict.outcome is Outcome.THROTTLED:
                continue
            failures += 1
            if verdict.outcome not in TRIED_AGAIN or failures == TRIES:
                return verdict
            wait = self._backoff.waits(failures - 1, self._random)
            self._tell(
                f"{self._site.identity}: {ask.what} failed ({verdict.outcome}: {verdict.reason}). "
                f"Try {failures + 1} of {TRIES} in {span(wait)}."
            )
            self._clock.sleep(wait)

    def _once(self, subject: str, ask: Ask) -> Verdict:
        """Wait for one request, make it, and write down what its answer means."""
        told = 0.0
        while True:
            with alone_in(self._folder, _ELSEWHERE):
                turn = self._turn(subject, ask.what)
                if turn.request is not None:
                    verdict = self._judged(ask, self._send(ask))
                    judged(self._books, turn.request, self._site.identity, verdict, self._clock.now())
                    return verdict
            told = rest(turn, told, self._clock, self._tell)

    def _judged(self, ask: Ask, answer: Answer) -> Verdict:
        """What an answer means; with its body where the form is not known, for who has to look at it."""
        verdict = self._site.judge(ask, answer)
        if verdict.outcome is Outcome.CONTRACT_CHANGED and verdict.content is None:
            return replace(verdict, content=answer.body)
        return verdict

    def _turn(self, subject: str, what: str) -> Turn:
        """The next request, granted, unless it has to wait for its identity or the limits."""
        identity = self._site.identity
        correct(self._books, identity, self._clock)
        now, stands = self._clock.now(), state(self._books, identity)
        if stands.stopped:
            raise IdentityStoppedError(self._stopped())
        if stands.open_until <= now:
            if subject and (spent := self._budget.spent(self._books, self._site.name, subject, now)):
                raise BudgetSpentError(spent.reason, spent.until)
            return self._limiter.attempt(self._site.name, subject, what)
        reason = f"{identity} is {stands.in_words(now)}"
        if stands.open_until - now > self._patience:
            raise BreakerOpenError(reason, moment(stands.open_until))
        return Turn(None, stands.open_until, reason)

    def _stopped(self) -> str:
        return f"{self._site.identity} is {state(self._books, self._site.identity).in_words(self._clock.now())}"
