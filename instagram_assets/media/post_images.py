"""Creates download requests for the images of posts, and the table `images` from the download outcomes."""

from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, NamedTuple

import pyarrow as pa

from instagram_assets import schemas
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.download_types import DownloadOutcome, DownloadProgress, MediaRequest
from instagram_assets.media.store import MediaStore


class ImageKey(NamedTuple):
    """The key of an image of a post; keys sort in the order of the rows of `images`."""

    account: str
    day: date
    post_id: str
    position: int


def fetch_images(
    posts: pa.Table,
    store: MediaStore,
    options: DownloadOptions,
    images_per_post: int = 0,
    on_progress: Callable[[DownloadProgress], None] | None = None,
    past: pa.Table | None = None,
) -> tuple[pa.Table, DownloadProgress]:
    """Downloads the images of posts into the media store; returns the rows of `images` and the counts by outcome.

    `images_per_post` 0 means all. `past` are rows of `images` whose files the retention policy has deleted: they are
    returned unchanged, and not downloaded again. Raises StorageError on an I/O error.
    """
    from instagram_assets.media.download import download_all

    wanted = posts_to_requests(posts, images_per_post)
    gone = _by_key(past) if past is not None and past.num_rows else {}
    requests = [request for request in wanted if request.key not in gone]
    final = DownloadProgress(total=len(requests))

    def note(progress: DownloadProgress) -> None:
        nonlocal final
        final = progress
        if on_progress is not None:
            on_progress(progress)

    outcomes = download_all(requests, store, options, note)
    table = _image_rows(outcomes)
    if not gone or past is None:
        return table, final
    kept = past.take(pa.array([gone[request.key] for request in wanted if request.key in gone], pa.int64()))
    order = [(name, "ascending") for name in ImageKey._fields]
    return pa.concat_tables([table, schemas.IMAGES.conform(kept, "images")]).sort_by(order), final


def posts_to_requests(posts: pa.Table, images_per_post: int = 0) -> list[MediaRequest]:
    """Returns requests for the first `images_per_post` images of each post (0: all), including the covers of videos."""
    requests: list[MediaRequest] = []
    for post in posts.select(["account", "day", "post_id", "media"]).to_pylist():
        media: list[dict[str, Any]] = post["media"] or []
        images = {medium["position"]: medium for medium in reversed(media) if medium["kind"] == "image"}
        for position in sorted(images)[: images_per_post or None]:
            key = ImageKey(post["account"], post["day"], post["post_id"], position)
            requests.append(MediaRequest(key, images[position]["url"]))
    return requests


def _image_rows(outcomes: Iterable[DownloadOutcome]) -> pa.Table:
    """Returns outcomes, whose keys are ImageKeys, as a table of `schemas.IMAGES`, sorted by key."""
    rows = [_row(outcome) for outcome in outcomes]
    rows.sort(key=lambda row: (row["account"], row["day"], row["post_id"], row["position"]))
    return schemas.IMAGES.table(rows)


def _by_key(rows: pa.Table) -> dict[object, int]:
    """Returns ImageKey → row index of a table of images."""
    columns = (rows[name].to_pylist() for name in ImageKey._fields)
    return {ImageKey(*key): place for place, key in enumerate(zip(*columns, strict=True))}


def _row(outcome: DownloadOutcome) -> dict[str, object]:
    assert isinstance(outcome.key, ImageKey)
    return {
        **outcome.key._asdict(),
        "image_id": outcome.image_id,
        "url": outcome.url,
        "path": outcome.path,
        "width": outcome.width,
        "height": outcome.height,
        "bytes": outcome.bytes,
        "status": outcome.status,
        "reason": outcome.reason,
    }
