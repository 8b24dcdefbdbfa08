"""The journey from an account or hashtag to its file in the inbox, one for all sites, to be interrupted anywhere.

Pages are kept as they come. When a subject has all that is wanted, how its errand ends is decided, its file is written
and the errand closed: whoever dies between two of these steps finds the next one in the books.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path

from instagram_assets.collect import errands, pages, subjects
from instagram_assets.collect.books import Books
from instagram_assets.collect.budget import Budget
from instagram_assets.collect.clock import Clock, moment
from instagram_assets.collect.ending import Ending
from instagram_assets.collect.errands import Aim, Errand
from instagram_assets.collect.pursuit import Pursuit, Requester
from instagram_assets.collect.reach import is_hashtag, posts_in
from instagram_assets.collect.site import Site
from instagram_assets.collect.wish import Collected, Ended, Known, Wish
from instagram_assets.errors import BusyError
from instagram_assets.privacy.forgotten import NOTHING, Forgotten
from instagram_assets.sources.arrivals import place_of
from instagram_assets.storage.locks import alone_or

_LONGEST_WAIT = 8 * 86_400.0
"""No site lets a subject wait longer: what is beyond was written before the clock was set back."""
_HASHTAG_PAGES_AGE = 86_400.0
"""Hashtags show what is new of 24 hours: older pages have no sequel."""
_BEFORE = 0.001


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
        limits, ending = budget or Budget(), Ending(site.name, books, inbox, clock, forgotten)
        pursuit = Pursuit(site, requester, books, clock, tell, limits, ending, again)
        run = _Run(site, wish, books, inbox, clock, tell, known or {}, limits, again, ending, pursuit)
        for subject in dict.fromkeys(subjects):
            if pursuit.ended_by is None:
                yield run.collect(subject)
            else:
                yield Collected(subject, Ended.NOT_ASKED, "the run had ended before")
        if pursuit.ended_by is not None:
            raise pursuit.ended_by


@contextmanager
def _alone(books: Books, site: Site) -> Generator[None]:
    """One run at a time for a site: two would ask for the same pages, or store each other's."""
    folder = books.folder / "runs" / site.name
    refusal = BusyError(f"Another run collects from {site.name}. Let it end, or stop it, then run again.")
    with alone_or(folder, refusal):
        yield


@dataclass(frozen=True)
class _Run:
    """One run over many subjects."""

    site: Site
    wish: Wish
    books: Books
    inbox: Path
    clock: Clock
    tell: Callable[[str], object]
    known: Mapping[str, Known]
    budget: Budget
    again: bool
    ending: Ending
    pursuit: Pursuit

    def collect(self, subject: str) -> Collected:
        """Bring one subject as far as it goes."""
        before = self._requests(subject)
        errand = errands.unfinished(self.books, self.site.name, subject)
        if self.ending.is_forgotten(subject):
            return self.ending.forget(subject, errand)
        if errand and errand.outcome is not None:
            return self.ending.deliver(errand)
        found = self._refused(subject, errand)
        if found is None:
            found = self.pursuit.pursue(self._begin(subject, errand), self._bound(subject))
        return replace(found, requests=self._requests(subject) - before)

    def _refused(self, subject: str, errand: Errand | None) -> Collected | None:
        """Why nothing is asked about a subject; null when it may be."""
        if reason := self.site.refusal(subject):
            return Collected(subject, Ended.REFUSED, reason)
        now, seen = self.clock.now(), subjects.find(self.books, self.site.name, subject)
        posts = posts_in(pages.stored(self.books, errand.id)) if errand else 0
        if not self.again:
            if not seen.is_active and errand:  # as where the account was found under another name meanwhile
                return self.ending.finish(errand, Ended(seen.state), seen.reason, seen)
            if not seen.is_active:
                return Collected(subject, Ended(seen.state), seen.reason)
            if now < seen.next_at <= now + _LONGEST_WAIT:
                return Collected(subject, Ended.WAITING, seen.reason, posts=posts, until=seen.next_at)
            if errand is None and (fresh := self._fresh(subject, now)):
                return fresh
        if spent := self.budget.spent(self.books, self.site.name, subject, now):
            return Collected(subject, Ended.WAITING, spent.reason, posts=posts, until=spent.until)
        return None

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
            self.ending.finish(
                errand, Ended.PARTIAL, f"was begun as {errand.identity}: others cannot go on behind its pages"
            )
        elif errand and is_hashtag(subject) and now - errand.began_at > _HASHTAG_PAGES_AGE:
            self.ending.finish(
                errand, Ended.PARTIAL, "was interrupted for more than 24 hours, which is all that hashtags show"
            )
        elif errand and is_others:
            self.tell(f"{subject}: begun as {errand.identity}, whose pages lead on for nobody else; it begins anew")
            errands.drop(self.books, errand)
            return self._open(subject, self._aim(subject).and_also(errand.aim))
        aim, last = self._aim(subject), errands.last(self.books, self.site.name, subject)
        if last and last.outcome == Ended.PARTIAL:  # what it brought must not hide what it lacks
            aim = aim.and_also(last.aim)
        return self._open(subject, aim)

    def _open(self, subject: str, aim: Aim) -> Errand:
        return errands.begin(self.books, self.site.name, subject, aim, self.clock.now(), self.site.identity)

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

    def _requests(self, subject: str) -> int:
        """How many requests were made about a subject, ever."""
        with self.books.reading() as connection:
            query = "SELECT COUNT(*) FROM requests WHERE site = ? AND subject = ?"
            return connection.execute(query, (self.site.name, subject)).fetchone()[0]
