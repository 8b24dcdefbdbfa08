"""Builds the table `reel_analyses` from videos: each is analysed and measured once, however many posts show it."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from statistics import fmean

import pyarrow as pa
from upath import UPath

from instagram_assets import schemas
from instagram_assets.reels.analysis_schema import FAILED, NO_VIDEO, OK, Analyser, OnProgress, Row, Video
from instagram_assets.reels.video_measures import VIDEO_MEASURES, measure_videos

VIDEO_COLUMNS = ("post_id", "account", "day", "video_id", "path", "duration", "status", "reason")
"""The columns that are read from `reel_videos`."""

NEWER_FAILED = "a newer request failed"
"""Text in `reason` of an analysis that was kept because a newer request, with another prompt or model, failed."""

LABEL_COLUMNS = ("kind", "account", "id", "viral")
"""The columns that are read from `viral_labels` if viral labels are passed to the analyser."""


def reel_analyses(
    videos: pa.Table,
    media: Path,
    features: UPath | Path,
    analyser: Analyser,
    labels: pa.Table | None = None,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """Returns the rows of `reel_analyses` for `videos`: rows of `reel_videos` whose files are below `media`.

    Loudness and cuts are measured for each stored video, and cached in the folder `features`. With `labels`, rows of
    `viral_labels`, the analyser gets the viral label of each reel where it is known. A failure of one video is stored
    in its row; errors of the analyser that concern all videos are raised.
    """
    viral = _viral(labels) if labels is not None else {}
    places = ["post_id", "account", "day"]
    rows: list[Row] = []
    wanted: list[Video | None] = []
    for row in videos.select(list(VIDEO_COLUMNS)).to_pylist():
        rows.append({name: row[name] for name in [*places, "video_id"]})
        wanted.append(None)
        if row["status"] != "ok" or not row["path"]:
            rows[-1] |= {"status": NO_VIDEO, "reason": row["reason"]}
        elif not (path := media / row["path"]).is_file():
            rows[-1] |= {"status": FAILED, "reason": "the video's file is no longer in the media folder"}
        else:
            label = viral.get((row["account"], row["post_id"]))
            wanted[-1] = Video(row["video_id"], path, row["duration"], label)
    each = list(dict.fromkeys(video for video in wanted if video is not None))
    found = dict(zip(each, analyser.analyse(each, on_progress) if each else [], strict=True))
    measures = measure_videos({video.video_id: video.path for video in each}, features)
    for row, video in zip(rows, wanted, strict=True):
        if video is not None:
            row |= _with_measures(found[video], measures[video.video_id])
    return schemas.REEL_ANALYSES.table(rows)


def with_earlier_analyses(table: pa.Table, earlier: pa.Table) -> pa.Table:
    """Returns `table` with failed analyses replaced by the complete ones of the same videos in `earlier`.

    Both are tables of `reel_analyses`. So no analysis is lost if a new model or prompt is configured, or labels are
    newly shown or hidden, while the service is busy or the budget is spent. The measured columns (loudness, cuts) are
    those of `table`, and `reason` also has the failure.
    """
    complete = {_video_of_post(row): row for row in earlier.to_pylist() if row["status"] == OK and row["video_id"]}
    rows = [
        row if row["status"] == OK or not (before := complete.get(_video_of_post(row))) else _as_before(before, row)
        for row in table.to_pylist()
    ]
    return schemas.REEL_ANALYSES.table(rows)


def is_from_before(reason: str | None) -> bool:
    """Whether this `reason` of a `reel_analyses` row marks an earlier analysis, kept since a newer one failed."""
    return NEWER_FAILED in (reason or "")


def analysis_counts(table: pa.Table, unanswered_usd: float = 0.0) -> dict[str, float]:
    """Returns name → total for a `reel_analyses` table: numbers of rows by status, seconds, tokens, dollars.

    A video that several posts show is counted once. Seconds, tokens and dollars per video help to choose a batch size.
    `unanswered_usd`, the maximum cost in US dollars of calls without a response, becomes a separate entry.
    """
    rows = table.select(["video_id", "status", "analyser", "seconds", *_SUMS]).to_pylist()
    videos = rows_by_video(rows)
    seconds = [row["seconds"] for row in videos if row["seconds"] is not None]
    sums = {name: sum(row[name] or 0 for row in videos) for name in _SUMS}
    asked = [row for row in videos if row["prompt_tokens"]]
    means = {"seconds_per_video": fmean(seconds)} if seconds else {}
    if asked:
        means["tokens_per_video"] = (sums["prompt_tokens"] + sums["answer_tokens"]) / len(asked)
        means["usd_per_video"] = (sums["cost_usd"] - unanswered_usd) / len(asked)
    apart = {"unanswered_usd": unanswered_usd} if unanswered_usd else {}
    on_this_machine = sum(row["analyser"] == "local" for row in videos)
    statuses = Counter(row["status"] for row in rows)
    return {"reels": len(rows), "videos": len(videos), "local": on_this_machine, **statuses, **sums, **apart, **means}


def rows_by_video(rows: Iterable[Row]) -> list[Row]:
    """Returns one of the rows of each video: several posts can show it, and each of their rows repeats its cost."""
    return list({row["video_id"]: row for row in rows if row["video_id"]}.values())


def _as_before(before: Row, row: Row) -> Row:
    own = (before["reason"] or "").partition(NEWER_FAILED)[0].removesuffix("; ")
    failure = f"{NEWER_FAILED}: {row['status']}" + (f" ({row['reason']})" if row["reason"] else "")
    measures = {name: row[name] for name in VIDEO_MEASURES}
    return {**before, **measures, "reason": "; ".join(filter(None, (own, failure)))}


def _video_of_post(row: Row) -> tuple[str, str, str | None]:
    return row["account"], row["post_id"], row["video_id"]


def _with_measures(row: Row, measures: Row) -> Row:
    """Returns `row` with its video's loudness and cuts; in a complete row `reason` also says why one is missing."""
    both = {**row, **measures, "reason": row.get("reason")}
    if row["status"] == OK and measures["reason"]:
        both["reason"] = "; ".join(filter(None, (row.get("reason"), measures["reason"])))
    return both


_SUMS = ("prompt_tokens", "answer_tokens", "cost_usd")


def _viral(labels: pa.Table) -> dict[tuple[str, str], bool | None]:
    """Returns (account, post id) → whether the reel went viral; None if that is unknown."""
    rows = labels.select(list(LABEL_COLUMNS)).to_pylist()
    return {(row["account"], row["id"]): row["viral"] for row in rows if row["kind"] == "reel"}
