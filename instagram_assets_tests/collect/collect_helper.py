"""A small site with books, an inbox and a clock, for tests of the journey from an account to its file."""

import json
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from instagram_assets.collect.collect_one_site import collect
from instagram_assets.collect.collection_results import SubjectResult
from instagram_assets.collect.collection_scope import CollectionScope
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.site_adapter import Classification, Request
from instagram_assets_tests.collect.small_site import DAY, START, RequestRecorder, SmallSite
from instagram_assets_tests.collect.virtual_clock import VirtualClock

Script = Callable[[int, str, Request], Classification | Exception | None]

HOUR = 3_600.0


class Bench:
    """Books, an inbox and a clock, and the site that they are for."""

    def __init__(self, folder: Path, **accounts: list[float]) -> None:
        self.database, self.inbox, self.clock = (
            CollectorDatabase(folder / "books"),
            folder / "inbox",
            VirtualClock(START),
        )
        self.site = SmallSite(accounts)
        self.asked: list[tuple[str, str]] = []

    def run(
        self, *names: str, scope: CollectionScope | None = None, script: Script | None = None, **more: Any
    ) -> list[SubjectResult]:
        """What a run says of each, and `asked` has what it asked; what ended it is raised."""
        return list(self.running(*names, scope=scope, script=script, **more))

    def running(
        self,
        *names: str,
        scope: CollectionScope | None = None,
        script: Script | None = None,
        log: Callable[[str], object] = lambda _: None,
        **more: Any,
    ) -> Generator[SubjectResult]:
        requester = RequestRecorder(self.site, self.database, self.clock)
        if script:
            requester.script = script
        self.asked = requester.asked
        yield from collect(
            self.site,
            requester,
            names or tuple(self.site.accounts),
            scope or CollectionScope(),
            database=self.database,
            inbox=self.inbox,
            clock=self.clock,
            log=log,
            **more,
        )

    def records(self) -> dict[str, list[Any]]:
        """What is in the inbox: of each subject its records in their order."""
        found: dict[str, list[Any]] = {}
        for file in sorted(self.inbox.glob("*.json")):
            for line in file.read_text("utf-8").splitlines():
                envelope = json.loads(line)
                found.setdefault(envelope["account"], []).append(envelope["record"])
        return found


def days_back(count: int, newest: float = START - HOUR) -> list[float]:
    """Times of posts, one a day, the newest first."""
    return [newest - number * DAY for number in range(count)]
