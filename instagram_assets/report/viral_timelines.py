"""Timeline charts of viral labels: an account's posts over time, with viral posts highlighted."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from instagram_assets.report.charts import timeline
from instagram_assets.schemas.engagement import VIRALITY_MEASURES

MAX_TIMELINES = 24
"""Accounts that get a timeline in the Dagster UI."""

_DAY = 24 * 60 * 60
_BEGIN = datetime(1970, 1, 1)
_GROUPS = {False: "not viral", True: "viral", None: "cannot be told"}
_OF_NO_ACCOUNT = "ads without an account"

_Row = dict[str, Any]


def viral_pictures(
    labels: pa.Table, measure: str, zone: ZoneInfo, *, most: int | None = MAX_TIMELINES, font: str = ""
) -> dict[str, bytes]:
    """PNG timelines by title, one for each account: its `measure` over time, accounts with the most viral posts first.

    `labels` is a table of `schemas.VIRAL_LABELS`, `measure` a key of VIRALITY_MEASURES. Days are those of `zone`. At
    most `most` accounts are drawn; None means all. `font` is the font file of the settings.
    """
    found: dict[str, list[_Row]] = {}
    for row in labels.select(["kind", "account", "taken_at", "viral", *_parts(measure)]).to_pylist():
        found.setdefault(row["account"] or _OF_NO_ACCOUNT, []).append(row)
    order = sorted(found, key=lambda name: (-sum(row["viral"] is True for row in found[name]), name))
    return {f"timeline of {name}": _timeline(name, found[name], measure, zone, font) for name in order[:most]}


def measure_of(row: _Row, measure: str) -> float | None:
    """The value of a virality measure for a row of `schemas.VIRAL_LABELS`; None if one of its metrics is unknown."""
    parts = [row[name] for name in _parts(measure)]
    return None if None in parts else sum(parts)


def _parts(measure: str) -> list[str]:
    return ["likes", "comments"] if measure == "engagement" else [measure]


def _timeline(name: str, rows: list[_Row], measure: str, zone: ZoneInfo, font: str) -> bytes:
    points: dict[bool | None, list[tuple[float, float]]] = {viral: [] for viral in _GROUPS}
    for row in rows:
        number = measure_of(row, measure)
        if number is not None:
            # By the clock on the wall, whatever it was set to that day.
            days = (row["taken_at"].astimezone(zone).replace(tzinfo=None) - _BEGIN).total_seconds() / _DAY
            points[row["viral"]].append((days, float(number)))
    groups = {f"{words} ({len(points[viral]):,})": points[viral] for viral, words in _GROUPS.items()}
    title = f"{VIRALITY_MEASURES[measure]} of {_counts(row['kind'] for row in rows)}"
    if without := len(rows) - sum(map(len, points.values())):
        title += f"; of {without:,} not known"
    return timeline(groups, title, subject=name, font=font)


def _counts(kinds: Iterable[str]) -> str:
    """Text with the number of items per kind, such as "12 posts and 1 reel"."""
    found = list(kinds)
    numbers = {kind: found.count(kind) for kind in ("post", "reel", "ad")}
    return " and ".join(f"{number:,} {kind}{'s' * (number > 1)}" for kind, number in numbers.items() if number)
