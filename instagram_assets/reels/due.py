"""Which reels wait to be watched: those that nobody watched yet, and those of which it may succeed the next time."""

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.reels.analysis import NO_VIDEO, OK
from instagram_assets.storage.lake import Days, read_table

Row = dict[str, Any]

_POSTS = ("post_id", "account", "day", "kind", "media")
_VIDEOS = ("post_id", "account", "url", "status")
_ANALYSES = ("post_id", "account", "status")


class DueReel(NamedTuple):
    """A reel that waits; `again` says that it was tried before."""

    account: str
    day: date
    post_id: str
    again: bool


def due_reels(lake: UPath, days: Days) -> list[DueReel]:
    """The reels of these days that wait, by account, day and id.

    One that has no analysis waits again, which ends when answers failed so often that this machine gave one. One
    without a video waits again when fetching it failed, or its address had expired and there is a new one.
    """
    posts = read_table(lake, "posts", days=days, columns=_POSTS)
    reels = posts.filter(compute.equal(posts["kind"], "reel")).to_pylist()
    if not reels:
        return []
    analyses = _by_key(read_table(lake, "reel_analyses", days=days, columns=_ANALYSES).to_pylist())
    videos = _by_key(read_table(lake, "reel_videos", days=days, columns=_VIDEOS).to_pylist())
    due: list[DueReel] = []
    for post in reels:
        key = post["account"], post["post_id"]
        analysis = analyses.get(key)
        if analysis is None or _may_succeed(analysis, videos.get(key), post):
            due.append(DueReel(post["account"], post["day"], post["post_id"], again=analysis is not None))
    return sorted(due)


def _may_succeed(analysis: Row, video: Row | None, post: Row) -> bool:
    if analysis["status"] != NO_VIDEO:
        return analysis["status"] != OK
    if video is None or video["status"] == OK:
        return True
    address = _address(post)
    return bool(address) and (video["status"] == "failed" or (video["status"] == "expired" and address != video["url"]))


def _address(post: Row) -> str | None:
    """Where the reel's video is, as the post says."""
    return next((medium["url"] for medium in post["media"] or [] if medium["kind"] == "video"), None)


def _by_key(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    return {(row["account"], row["post_id"]): row for row in rows}
