"""Everybody who is to be collected, one site after the other: what a schedule starts, or somebody in the UI."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from instagram_assets.collect.books import Books
from instagram_assets.collect.budget import Budget
from instagram_assets.collect.clock import Clock
from instagram_assets.collect.collector import collect
from instagram_assets.collect.collectors import Collector, open_instagram, open_official
from instagram_assets.collect.growth import known_in
from instagram_assets.collect.whom import GRAPH_API, SiteName, Whom
from instagram_assets.collect.wish import Collected, Ended, Wish
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.settings import Settings
from instagram_assets.storage.lake import open_lake

LONGEST_WAIT = 900.0
"""Seconds that a run waits for a limit or a pause: what takes longer is left for the next run."""
_UNFINISHED = (Ended.OPEN, Ended.STOPPED, Ended.NOT_ASKED)

Tell = Callable[[str], object]


@dataclass
class Round:
    """What came of everybody, and what went wrong at a site."""

    found: list[Collected] = field(default_factory=list[Collected])
    errors: list[InstagramAssetsError] = field(default_factory=list[InstagramAssetsError])

    @property
    def numbers(self) -> dict[str, int]:
        """How many there are of each outcome, and what came."""
        outcomes = {f"{outcome}": sum(one.outcome is outcome for one in self.found) for outcome in Ended}
        return {
            "posts": sum(one.posts for one in self.found if one.file),
            "files": sum(one.file is not None for one in self.found),
            "requests": sum(one.requests for one in self.found),
            **{name: number for name, number in outcomes.items() if number},
        }

    @property
    def unfinished(self) -> list[Collected]:
        """Those that are gone on with by the next run."""
        return [one for one in self.found if one.outcome in _UNFINISHED]


def collect_everybody(
    settings: Settings, whom: Whom, wish: Wish, books: Books, clock: Clock, forgotten: Forgotten, tell: Tell
) -> Round:
    """Collect all subjects of all sites into the inbox; one site that refuses does not keep the others back."""
    done = Round()
    for site, subjects in whom.subjects.items():
        tell(f"{site}: {len(subjects):,} to collect")
        try:
            with _opened(settings, site, books, clock, tell) as collector:
                _collect(settings, collector, subjects, wish, books, clock, forgotten, tell, done)
        except InstagramAssetsError as error:
            done.errors.append(error)
    return done


def _opened(
    settings: Settings, site: SiteName, books: Books, clock: Clock, tell: Tell
) -> AbstractContextManager[Collector]:
    options = settings.collection
    if site == GRAPH_API:
        return open_official(
            settings.graph_api, options, books, clock, tell, patience=LONGEST_WAIT, budget=_budget(settings)
        )
    return open_instagram(options, books, clock, tell, patience=LONGEST_WAIT, budget=_budget(settings))


def _budget(settings: Settings) -> Budget:
    options = settings.collection
    return Budget(options.requests_per_day, options.requests_per_account, settings.zone)


def _collect(
    settings: Settings,
    collector: Collector,
    subjects: Sequence[str],
    wish: Wish,
    books: Books,
    clock: Clock,
    forgotten: Forgotten,
    tell: Tell,
    done: Round,
) -> None:
    options = settings.collection
    accounts = [subject for subject in subjects if not subject.startswith("#")]
    for one in collect(
        collector.site,
        collector.requester,
        subjects,
        wish,
        books=books,
        inbox=settings.folder("inbox"),
        clock=clock,
        tell=tell,
        forgotten=forgotten,
        known=known_in(open_lake(settings), accounts, clock.now(), options.growth_ages, wish.posts),
        budget=_budget(settings),
    ):
        done.found.append(one)
        tell(f"{one.subject}: {one.outcome}{f', {one.posts:,} posts' if one.posts else ''}{_because(one)}")


def _because(one: Collected) -> str:
    return f" ({one.reason})" if one.reason else ""
