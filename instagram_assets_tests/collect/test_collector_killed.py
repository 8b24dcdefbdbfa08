"""Fifty users of a site that refuses every tenth request, killed thirty times: in the end as if nothing had been."""

import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from instagram_assets.collect.circuit_breaker import clear_stop
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets_tests.collect.killed_runs import IMPORTS, POSTS, RATES, RUN, FileClock
from instagram_assets_tests.collect.virtual_clock import START
from instagram_assets_tests.collect.windows import assert_kept
from instagram_assets_tests.faults.harness import Worker
from instagram_assets_tests.servers import instagram_site as words
from instagram_assets_tests.servers.instagram_people import SitePerson
from instagram_assets_tests.servers.instagram_site import Asked, InstagramSiteServer

USERS = [f"user.{number:02}" for number in range(50)]
# One tenth of the users is refused for good, each in its way.
REFUSED = dict(zip(USERS[4::10], [words.MISSING, words.NOBODY, words.PRIVATE, words.WALL, words.MISSING], strict=True))
PASSING = (*words.PASSING, *words.THROTTLING, *words.LOGGING_IN, *words.STOPPING, words.CHANGED)
STOPPING = (*words.LOGGING_IN, *words.STOPPING)
KILLS = 30
IDENTITY = "instagram:anonymous"
FINAL = {"complete", "fresh", "not_found", "private"}


@dataclass
class Trial:
    """What a collection to the end left: the records of each account, what the site saw, at which requests it died."""

    exported: Mapping[str, list[Any]]
    files: int
    asked: Sequence[Asked]
    killed: set[int]


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker(RUN, IMPORTS) as worker:
        yield worker


def every_tenth(seed: int) -> Callable[[Asked], str | None]:
    """Refuses some users for good, and one of ten other requests, in all the ways that pass one after the other."""

    def refusal(asked: Asked) -> str | None:
        ten, place = divmod(asked.number, 10)
        is_it = place == Random(f"{seed} {ten}").randrange(10)
        return REFUSED.get(asked.subject) or (PASSING[ten % len(PASSING)] if is_it else None)

    return refusal


def collect_to_the_end(worker: Worker, folder: Path, kills: set[int]) -> Trial:
    """Start one run after the other, as a person does who looks after it, until of every user all is known."""
    folder.mkdir()
    clock, database = FileClock(folder / "clock", START), CollectorDatabase(folder / "books")
    killed: set[int] = set()

    def kill(asked: Asked) -> None:
        if asked.number in kills:
            killed.add(asked.number)
            os.kill(clock.worker, signal.SIGKILL)

    people = {name: SitePerson.made(name, POSTS) for name in USERS}
    with InstagramSiteServer(people, now=clock.now) as server:
        server.script, server.before = every_tenth(1), kill
        for _ in range(300):
            done = worker.run(folder, [str(folder), str(folder / "clock"), server.url, USERS])
            if done.exit == -signal.SIGKILL:
                continue
            assert done.exit == 0, done.output
            found = json.loads(done.output.splitlines()[-1])
            if found["ended"] == "IdentityStoppedError":
                before = len(server.asked)
                assert worker.run(folder, [str(folder), str(folder / "clock"), server.url, USERS]).exit == 0
                assert len(server.asked) == before  # nothing at all until somebody has looked
                assert clear_stop(database, IDENTITY)
            elif set(found["outcomes"].values()) <= FINAL:
                files = list((folder / "inbox").iterdir())
                return Trial(records(files), len(files), server.asked, killed)
            clock.sleep(900)
    raise AssertionError("it came to no end")


def records(files: Sequence[Path]) -> dict[str, list[Any]]:
    """The lines of each account, without the times at which they were seen."""
    found: dict[str, list[Any]] = {}
    for file in files:
        for line in file.read_text("utf-8").splitlines():
            envelope = json.loads(line)
            del envelope["observed_at"]
            found.setdefault(envelope["account"], []).append(envelope)
    return found


def assert_polite(trial: Trial) -> None:
    """No window was exceeded, no stored page asked for again, and no breaker ignored, as the site itself saw it."""
    assert_kept([asked.at for asked in trial.asked], RATES)
    given = Counter(
        (asked.subject, asked.page)
        for asked in trial.asked
        if asked.refused is None and asked.number not in trial.killed
    )
    assert set(given.values()) == {1}
    until, in_a_row = 0.0, 0
    for asked in trial.asked:
        assert asked.at >= until, asked
        if asked.number in trial.killed:
            continue  # nobody heard the answer
        if asked.refused in words.THROTTLING:
            least = words.RETRY_SECONDS if asked.refused in (words.LIMIT, words.LIMIT_DATE) else 0
            until, in_a_row = asked.at + max(least, min(900 * 2**in_a_row, 6 * 3_600)), in_a_row + 1
        elif asked.refused is None or asked.refused in REFUSED.values():
            in_a_row = 0


def test_fifty_users_refused_and_killed_are_collected_as_if_nothing_had_been(worker: Worker, tmp_path: Path) -> None:
    undisturbed = collect_to_the_end(worker, tmp_path / "undisturbed", set())
    wanted = [name for name in USERS if name not in REFUSED]
    assert set(undisturbed.exported) == set(wanted)
    assert undisturbed.files == len(wanted)
    assert {len(lines) for lines in undisturbed.exported.values()} == {1 + POSTS}  # the profile and its posts
    assert {asked.refused for asked in undisturbed.asked if asked.refused} >= {*PASSING, *REFUSED.values()}
    assert_polite(undisturbed)

    kills = set(Random(7).sample(range(1, len(undisturbed.asked)), KILLS))
    killed = collect_to_the_end(worker, tmp_path / "killed", kills)
    assert killed.killed == kills
    assert killed.exported == undisturbed.exported
    assert killed.files == undisturbed.files
    assert_polite(killed)
