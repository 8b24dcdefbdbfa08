"""Two runs that write different days of the same accounts and months at once, one of them killed now and then.

`python -m instagram_assets_tests.faults.two_writers [--trials N] [--s3]`. Dagster runs two boxes at once by default.
After each trial every row must be there that a writer said it had written.
"""

import argparse
import multiprocessing
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import date, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from upath import UPath

ACCOUNTS = [f"account{number}" for number in range(4)]
FIRST = date(2026, 10, 20)
# Of each writer; together they fill two months in turn.
_DAYS = 6
# One trial in so many kills a writer.
_KILLS = 4
# What writing loads; s3fs, where it is installed, by the address.
_LOADED = ("pandas", "pyarrow.parquet", "instagram_assets.storage.lake", "instagram_assets.schemas", "s3fs")


class Place(NamedTuple):
    """Where a lake lies, and what fsspec needs to reach it."""

    url: str
    options: dict[str, Any]

    @property
    def root(self) -> UPath:
        return UPath(self.url, **self.options)


def lost_rows(places: Sequence[Place], seed: int = 7) -> list[str]:
    """One trial in each place: what is missing afterwards, in words; nothing is what must come back."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, *_LOADED])  # a killed writer's successor need not load them again
    chance, problems = random.Random(seed), list[str]()
    writers = [_Writer(context, which) for which in (0, 1)]
    try:
        for number, place in enumerate(places):
            for writer in writers:
                writer.start(place)
            if number % _KILLS == _KILLS - 1:
                writers[number // _KILLS % 2].kill(after=chance.random() * 0.1)
            promised = [day for writer in writers for day in writer.done()]
            if problem := _missing(place.root, promised):
                problems.append(f"trial {number}: {problem}")
    finally:
        for writer in writers:
            writer.end()
    return problems


def days_of(which: int) -> list[date]:
    """The days that one of the two writers writes: every second one."""
    return [FIRST + timedelta(days=2 * number + which) for number in range(_DAYS)]


class _Writer:
    """A process that writes its days of one lake after the other; a killed one is started again."""

    def __init__(self, context: Any, which: int) -> None:
        self._context, self._which = context, which
        self._begin()

    def start(self, place: Place) -> None:
        """Let it write into a lake."""
        if not self._process.is_alive():  # killed when it had just told its last day
            self._begin()
        self._pipe.send(place)

    def kill(self, after: float) -> None:
        """End it without a word in the middle of its work."""
        self._process.join(after)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def done(self) -> list[date]:
        """The days that it says it has written."""
        days: list[date] = []
        try:
            while day := self._pipe.recv():
                days.append(day)
        except (EOFError, ConnectionResetError):  # the latter when it was killed before it took its order
            self._process.join()
            if self._process.exitcode != -signal.SIGKILL:
                raise RuntimeError(f"a writer ended with {self._process.exitcode}") from None
            self._begin()
        return days

    def end(self) -> None:
        """End it for good."""
        self._process.kill()
        self._process.join()

    def _begin(self) -> None:
        self._pipe, other = self._context.Pipe()
        self._process = self._context.Process(target=_write, args=(other, self._which), daemon=True)
        self._process.start()
        other.close()
        self._pipe.recv()


def _write(pipe: Connection, which: int) -> None:
    from instagram_assets.schemas import IMPRESSIONS
    from instagram_assets.storage.lake_writer import write_cells

    pipe.send("ready")
    while True:
        place: Place = pipe.recv()
        for day in days_of(which):
            rows: pa.Table = IMPRESSIONS.table([{"account": a, "day": day, "post_id": f"{a}{day}"} for a in ACCOUNTS])
            write_cells(place.root, "impressions", ACCOUNTS, (day, day), rows)
            pipe.send(day)
        pipe.send(None)


def _missing(root: UPath, days: Sequence[date]) -> str:
    from instagram_assets.storage.lake import read_table

    found = {(row["account"], row["day"]) for row in read_table(root, "impressions").to_pylist()}
    lost = sorted({(account, day) for account in ACCOUNTS for day in days} - found)
    return f"{len(lost)} rows are lost, such as {lost[0]}" if lost else ""


def main() -> int:
    """Run the trials; exit code 1 when a row was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--s3", action="store_true", help="on an S3 server of this machine")
    chosen = parser.parse_args()
    start = time.perf_counter()
    with ExitStack() as stack:
        if chosen.s3:
            from instagram_assets_tests.servers.object_store import BUCKET, object_store, options

            address = stack.enter_context(object_store())
            places = [Place(f"s3://{BUCKET}/{number}", options(address)) for number in range(chosen.trials)]
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            places = [Place(str(folder / str(number)), {}) for number in range(chosen.trials)]
        problems = lost_rows(places)
    for problem in problems:
        print(problem)
    print(f"{chosen.trials} trials, {len(problems)} with lost rows, {time.perf_counter() - start:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
