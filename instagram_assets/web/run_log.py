"""Reads the log of a Dagster run page by page: all events or only warnings, from a cursor or from the end."""

import base64
import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any

from instagram_assets.errors import NotFoundError
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dagster_queries import Event

_PAGE = 500
_MOST_PAGES = 40
_MOST_PAGES_TO_THE_END, _MOST_SECONDS = 200, 10.0
_LONGEST_CURSOR = 200
_WARNS = ("WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True)
class _Lines:
    """Events of a run's log and the cursor after the last one; `skipped` is true if earlier events were left out."""

    events: Sequence[Event]
    cursor: str
    has_more: bool
    skipped: bool = False


async def lines_of(dagster: DagsterApi, run_id: str, cursor: str | None, *, only_warnings: bool) -> _Lines:
    """Returns the next log events after a cursor, or from the beginning without one.

    With `only_warnings`, reads further pages until there are enough warnings or errors.
    """
    found: list[Event] = []
    cursor, has_more = cursor or "", True
    for _ in range(_MOST_PAGES if only_warnings else 1):
        page = await dagster.events(run_id, cursor or None, _PAGE)
        found += [event for event in page.events if not only_warnings or _warns(event)]
        cursor, has_more = page.cursor, page.has_more
        if not has_more or len(found) >= _PAGE:
            break
    return _Lines(found, cursor, has_more)


async def last_lines(dagster: DagsterApi, run_id: str, *, only_warnings: bool) -> _Lines:
    """Returns the last events of a log; reads it from the beginning, since Dagster cannot page backwards.

    If that exceeds the time limit, returns the last events that were read; the cursor continues from there.
    """
    kept: deque[Event] = deque(maxlen=_PAGE)
    cursor, has_more, count = "", True, 0
    until = monotonic() + _MOST_SECONDS
    for _ in range(_MOST_PAGES_TO_THE_END):
        page = await dagster.events(run_id, cursor or None, _PAGE)
        found = [event for event in page.events if not only_warnings or _warns(event)]
        kept.extend(found)
        count += len(found)
        cursor, has_more = page.cursor, page.has_more
        if not has_more or monotonic() > until:
            break
    return _Lines(list(kept), cursor, has_more, count > len(kept))


def _warns(event: Event) -> bool:
    return event.level.upper() in _WARNS


def check_cursor(cursor: str) -> None:
    """Raise NotFoundError for an invalid log cursor; Dagster's cursors are base64 of JSON with a number."""
    try:
        content: Any = json.loads(base64.b64decode(cursor[: _LONGEST_CURSOR + 1], validate=True))
        kind, position = content["type"], content["value"]
        is_one = kind == "STORAGE_ID" and type(position) is int and -1 <= position < 1 << 63  # before the first: -1
    except (ValueError, TypeError, KeyError, RecursionError):
        is_one = False
    if not is_one or len(cursor) > _LONGEST_CURSOR:
        raise NotFoundError(f"The log has no place {cursor[:50]!r}. Give the `cursor` of the answer before.")
