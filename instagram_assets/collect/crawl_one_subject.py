"""Fetches the pages of one account's or hashtag's crawl and stores each, until the crawl is complete or blocked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from instagram_assets.collect.clock import Clock, utc_datetime
from instagram_assets.collect.collection_results import CollectionOutcome, SubjectResult
from instagram_assets.collect.collection_scope import (
    count_posts,
    incompleteness_note,
    is_satisfied,
    is_stuck,
    shortcodes_in,
)
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.crawl_table import Crawl
from instagram_assets.collect.inbox_delivery import CrawlDelivery
from instagram_assets.collect.rate_limiter import Budget
from instagram_assets.collect.site_adapter import (
    FINAL_OUTCOMES,
    Classification,
    CrawlPage,
    Request,
    RequestSender,
    ResponseOutcome,
    SiteAdapter,
)
from instagram_assets.collect.stored_pages import load_pages, store_page, with_lazy_records
from instagram_assets.collect.subject_table import SubjectRow, load_subject, postpone, profile_id_in, update_from_page
from instagram_assets.collect.unknown_responses import save_response
from instagram_assets.errors import (
    AnswersChangedError,
    BreakerOpenError,
    BudgetSpentError,
    ContractError,
    IdentityStoppedError,
    InstagramAssetsError,
    ProxiesError,
)
from instagram_assets.sources.account_and_hashtag_names import is_hashtag

_LATER = 900.0
"""Seconds until an account or hashtag is requested again after a response that could not be used."""
_STALE = 7 * 86_400.0
"""Age in seconds of stored pages at which an error is attributed to their expired cursor: their posts are delivered."""
_OLD = 86_400.0
_CHANGED_IN_A_ROW = 3


@dataclass
class Crawler:
    """Fetches the pages of a site's crawls, one crawl after another; `ended_by` is the error that ends the run, if any.

    With `again`, an account is collected even if its name now belongs to another account id than the stored one.
    `changed` counts how many crawls in a row got a response in an unknown format.
    """

    site: SiteAdapter
    requester: RequestSender
    database: CollectorDatabase
    clock: Clock
    log: Callable[[str], object]
    budget: Budget
    delivery: CrawlDelivery
    again: bool
    ended_by: InstagramAssetsError | None = None
    changed: int = 0

    def crawl_pages(self, crawl: Crawl, bound: float | None) -> SubjectResult:
        """Fetch page after page of a crawl until it is complete or blocked.

        Posts newer than the Unix timestamp `bound` are collected as new posts, older ones only to fetch their like and
        comment counts again.
        """
        subject = crawl.subject
        seen = load_subject(self.database, self.site.name, subject)
        found = load_pages(self.database, crawl.id)
        codes = shortcodes_in(found)
        as_of = ""
        if found:
            began = f"{utc_datetime(crawl.began_at):%Y-%m-%d %H:%M} UTC"
            self.log(f"{subject}: goes on behind the {len(codes):,} posts of {began}")
            if self.clock.now() - crawl.began_at > _OLD:
                as_of = f"as of {began}, when it was begun; the next run brings what came since"
        while not is_satisfied(crawl.bounds, found, len(codes)):
            if spent := self.budget.spent(self.database, self.site.name, subject, self.clock.now()):
                return self._wait_for_budget(crawl, found, spent.reason, spent.until)
            request = self.site.next_request(subject, found)
            if request is None:
                break
            try:
                classification = self.requester.fetch(subject, request)
            except BudgetSpentError as error:  # used up by retries
                return self._wait_for_budget(crawl, found, str(error), error.until)
            except (IdentityStoppedError, BreakerOpenError, ProxiesError) as error:
                return self._end_run(crawl, error)
            if classification.outcome is not ResponseOutcome.OK:
                return self._refusal(crawl, seen, request, classification)
            try:
                page = self.site.parse(request, classification.content)
            except ContractError as error:
                changed = Classification(ResponseOutcome.CONTRACT_CHANGED, str(error), classification.content)
                return self._refusal(crawl, seen, request, changed)
            if stranger := self._stranger(crawl, seen, page):
                return stranger
            found.append(self._store(crawl, seen, len(found), page))
            before = len(codes)
            codes |= shortcodes_in([page])
            if is_stuck(found, len(codes) - before):
                break
            if seen.profile_id is None:
                seen = replace(seen, profile_id=profile_id_in([page]))
        self.changed = 0
        reason = incompleteness_note(crawl.bounds, found, bound)
        return self.delivery.finish(crawl, CollectionOutcome.COMPLETE, "; ".join(filter(None, (as_of, reason))))

    def _wait_for_budget(self, crawl: Crawl, found: Sequence[CrawlPage], reason: str, until: float) -> SubjectResult:
        """Result of a crawl whose daily request budget is used up: an account's continues later, a hashtag's ends.

        A hashtag's crawl cannot be continued another day, since the site then shows other posts.
        """
        if is_hashtag(crawl.subject) and found:
            return self.delivery.finish(crawl, CollectionOutcome.PARTIAL, reason)
        return SubjectResult(crawl.subject, CollectionOutcome.OPEN, reason, posts=count_posts(found), until=until)

    def _store(self, crawl: Crawl, seen: SubjectRow, position: int, page: CrawlPage) -> CrawlPage:
        """Store a page as number `position` of a crawl and update its subject's row (`seen`), in one transaction.

        Returns the page with its records loaded from the database on access.
        """
        now = self.clock.now()
        with self.database.writing() as connection:
            store_page(connection, crawl.id, position, now, page)
            update_from_page(connection, seen, now, page)
        return with_lazy_records(page, self.database, crawl.id, position)

    def _stranger(self, crawl: Crawl, seen: SubjectRow, page: CrawlPage) -> SubjectResult | None:
        """End a crawl whose name now belongs to another account, or whose account was erased on request.

        Returns its result; None if neither is the case. `seen` is the stored row of the account, `page` the fetched
        page.
        """
        if self.delivery.is_forgotten(crawl.subject, page):
            return self.delivery.forget(crawl.subject, crawl)
        profile_id = profile_id_in([page])
        if profile_id is None or is_hashtag(crawl.subject):
            return None
        if seen.profile_id is None or seen.profile_id == profile_id or self.again:
            return None
        reason = (
            f"the name belongs to another account now (id {profile_id}, it was {seen.profile_id}); "
            "ask for it again if that one is meant"
        )
        return self.delivery.finish(crawl, CollectionOutcome.REPLACED, reason, seen)

    def _refusal(
        self, crawl: Crawl, seen: SubjectRow, request: Request, classification: Classification
    ) -> SubjectResult:
        """End or suspend a crawl whose last request returned no page; returns its result.

        `seen` is the stored row of its account or hashtag.
        """
        if classification.outcome in FINAL_OUTCOMES:
            self.changed = 0
            return self.delivery.finish(
                crawl, CollectionOutcome(classification.outcome), self._words(seen, classification), seen
            )
        reason = classification.reason or str(classification.outcome)
        if classification.outcome is ResponseOutcome.CONTRACT_CHANGED:
            about = (self.site.name, crawl.subject, request.what)
            file = save_response(self.database.folder, *about, reason, self.clock.now(), classification.content)
            reason = f"{reason.rstrip('.')}; the answer is in {file}"
            self._count_changed(reason)
        else:
            self.changed = 0
        found = load_pages(self.database, crawl.id)
        is_stale = self.clock.now() - crawl.began_at > _STALE
        if found and is_stale and classification.outcome is ResponseOutcome.CONTRACT_CHANGED:
            return self.delivery.finish(
                crawl, CollectionOutcome.PARTIAL, f"its other posts could not be had for a week: {reason}"
            )
        until = self.clock.now() + max(_LATER, classification.pause)
        with self.database.writing() as connection:
            postpone(connection, seen, until, reason)
        return SubjectResult(crawl.subject, CollectionOutcome.OPEN, reason, posts=count_posts(found), until=until)

    def _count_changed(self, reason: str) -> None:
        self.changed += 1
        if self.changed >= _CHANGED_IN_A_ROW:
            self.ended_by = AnswersChangedError(
                f"{self.site.name} answered {self.changed} subjects in a row in an unknown form: {reason}. Nothing "
                "more is asked. Look for a newer version of instagram_assets, or for other settings of `collection`."
            )

    def _end_run(self, crawl: Crawl, error: IdentityStoppedError | BreakerOpenError | ProxiesError) -> SubjectResult:
        self.ended_by = error
        posts = count_posts(load_pages(self.database, crawl.id))
        if isinstance(error, IdentityStoppedError):
            return SubjectResult(crawl.subject, CollectionOutcome.STOPPED, str(error), posts=posts)
        until = error.until if isinstance(error, ProxiesError) else error.until.timestamp()
        return SubjectResult(crawl.subject, CollectionOutcome.OPEN, str(error), posts=posts, until=until)

    def _words(self, seen: SubjectRow, classification: Classification) -> str:
        if classification.outcome is ResponseOutcome.NOT_FOUND and seen.seen_at is not None:
            was = f"it was there until {utc_datetime(seen.seen_at):%Y-%m-%d}: deleted, renamed or hidden"
            return f"{classification.reason}; {was}" if classification.reason else was
        return classification.reason
