"""How long work is told: a live line in a terminal, a line every few seconds in a log."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic
from typing import ParamSpec

from instagram_assets.media.outcomes import Progress

P = ParamSpec("P")

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def reporting(log: Callable[[str], object], tell: Callable[P, str]) -> Generator[Callable[P, None]]:
    """A callback that shows progress while the block runs, and logs how it ended.

    `tell` puts what the callback is given into one line. In a terminal it is one live line; elsewhere `log` gets
    a line every five seconds.
    """
    last = ""
    told = monotonic()

    def to_log(*args: P.args, **kwargs: P.kwargs) -> None:
        nonlocal last, told
        last = tell(*args, **kwargs)
        if monotonic() - told >= SECONDS_BETWEEN_LINES:
            told = monotonic()
            log(last)

    if not sys.stderr.isatty():
        yield to_log
    else:
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(stderr=True), refresh_per_second=8, transient=True) as live:

            def to_terminal(*args: P.args, **kwargs: P.kwargs) -> None:
                nonlocal last
                last = tell(*args, **kwargs)
                live.update(last)

            yield to_terminal
    if last:
        log(last)


def counted(what: str) -> Callable[[int, int], str]:
    """Tells how many of a number of things are done, such as `captions 40/200`."""
    return lambda done, total: f"{what} {done}/{total}"


def downloaded(progress: Progress) -> str:
    """The state of a download in one line."""
    return (
        f"images {progress.done}/{progress.total}  {progress.images_per_second:.0f}/s  "
        f"{progress.megabytes_per_second:.1f} MB/s  ok {progress.ok}  cached {progress.cached}  "
        f"failed {progress.failed}  expired {progress.expired}  refused {progress.refused}"
    )
