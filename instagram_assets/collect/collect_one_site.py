"""Collect accounts and hashtags of one site into files of the inbox; safe to interrupt at any point.

Each page is stored in the database when it is fetched. When an account or hashtag is complete, the outcome of its crawl
is stored, its file is written and the crawl is marked as closed, in this order; after a crash the next run continues
with the first of these steps that is missing.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time
from pathlib import Path

from instagram_assets.collect.clock import Clock, utc_datetime
from instagram_assets.collect.collection_results import CollectionOutcome, SubjectResult
from instagram_assets.collect.collection_scope import Bounds, CollectionScope, KnownPosts, count_posts
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.crawl_one_subject import Crawler
from instagram_assets.collect.crawl_table import Crawl, delete_crawl, find_open_crawl, last_closed_crawl, open_crawl
from instagram_assets.collect.inbox_delivery import CrawlDelivery
from instagram_assets.collect.rate_limiter import Budget
from instagram_assets.collect.site_adapter import RequestSender, SiteAdapter
from instagram_assets.collect.stored_pages import load_pages
from instagram_assets.collect.subject_table import load_subject
from instagram_assets.errors import BusyError
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN, Forgotten
from instagram_assets.sources.account_and_hashtag_names import is_hashtag
from instagram_assets.sources.inbox_files import locate_inbox_file
from instagram_assets.storage.locks import alone_or

_LONGEST_WAIT = 8 * 86_400.0
"""Longest wait of an account or hashtag in seconds; a longer one, from before a clock change, is ignored."""
_HASHTAG_PAGES_AGE = 86_400.0
"""Seconds after which a hashtag's pages cannot be continued, since a site shows only new posts of 24 hours."""
_BEFORE = 0.001


def collect(
    site: SiteAdapter,
    requester: RequestSender,
    subjects: Iterable[str],
    scope: CollectionScope,
    *,
    database: CollectorDatabase,
    inbox: Path,
    clock: Clock,
    log: Callable[[str], object],
    forgotten: Forgotten = NOTHING_FORGOTTEN,
    known: Mapping[str, KnownPosts] | None = None,
    budget: Budget | None = None,
    again: bool = False,
) -> Generator[SubjectResult]:
    """Collect each subject (account or hashtag) into a file of its own in the inbox; yields a result for each.

    A subject that fails never ends the run for the other subjects. With `again`, subjects are also requested that are
    recorded as not found, private, renamed or replaced, that would have to wait, or that were collected a short time
    ago. Names whose data was erased on request (`forgotten`) are never requested. `known` has each account's newest
    post in the lake, so that only newer posts are collected.

    When the site suspends or throttles the identity, when no proxy works, or when three subjects in a row get a
    response in an unknown format, no more requests are sent: the remaining subjects are yielded with the outcome
    not_asked, and after the last one the reason is raised as IdentityStoppedError, BreakerOpenError, ProxiesError or
    AnswersChangedError. Raises BusyError if another run collects from the same site, StorageError if a file cannot be
    written.
    """
    with _alone(database, site):
        limits, delivery = budget or Budget(), CrawlDelivery(site.name, database, inbox, clock, forgotten)
        crawler = Crawler(site, requester, database, clock, log, limits, delivery, again)
        run = _Run(site, scope, database, inbox, clock, log, known or {}, limits, again, delivery, crawler)
        for subject in dict.fromkeys(subjects):
            if crawler.ended_by is None:
                yield run.collect(subject)
            else:
                yield SubjectResult(subject, CollectionOutcome.NOT_ASKED, "the run had ended before")
        if crawler.ended_by is not None:
            raise crawler.ended_by


@contextmanager
def _alone(database: CollectorDatabase, site: SiteAdapter) -> Generator[None]:
    """Context manager: lock a site for this run. Raises BusyError if another run collects from it.

    Two runs at once would request the same pages twice and mix up their stored pages.
    """
    folder = database.folder / "runs" / site.name
    refusal = BusyError(f"Another run collects from {site.name}. Let it end, or stop it, then run again.")
    with alone_or(folder, refusal):
        yield


