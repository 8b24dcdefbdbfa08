"""Details of one post that are only in the lake, not in the index: tokens, labelling rule, video, and source file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.lake_index.page_rows import nan_as_none
from instagram_assets.storage.lake import files, read_rows, read_table

_VIDEO = ("video_id", "url", "path", "bytes", "duration", "width", "height", "codec", "has_audio", "status", "reason")


@dataclass
class PostInLake:
    """Details of one post from the lake; missing ones are empty, `problems` are errors of unreadable tables."""

    tokens: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    mentions: list[str] = field(default_factory=list[str])
    viral_rule: str | None = None
    source_sha256: str | None = None
    source_format: str | None = None
    video: dict[str, Any] | None = None
    analysis: dict[str, Any] | None = None
    problems: list[str] = field(default_factory=list[str])


def read_post(root: UPath, row: dict[str, Any]) -> PostInLake:
    """Reads the details of a post from the lake; `row` is the post's row in the index."""
    found = PostInLake()
    if post := _row(root, "posts", row, ("mentions", "source_sha256"), found):
        found.mentions, found.source_sha256 = post["mentions"] or [], post["source_sha256"]
    if tokens := _row(root, "tokens", row, ("tokens",), found):
        found.tokens = tokens["tokens"] or []
    if row["kind"] == "reel":
        found.video = _row(root, "reel_videos", row, _VIDEO, found)
        found.analysis = _row(root, "reel_analyses", row, None, found)
    found.viral_rule = _rule(root, row["kind"], found)
    if found.source_sha256:
        found.source_format = _format(root, found.source_sha256, found)
    return found


def _row(
    root: UPath, table: str, row: dict[str, Any], columns: Sequence[str] | None, found: PostInLake
) -> dict[str, Any] | None:
    names = None if columns is None else ["post_id", *columns]
    try:
        rows = read_table(root, table, [row["account"]], (row["day"], row["day"]), names)
    except StorageError as error:
        found.problems.append(str(error))
        return None
    numbers = [position for position, post_id in enumerate(rows["post_id"].to_pylist()) if post_id == row["post_id"]]
    return nan_as_none(rows.slice(numbers[0], 1).to_pylist())[0] if numbers else None


def _rule(root: UPath, kind: str, found: PostInLake) -> str | None:
    """Returns the name of the virality rule that labelled this kind of posts; None if none or on a read error."""
    from instagram_assets.arrow import compute

    try:
        for path in files(root, "viral_labels"):
            rows = read_rows(path, "viral_labels", None, ("kind", "rule"))
            position = compute.index(rows["kind"], kind).as_py()
            return rows["rule"][position].as_py() if position >= 0 else None
    except StorageError as error:
        found.problems.append(str(error))
    return None


def _format(root: UPath, sha256: str, found: PostInLake) -> str | None:
    try:
        rows = read_table(root, "landed_files", columns=["sha256", "format"]).to_pylist()
    except StorageError as error:
        found.problems.append(str(error))
        return None
    return next((row["format"] for row in rows if row["sha256"] == sha256), None)
