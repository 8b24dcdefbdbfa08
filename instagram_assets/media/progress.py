"""How a download is told: a live line in a terminal, a line every few seconds in a log."""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic

from instagram_assets.media.outcomes import Progress

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def reporting(log: Callable[[str], object]) -> Generator[Callable[[Progress], None]]:
    """A callback that shows progress while the block runs, and logs how it ended.

    In a terminal it is one live line; elsewhere `log` gets a line every five seconds.
    """
    last = Progress()
    told = monotonic()

    def to_log(progress: Progress) -> None:
        nonlocal last, told
        last = progress
        if monotonic() - told >= SECONDS_BETWEEN_LINES:
            told = monotonic()
            log(sentence(progress))

    if not sys.stderr.isatty():
        yield to_log
    else:
        from rich.console import Console
        from rich.live import Live

        with Live(console=Console(stderr=True), refresh_per_second=8, transient=True) as live:

            def to_terminal(progress: Progress) -> None:
                nonlocal last
                last = progress
                live.update(sentence(progress))

            yield to_terminal
    if last.total:
        log(sentence(last))


def sentence(progress: Progress) -> str:
    """The state of a download in one line."""
    return (
        f"images {progress.done}/{progress.total}  {progress.images_per_second:.0f}/s  "
        f"{progress.megabytes_per_second:.1f} MB/s  ok {progress.ok}  cached {progress.cached}  "
        f"failed {progress.failed}  expired {progress.expired}  refused {progress.refused}"
    )
