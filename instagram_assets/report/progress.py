"""Progress of long work: a bar with rate and time left in a terminal, a log line every few seconds elsewhere.

Whatever does the work takes a callback and knows nothing of terminals.
"""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import NamedTuple, ParamSpec, TypeVar

from instagram_assets.media.download_types import DownloadProgress

_P = ParamSpec("_P")
_T = TypeVar("_T")

SECONDS_BETWEEN_LINES = 5.0
_SECONDS_BETWEEN_REDRAWS = 0.1


class ProgressUpdate(NamedTuple):
    """The state of some work: `done` of `total` things called `what`, and a note."""

    what: str
    done: int
    total: int
    note: str = ""

    def line(self, seconds: float) -> str:
        """One line with counts, things per second and the time left, `seconds` after the start."""
        rate = self.done / seconds if seconds else 0.0
        parts = [f"{self.what} {self.done:,}/{self.total:,}", _speed(rate) if rate else ""]
        if rate and self.done < self.total:
            parts.append(f"{_clock((self.total - self.done) / rate)} left")
        return "  ".join(part for part in (*parts, self.note) if part)


@contextmanager
def show_progress(
    log: Callable[[str], object], describe: Callable[_P, ProgressUpdate | str]
) -> Generator[Callable[_P, None]]:
    """A context whose callback shows progress while the block runs; the last state is logged at its end.

    `describe` turns the callback's arguments into an update, or a line where there is nothing to count. In a terminal
    it is one live bar; elsewhere `log` gets a line at most every five seconds.
    """
    begun = logged = monotonic()
    shown = float("-inf")
    last: ProgressUpdate | str = ""

    def as_line() -> str:
        return last.line(monotonic() - begun) if isinstance(last, ProgressUpdate) else last

    def to_log(*args: _P.args, **kwargs: _P.kwargs) -> None:
        nonlocal last, logged
        last = describe(*args, **kwargs)
        if monotonic() - logged >= SECONDS_BETWEEN_LINES:
            logged = monotonic()
            log(as_line())

    if not sys.stderr.isatty():
        yield to_log
    else:
        with _bar() as show:

            def to_terminal(*args: _P.args, **kwargs: _P.kwargs) -> None:
                nonlocal last, shown
                last = describe(*args, **kwargs)
                if monotonic() - shown >= _SECONDS_BETWEEN_REDRAWS:
                    shown = monotonic()
                    show(last)

            yield to_terminal
    if isinstance(last, ProgressUpdate) and not last.total:
        return
    if last:
        log(as_line())


def counter(what: str) -> Callable[[int, int], ProgressUpdate]:
    """A function from (done, total) to an update of that name, such as `captions 40/200`."""
    return lambda done, total: ProgressUpdate(what, done, total)


def download_update(progress: DownloadProgress, what: str = "images") -> ProgressUpdate:
    """An update that says how a download stands: counts by outcome and MB/s."""
    counts = {name: getattr(progress, name) for name in ("ok", "cached", "failed", "expired", "refused")}
    note = "  ".join(f"{name} {count:,}" for name, count in counts.items() if count)
    return ProgressUpdate(
        what, progress.done, progress.total, f"{progress.megabytes_per_second:.1f} MB/s  {note}".rstrip()
    )


def track(things: Iterable[_T], report: Callable[[int, int], None], total: int) -> Iterator[_T]:
    """The same things, with `report(done, total)` called before each and at the end."""
    for done, thing in enumerate(things):
        report(min(done, total), total)
        yield thing
    report(total, total)


@contextmanager
def _bar() -> Generator[Callable[[ProgressUpdate | str], None]]:
    """One progress bar on the standard error, removed when the block is left."""
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    speed = TextColumn("{task.fields[speed]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), speed, TimeRemainingColumn())
    begun = monotonic()
    with Progress(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task("", total=None, speed="", note="")

        def show(step: ProgressUpdate | str) -> None:
            if not isinstance(step, ProgressUpdate):
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
