"""Progress of long operations: a bar with rate and remaining time in a terminal, else log lines every few seconds.

The operation itself only calls a callback, and does not depend on a terminal.
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
    """The progress of an operation: `done` of `total` items, their name `what` (such as `images`), and a note."""

    what: str
    done: int
    total: int
    note: str = ""

    def line(self, seconds: float) -> str:
        """One line of text with counts, items per second and remaining time, `seconds` after the start."""
        rate = self.done / seconds if seconds else 0.0
        parts = [f"{self.what} {self.done:,}/{self.total:,}", _speed(rate) if rate else ""]
        if rate and self.done < self.total:
            parts.append(f"{_clock((self.total - self.done) / rate)} left")
        return "  ".join(part for part in (*parts, self.note) if part)


@contextmanager
def show_progress(
    log: Callable[[str], object], describe: Callable[_P, ProgressUpdate | str]
) -> Generator[Callable[_P, None]]:
    """Context manager: yields a callback that shows progress; the last state is logged at the end of the block.

    `describe` converts the callback's arguments to an update, or to a line of text if nothing is counted. In a
    terminal, a live bar is shown; otherwise `log` is called with a line at most every five seconds.
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
    """Returns a function that converts (done, total) to an update of items called `what`, such as `captions 40/200`."""
    return lambda done, total: ProgressUpdate(what, done, total)


def download_update(progress: DownloadProgress, what: str = "images") -> ProgressUpdate:
    """Converts the progress of a download to an update, with counts by status and MB/s."""
    counts = {name: getattr(progress, name) for name in ("ok", "cached", "failed", "expired", "refused")}
    note = "  ".join(f"{name} {count:,}" for name, count in counts.items() if count)
    return ProgressUpdate(
        what, progress.done, progress.total, f"{progress.megabytes_per_second:.1f} MB/s  {note}".rstrip()
    )


def track(things: Iterable[_T], report: Callable[[int, int], None], total: int) -> Iterator[_T]:
    """Yields the items of an iterable, and calls `report(done, total)` before each item and at the end."""
    for done, thing in enumerate(things):
        report(min(done, total), total)
        yield thing
    report(total, total)


@contextmanager
def _bar() -> Generator[Callable[[ProgressUpdate | str], None]]:
    """Context manager: a progress bar on standard error, removed at the end of the block."""
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
