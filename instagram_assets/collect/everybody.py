"""Everybody who is to be collected, one site after the other: the same for a shell, a schedule and the UI."""

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from math import inf
from pathlib import Path

from instagram_assets.collect.asking import Ask, Verdict
from instagram_assets.collect.books import Books
from instagram_assets.collect.budget import Budget
from instagram_assets.collect.clock import Clock
from instagram_assets.collect.collector import collect
from instagram_assets.collect.collectors import Collector, open_instagram, open_official
from instagram_assets.collect.growth import known_in
from instagram_assets.collect.proxies import Proxy
from instagram_assets.collect.rounds import in_rounds
from instagram_assets.collect.turns import check_allowed
from instagram_assets.collect.whom import GRAPH_API, INSTAGRAM, SiteName, Whom
from instagram_assets.collect.wish import Collected, Ended, Known, Wish
from instagram_assets.errors import BusyError, InstagramAssetsError
from instagram_assets.privacy.tombstones import LatestTombstones
from instagram_assets.settings import Settings
from instagram_assets.sources.names import is_hashtag
from instagram_assets.storage.lake import open_lake

SHORT_WAIT = 900.0
"""Seconds that a limit or a pause is waited for where nobody said to wait: what takes longer is left for the next."""
BROUGHT = (Ended.COMPLETE, Ended.PARTIAL)
"""What came of these came now."""
UNFINISHED = (Ended.OPEN, Ended.WAITING, Ended.STOPPED, Ended.NOT_ASKED)
"""These are gone on with by whoever collects next."""
_LONGEST_TURN = 3_600.0
_LOOK_AGAIN = 15.0

Tell = Callable[[str], object]


@dataclass(frozen=True)
class Terms:
    """What holds for a whole collection.

    With `waits` also long pauses and used budgets are waited for; with `takes_turns` another run that collects, for an
    hour. Files arrive in `inbox`, and `publish` puts one where it belongs. Where `stops_at_known`, what the lake has is
    not asked for again.
    """

    settings: Settings
    books: Books
    clock: Clock
    wish: Wish
    inbox: Path
    again: bool = False
    waits: bool = False
    takes_turns: bool = False
    stops_at_known: bool = True
    proxies: Sequence[Proxy] = ()
    publish: Callable[[Path], Path] | None = None

    @property
    def patience(self) -> float:
        return inf if self.waits else SHORT_WAIT

    @property
    def budget(self) -> Budget:
        options = self.settings.collection
        return Budget(options.requests_per_day, options.requests_per_account, self.settings.zone)


@dataclass
class Round:
    """What came of everybody, and what went wrong at a site."""

    wanted: int = 0
    found: list[Collected] = field(default_factory=list[Collected])
    errors: list[InstagramAssetsError] = field(default_factory=list[InstagramAssetsError])

    def of(self, *outcomes: Ended) -> list[Collected]:
        return [one for one in self.found if one.outcome in outcomes]

    @property
    def brought(self) -> list[Collected]:
        """Those of whom a file came now."""
        return [one for one in self.of(*BROUGHT) if one.file is not None]

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.found)

    @property
    def numbers(self) -> dict[str, int]:
        """How many there are of each outcome, and what came."""
        outcomes = {f"{outcome}": len(self.of(outcome)) for outcome in Ended}
        return {
            "posts": sum(one.posts for one in self.brought),
            "files": len(self.brought),
            "requests": self.requests,
            **{name: number for name, number in outcomes.items() if number},
        }


class Follower:
    """Is told how a collection goes on; this one says a line of each site and subject."""

    def __init__(self, tell: Tell) -> None:
        self.tell = tell

    @contextmanager
    def at(self, collector: Collector, subjects: Sequence[str], wish: Wish) -> Generator[None]:
        """Around all that is asked of one site."""
        self.tell(f"{collector.site.name}: {len(subjects):,} to collect")
        yield

    def asks(self, ask: Ask) -> None:
        """Before a request, which may have to wait."""

    def got(self, found: Collected) -> None:
        """After each subject."""
        posts = f", {found.posts:,} posts" if found.posts else ""
        self.tell(f"{found.subject}: {found.outcome}{posts}{f' ({found.reason})' if found.reason else ''}")


