"""Runs of the collector in processes that a test kills, in one virtual time that they share through a file."""

import json
import mmap
import os
import struct
from pathlib import Path
from random import Random

from instagram_assets.collect.backoff import Backoff
from instagram_assets.collect.collect_one_site import collect
from instagram_assets.collect.collection_scope import CollectionScope
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.http_client import HttpClient
from instagram_assets.collect.instagram_site import InstagramSite
from instagram_assets.collect.rate_limiter import Limiter
from instagram_assets.collect.retrying_requester import Requester
from instagram_assets.errors import AnswersChangedError, IdentityStoppedError
from instagram_assets.settings import CollectionSettings
from instagram_assets.settings.rate_limits import parse_rates

RUN = "instagram_assets_tests.collect.killed_runs:run"
IMPORTS = ("aiohttp",)
RATES = parse_rates("1,30;60,3600")
POSTS = 100
_STATE = struct.Struct("dq")


class FileClock:
    """A virtual time in a file, and the process that works in it."""

    def __init__(self, file: Path, begin: float | None = None) -> None:
        if begin is not None:
            file.write_bytes(_STATE.pack(begin, 0))
        with file.open("r+b") as stream:
            self._memory = mmap.mmap(stream.fileno(), _STATE.size)

    def now(self) -> float:
        return _STATE.unpack_from(self._memory)[0]

    def sleep(self, seconds: float) -> None:
        _STATE.pack_into(self._memory, 0, self.now() + max(0.0, seconds), self.worker)

    @property
    def worker(self) -> int:
        return _STATE.unpack_from(self._memory)[1]

    def start_work(self) -> None:
        """From here on this process is the one that works."""
        _STATE.pack_into(self._memory, 0, self.now(), os.getpid())


def run(folder: str, clock_file: str, url: str, names: list[str]) -> None:
    """Called in the process: one run over all users, as a person starts it; prints what came of each, and of all."""
    clock, database = FileClock(Path(clock_file)), CollectorDatabase(Path(folder) / "books")
    clock.start_work()
    site = InstagramSite(CollectionSettings(instagram_url=url), clock=clock)
    limiter = Limiter(database, site.identity, RATES, clock, _say_nothing)
    scope, inbox = CollectionScope(posts=POSTS, fresh=400 * 86_400.0), Path(folder) / "inbox"
    ended = ""
    outcomes: dict[str, str] = {}
    with HttpClient(url) as client:
        requester = Requester(
            site, client.send, database, limiter, Backoff(), clock, _say_nothing, random=Random(int(clock.now()))
        )
        try:
            for one in collect(
                site, requester, names, scope, database=database, inbox=inbox, clock=clock, log=_say_nothing
            ):
                outcomes[one.subject] = one.outcome
        except (IdentityStoppedError, AnswersChangedError) as error:
            ended = type(error).__name__
    print(json.dumps({"ended": ended, "outcomes": outcomes}))


def _say_nothing(_: str) -> None:
    """What is told about waiting is another test's."""
