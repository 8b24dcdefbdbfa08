"""How long work is told: a bar with rate and time left in a terminal, a line every few seconds elsewhere.

What does the work takes a callback and knows nothing of terminals.
"""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple, ParamSpec, TypeVar

from instagram_assets.media.outcomes import Progress

P = ParamSpec("P")
T = TypeVar("T")

SECONDS_BETWEEN_LINES = 5.0
_SECONDS_BETWEEN_LOOKS = 0.1


class Step(NamedTuple):
    """How far some work is: `done` of `total` things called `what`, and what else there is to say."""

    what: str
    done: int
    total: int
    note: str = ""

    def line(self, seconds: float) -> str:
        """All of it in one line, with things per second and the time left, after so many seconds."""
        rate = self.done / seconds if seconds else 0.0
        parts = [f"{self.what} {self.done:,}/{self.total:,}", _speed(rate) if rate else ""]
        if rate and self.done < self.total:
            parts.append(f"{_clock((self.total - self.done) / rate)} left")
        return "  ".join(part for part in (*parts, self.note) if part)


@contextmanager
def reporting(log: Callable[[str], object], tell: Callable[P, Step | str]) -> Generator[Callable[P, None]]:
    """A callback that shows progress while the block runs, and logs how it ended.

    `tell` puts what the callback is given into a step, or a line where there is nothing to count. In a terminal it is
    one live bar; elsewhere `log` gets a line at most every five seconds.
    """
    begun = told = monotonic()
    shown = float("-inf")
    last: Step | str = ""

    def as_line() -> str:
        return last.line(monotonic() - begun) if isinstance(last, Step) else last

    def to_log(*args: P.args, **kwargs: P.kwargs) -> None:
        nonlocal last, told
        last = tell(*args, **kwargs)
        if monotonic() - told >= SECONDS_BETWEEN_LINES:
            told = monotonic()
            log(as_line())

    if not sys.stderr.isatty():
        yield to_log
    else:
        with _bar() as show:

            def to_terminal(*args: P.args, **kwargs: P.kwargs) -> None:
                nonlocal last, shown
                last = tell(*args, **kwargs)
                if monotonic() - shown >= _SECONDS_BETWEEN_LOOKS:
                    shown = monotonic()
                    show(last)

            yield to_terminal
    if isinstance(last, Step) and not last.total:
        return
    if last:
        log(as_line())


def counted(what: str) -> Callable[[int, int], Step]:
    """Tells how many of a number of things are done, such as `captions 40/200`."""
    return lambda done, total: Step(what, done, total)


def downloaded(progress: Progress, what: str = "images") -> Step:
    """The state of a download."""
    counts = {name: getattr(progress, name) for name in ("ok", "cached", "failed", "expired", "refused")}
    note = "  ".join(f"{name} {count:,}" for name, count in counts.items() if count)
    return Step(what, progress.done, progress.total, f"{progress.megabytes_per_second:.1f} MB/s  {note}".rstrip())


def each(things: Iterable[T], report: Callable[[int, int], None], total: int) -> Iterator[T]:
    """The same things, counted while they are taken."""
    for done, thing in enumerate(things):
        report(min(done, total), total)
        yield thing
    report(total, total)


@contextmanager
def _bar() -> Generator[Callable[[Step | str], None]]:
    """One bar on the standard error that is gone when the block is left."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    speed = TextColumn("{task.fields[speed]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), speed, TimeRemainingColumn())
    begun = monotonic()
    with Bars(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None, speed="", note="")

        def show(step: Step | str) -> None:
            if not isinstance(step, Step):
                bars.update(task, description=escape(step))
                return
            rate = step.done / max(monotonic() - begun, 0.001)
            bars.update(
                task,
                description=escape(step.what),
                completed=step.done,
                total=step.total,
                speed=_speed(rate),
                note=escape(step.note),
            )

        yield show


def _speed(rate: float) -> str:
    return f"{rate:.{0 if rate >= 10 else 1}f}/s"


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
