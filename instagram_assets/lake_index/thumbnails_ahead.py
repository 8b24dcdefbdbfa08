"""Thumbnails made before somebody looks: those of the newest images first, as many as the folder may hold.

It can be ended at any time, by a signal too: each thumbnail is whole or not there, and the next time goes on with those
that are missing.
"""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from instagram_assets.errors import DecodeError, MediaRefusedError, NotFoundError
from instagram_assets.lake_index.reading import LakeIndex
from instagram_assets.lake_index.thumbnails import Thumbnails

_SHARE = 0.8
"""Of the limit of the folder at most: the rest is for what people look at, and nothing is removed to make one ahead."""
_LEAST_FREE = 1 << 30
"""Bytes of the disk that are left to others."""
_BATCH = 64
_LEAST_BYTES = 2_000
"""A thumbnail has more, so that no more images than this are asked for."""
_NICE = 19


@dataclass(frozen=True)
class Ahead:
    """What was done: thumbnails `made`, images whose file `failed`, and `left` that there is no room for."""

    made: int
    failed: int
    left: int
    seconds: float


def newest_images(index: LakeIndex, most: int) -> list[str]:
    """The `image_id` of stored images as the gallery has them, the newest first, each once; at most so many."""
    sql = (
        "SELECT image_id FROM (SELECT image_id, max(taken_at) AS newest, min(image) AS image FROM images"
        " WHERE image_id IS NOT NULL GROUP BY image_id) ORDER BY newest DESC NULLS LAST, image LIMIT $1"
    )
    return index.ask(sql, most).column("image_id").to_pylist()


def make_ahead(
    store: Thumbnails,
    image_ids: Sequence[str],
    workers: int = 1,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Ahead:
    """Make what is missing of these thumbnails, in their order, in `workers` threads.

    `image_ids` have the most wanted first. A thumbnail that is made counts as used a second before the one in front of
    it, so that the last of them are the first to go. `report` gets how many images were gone through, and of how many.
    Raises StorageError when the disk refuses.
    """
    start, started_at = time.monotonic(), time.time()
    there, most = store.sizes(), int(store.most_bytes * _SHARE)
    size = made = failed = done = 0
    with ThreadPoolExecutor(workers, "thumbnails-ahead") as pool:
        while done < len(image_ids) and size < most and _has_room(store):
            batch = image_ids[done : done + _BATCH]
            missing = [(each, started_at - place) for place, each in enumerate(batch, done) if each not in there]
            sizes = list(pool.map(partial(_make, store), missing))
            size += sum(sizes) + sum(there.get(each, 0) for each in batch)
            made += sum(each > 0 for each in sizes)
            failed += sum(each == 0 for each in sizes)
            done += len(batch)
            report(done, len(image_ids))
    return Ahead(made, failed, len(image_ids) - done, round(time.monotonic() - start, 1))


def most_images(store: Thumbnails) -> int:
    """More images than the folder can have thumbnails."""
    return store.most_bytes // _LEAST_BYTES


def be_quiet() -> None:
    """Leave the processor to whatever else wants it, for the rest of this process."""
    os.nice(_NICE)


def _has_room(store: Thumbnails) -> bool:
    folder = store.folder if store.folder.is_dir() else store.folder.parent
    return shutil.disk_usage(folder).free > _LEAST_FREE


def _make(store: Thumbnails, wanted: tuple[str, float]) -> int:
    """The bytes of a thumbnail that was made now; 0 where its picture is gone or cannot be shown."""
    image_id, used_at = wanted
    try:
        return store.make(image_id, used_at)
    except (NotFoundError, DecodeError, MediaRefusedError):
        return 0
