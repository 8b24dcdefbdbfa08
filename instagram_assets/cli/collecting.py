"""The journey of `scrape-users` and `collect`: progress for each account, the time left by the limits, a summary."""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from math import inf
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from instagram_assets.cli.tables import near
from instagram_assets.collect.asking import Ask, Verdict
from instagram_assets.collect.books import Books
from instagram_assets.collect.budget import Budget
from instagram_assets.collect.clock import Clock, moment, span
from instagram_assets.collect.collector import collect
from instagram_assets.collect.collectors import Collector, open_instagram, open_official
from instagram_assets.collect.proxies import Proxy
from instagram_assets.collect.rounds import in_rounds
from instagram_assets.collect.wish import Collected, Ended, Known, Wish
from instagram_assets.errors import InstagramAssetsError, NothingDoneError
from instagram_assets.privacy.forgotten import Forgotten
from instagram_assets.progress import Step, reporting
from instagram_assets.settings import Settings

SETTLED = (Ended.COMPLETE, Ended.PARTIAL, Ended.FRESH)
"""What there is of these is in its file."""
UNFINISHED = (Ended.OPEN, Ended.WAITING, Ended.STOPPED, Ended.NOT_ASKED)
"""These are gone on with by the same command."""
SHORT_PAUSE = 300.0
"""Seconds that are waited for also without `wait`: a limit is no refusal."""
_MOST_SHOWN = 30


@dataclass(frozen=True)
class Terms:
    """What holds for a whole command: `known` is what the lake has, to stop at.

    With `wait` also long pauses and used budgets are waited for.
    """

    settings: Settings
    books: Books
    clock: Clock
    wish: Wish
    inbox: Path
    forgotten: Forgotten
    known: Mapping[str, Known]
    again: bool
    wait: bool

    @property
    def patience(self) -> float:
        return inf if self.wait else SHORT_PAUSE

    @property
    def budget(self) -> Budget:
        options = self.settings.collection
        return Budget(options.requests_per_day, options.requests_per_account, self.settings.zone)


@dataclass
class Work:
    """What came of all subjects of a command, and what went wrong on the way; `there` had their file before."""

    there: int = 0
    wanted: int = 0
    found: list[Collected] = field(default_factory=list[Collected])
    errors: list[InstagramAssetsError] = field(default_factory=list[InstagramAssetsError])

    def of(self, *outcomes: Ended) -> list[Collected]:
        return [one for one in self.found if one.outcome in outcomes]

    def raise_errors(self) -> None:
        """Raise what went wrong, what is not whole yet, or that nothing was done, as one error."""
        told = [str(error) for error in self.errors]
        if unfinished := self.of(*UNFINISHED):
            later = [one.until for one in unfinished if one.until]
            when = f" (the first may go on at {moment(min(later)):%Y-%m-%d %H:%M} UTC)" if later else ""
            told.append(f"{len(unfinished):,} of {self.wanted:,} are not whole yet{when}. Run the same command again.")
        if told:
            raise InstagramAssetsError("\n".join(told))
        if not self.of(*SETTLED) and not self.there:
            raise NothingDoneError("Nothing could be collected. The lines above say why.")


def by_site(
    work: Work,
    terms: Terms,
    subjects: Sequence[str],
    *,
    proxies: Sequence[Proxy] = (),
    publish: Callable[[Path], Path] | None = None,
) -> None:
    """Collect accounts from Instagram's site; `publish` puts a file that arrived where it belongs."""
    options = terms.settings.collection
    _collect(
        work,
        terms,
        open_instagram(
            *(options, terms.books, terms.clock, _say),
            proxies=proxies,
            patience=terms.patience,
            budget=terms.budget,
        ),
        subjects,
        publish,
    )


def by_official_api(work: Work, terms: Terms, subjects: Sequence[str]) -> None:
    """Collect accounts and hashtags by Meta's official API."""
    chosen = terms.settings
    opened = open_official(
        *(chosen.graph_api, chosen.collection, terms.books, terms.clock, _say),
        patience=terms.patience,
        budget=terms.budget,
    )
    _collect(work, terms, opened, subjects)


def _collect(
    work: Work,
    terms: Terms,
    opened: AbstractContextManager[Collector],
    subjects: Sequence[str],
    publish: Callable[[Path], Path] | None = None,
) -> None:
    """Collect, with what ends it kept among the errors: what came before it is summed up, and other sites go on."""
    work.wanted += len(subjects)
    try:
        with opened as collector:
            _follow(work, terms, collector, subjects, publish)
    except InstagramAssetsError as error:
        work.errors.append(error)


