"""Collecting under faults: two accounts and a hashtag from a site in the same process, books, pages and files."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from instagram_assets.collect.collect_one_site import collect
from instagram_assets.collect.collection_results import CollectionOutcome
from instagram_assets.collect.collection_scope import CollectionScope
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.storage.atomic import is_temporary
from instagram_assets_tests.collect.small_site import DAY, START, RequestRecorder, SmallSite, record
from instagram_assets_tests.collect.virtual_clock import VirtualClock
from instagram_assets_tests.faults.campaign import Scenario

IMPORTS = ("zoneinfo",)
POSTS = {
    "sun_diary": [START - number * DAY for number in range(1, 8)],
    "moon.cafe": [START - DAY],
    "#육아일기": [START - number for number in range(1, 5)],
}
_STORED = "stored.json"


def collect_all(root: str) -> None:
    """Called in the worker: one run over all subjects; raises what a person would see, and where one was not whole."""
    database, site = CollectorDatabase(Path(root) / "books"), SmallSite(POSTS)
    site.ids = {name: str(number) for number, name in enumerate(POSTS)}
    clock = VirtualClock(_latest(database) + 1)
    found = collect(
        site,
        RequestRecorder(site, database, clock),
        POSTS,
        CollectionScope(),
        database=database,
        inbox=Path(root) / "inbox",
        clock=clock,
        log=print,
    )
    for one in found:
        print(one.subject, one.outcome, one.requests)
        if one.outcome not in (CollectionOutcome.COMPLETE, CollectionOutcome.FRESH):
            raise RuntimeError(f"{one.subject} is {one.outcome}: {one.reason}")


def _latest(database: CollectorDatabase) -> float:
    """Time goes on from where the last run died."""
    with database.reading() as connection:
        return connection.execute("SELECT MAX(at) FROM requests").fetchone()[0] or START


def _after_fault(root: Path) -> str:
    """What is there is whole; which pages are stored, and how often they were asked for, is noted for later."""
    if problem := _wrong_files(root):
        return problem
    if not (root / "books" / "books.sqlite").exists():
        return ""
    stored: list[str] = []
    with CollectorDatabase(root / "books").reading() as connection:
        query = "SELECT subject, COUNT(*) AS pages, ended_at FROM crawls LEFT JOIN pages ON crawl = id GROUP BY id"
        for subject, pages, ended_at in connection.execute(query):
            whole = 1 + (len(POSTS[subject]) - 1) // 3
            here = whole if ended_at else (pages if connection.execute("SELECT 1 FROM pages").fetchone() else 0)
            stored += [f"posts of {subject} behind {3 * number}" for number in range(here)]
    asked = _asked(root)
    (root / _STORED).write_text(json.dumps({what: asked[what] for what in stored}), "utf-8")
    return ""


def _after_rerun(root: Path) -> str:
    if problem := _wrong_files(root):
        return problem
    names = sorted(path.name for path in (root / "inbox").iterdir())
    if len(names) != len(POSTS):
        return f"the inbox has {names}"
    noted: dict[str, int] = json.loads((root / _STORED).read_text("utf-8")) if (root / _STORED).exists() else {}
    asked = _asked(root)
    if again := [what for what, times in noted.items() if asked[what] != times]:
        return f"asked again for what was stored: {again}"
    if many := [what for what, times in asked.items() if times > 2]:
        return f"asked more than twice: {many}"
    with CollectorDatabase(root / "books").reading() as connection:
        left = connection.execute("SELECT COUNT(*) FROM pages").fetchone()[0]
        still_open = connection.execute("SELECT COUNT(*) FROM crawls WHERE ended_at IS NULL").fetchone()[0]
    return f"{left} pages and {still_open} crawls are left" if left or still_open else ""


def _wrong_files(root: Path) -> str:
    """What is wrong with the files of the inbox: each has all records of its subject, in their order."""
    inbox = root / "inbox"
    for path in inbox.iterdir() if inbox.exists() else ():
        if is_temporary(path.name):
            continue
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        name = lines[0]["account"] if lines else ""
        if [line["record"] for line in lines] != [record(name, taken) for taken in POSTS.get(name, ())]:
            return f"{path.name} is not what was collected"
    return ""


def _asked(root: Path) -> Counter[str]:
    with CollectorDatabase(root / "books").reading() as connection:
        return Counter(what for (what,) in connection.execute("SELECT what FROM requests"))


def _arguments(folder: Path) -> Sequence[object]:
    return [str(folder)]


COLLECTING = Scenario(
    "collecting",
    "instagram_assets_tests.faults.collecting:collect_all",
    prepare=lambda folder: None,
    arguments=_arguments,
    after_fault=_after_fault,
    after_rerun=_after_rerun,
    imports=IMPORTS,
)
