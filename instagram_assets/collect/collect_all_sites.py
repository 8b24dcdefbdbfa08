"""Collect all accounts and hashtags from all sites; used by the command line, the schedule and the web app."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path

from instagram_assets.collect.clock import Clock, time_until_text
from instagram_assets.collect.collect_one_site import collect
from instagram_assets.collect.collect_targets import Targets
from instagram_assets.collect.collection_results import CollectionOutcome, RunResult, SubjectResult
from instagram_assets.collect.collection_scope import CollectionScope, KnownPosts
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.instagram_permission import check_allowed
from instagram_assets.collect.known_posts import known_posts
from instagram_assets.collect.proxies import Proxy
from instagram_assets.collect.rate_limiter import Budget
from instagram_assets.collect.site_adapter import GRAPH_API, INSTAGRAM, Classification, Request, SiteName
from instagram_assets.collect.site_sessions import SiteSession, graph_api_session, instagram_session
from instagram_assets.errors import BusyError, InstagramAssetsError
from instagram_assets.privacy.tombstones import LatestTombstones
from instagram_assets.settings import Settings
from instagram_assets.sources.account_and_hashtag_names import is_hashtag
from instagram_assets.storage.lake import open_lake

MAX_FRUITLESS_ROUNDS = 3
"""Consecutive rounds without new posts of an account or hashtag, after which it is not collected further."""
_LONGEST_SLEEP = 300.0
_TO_BE_GONE_ON_WITH = (CollectionOutcome.OPEN, CollectionOutcome.WAITING)


def collect_until_settled(
    run: Callable[[Sequence[str]], Iterator[SubjectResult]],
    subjects: Iterable[str],
    clock: Clock,
    log: Callable[[str], object],
) -> Iterator[SubjectResult]:
    """Collect subjects (accounts, hashtags) repeatedly, until each has a final result; yields these results.

    `run` collects some of the subjects and yields a result for each. A subject with the outcome open or waiting is
    collected again when its waiting time is over. If `run` raises, the results of the waiting subjects are yielded
    before the error is raised.
    """
    pending = list(dict.fromkeys(subjects))
    before: dict[str, SubjectResult] = {}
    in_vain = dict.fromkeys(pending, 0)
    while pending:
        later = list[SubjectResult]()
        try:
            for found in run(pending):
                gained = found.subject not in before or found.posts > before[found.subject].posts
                in_vain[found.subject] = (
                    0 if gained or found.outcome is CollectionOutcome.WAITING else in_vain[found.subject] + 1
                )
                before[found.subject] = found
                if _may_go_on(found) and in_vain[found.subject] < MAX_FRUITLESS_ROUNDS:
                    later.append(found)
                else:
                    yield found
        except Exception:
            yield from later
            raise
        pending = [found.subject for found in later]
        if later:
            _wait(later, clock, log)


def _may_go_on(found: SubjectResult) -> bool:
    return found.outcome in _TO_BE_GONE_ON_WITH and found.until is not None


def _wait(later: Sequence[SubjectResult], clock: Clock, log: Callable[[str], object]) -> None:
    """Sleep until the earliest time at which one of the waiting subjects (`later`) can be collected further."""
    first = min(later, key=lambda found: found.until or 0.0)
    until, now = first.until or 0.0, clock.now()
    if until > now:
        who = first.subject if len(later) == 1 else f"{first.subject} and {len(later) - 1:,} more"
        wait = "waits" if len(later) == 1 else "wait"
        log(f"{who} {wait} ({first.reason}): on {time_until_text(until, now)}. Ctrl-C ends it; nothing is lost.")
    while (left := until - clock.now()) > 0:
        clock.sleep(min(left, _LONGEST_SLEEP))


DEFAULT_PATIENCE = 900.0
"""Longest wait in seconds for a limit or pause when `waits` is not set; what takes longer is left for the next run."""
_LONGEST_TURN = 3_600.0
_LOOK_AGAIN = 15.0

_Log = Callable[[str], object]


@dataclass(frozen=True)
class CollectionOptions:
    """Options of a whole collection run, for all sites.

    `waits`: also wait for long pauses and for the next day's request budget. `takes_turns`: wait up to an hour for
    another running collection to end. `inbox` is the folder in which files are written, and `publish` moves a file from
    there to its destination. `stops_at_known`: do not request posts again that are already in the lake. `again`: also
    collect accounts that were collected a short time ago, or are recorded as not found or private.
    """

    settings: Settings
    database: CollectorDatabase
    clock: Clock
    scope: CollectionScope
    inbox: Path
    again: bool = False
    waits: bool = False
    takes_turns: bool = False
    stops_at_known: bool = True
    proxies: Sequence[Proxy] = ()
    publish: Callable[[Path], Path] | None = None

    @property
    def patience(self) -> float:
        return inf if self.waits else DEFAULT_PATIENCE

    @property
    def budget(self) -> Budget:
        options = self.settings.collection
        return Budget(options.requests_per_day, options.requests_per_account, self.settings.zone)


class ProgressListener:
    """Receives the progress of a collection; this base class logs one line per site and per account or hashtag."""

    def __init__(self, log: _Log) -> None:
        self.log = log

    @contextmanager
    def during_site(self, session: SiteSession, subjects: Sequence[str], scope: CollectionScope) -> Generator[None]:
        """Context manager around all requests to one site."""
        self.log(f"{session.site.name}: {len(subjects):,} to collect")
        yield

    def before_request(self, request: Request) -> None:
        """Called before each request; rate limits can still delay that request."""

    def after_subject(self, found: SubjectResult) -> None:
        """Called with the result (`found`) of each account or hashtag."""
        posts = f", {found.posts:,} posts" if found.posts else ""
        self.log(f"{found.subject}: {found.outcome}{posts}{f' ({found.reason})' if found.reason else ''}")


def collect_all(options: CollectionOptions, targets: Targets, listener: ProgressListener, done: RunResult) -> None:
    """Collect all accounts and hashtags of all sites; an error at one site does not stop the other sites.

    Results are appended to `done` as they arrive, so that it is also usable after an interruption. Raises
    CollectionRefusedError, before any request, if the user named an account that the settings do not permit.
    """
    refusal = _refusal(options.settings, targets)
    if refusal and targets.is_named:
        raise refusal
    done.expected += sum(map(len, targets.subjects.values()))
    for site, subjects in targets.subjects.items():
        if refusal and site == INSTAGRAM:
            done.errors.append(refusal)
            continue
        try:
            with _opened(options, site, listener.log) as session:
                _collect(options, session, subjects, listener, done)
        except InstagramAssetsError as error:
            done.errors.append(error)


def _refusal(settings: Settings, targets: Targets) -> InstagramAssetsError | None:
    try:
        if of_site := targets.subjects.get(INSTAGRAM):
            check_allowed(settings, of_site)
    except InstagramAssetsError as error:
        return error
    return None


def _opened(options: CollectionOptions, site: SiteName, log: _Log) -> AbstractContextManager[SiteSession]:
    chosen, database, clock = options.settings, options.database, options.clock
    collection = chosen.collection
    if site == GRAPH_API:
        return graph_api_session(
            *(chosen.graph_api, collection, database, clock, log), patience=options.patience, budget=options.budget
        )
    return instagram_session(
        *(collection, database, clock, log), proxies=options.proxies, patience=options.patience, budget=options.budget
    )


def _collect(
    options: CollectionOptions,
    session: SiteSession,
    subjects: Sequence[str],
    listener: ProgressListener,
    done: RunResult,
) -> None:
    known = _known(options, subjects, listener.log) if options.stops_at_known else {}

    def once(some: Sequence[str]) -> Iterator[SubjectResult]:
        return collect(
            session.site,
            _ListenedSender(session, listener),
            some,
            options.scope,
            database=options.database,
            inbox=options.inbox,
            clock=options.clock,
            log=listener.log,
            forgotten=LatestTombstones(options.settings.folder("privacy")),
            known=known,
            budget=options.budget,
            again=options.again,
        )

    def run(some: Sequence[str]) -> Iterator[SubjectResult]:
        return _in_turn(once, some, options.clock, listener.log) if options.takes_turns else once(some)

    with listener.during_site(session, subjects, options.scope):
        for found in (
            collect_until_settled(run, subjects, options.clock, listener.log) if options.waits else run(subjects)
        ):
            file = options.publish(found.file) if options.publish and found.file else found.file
            one = replace(found, file=file)
            done.found.append(one)
            listener.after_subject(one)


def _known(options: CollectionOptions, subjects: Sequence[str], log: _Log) -> Mapping[str, KnownPosts]:
    """For each account, the two posts in the lake at which its collection can stop.

    These are its newest post, and its oldest post whose like and comment counts are due to be fetched again.
    """
    accounts = [subject for subject in subjects if not is_hashtag(subject)]
    ages = options.settings.collection.growth_ages if options.scope.rereads else ()
    return known_posts(open_lake(options.settings), accounts, options.clock.now(), ages, options.scope.posts, log)


def _in_turn(
    run: Callable[[Sequence[str]], Iterator[SubjectResult]], subjects: Sequence[str], clock: Clock, log: _Log
) -> Iterator[SubjectResult]:
    """Wait until no other collection is running, then collect. Raises BusyError after an hour of waiting."""
    until, is_told = clock.now() + _LONGEST_TURN, False
    while True:
        found = iter(run(subjects))
        try:
            first = next(found, None)
        except BusyError as error:
            if clock.now() >= until:
                raise
            if not is_told:
                log(f"{error} It is waited for.")
                is_told = True
            clock.sleep(_LOOK_AGAIN)
            continue
        if first is not None:
            yield first
        yield from found
        return


class _ListenedSender:
    """A request sender that reports each request to the listener before it is sent."""

    def __init__(self, session: SiteSession, listener: ProgressListener) -> None:
        self._requester, self._listener = session.requester, listener

    def fetch(self, subject: str, request: Request) -> Classification:
        self._listener.before_request(request)
        return self._requester.fetch(subject, request)
