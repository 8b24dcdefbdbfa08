"""Builds the table `reel_videos` from posts: downloads videos once, refreshes expired URLs, and probes the files."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from itertools import islice
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets import schemas
from instagram_assets.errors import (
    FileError,
    MediaFailedError,
    MediaTransientError,
    RateLimitedError,
    SessionRefusedError,
)
from instagram_assets.media.download_options import DownloadOptions, too_large
from instagram_assets.media.download_types import DownloadOutcome, DownloadProgress, MediaRequest
from instagram_assets.media.never_download import WAS_FORGOTTEN
from instagram_assets.media.store import MediaStore
from instagram_assets.media.url_index import StoredMedia
from instagram_assets.media.video_analysis import VideoFacts, poster, probe
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN, Forgotten
from instagram_assets.reels.instagram_session import read_session
from instagram_assets.reels.url_refresh import UrlRefresher, UrlSource, check_instaloader
from instagram_assets.settings import DownloadSettings, ReelSettings
from instagram_assets.storage.fingerprints import url_identity

DIRECT, INSTALOADER = "direct", "instaloader"
NO_ADDRESS = "no address of a video came with the post"

_AT_ONCE = 8
"""Concurrent downloads of videos: more would share the bandwidth, and none would finish in time."""
_SECONDS = 600.0
_ASKED_TOGETHER = 8
"""Number of URLs refreshed per batch before their videos are downloaded; a killed run loses at most one batch."""
_MOST_LOST = 3
"""Failed requests in a row after which no more are made."""
_LOOKING, _POSTER_VERSION = 2, 1
ASKED_ANEW = "; asked anew: "
"""Separator in a `reason`, between the failure of the original URL and the failure of the refreshed one."""
_ASK_ANEW = re.compile(r"HTTP (403|404|410)$|HTML instead of a video$")
"""Failures, besides an expiry, that a fresh URL may fix."""


class ReelKey(NamedTuple):
    """The key of a reel: account, day and post; it sorts like the rows of `reel_videos`."""

    account: str
    day: date
    post_id: str


@dataclass(frozen=True, slots=True)
class _Reel:
    key: ReelKey
    shortcode: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """The result of probing a video file: metadata and poster image, or the reasons why they are missing."""

    facts: VideoFacts | None = None
    poster: str | None = None
    reason: str | None = None


def video_options(
    download: DownloadSettings, reels: ReelSettings, forgotten: Forgotten = NOTHING_FORGOTTEN
) -> DownloadOptions:
    """Returns the download options for videos: lower concurrency and longer timeouts than for images."""
    options = DownloadOptions.of(download, forgotten)
    return replace(
        options,
        max_video_mb=min(options.max_video_mb, reels.max_video_mb),
        max_concurrent_requests=min(options.max_concurrent_requests, _AT_ONCE),
        deadline=max(options.deadline, _SECONDS),
    )


def open_addresses(reels: ReelSettings) -> UrlSource | None:
    """Returns the configured source of fresh video URLs; None without a session file.

    Raises FileError and SettingsError as `read_session` and `UrlRefresher` do.
    """
    if not reels.session_file:
        return None
    check_instaloader()
    return UrlRefresher(read_session(reels.session_file, reels.session_user))


def reel_videos(
    posts: pa.Table,
    store: MediaStore,
    options: DownloadOptions,
    addresses: UrlSource | None = None,
    *,
    may_wait: bool = True,
    on_progress: Callable[[DownloadProgress], None] | None = None,
) -> pa.Table:
    """Returns the rows of `reel_videos` for the reels in `posts`; stores their videos and poster images.

    Stored videos are not downloaded again; videos whose URLs expire soonest are downloaded first. `addresses` supplies
    fresh URLs for reels whose URL has expired or is missing. Raises StorageError when the disk refuses, and
    RateLimitedError if `addresses` is rate-limited and `may_wait` is true; if it is false, the rows of the reels
    without a fresh URL say so in `reason`.
    """
    reels = reels_of(posts)
    outcomes = _asked_before(reels, store, options)
    outcomes |= _fetched([reel for reel in reels if reel.key not in outcomes], store, options, on_progress)
    if addresses:
        lacking = [reel for reel in reels if _may_be_asked(reel, outcomes[reel.key], options.forgotten)]
        outcomes |= _asked_anew(lacking, outcomes, store, options, addresses, may_wait)
    seen = _looked_into(outcomes.values(), store, options)
    rows = [_row(reel, outcomes[reel.key], seen) for reel in sorted(reels, key=lambda r: r.key)]
    return schemas.REEL_VIDEOS.table(rows)


def reels_of(posts: pa.Table) -> list[_Reel]:
    """Returns the reels among posts, each with the URL of its first video."""
    reels: list[_Reel] = []
    for post in posts.select(["account", "day", "post_id", "shortcode", "kind", "media"]).to_pylist():
        if post["kind"] != "reel":
            continue
        key = ReelKey(post["account"], post["day"], post["post_id"])
        reels.append(_Reel(key, post["shortcode"], address_of(post["media"])))
    return reels


def address_of(media: list[dict[str, Any]] | None) -> str | None:
    """Returns the URL of the first video among a post's media (images and videos); None if there is none."""
    films = [one for one in media or [] if one["kind"] == "video" and one["url"]]
    return min(films, key=lambda one: one["position"])["url"] if films else None


