"""What a run collected, as a file in the inbox: named as Apify names it, and whole or not there."""

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from instagram_assets.ingest.folders import DONE, REJECTED
from instagram_assets.sources.apify import ActorRun
from instagram_assets.storage.atomic import write_atomic

_NO_LETTER = re.compile(r"[^A-Za-z0-9]")


def file_name(actor: str, run: ActorRun) -> str:
    """The name that Apify gives the dataset of a run, with the time when it had ended, and the run's own number.

    Two runs may end in the same millisecond.
    """
    ended = run.finished_at or run.started_at
    moment = ended.astimezone(UTC)
    time = f"{moment:%Y-%m-%d_%H-%M-%S}-{moment.microsecond // 1000:03}"
    return f"dataset_{actor.rpartition('/')[2]}_{time}_{_NO_LETTER.sub('-', run.id)}.json"


def place_of(file: Path) -> Path | None:
    """Where a file of the inbox lies by now: there, or where landing has put it; null when it is gone."""
    places = (file, file.parent / DONE / file.name, file.parent / REJECTED / file.name)
    return next((place for place in places if os.path.lexists(place)), None)


def bring(path: Path, items: Callable[[], Iterator[dict[str, Any]]]) -> int:
    """Write the items as a file of the inbox, unless it is there or was read from there; how many there are."""
    if there := place_of(path):
        return _count(there)
    found = items()
    first = next(found, None)
    if first is None:
        return 0
    count = 0

    def write(stream: BinaryIO) -> None:
        nonlocal count
        for count, item in enumerate(chain([first], found), start=1):
            stream.write(b"[\n" if count == 1 else b",\n")
            stream.write(_line(item))
        stream.write(b"\n]\n")

    write_atomic(path, write)
    return count


def _count(path: Path) -> int:
    """The records of a file that we wrote: each is in a line of its own, between two brackets."""
    with path.open("rb") as stream:
        return sum(1 for _ in stream) - 2


def _line(item: dict[str, Any]) -> bytes:
    """A record as JSON; half an emoji, which no encoding has, stays the escape that it was."""
    try:
        return json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(item, separators=(",", ":")).encode()