def _follow(
    work: Work,
    terms: Terms,
    collector: Collector,
    subjects: Sequence[str],
    publish: Callable[[Path], Path] | None,
) -> None:
    """Say of each subject what came of it, with the time that the limits still need."""
    count, each, name = len(subjects), collector.requests_for(terms.wish.posts), collector.site.name
    _say(f"{name}: {_many(subjects)}, at most {_time(collector, count * each)} by the limits")
    asked = list[int]()
    doing = ""
    with reporting(_nothing, lambda: Step(name, len(asked), count, doing)) as show:

        def now_doing(words: str) -> None:
            nonlocal doing
            doing = words
            show()

        try:
            for found in _run(terms, _Watched(collector, now_doing), subjects):
                one = replace(found, file=publish(found.file)) if publish and found.file else found
                work.found.append(one)
                asked.append(one.requests)
                if one.outcome is not Ended.NOT_ASKED:
                    left = _left(collector, asked, count - len(asked), each)
                    _say(f"[{len(asked):,}/{count:,}] {_line(one, collector.site.identity)}{left}")
        except KeyboardInterrupt as stop:
            told = f"Stopped: {len(asked):,} of {_many(subjects)} done, and every page that came is kept"
            raise KeyboardInterrupt(f"{told}. Run the same command again: it goes on where this one was.") from stop


def _run(terms: Terms, watched: "_Watched", subjects: Sequence[str]) -> Iterator[Collected]:
    def once(some: Sequence[str]) -> Iterator[Collected]:
        return collect(
            watched.site,
            watched,
            some,
            terms.wish,
            books=terms.books,
            inbox=terms.inbox,
            clock=terms.clock,
            tell=_say,
            forgotten=terms.forgotten,
            known=terms.known,
            budget=terms.budget,
            again=terms.again,
        )

    return in_rounds(once, subjects, terms.clock, _say) if terms.wait else once(subjects)


class _Watched:
    """A requester that says what it is about to ask."""

    def __init__(self, collector: Collector, show: Callable[[str], object]) -> None:
        self._collector, self._show = collector, show
        self.site = collector.site

    def ask(self, subject: str, ask: Ask) -> Verdict:
        wait = self._collector.limiter.wait()
        self._show(f"{ask.what}, in {span(wait)}" if wait >= 1 else ask.what)
        return self._collector.requester.ask(subject, ask)


def _line(found: Collected, identity: str) -> str:
    """What came of one subject, in a line; why who asks may not go on is said once, at the end."""
    parts = [f"{found.subject}: {_words(found.outcome)}"]
    if found.posts:
        parts.append(f"{found.posts:,} post{'' if found.posts == 1 else 's'}")
    if found.requests:
        parts.append(f"{found.requests:,} request{'' if found.requests == 1 else 's'}")
    why = f" ({found.reason})" if found.reason and not found.reason.startswith(identity) else ""
    return f"{', '.join(parts)}{why}"


def summary(work: Work) -> Table:
    """What came of everybody: each by name where they are few, else those that are not complete and a count."""
    table = Table(title="Collected", title_justify="left")
    for name, right in (("account", False), ("", False), ("posts", True), ("requests", True), ("file, or why", False)):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    few, told = len(work.found) <= _MOST_SHOWN, {str(error) for error in work.errors}
    shown = [one for one in work.found if few or one.outcome not in (Ended.COMPLETE, Ended.FRESH)][:_MOST_SHOWN]
    for one in shown:
        reason = "see the error" if one.reason in told else one.reason
        parts = (near(one.file) if one.file else "", reason, _until(one))
        cells = (
            one.subject,
            _words(one.outcome),
            f"{one.posts:,}",
            f"{one.requests:,}",
            "; ".join(filter(None, parts)),
        )
        table.add_row(*map(Text, cells))
    if rest := Counter(one.outcome for one in work.found if one not in shown):
        table.add_section()
        for outcome, number in rest.items():
            table.add_row(f"{number:,} more", _words(outcome))
    return table


def as_json(work: Work) -> dict[str, Any]:
    """What came of everybody as plain values."""

    def plain(one: Collected) -> dict[str, Any]:
        until = moment(one.until).isoformat() if one.until else None
        return asdict(one) | {"file": str(one.file) if one.file else None, "until": until}

    errors = [str(error) for error in work.errors]
    return {"collected": [plain(one) for one in work.found], "there": work.there, "errors": errors}


def _say(line: str) -> None:
    # By way of sys.stderr, which a live bar takes over: typer.echo would write into the bar.
    print(line, file=sys.stderr, flush=True)


def _nothing(_: str) -> None:
    """Where nobody looks at a terminal, each account's line says enough."""


def _words(outcome: Ended) -> str:
    return outcome.replace("_", " ")


def _until(one: Collected) -> str:
    return f"may go on at {moment(one.until):%Y-%m-%d %H:%M} UTC" if one.until else ""


def _left(collector: Collector, asked: Sequence[int], count: int, each: int) -> str:
    """How long so many more subjects take, if they need as many requests as those did that needed any."""
    if not count:
        return ""
    needed = [requests for requests in asked if requests] or [each]
    return f"; about {_time(collector, round(count * sum(needed) / len(needed)))} left"


def _time(collector: Collector, requests: int) -> str:
    return span(max(1.0, collector.limiter.seconds_for(requests)))


def _many(subjects: Sequence[str]) -> str:
    hashtags = sum(subject.startswith("#") for subject in subjects)
    counts = {"account": len(subjects) - hashtags, "hashtag": hashtags}
    return " and ".join(f"{count:,} {name}{'' if count == 1 else 's'}" for name, count in counts.items() if count)