def _anew(reel: _Reel) -> str:
    """Returns the media store's key for a video from a refreshed URL: derived from the shortcode, not from the URL."""
    return f"reel:{reel.shortcode}"


def _page(reel: _Reel) -> str:
    """Returns the URL of the reel's page, which is stable, unlike the video's URL."""
    return f"https://www.instagram.com/reel/{reel.shortcode}/"


def _asked_before(
    reels: Sequence[_Reel], store: MediaStore, options: DownloadOptions
) -> dict[ReelKey, DownloadOutcome]:
    """Returns the download outcomes of those reels whose video an earlier run stored from a refreshed URL."""
    if not options.cache_images:
        return {}
    known = store.find({_anew(reel) for reel in reels if reel.shortcode})
    limits = options.limits("video")
    outcomes: dict[ReelKey, DownloadOutcome] = {}
    for reel in reels:
        if (entry := known.get(_anew(reel))) is not None:
            why = too_large(limits) if entry.bytes > limits.max_bytes else ""
            why = WAS_FORGOTTEN if options.forgotten.has("image", entry.image_id) else why
            refused = DownloadOutcome(reel.key, _page(reel), "refused", why)
            outcomes[reel.key] = refused if why else _stored(reel, entry)
    return outcomes


def _stored(reel: _Reel, entry: StoredMedia) -> DownloadOutcome:
    return DownloadOutcome(
        key=reel.key,
        url=_page(reel),
        status="ok",
        reason=entry.note,
        image_id=entry.image_id,
        path=entry.path,
        width=entry.width,
        height=entry.height,
        bytes=entry.bytes,
        cached=True,
    )


def _fetched(
    reels: Sequence[_Reel],
    store: MediaStore,
    options: DownloadOptions,
    on_progress: Callable[[DownloadProgress], None] | None = None,
) -> dict[ReelKey, DownloadOutcome]:
    """Downloads the videos of these reels; returns each outcome. Reels without a URL fail without a request."""
    from instagram_assets.media.download import download_all

    requests = [MediaRequest(reel.key, reel.url, "video") for reel in reels if reel.url]
    outcomes = download_all(requests, store, options, on_progress) if requests else []
    found = {request.key: outcome for request, outcome in zip(requests, outcomes, strict=True)}
    return {reel.key: found.get(reel.key) or DownloadOutcome(reel.key, None, "failed", NO_ADDRESS) for reel in reels}


def needs_address(status: str, reason: str | None) -> bool:
    """Whether a fresh URL may fix a failed download, judged by the download's `status` and `reason`."""
    first = (reason or "").partition("; ")[0]
    return status == "expired" or (status != "ok" and (first == NO_ADDRESS or bool(_ASK_ANEW.search(first))))


def _may_be_asked(reel: _Reel, outcome: DownloadOutcome, forgotten: Forgotten) -> bool:
    """Whether a fresh URL may fix a reel's failed download; always false if the account or the reel was erased."""
    if forgotten.has("account", reel.key.account) or forgotten.has("shortcode", reel.shortcode):
        return False
    return bool(reel.shortcode) and needs_address(outcome.status, outcome.reason)


def _asked_anew(
    reels: Sequence[_Reel],
    outcomes: Mapping[ReelKey, DownloadOutcome],
    store: MediaStore,
    options: DownloadOptions,
    addresses: UrlSource,
    may_wait: bool,
) -> dict[ReelKey, DownloadOutcome]:
    """Refreshes the reels' URLs and downloads the videos; returns the outcomes. Keeps what came before a refusal."""
    anew: dict[ReelKey, DownloadOutcome] = {}
    asking = _Asking(addresses)
    by_shortcode: dict[str | None, list[_Reel]] = {}
    for reel in reels:
        by_shortcode.setdefault(reel.shortcode, []).append(reel)
    left = iter(by_shortcode.values())
    while some := list(islice(left, _ASKED_TOGETHER)):
        fresh = [(same, url) for same in some if (url := asking.url(same[0])) is not None]
        found = _fetched([replace(same[0], url=url) for same, url in fresh], store, options)
        for same, url in fresh:
            first = found[same[0].key]
            if first.status == "ok" and (entry := store.find([url_identity(url)]).get(url_identity(url))):
                store.add_alias(_anew(same[0]), entry)
            for reel in same:
                anew[reel.key] = replace(first, key=reel.key, url=_page(reel))
        if asking.limit and may_wait:
            raise asking.limit
    for reel in reels:
        if reel.key not in anew:
            anew[reel.key] = asking.ended(reel, outcomes[reel.key])
    return anew


