"""The journey from an account or hashtag to its file in the inbox, one for all sites, to be interrupted anywhere.

Pages are kept as they come. When a subject has all that is wanted, how its errand ends is decided, its file is written
and the errand closed: whoever dies between two of these steps finds the next one in the books.
"""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path
from typing import Protocol

from instagram_assets.collect import answers, errands, export, pages, subjects
from instagram_assets.collect.asking import ENDS_SUBJECT, Ask, Outcome, Verdict
from instagram_assets.collect.books import Books
from instagram_assets.collect.budget import Budget
from instagram_assets.collect.clock import Clock, moment
from instagram_assets.collect.errands import Aim, Errand
from instagram_assets.collect.reach import codes_in, cut_short, is_hashtag, is_reached, leads_nowhere, posts_in
from instagram_assets.collect.site import Page, Site
from instagram_assets.collect.subjects import Subject
from instagram_assets.collect.wish import Collected, Ended, Known, Wish
from instagram_assets.errors import (
    AnswersChangedError,
    BreakerOpenError,
    BudgetSpentError,
    BusyError,
    ContractError,
    IdentityStoppedError,
    InstagramAssetsError,
    ProxiesError,
)
from instagram_assets.privacy.forgotten import NOTHING, Forgotten
from instagram_assets.sources.arrivals import place_of
from instagram_assets.storage.locks import alone_or

_LATER = 900.0
"""Seconds after which a subject that gave no usable answer may be asked about again."""
_LONGEST_WAIT = 8 * 86_400.0
"""No site lets a subject wait longer: what is beyond was written before the clock was set back."""
_STALE = 7 * 86_400.0
"""After so many seconds an odd answer behind stored pages may be their cursor's fault: what there is, is delivered."""
_HASHTAG_PAGES_AGE = 86_400.0
"""Hashtags show what is new of 24 hours: older pages have no sequel."""
_CHANGED_IN_A_ROW = 3
_OLD = 86_400.0
_BEFORE = 0.001


class Requester(Protocol):
    """Asks politely: see `collect.requester`."""

    def ask(self, subject: str, ask: Ask) -> Verdict: ...


def collect(
    site: Site,
    requester: Requester,
    subjects: Iterable[str],
    wish: Wish,
    *,
    books: Books,
    inbox: Path,
    clock: Clock,
    tell: Callable[[str], object],
    forgotten: Forgotten = NOTHING,
    known: Mapping[str, Known] | None = None,
    budget: Budget | None = None,
    again: bool = False,
) -> Generator[Collected]:
    """Collect each subject into a file of its own in the inbox; says of each what came of it, as soon as that is known.

    A subject that fails never ends the run for the others. With `again` those are asked about, too, that are not there,
    private, renamed or replaced, that would have to wait, or were collected a short time ago. A name that was forgotten
    is never asked for. `known` is what the lake has, for collecting only what is new.

    When the site stops or throttles the identity, when no proxy works, or three subjects in a row are answered in an
    unknown form, nothing more is asked; the other subjects are said to be not asked, and what ended the run is raised
    after the last: an IdentityStoppedError, BreakerOpenError, ProxiesError or AnswersChangedError. Raises BusyError
    when another run collects from the same site, StorageError where the disk refuses.
    """
    with _alone(books, site):
        run = _Run(site, requester, wish, books, inbox, clock, tell, forgotten, known or {}, budget or Budget(), again)
        for subject in dict.fromkeys(subjects):
            if run.ended_by is None:
                yield run.collect(subject)
            else:
                yield Collected(subject, Ended.NOT_ASKED, "the run had ended before")
        if run.ended_by is not None:
            raise run.ended_by


@contextmanager
def _alone(books: Books, site: Site) -> Generator[None]:
    """One run at a time for a site: two would ask for the same pages, or store each other's."""
    folder = books.folder / "runs" / site.name
    refusal = BusyError(f"Another run collects from {site.name}. Let it end, or stop it, then run again.")
    with alone_or(folder, refusal):
        yield


