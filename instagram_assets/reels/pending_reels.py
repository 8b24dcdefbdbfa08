"""Finds the reels that still need an analysis, or for which another attempt may succeed."""

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.media.never_download import PAST_RETENTION
from instagram_assets.reels.analysis_schema import NO_VIDEO, OK
from instagram_assets.reels.prompts import PROMPTS
from instagram_assets.reels.run_analysis import refused_for_good
from instagram_assets.reels.videos import ASKED_ANEW, address_of, needs_address
from instagram_assets.settings import Settings
from instagram_assets.storage.lake import Days, read_table

Row = dict[str, Any]

_POSTS = ("post_id", "account", "day", "kind", "media")
_VIDEOS = ("post_id", "account", "url", "status", "reason")
_ANALYSES = ("post_id", "account", "video_id", "status", "analyser", "model", "prompt", "label_hidden")


class PendingReel(NamedTuple):
    """A reel that needs an analysis; `again` is true if an earlier attempt was made."""

    account: str
    day: date
    post_id: str
    again: bool


def find_pending_reels(lake: UPath, days: Days, settings: Settings) -> list[PendingReel]:
    """Returns the reels of these days that need an analysis, sorted by account, day and id.

    These are reels without an analysis, or with one that differs from the settings: made locally instead of by Gemini
    (unless Gemini failed permanently), or with another model, prompt or label visibility. A reel without a video needs
    an analysis if its download failed, if it has a new URL, or if a new URL can be requested from Instagram.
    """
    posts = read_table(lake, "posts", days=days, columns=_POSTS)
    reels = posts.filter(compute.equal(posts["kind"], "reel")).to_pylist()
    if not reels:
        return []
    analyses = _by_key(read_table(lake, "reel_analyses", days=days, columns=_ANALYSES).to_pylist())
    videos = _by_key(read_table(lake, "reel_videos", days=days, columns=_VIDEOS).to_pylist())
    told = _labels(lake, settings)
    local = [row["video_id"] for row in analyses.values() if row["analyser"] == "local" and row["video_id"]]
    refused = refused_for_good(local, settings) if settings.reels.analyser == "gemini" else set[str]()
    due: list[PendingReel] = []
    for post in reels:
        key = post["account"], post["post_id"]
        analysis, video = analyses.get(key), videos.get(key)
        if video and video["reason"] == PAST_RETENTION:
            continue  # analysed before, and the video no longer exists
        if (
            analysis is None
            or _may_succeed(analysis, video, post, can_ask=bool(settings.reels.session_file))
            or (analysis["video_id"] not in refused and _is_otherwise(analysis, settings, has_label=key in told))
        ):
            due.append(PendingReel(post["account"], post["day"], post["post_id"], again=analysis is not None))
    return sorted(due)


def _may_succeed(analysis: Row, video: Row | None, post: Row, *, can_ask: bool) -> bool:
    if analysis["status"] != NO_VIDEO:
        return analysis["status"] != OK
    if video is None or video["status"] == OK:
        return True
    address, reason = address_of(post["media"]), video["reason"] or ""
    if needs_address(video["status"], reason):
        return address not in (None, video["url"]) or (can_ask and ASKED_ANEW not in reason)
    return video["status"] == "failed" and address is not None


def _is_otherwise(analysis: Row, settings: Settings, *, has_label: bool) -> bool:
    """Whether a complete analysis used another analyser, model, prompt or label visibility than is configured."""
    if settings.reels.analyser != "gemini" or analysis["status"] != OK:
        return False
    wanted = ("gemini", settings.gemini.model, PROMPTS, not has_label)
    return tuple(analysis[name] for name in ("analyser", "model", "prompt", "label_hidden")) != wanted


def _labels(lake: UPath, settings: Settings) -> set[tuple[str, str]]:
    """Returns (account, post id) of the reels whose viral label is passed to the model."""
    if settings.reels.hide_label:
        return set()
    rows = read_table(lake, "viral_labels", columns=["kind", "account", "id", "viral"]).to_pylist()
    return {(row["account"], row["id"]) for row in rows if row["kind"] == "reel" and row["viral"] is not None}


def _by_key(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    return {(row["account"], row["post_id"]): row for row in rows}