class _Asking:
    """Requests fresh URLs one by one until no more requests are allowed; records for each reel why it got none."""

    def __init__(self, addresses: UrlSource) -> None:
        self.limit: RateLimitedError | None = None
        self._addresses = addresses
        self._stop = ""
        self._gone: dict[str, str] = {}
        self._lost: dict[str, str] = {}
        self._in_a_row = 0

    def url(self, reel: _Reel) -> str | None:
        """Returns the reel's current URL; None if it has none, or if no more requests are allowed."""
        assert reel.shortcode
        if self._stop:
            return None
        try:
            url = self._addresses.ask(reel.shortcode)
        except RateLimitedError as limit:
            self.limit, self._stop = limit, str(limit).rstrip(".")
        except SessionRefusedError as refusal:
            self._stop = str(refusal)
        except MediaFailedError as ending:
            self._gone[reel.shortcode] = ending.reason
            self._in_a_row = 0
        except MediaTransientError as problem:
            self._lost[reel.shortcode] = problem.reason
            self._in_a_row += 1
            if self._in_a_row == _MOST_LOST:
                self._stop = problem.reason
        else:
            self._in_a_row = 0
            return url
        return None

    def ended(self, reel: _Reel, before: DownloadOutcome) -> DownloadOutcome:
        """Returns the outcome of a reel that got no fresh URL: its outcome `before`, with the reason why added."""
        code = reel.shortcode or ""
        if code in self._gone:
            return replace(before, status="failed", reason=f"{before.reason}{ASKED_ANEW}{self._gone[code]}")
        reason = self._lost.get(code) or self._stop
        return replace(before, reason=f"{before.reason}; not asked anew: {reason}")


def _looked_into(outcomes: Iterable[DownloadOutcome], store: MediaStore, options: DownloadOptions) -> dict[str, _Seen]:
    """Returns video_id → metadata and poster image of each stored video; posters that exist are not made again."""
    videos = {outcome.image_id: outcome for outcome in outcomes if outcome.image_id}
    posters = store.find(map(_poster_identity, videos))

    def look(video_id: str) -> tuple[str, VideoFacts | None, bytes | None, str | None]:
        file, facts = store.root / str(videos[video_id].path), None
        try:
            facts = probe(file)
            picture = None if _poster_identity(video_id) in posters else poster(file)
        except FileError as error:
            return video_id, facts, None, f"no poster: {error.problem}" if facts else error.problem
        return video_id, facts, picture, None

    seen: dict[str, _Seen] = {}
    limits = options.limits("image")
    with ThreadPoolExecutor(_LOOKING, thread_name_prefix="film") as pool:
        left = iter(videos)
        while some := list(islice(left, 2 * _LOOKING)):  # so that few posters wait in memory
            for video_id, facts, picture, reason in pool.map(look, some):
                entry = posters.get(_poster_identity(video_id))
                if picture is not None:
                    entry = store.add_local(_poster_identity(video_id), picture, limits)
                seen[video_id] = _Seen(facts, entry.path if entry and facts else None, reason)
    return seen


def _poster_identity(video_id: str) -> str:
    return f"poster:{_POSTER_VERSION}:{video_id}"


def _row(reel: _Reel, outcome: DownloadOutcome, seen: Mapping[str, _Seen]) -> dict[str, object]:
    found = seen.get(outcome.image_id or "", _Seen())
    row: dict[str, object] = {
        **reel.key._asdict(),
        "shortcode": reel.shortcode,
        "url": outcome.url,
        "source": INSTALOADER if outcome.url == _page(reel) else DIRECT,
        "status": outcome.status,
        "reason": outcome.reason,
    }
    if outcome.status != "ok":
        return row
    facts = found.facts
    if facts is None:
        # The download was complete, so the damage would come again.
        return row | {"status": "failed", "reason": found.reason}
    return row | {
        "video_id": outcome.image_id,
        "path": outcome.path,
        "bytes": outcome.bytes,
        "duration": facts.duration,
        "width": facts.width,
        "height": facts.height,
        "codec": facts.codec,
        "has_audio": facts.has_audio,
        "poster": found.poster,
        "reason": "; ".join(filter(None, (outcome.reason, found.reason))) or None,
    }
