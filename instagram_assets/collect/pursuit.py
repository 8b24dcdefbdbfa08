"""Page after page of one errand: each is kept as it comes, until the errand is whole or something is in the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from instagram_assets.collect import answers, pages, subjects
from instagram_assets.collect.asking import ENDS_SUBJECT, Ask, Outcome, Verdict
from instagram_assets.collect.books import Books
from instagram_assets.collect.budget import Budget
from instagram_assets.collect.clock import Clock, moment
from instagram_assets.collect.ending import Ending
from instagram_assets.collect.errands import Errand
from instagram_assets.collect.reach import codes_in, cut_short, is_hashtag, is_reached, leads_nowhere, posts_in
from instagram_assets.collect.site import Page, Site
from instagram_assets.collect.subjects import Subject
from instagram_assets.collect.wish import Collected, Ended
from instagram_assets.errors import (
    AnswersChangedError,
    BreakerOpenError,
    BudgetSpentError,
    ContractError,
    IdentityStoppedError,
    InstagramAssetsError,
    ProxiesError,
)

_LATER = 900.0
"""Seconds after which a subject that gave no usable answer may be asked about again."""
_STALE = 7 * 86_400.0
"""After so many seconds an odd answer behind stored pages may be their cursor's fault: what there is, is delivered."""
_OLD = 86_400.0
_CHANGED_IN_A_ROW = 3


class Requester(Protocol):
    """Asks politely: see `collect.requester`."""

    def ask(self, subject: str, ask: Ask) -> Verdict: ...