@dataclass(frozen=True)
class _Run:
    """One collection run at one site over many subjects (accounts, hashtags)."""

    site: SiteAdapter
    scope: CollectionScope
    database: CollectorDatabase
    inbox: Path
    clock: Clock
    log: Callable[[str], object]
    known: Mapping[str, KnownPosts]
    budget: Budget
    again: bool
    delivery: CrawlDelivery
    crawler: Crawler

    def collect(self, subject: str) -> SubjectResult:
        """Collect one subject until it is complete or blocked, continuing its unfinished crawl if there is one."""
        before = self._requests(subject)
        crawl = find_open_crawl(self.database, self.site.name, subject)
        if self.delivery.is_forgotten(subject):
            return self.delivery.forget(subject, crawl)
        if crawl and crawl.outcome is not None:
            return self.delivery.deliver(crawl)
        found = self._refused(subject, crawl)
        if found is None:
            found = self.crawler.crawl_pages(self._begin(subject, crawl), self._bound(subject))
        return replace(found, requests=self._requests(subject) - before)

    def _refused(self, subject: str, crawl: Crawl | None) -> SubjectResult | None:
        """The result for a subject that must not be requested now (such as waiting or private); None if it may be."""
        if reason := self.site.refusal(subject):
            return SubjectResult(subject, CollectionOutcome.REFUSED, reason)
        now, seen = self.clock.now(), load_subject(self.database, self.site.name, subject)
        posts = count_posts(load_pages(self.database, crawl.id)) if crawl else 0
        if not self.again:
            if not seen.is_active and crawl:  # such as an account that was found under another name meanwhile
                return self.delivery.finish(crawl, CollectionOutcome(seen.state), seen.reason, seen)
            if not seen.is_active:
                return SubjectResult(subject, CollectionOutcome(seen.state), seen.reason)
            if now < seen.next_at <= now + _LONGEST_WAIT:
                return SubjectResult(subject, CollectionOutcome.WAITING, seen.reason, posts=posts, until=seen.next_at)
            if crawl is None and (fresh := self._fresh(subject, now)):
                return fresh
        if spent := self.budget.spent(self.database, self.site.name, subject, now):
            return SubjectResult(subject, CollectionOutcome.WAITING, spent.reason, posts=posts, until=spent.until)
        return None

    def _fresh(self, subject: str, now: float) -> SubjectResult | None:
        last = last_closed_crawl(self.database, self.site.name, subject)
        if last is None or last.outcome != CollectionOutcome.COMPLETE or not last.bounds.covers(self._bounds(subject)):
            return None
        if abs(now - last.began_at) >= self.scope.fresh:  # after `now` where the clock was set back
            return None
        if (
            last.file and locate_inbox_file(self.inbox / last.file) is None
        ):  # the file was moved elsewhere, such as into a user's file
            return None
        found = f", in {last.file}" if last.file else ""
        reason = f"collected at {utc_datetime(last.began_at):%Y-%m-%d %H:%M} UTC{found}"
        return SubjectResult(subject, CollectionOutcome.FRESH, reason, posts=last.posts)

    def _begin(self, subject: str, crawl: Crawl | None) -> Crawl:
        now = self.clock.now()
        is_others = crawl is not None and crawl.identity not in ("", self.site.identity)
        if crawl and is_hashtag(subject) and is_others:
            self.delivery.finish(
                crawl, CollectionOutcome.PARTIAL, f"was begun as {crawl.identity}: others cannot go on behind its pages"
            )
        elif crawl and is_hashtag(subject) and now - crawl.began_at > _HASHTAG_PAGES_AGE:
            self.delivery.finish(
                crawl,
                CollectionOutcome.PARTIAL,
                "was interrupted for more than 24 hours, which is all that hashtags show",
            )
        elif crawl and is_others:
            self.log(f"{subject}: begun as {crawl.identity}, whose pages lead on for nobody else; it begins anew")
            delete_crawl(self.database, crawl)
            return self._open(subject, self._bounds(subject).and_also(crawl.bounds))
        bounds, last = self._bounds(subject), last_closed_crawl(self.database, self.site.name, subject)
        if last and last.outcome == CollectionOutcome.PARTIAL:  # the posts that it missed are collected too
            bounds = bounds.and_also(last.bounds)
        return self._open(subject, bounds)

    def _open(self, subject: str, bounds: Bounds) -> Crawl:
        return open_crawl(self.database, self.site.name, subject, bounds, self.clock.now(), self.site.identity)

    def _bounds(self, subject: str) -> Bounds:
        """Where the crawl of a subject stops: at posts that are already in the lake, or at the day set by the scope."""
        if is_hashtag(subject):  # whose posts are not ordered by time
            return Bounds(None)
        since, due = self._bound(subject), self.known.get(subject, KnownPosts()).due
        if since is not None and self.scope.rereads and due is not None:
            since = min(since, due.timestamp() - _BEFORE)
        return Bounds(self.scope.posts, since)

    def _bound(self, subject: str) -> float | None:
        """Unix timestamp up to which posts do not count as new; None if there is no such limit.

        Older posts can still be fetched when their like and comment counts are due to be fetched again.
        """
        newest, day = self.known.get(subject, KnownPosts()).newest, self.scope.newer_than
        known = newest.timestamp() if newest is not None and not self.scope.behind_known else None
        if day is None:
            return known
        since = datetime.combine(day, time(), self.budget.zone).timestamp() - _BEFORE
        return since if known is None or not self.scope.catches_up else min(since, known)

    def _requests(self, subject: str) -> int:
        """Number of requests about a subject that were sent so far, by all runs."""
        with self.database.reading() as connection:
            query = "SELECT COUNT(*) FROM requests WHERE site = ? AND subject = ?"
            return connection.execute(query, (self.site.name, subject)).fetchone()[0]
