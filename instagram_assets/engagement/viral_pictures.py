"""Viral labels for people: for each account when it published what, with what went viral marked."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from instagram_assets.engagement.virality_rules import MEASURES
from instagram_assets.media.charts import timeline

MOST = 24
"""Accounts of which the UI shows a timeline."""

_DAY = 24 * 60 * 60
_BEGIN = datetime(1970, 1, 1)
_GROUPS = {False: "not viral", True: "viral", None: "cannot be told"}
_OF_NO_ACCOUNT = "ads without an account"

Row = dict[str, Any]


def viral_pictures(
    labels: pa.Table, measure: str, zone: ZoneInfo, *, most: int | None = MOST, font: str = ""
) -> dict[str, bytes]:
    """A timeline of each account's `measure`, those with the most viral ones first; `most` null draws all.

    `labels` is a table of `schemas.VIRAL_LABELS`, `measure` one of MEASURES, days are those of `zone`, `font` is that
    of the settings.
    """
    found: dict[str, list[Row]] = {}
    for row in labels.select(["kind", "account", "taken_at", "viral", *_parts(measure)]).to_pylist():
        found.setdefault(row["account"] or _OF_NO_ACCOUNT, []).append(row)
    order = sorted(found, key=lambda name: (-sum(row["viral"] is True for row in found[name]), name))
    return {f"timeline of {name}": _timeline(name, found[name], measure, zone, font) for name in order[:most]}


def amount(row: Row, measure: str) -> float | None:
    """What a post has of a measure; null when a part of it is unknown."""
    parts = [row[name] for name in _parts(measure)]
    return None if None in parts else sum(parts)


def _parts(measure: str) -> list[str]:
    return ["likes", "comments"] if measure == "engagement" else [measure]


def _timeline(name: str, rows: list[Row], measure: str, zone: ZoneInfo, font: str) -> bytes:
    points: dict[bool | None, list[tuple[float, float]]] = {viral: [] for viral in _GROUPS}
    for row in rows:
        number = amount(row, measure)
        if number is not None:
            # By the clock on the wall, whatever it was set to that day.
            days = (row["taken_at"].astimezone(zone).replace(tzinfo=None) - _BEGIN).total_seconds() / _DAY
            points[row["viral"]].append((days, float(number)))
    groups = {f"{words} ({len(points[viral]):,})": points[viral] for viral, words in _GROUPS.items()}
    title = f"{MEASURES[measure]} of {_counts(row['kind'] for row in rows)}"
    if without := len(rows) - sum(map(len, points.values())):
        title += f"; of {without:,} not known"
    return timeline(groups, title, subject=name, font=font)


def _counts(kinds: Iterable[str]) -> str:
    """Such as "12 posts and 1 reel"."""
    found = list(kinds)
    numbers = {kind: found.count(kind) for kind in ("post", "reel", "ad")}
    return " and ".join(f"{number:,} {kind}{'s' * (number > 1)}" for kind, number in numbers.items() if number)