def collect_everybody(terms: Terms, whom: Whom, follower: Follower, done: Round) -> None:
    """Collect all subjects of all sites; a site that refuses, or that nobody allowed, does not keep the others back.

    `done` has what came by then also where somebody stops it. Raises CollectionRefusedError, before anything is asked,
    where a person names somebody who may not be asked about.
    """
    refusal = _refusal(terms.settings, whom)
    if refusal and whom.is_named:
        raise refusal
    done.wanted += sum(map(len, whom.subjects.values()))
    for site, subjects in whom.subjects.items():
        if refusal and site == INSTAGRAM:
            done.errors.append(refusal)
            continue
        try:
            with _opened(terms, site, follower.tell) as collector:
                _collect(terms, collector, subjects, follower, done)
        except InstagramAssetsError as error:
            done.errors.append(error)


def _refusal(settings: Settings, whom: Whom) -> InstagramAssetsError | None:
    try:
        if of_site := whom.subjects.get(INSTAGRAM):
            check_allowed(settings, of_site)
    except InstagramAssetsError as error:
        return error
    return None


def _opened(terms: Terms, site: SiteName, tell: Tell) -> AbstractContextManager[Collector]:
    chosen, books, clock = terms.settings, terms.books, terms.clock
    options = chosen.collection
    if site == GRAPH_API:
        return open_official(
            *(chosen.graph_api, options, books, clock, tell), patience=terms.patience, budget=terms.budget
        )
    return open_instagram(
        *(options, books, clock, tell), proxies=terms.proxies, patience=terms.patience, budget=terms.budget
    )


def _collect(terms: Terms, collector: Collector, subjects: Sequence[str], follower: Follower, done: Round) -> None:
    known = _known(terms, subjects, follower.tell) if terms.stops_at_known else {}

    def once(some: Sequence[str]) -> Iterator[Collected]:
        return collect(
            collector.site,
            _Followed(collector, follower),
            some,
            terms.wish,
            books=terms.books,
            inbox=terms.inbox,
            clock=terms.clock,
            tell=follower.tell,
            forgotten=LatestTombstones(terms.settings.folder("privacy")),
            known=known,
            budget=terms.budget,
            again=terms.again,
        )

    def run(some: Sequence[str]) -> Iterator[Collected]:
        return _in_turn(once, some, terms.clock, follower.tell) if terms.takes_turns else once(some)

    with follower.at(collector, subjects, terms.wish):
        for found in in_rounds(run, subjects, terms.clock, follower.tell) if terms.waits else run(subjects):
            file = terms.publish(found.file) if terms.publish and found.file else found.file
            one = replace(found, file=file)
            done.found.append(one)
            follower.got(one)


def _known(terms: Terms, subjects: Sequence[str], tell: Tell) -> Mapping[str, Known]:
    """What the lake has of accounts: there a collection stops, or at posts whose numbers are to be read again."""
    accounts = [subject for subject in subjects if not is_hashtag(subject)]
    ages = terms.settings.collection.growth_ages if terms.wish.rereads else ()
    return known_in(open_lake(terms.settings), accounts, terms.clock.now(), ages, terms.wish.posts, tell)


def _in_turn(
    run: Callable[[Sequence[str]], Iterator[Collected]], subjects: Sequence[str], clock: Clock, tell: Tell
) -> Iterator[Collected]:
    """Collect once no other run does, whose end is waited for. Raises BusyError where that takes more than an hour."""
    until, is_told = clock.now() + _LONGEST_TURN, False
    while True:
        found = iter(run(subjects))
        try:
            first = next(found, None)
        except BusyError as error:
            if clock.now() >= until:
                raise
            if not is_told:
                tell(f"{error} It is waited for.")
                is_told = True
            clock.sleep(_LOOK_AGAIN)
            continue
        if first is not None:
            yield first
        yield from found
        return


class _Followed:
    """A requester that says what it is about to ask."""

    def __init__(self, collector: Collector, follower: Follower) -> None:
        self._requester, self._follower = collector.requester, follower

    def ask(self, subject: str, ask: Ask) -> Verdict:
        self._follower.asks(ask)
        return self._requester.ask(subject, ask)
