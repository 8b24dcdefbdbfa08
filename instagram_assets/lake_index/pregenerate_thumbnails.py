"""Pre-generates thumbnails of the newest images, up to 80 % of the size limit of the thumbnail cache.

The process can be interrupted at any time: each thumbnail file is either complete or missing, and the next run
generates the missing ones.
"""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from instagram_assets.errors import DecodeError, MediaRefusedError, NotFoundError
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.thumbnails import Thumbnails

_SHARE = 0.8
"""Fraction of the cache's size limit that is filled: the rest is for images that users open, so none is evicted."""
_LEAST_FREE = 1 << 30
"""Bytes of disk space that are left free."""
_BATCH = 64
_LEAST_BYTES = 2_000
"""Minimum bytes of a thumbnail, from which follows the maximum number of images to query."""
_NICE = 19


@dataclass(frozen=True)
class PregenerationCounts:
    """Counts of a run: thumbnails `made`, images `failed` (not decodable), and images `left` for lack of space."""

    made: int
    failed: int
    left: int
    seconds: float


def newest_images(index: LakeIndex, most: int) -> list[str]:
    """Returns the distinct `image_id`s of the `most` newest stored images, newest first, in the gallery's order."""
    sql = (
        "SELECT image_id FROM (SELECT image_id, max(taken_at) AS newest, min(image) AS image FROM images"
        " WHERE image_id IS NOT NULL GROUP BY image_id) ORDER BY newest DESC NULLS LAST, image LIMIT $1"
    )
    return index.query(sql, most).column("image_id").to_pylist()


def pregenerate(
    store: Thumbnails,
    image_ids: Sequence[str],
    workers: int = 1,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> PregenerationCounts:
    """Generate the missing thumbnails of these images in the given order, with `workers` threads.

    `image_ids` are sorted by priority. Each thumbnail gets a last-used time that is a second before that of the
    previous one, so that the cache evicts the last ones first. `report` is called with the number of images done and
    the total. Raises StorageError if a thumbnail cannot be written.
    """
    start, started_at = time.monotonic(), time.time()
    there, most = store.sizes(), int(store.most_bytes * _SHARE)
    size = made = failed = done = 0
    with ThreadPoolExecutor(workers, "thumbnails-ahead") as pool:
        while done < len(image_ids) and size < most and _has_room(store):
            batch = image_ids[done : done + _BATCH]
            missing = [(each, started_at - position) for position, each in enumerate(batch, done) if each not in there]
            sizes = list(pool.map(partial(_make, store), missing))
            size += sum(sizes) + sum(there.get(each, 0) for each in batch)
            made += sum(each > 0 for each in sizes)
            failed += sum(each == 0 for each in sizes)
            done += len(batch)
            report(done, len(image_ids))
    return PregenerationCounts(made, failed, len(image_ids) - done, round(time.monotonic() - start, 1))


def most_thumbnails(store: Thumbnails) -> int:
    """Returns an upper bound on the number of thumbnails that fit into the size limit of the cache."""
    return store.most_bytes // _LEAST_BYTES


def lower_priority() -> None:
    """Lower this process's CPU priority for the rest of its life."""
    os.nice(_NICE)


def _has_room(store: Thumbnails) -> bool:
    folder = store.folder if store.folder.is_dir() else store.folder.parent
    return shutil.disk_usage(folder).free > _LEAST_FREE


def _make(store: Thumbnails, image: tuple[str, float]) -> int:
    """Generates a thumbnail and returns its size in bytes; 0 if its image is gone or cannot be decoded.

    `image` is the image_id and the last-used time to set.
    """
    image_id, used_at = image
    try:
        return store.make(image_id, used_at)
    except (NotFoundError, DecodeError, MediaRefusedError):
        return 0