@dataclass
class _Run:
    """One run over many subjects."""

    site: Site
    requester: Requester
    wish: Wish
    books: Books
    inbox: Path
    clock: Clock
    tell: Callable[[str], object]
    forgotten: Forgotten
    known: Mapping[str, Known]
    budget: Budget
    again: bool
    ended_by: InstagramAssetsError | None = None
    changed: int = 0

    def collect(self, subject: str) -> Collected:
        """Bring one subject as far as it goes."""
        before = self._requests(subject)
        errand = errands.unfinished(self.books, self.site.name, subject)
        if self._is_forgotten(subject):
            return self._forget(subject, errand)
        if errand and errand.outcome is not None:
            return self._deliver(errand)
        found = self._refused(subject, errand)
        if found is None:
            found = self._pursue(self._begin(subject, errand))
        return replace(found, requests=self._requests(subject) - before)

    def _refused(self, subject: str, errand: Errand | None) -> Collected | None:
        """Why nothing is asked about a subject; null when it may be."""
        if reason := self.site.refusal(subject):
            return Collected(subject, Ended.REFUSED, reason)
        now, seen = self.clock.now(), subjects.find(self.books, self.site.name, subject)
        posts = posts_in(pages.stored(self.books, errand.id)) if errand else 0
        if not self.again:
            if not seen.is_active and errand:  # as where the account was found under another name meanwhile
                return self._finish(errand, Ended(seen.state), seen.reason, seen)
            if not seen.is_active:
                return Collected(subject, Ended(seen.state), seen.reason)
            if now < seen.next_at <= now + _LONGEST_WAIT:
                return Collected(subject, Ended.WAITING, seen.reason, posts=posts, until=seen.next_at)
            if errand is None and (fresh := self._fresh(subject, now)):
                return fresh
        if spent := self.budget.spent(self.books, self.site.name, subject, now):
            return Collected(subject, Ended.WAITING, spent.reason, posts=posts, until=spent.until)
        return None

    def _is_forgotten(self, subject: str, page: Page | None = None) -> bool:
        """Whether who is called so, or has the id that the books or a page say, was forgotten; maybe just now."""
        if self.forgotten.has("account", subject):
            return True
        known = subjects.find(self.books, self.site.name, subject).profile_id
        ids = (known, subjects.identity_in([page]) if page else None)
        return not is_hashtag(subject) and any(self.forgotten.has("profile_id", each) for each in ids)

    def _forget(self, subject: str, errand: Errand | None) -> Collected:
        """Keep nothing of who was forgotten."""
        reason = "it was forgotten, and is not collected again"
        if errand is not None:
            with self.books.writing() as connection:
                errands.decide(connection, errand, Ended.REFUSED, reason, 0)
                errands.close(connection, errand, self.clock.now(), None)
        if not self.forgotten.has("account", subject):  # under this name nobody would recognise it the next time
            with self.books.writing() as connection:
                subjects.end(connection, Subject(self.site.name, subject), Ended.REFUSED, reason)
        return Collected(subject, Ended.REFUSED, reason)

    def _fresh(self, subject: str, now: float) -> Collected | None:
        last = errands.last(self.books, self.site.name, subject)
        if last is None or last.outcome != Ended.COMPLETE or not last.aim.covers(self._aim(subject)):
            return None
        if abs(now - last.began_at) >= self.wish.fresh:  # after `now` where the clock was set back
            return None
        if last.file and place_of(self.inbox / last.file) is None:  # it went elsewhere, such as into a user's file
            return None
        found = f", in {last.file}" if last.file else ""
        reason = f"collected at {moment(last.began_at):%Y-%m-%d %H:%M} UTC{found}"
        return Collected(subject, Ended.FRESH, reason, posts=last.posts)

    def _begin(self, subject: str, errand: Errand | None) -> Errand:
        now = self.clock.now()
        is_others = errand is not None and errand.identity not in ("", self.site.identity)
        if errand and is_hashtag(subject) and is_others:
            self._finish(errand, Ended.PARTIAL, f"was begun as {errand.identity}: others cannot go on behind its pages")
        elif errand and is_hashtag(subject) and now - errand.began_at > _HASHTAG_PAGES_AGE:
            self._finish(
                errand, Ended.PARTIAL, "was interrupted for more than 24 hours, which is all that hashtags show"
            )
        elif errand and is_others:
            self.tell(f"{subject}: begun as {errand.identity}, whose pages lead on for nobody else; it begins anew")
            errands.drop(self.books, errand)
        aim, last = self._aim(subject), errands.last(self.books, self.site.name, subject)
        if last and last.outcome == Ended.PARTIAL:  # what it brought must not hide what it lacks
            aim = aim.and_also(last.aim)
        return errands.begin(self.books, self.site.name, subject, aim, now, self.site.identity)

    def _aim(self, subject: str) -> Aim:
        """How far to go: to the posts that are known, or to the day that was named."""
        if is_hashtag(subject):  # whose posts come in no order
            return Aim(None)
        since, due = self._bound(subject), self.known.get(subject, Known()).due
        if since is not None and self.wish.rereads and due is not None:
            since = min(since, due.timestamp() - _BEFORE)
        return Aim(self.wish.posts, since)

    def _bound(self, subject: str) -> float | None:
        """When the newest post was published that is not wanted, numbers that are read again apart; null for none."""
        newest, day = self.known.get(subject, Known()).newest, self.wish.newer_than
        known = newest.timestamp() if newest is not None and not self.wish.behind_known else None
        if day is None:
            return known
        since = datetime.combine(day, time(), self.budget.zone).timestamp() - _BEFORE
        return since if known is None or not self.wish.catches_up else min(since, known)

    def _pursue(self, errand: Errand) -> Collected:
        """Ask for page after page of an errand until it is whole, or something is in the way."""
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
        reason = cut_short(errand.aim, found, self._bound(subject))
        return self._finish(errand, Ended.COMPLETE, "; ".join(filter(None, (as_of, reason))))

    def _wait_for_budget(self, errand: Errand, found: Sequence[Page], reason: str, until: float) -> Collected:
        """Leave the rest for another day; a hashtag has none: it would show other posts by then."""
        if is_hashtag(errand.subject) and found:
            return self._finish(errand, Ended.PARTIAL, reason)
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
        if self._is_forgotten(errand.subject, page):
            return self._forget(errand.subject, errand)
        profile_id = subjects.identity_in([page])
        if profile_id is None or is_hashtag(errand.subject):
            return None
        if seen.profile_id is None or seen.profile_id == profile_id or self.again:
            return None
        reason = (
            f"the name belongs to another account now (id {profile_id}, it was {seen.profile_id}); "
            "ask for it again if that one is meant"
        )
        return self._finish(errand, Ended.REPLACED, reason, seen)

    def _refusal(self, errand: Errand, seen: Subject, ask: Ask, verdict: Verdict) -> Collected:
        """What becomes of an errand whose request got no page."""
        if verdict.outcome in ENDS_SUBJECT:
            self.changed = 0
            return self._finish(errand, Ended(verdict.outcome), self._words(seen, verdict), seen)
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
            return self._finish(errand, Ended.PARTIAL, f"its other posts could not be had for a week: {reason}")
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

    def _finish(self, errand: Errand, outcome: Ended, reason: str, ends: Subject | None = None) -> Collected:
        """Decide how an errand ends, with what that says of its subject, and deliver what came."""
        found, state, why = pages.stored(self.books, errand.id), outcome, reason
        if ends is not None and found:
            outcome, reason = Ended.PARTIAL, f"{state}: {why}" if why else str(state)
        with self.books.writing() as connection:
            if ends is not None:
                subjects.end(connection, ends, state, why)
            elif outcome is Ended.COMPLETE:
                subjects.remember_newest(connection, Subject(errand.site, errand.subject), found)
            errand = errands.decide(connection, errand, outcome, reason, posts_in(found))
        return self._deliver(errand)

    def _deliver(self, errand: Errand) -> Collected:
        """Write the file of an errand that is decided, and close it; of who was forgotten since, nothing."""
        if self._is_forgotten(errand.subject):
            return self._forget(errand.subject, errand)
        file = export.bring(self.inbox, self.books, errand)
        with self.books.writing() as connection:
            errands.close(connection, errand, self.clock.now(), file.name if file else None)
        return Collected(errand.subject, Ended(errand.outcome or Ended.COMPLETE), errand.reason, file, errand.posts)

    def _requests(self, subject: str) -> int:
        """How many requests were made about a subject, ever."""
        with self.books.reading() as connection:
            query = "SELECT COUNT(*) FROM requests WHERE site = ? AND subject = ?"
            return connection.execute(query, (self.site.name, subject)).fetchone()[0]
