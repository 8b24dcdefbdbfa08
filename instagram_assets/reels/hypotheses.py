"""Hypotheses why some reels of a week went viral: contrasts of viral and other reels, and suggestions of a model."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.calendar import monday
from instagram_assets.reels.analysis_schema import OK
from instagram_assets.reels.group_contrasts import PARTS_OF_DAY, LabelledReel, contrasts
from instagram_assets.reels.model_hypotheses import ModelHypothesis, group_hypotheses
from instagram_assets.schemas import VIRAL_HYPOTHESES

POST_COLUMNS = ("post_id", "account", "day", "kind", "taken_at", "caption", "hashtags", "mentions", "duration")
"""The columns that are read from `posts`."""
LABEL_COLUMNS = ("kind", "account", "id", "viral")
"""The columns that are read from `viral_labels`."""
VIDEO_COLUMNS = ("post_id", "account", "duration", "has_audio", "status")
"""The columns that are read from `reel_videos`."""
ANALYSIS_COLUMNS = (
    *("post_id", "account", "day", "analyser", "topics", "hypotheses"),
    *("loudness", "cuts_per_minute", "status"),
)
"""The columns that are read from `reel_analyses`."""

_SATURDAY = 5

Row = dict[str, Any]
Key = tuple[str, str]
"""Account and post: one post may be in two accounts that published it together."""


def viral_hypotheses(
    posts: pa.Table | pa.RecordBatchReader, labels: pa.Table, videos: pa.Table, analyses: pa.Table, zone: ZoneInfo
) -> pa.Table:
    """Returns the hypotheses of each week with an analysed reel: a table of `schemas.VIRAL_HYPOTHESES`, sorted by week.

    Weeks begin on Monday; times of day are in the time zone `zone`. All labelled reels of such a week are compared,
    each once. Deterministic: the result does not depend on the order of rows.
    """
    watched = analyses.filter(compute.equal(analyses["status"], "ok"))
    weeks = {monday(day) for day in watched["day"].unique().to_pylist()}
    if not weeks:
        return VIRAL_HYPOTHESES.empty()
    viral = _viral(labels)
    of_videos = _by_key(videos.filter(compute.equal(videos["status"], "ok")))
    of_analyses = _by_key(analyses)
    reels: dict[date, dict[str, tuple[LabelledReel, list[str]]]] = {}
    for post in sorted(_reels(posts, weeks), key=_key):
        key = _key(post)
        if key not in viral:
            continue
        analysis = of_analyses.get(key, {})
        numbers = _numbers(post, of_videos.get(key, {}), analysis, zone)
        said = analysis.get("hypotheses") if analysis.get("status") == OK else None
        found = LabelledReel(key[1], viral[key], numbers), list(said or [])
        of_week = reels.setdefault(monday(post["day"]), {})
        of_week[key[1]] = _better(of_week.get(key[1]), found)
    rows = [row for week in sorted(reels) for row in _of_week(week, reels[week].values())]
    return VIRAL_HYPOTHESES.table(rows)


def _of_week(week: date, reels: Iterable[tuple[LabelledReel, list[str]]]) -> list[Row]:
    found = list(reels)
    said = [ModelHypothesis(reel.post_id, reel.viral, text) for reel, texts in found for text in texts]
    return [*contrasts(week, [reel for reel, _ in found]), *group_hypotheses(week, said)]


def _better(
    known: tuple[LabelledReel, list[str]] | None, found: tuple[LabelledReel, list[str]]
) -> tuple[LabelledReel, list[str]]:
    """Returns the more complete of two records (reel, hypotheses) of a reel of two accounts; the first if equal."""
    if known is None:
        return found
    return max(known, found, key=lambda each: (bool(each[1]), len(each[0].numbers)))


def _reels(posts: pa.Table | pa.RecordBatchReader, weeks: set[date]) -> Iterable[Row]:
    """Yields the reels of these weeks, batch by batch, so that not all captions of a lake are in memory."""
    first, last = min(weeks), max(weeks) + timedelta(days=6)
    batches = posts if isinstance(posts, pa.RecordBatchReader) else posts.to_batches()
    for batch in batches:
        inside = compute.and_(
            compute.greater_equal(batch["day"], pa.scalar(first, pa.date32())),
            compute.less_equal(batch["day"], pa.scalar(last, pa.date32())),
        )
        chosen = batch.filter(compute.and_(inside, compute.equal(batch["kind"], "reel")))
        yield from (row for row in chosen.to_pylist() if monday(row["day"]) in weeks)


def _viral(labels: pa.Table) -> dict[Key, bool]:
    """Returns (account, post id) → whether the reel went viral, without reels for which it is unknown."""
    known = labels.filter(compute.and_(compute.equal(labels["kind"], "reel"), compute.is_valid(labels["viral"])))
    return {(row["account"], row["id"]): row["viral"] for row in known.select(LABEL_COLUMNS).to_pylist()}


def _by_key(table: pa.Table) -> dict[Key, Row]:
    return {_key(row): row for row in table.to_pylist()}


def _key(row: Row) -> Key:
    return row["account"], row["post_id"]


def _numbers(post: Row, video: Mapping[str, Any], analysis: Mapping[str, Any], zone: ZoneInfo) -> dict[str, float]:
    """Returns a reel's known values of FEATURES; loudness and cuts come from the video, even if its analysis failed."""
    by_gemini = analysis.get("analyser") == "gemini" and analysis.get("status") == OK
    found: dict[str, float | None] = {
        "duration": post["duration"] if video.get("duration") is None else video["duration"],
        "cuts_per_minute": analysis.get("cuts_per_minute"),
        "has_audio": video.get("has_audio"),
        "loudness": analysis.get("loudness"),
        "caption_length": _length(post["caption"]),
        "hashtags": _length(post["hashtags"]),
        "mentions": _length(post["mentions"]),
        "topics": _length(analysis.get("topics")) if by_gemini else None,
        "weekend": post["day"].weekday() >= _SATURDAY,
    }
    if post["taken_at"]:
        part = post["taken_at"].astimezone(zone).hour // 6
        found |= {name: place == part for place, name in enumerate(PARTS_OF_DAY)}
    return {name: float(value) for name, value in found.items() if value is not None}


def _length(value: str | list[str] | None) -> int | None:
    return None if value is None else len(value)
