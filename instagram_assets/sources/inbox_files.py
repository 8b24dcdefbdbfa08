"""Writes the dataset of an Apify actor run to a file in the inbox, atomically and named like Apify's own exports."""

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from instagram_assets.ingest.folder_scan import DONE, REJECTED
from instagram_assets.sources.apify_api import ActorRun
from instagram_assets.storage.atomic import write_atomic

_NO_LETTER = re.compile(r"[^A-Za-z0-9]")


def export_file_name(actor: str, run: ActorRun) -> str:
    """Returns Apify's own file name for the dataset of a run, which has its end time, followed by the run id.

    The id keeps names unique, since two runs can end in the same millisecond.
    """
    ended = run.finished_at or run.started_at
    moment = ended.astimezone(UTC)
    time = f"{moment:%Y-%m-%d_%H-%M-%S}-{moment.microsecond // 1000:03}"
    return f"dataset_{actor.rpartition('/')[2]}_{time}_{_NO_LETTER.sub('-', run.id)}.json"


def locate_inbox_file(file: Path) -> Path | None:
    """Returns where an inbox file is now; None if it is gone.

    It is in the inbox or, once it was ingested or rejected, in a subfolder.
    """
    locations = (file, file.parent / DONE / file.name, file.parent / REJECTED / file.name)
    return next((path for path in locations if os.path.lexists(path)), None)


def write_inbox_file(path: Path, items: Callable[[], Iterator[dict[str, Any]]]) -> int:
    """Writes records (`items`) to an inbox file and returns the number of records in the file.

    A file that already exists, or was already ingested, is not written again.
    """
    if existing := locate_inbox_file(path):
        return _count_records(existing)
    records = items()
    first = next(records, None)
    if first is None:
        return 0
    count = 0

    def write(stream: BinaryIO) -> None:
        nonlocal count
        for count, item in enumerate(chain([first], records), start=1):
            stream.write(b"[\n" if count == 1 else b",\n")
            stream.write(_json_line(item))
        stream.write(b"\n]\n")

    write_atomic(path, write)
    return count


def _count_records(path: Path) -> int:
    """Returns the number of records in a file written by `write_inbox_file`: one per line, between two brackets."""
    with path.open("rb") as stream:
        return sum(1 for _ in stream) - 2


def _json_line(item: dict[str, Any]) -> bytes:
    """Returns a record as JSON bytes; lone surrogates stay escaped."""
    try:
        return json.dumps(item, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(item, separators=(",", ":")).encode()