@dataclass
class Pursuit:
    """Asks a site for one errand after the other; `ended_by` is what ends the run, once something does.

    With `again` a name may belong to somebody else than the books know.
    """

    site: Site
    requester: Requester
    books: Books
    clock: Clock
    tell: Callable[[str], object]
    budget: Budget
    ending: Ending
    again: bool
    ended_by: InstagramAssetsError | None = None
    changed: int = 0

    def pursue(self, errand: Errand, bound: float | None) -> Collected:
        """Ask for page after page of an errand until it is whole, or something is in the way.

        Posts up to `bound` are new; older ones are read again.
        """
        subject = errand.subject
        seen = subjects.find(self.books, self.site.name, subject)
        found = pages.stored(self.books, errand.id)
        codes = codes_in(found)
        as_of = ""
        if found:
            began = f"{moment(errand.began_at):%Y-%m-%d %H:%M} UTC"
            self.tell(f"{subject}: goes on behind the {len(codes):,} posts of {began}")
            if self.clock.now() - errand.began_at > _OLD:
                as_of = f"as of {began}, when it was begun; the next run brings what came since"
        while not is_reached(errand.aim, found, len(codes)):
            if spent := self.budget.spent(self.books, self.site.name, subject, self.clock.now()):
                return self._wait_for_budget(errand, found, spent.reason, spent.until)
            ask = self.site.next_ask(subject, found)
            if ask is None:
                break
            try:
                verdict = self.requester.ask(subject, ask)
            except BudgetSpentError as error:  # by what was tried again
                return self._wait_for_budget(errand, found, str(error), error.until)
            except (IdentityStoppedError, BreakerOpenError, ProxiesError) as error:
                return self._end_run(errand, error)
            if verdict.outcome is not Outcome.OK:
                return self._refusal(errand, seen, ask, verdict)
            try:
                page = self.site.read(ask, verdict.content)
            except ContractError as error:
                changed = Verdict(Outcome.CONTRACT_CHANGED, str(error), verdict.content)
                return self._refusal(errand, seen, ask, changed)
            if stranger := self._stranger(errand, seen, page):
                return stranger
            found.append(self._store(errand, seen, len(found), page))
            before = len(codes)
            codes |= codes_in([page])
            if leads_nowhere(found, len(codes) - before):
                break
            if seen.profile_id is None:
                seen = replace(seen, profile_id=subjects.identity_in([page]))
        self.changed = 0
        reason = cut_short(errand.aim, found, bound)
        return self.ending.finish(errand, Ended.COMPLETE, "; ".join(filter(None, (as_of, reason))))

    def _wait_for_budget(self, errand: Errand, found: Sequence[Page], reason: str, until: float) -> Collected:
        """Leave the rest for another day; a hashtag has none: it would show other posts by then."""
        if is_hashtag(errand.subject) and found:
            return self.ending.finish(errand, Ended.PARTIAL, reason)
        return Collected(errand.subject, Ended.OPEN, reason, posts=posts_in(found), until=until)

    def _store(self, errand: Errand, seen: Subject, position: int, page: Page) -> Page:
        """Keep a page, with what it says of its subject, in one transaction."""
        now = self.clock.now()
        with self.books.writing() as connection:
            pages.store(connection, errand.id, position, now, page)
            subjects.see(connection, seen, now, page)
        return pages.unread(page, self.books, errand.id, position)

    def _stranger(self, errand: Errand, seen: Subject, page: Page) -> Collected | None:
        """The end of an errand whose name belongs to somebody else now, or to somebody who was forgotten."""
        if self.ending.is_forgotten(errand.subject, page):
            return self.ending.forget(errand.subject, errand)
        profile_id = subjects.identity_in([page])
        if profile_id is None or is_hashtag(errand.subject):
            return None
        if seen.profile_id is None or seen.profile_id == profile_id or self.again:
            return None
        reason = (
            f"the name belongs to another account now (id {profile_id}, it was {seen.profile_id}); "
            "ask for it again if that one is meant"
        )
        return self.ending.finish(errand, Ended.REPLACED, reason, seen)

    def _refusal(self, errand: Errand, seen: Subject, ask: Ask, verdict: Verdict) -> Collected:
        """What becomes of an errand whose request got no page."""
        if verdict.outcome in ENDS_SUBJECT:
            self.changed = 0
            return self.ending.finish(errand, Ended(verdict.outcome), self._words(seen, verdict), seen)
        reason = verdict.reason or str(verdict.outcome)
        if verdict.outcome is Outcome.CONTRACT_CHANGED:
            asked = (self.site.name, errand.subject, ask.what)
            file = answers.keep(self.books.folder, *asked, reason, self.clock.now(), verdict.content)
            reason = f"{reason.rstrip('.')}; the answer is in {file}"
            self._count_changed(reason)
        else:
            self.changed = 0
        found = pages.stored(self.books, errand.id)
        is_stale = self.clock.now() - errand.began_at > _STALE
        if found and is_stale and verdict.outcome is Outcome.CONTRACT_CHANGED:
            return self.ending.finish(errand, Ended.PARTIAL, f"its other posts could not be had for a week: {reason}")
        until = self.clock.now() + max(_LATER, verdict.pause)
        with self.books.writing() as connection:
            subjects.wait(connection, seen, until, reason)
        return Collected(errand.subject, Ended.OPEN, reason, posts=posts_in(found), until=until)

    def _count_changed(self, reason: str) -> None:
        self.changed += 1
        if self.changed >= _CHANGED_IN_A_ROW:
            self.ended_by = AnswersChangedError(
                f"{self.site.name} answered {self.changed} subjects in a row in an unknown form: {reason}. Nothing "
                "more is asked. Look for a newer version of instagram_assets, or for other settings of `collection`."
            )

    def _end_run(self, errand: Errand, error: IdentityStoppedError | BreakerOpenError | ProxiesError) -> Collected:
        self.ended_by = error
        posts = posts_in(pages.stored(self.books, errand.id))
        if isinstance(error, IdentityStoppedError):
            return Collected(errand.subject, Ended.STOPPED, str(error), posts=posts)
        until = error.until if isinstance(error, ProxiesError) else error.until.timestamp()
        return Collected(errand.subject, Ended.OPEN, str(error), posts=posts, until=until)

    def _words(self, seen: Subject, verdict: Verdict) -> str:
        if verdict.outcome is Outcome.NOT_FOUND and seen.seen_at is not None:
            was = f"it was there until {moment(seen.seen_at):%Y-%m-%d}: deleted, renamed or hidden"
            return f"{verdict.reason}; {was}" if verdict.reason else was
        return verdict.reason
