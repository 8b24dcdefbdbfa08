"""Measures of a video that need no model: its loudness and its cuts per minute.

Both depend only on the video's content, so they are cached by its hash, and each video is decoded once for them.
"""

from collections.abc import Callable, Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import FileError
from instagram_assets.media.video_analysis import cuts_per_minute, loudness
from instagram_assets.reels.analysis_schema import FAILED, OK, Row
from instagram_assets.schemas import REEL_ANALYSES, REEL_VIDEOS
from instagram_assets.storage.features import FeatureStore, computed

VIDEO_MEASURES: Mapping[str, Callable[[Path], float | None]] = {
    "loudness": loudness,
    "cuts_per_minute": cuts_per_minute,
}
"""Columns of `schemas.REEL_ANALYSES`, and the functions that measure them."""

MEASURES_SCHEMA = pa.schema(
    [
        pa.field("video_id", pa.string()),
        *(REEL_ANALYSES.schema.field(name) for name in VIDEO_MEASURES),
        pa.field("status", pa.string()),
        pa.field("reason", pa.string()),
    ]
)
"""The schema of a video's cached measures; `reason` tells what could not be measured."""

_VERSION = "2"
_AT_ONCE = 2
_BATCH = 16


def measure_videos(videos: Mapping[str, Path], root: UPath | Path) -> dict[str, Row]:
    """Returns loudness and cuts per minute of each video: video_id → columns of VIDEO_MEASURES and `reason`.

    `videos` maps each video_id to its file. `reason` says why a measure is missing. Results are cached below `root`;
    failed measures are null, and computed again in the next run.
    """
    store = FeatureStore(root, "reel_measures", _VERSION, MEASURES_SCHEMA)

    def compute(missing: list[str]) -> Generator[pa.Table]:
        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="measure") as pool:
            for start in range(0, len(missing), _BATCH):
                some = missing[start : start + _BATCH]
                found = pool.map(_measure, some, [videos[video_id] for video_id in some])
                yield pa.Table.from_pylist(list(found), schema=MEASURES_SCHEMA)

    rows = computed(videos, store, compute, batch=_BATCH).to_pylist()
    return {row["video_id"]: {name: row[name] for name in (*VIDEO_MEASURES, "reason")} for row in rows}


def with_damage(videos: pa.Table, media: Path, root: UPath | Path) -> pa.Table:
    """Returns `videos`, rows of `reel_videos`, with what cannot be measured in a damaged file added to `reason`."""
    rows = videos.to_pylist()
    files = {row["video_id"]: media / row["path"] for row in rows if row["status"] == OK and row["path"]}
    found = measure_videos({video_id: file for video_id, file in files.items() if file.is_file()}, root)
    for row in rows:
        if row["status"] == OK and (damage := found.get(row["video_id"], {}).get("reason")):
            row["reason"] = "; ".join(filter(None, (row["reason"], damage)))
    return REEL_VIDEOS.table(rows)


def _measure(video_id: str, path: Path) -> Row:
    row: Row = {"video_id": video_id}
    lacking: dict[str, list[str]] = {}
    for name, measure in VIDEO_MEASURES.items():
        try:
            row[name] = measure(path)
        except FileError as error:
            lacking.setdefault(error.problem, []).append(f"no {name.replace('_', ' ')}")
    reasons = [f"{' and '.join(names)}: {problem}" for problem, names in lacking.items()]
    return {**row, "status": FAILED if lacking else OK, "reason": "; ".join(reasons) or None}
