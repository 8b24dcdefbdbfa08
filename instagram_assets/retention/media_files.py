"""Retention of images and videos: a file expires if all posts that show it were last observed before the limit.

Deletion order: the file's path in table rows, its URLs in the URL index, the file, its thumbnail. If killed in between,
the next run deletes the rest. Images found by an image search are kept as long as the search.
"""

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.lake_index.remove_derived_files import without_picture
from instagram_assets.media.never_download import PAST_RETENTION
from instagram_assets.media.url_index import UrlIndex
from instagram_assets.retention.expired_items import MEDIA_PLACE, MEDIA_ROWS_PLACE, ExpiredItem
from instagram_assets.retention.observation_tables import replace_rows
from instagram_assets.storage.atomic import refusal, sync_folders
from instagram_assets.storage.lake import files, months, read_rows, read_table

_FILE = re.compile(r"(?P<sha256>[0-9a-f]{64})\.(?P<ending>[a-z0-9]+)(\.damaged)?")
_FILMS = ("mp4", "mov")
_INDEX = "index.sqlite"
_READ = {
    "images": ("account", "post_id", "image_id"),
    "reel_videos": ("account", "post_id", "video_id", "poster"),
    "posts": ("account", "post_id", "observed_at"),
}
_PATHS = {"images": ("path",), "reel_videos": ("path", "poster")}
"""The columns of each table that contain a file path."""


def expired_media(media: Path, lake: UPath, before: datetime, small: Path | None = None) -> Iterator[ExpiredItem]:
    """Yields the table rows that refer to expired media files, then the expired files themselves.

    `before` is the retention limit. A file that no row refers to expires by its modification time. `small` is the
    folder of thumbnails: thumbnails of expired or missing images expire too. Raises StorageError for a damaged table.
    """
    last, held = _last_shown(lake), _held(lake)
    past: dict[str, list[tuple[Path, datetime]]] = {}
    for path in _stored(media):
        sha256 = path.name[:64]
        moment = last.get(sha256) or datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if sha256 not in held and moment < before:
            past.setdefault(sha256, []).append((path, moment))
    if past:
        yield from _files(media, lake, past)
    if small:
        yield from _thumbnails(media, small, past)


def _files(media: Path, lake: UPath, past: Mapping[str, list[tuple[Path, datetime]]]) -> Iterator[ExpiredItem]:
    yield from _rows(lake, {sha256: max(moment for _, moment in found) for sha256, found in past.items()})
    folders: dict[tuple[Path, str], list[tuple[Path, datetime]]] = {}
    for found in past.values():
        for path, moment in found:
            kind = "videos" if path.name.split(".")[1] in _FILMS else "images"
            folders.setdefault((path.parent, kind), []).append((path, moment))
    for (folder, kind), found in sorted(folders.items()):
        paths, moments = zip(*found, strict=True)
        size = sum(path.stat().st_size for path in paths)
        act = partial(_remove, media, paths)
        yield ExpiredItem(MEDIA_PLACE, kind, folder.name, len(paths), size, min(moments), max(moments), act)


def _thumbnails(media: Path, small: Path, past: Collection[str]) -> Iterator[ExpiredItem]:
    """Yields the thumbnails of images that expire in this run or do not exist any more."""
    gone: dict[Path, list[Path]] = {}
    for path in without_picture(small, media, past):
        gone.setdefault(path.parent, []).append(path)
    for folder, paths in gone.items():
        size = sum(path.stat().st_size for path in paths)
        yield ExpiredItem(MEDIA_PLACE, "thumbnails", folder.name, len(paths), size, None, None, partial(_unlink, paths))


def _last_shown(lake: UPath) -> dict[str, datetime]:
    """Returns SHA-256 of a media file → time at which it was last observed in a post."""
    last: dict[str, datetime] = {}
    for tables in months(lake, list(_READ), _READ):
        posts = tables["posts"]
        seen = dict(zip(posts["post_id"].to_pylist(), posts["observed_at"].to_pylist(), strict=True))
        for name, shown in _shown(tables):
            moment = seen.get(name)
            if moment and (shown not in last or last[shown] < moment):
                last[shown] = moment
    return last


def _shown(tables: dict[str, pa.Table]) -> Iterator[tuple[str, str]]:
    """Yields (post id, SHA-256 of an image, video or video poster of the post)."""
    images, videos = tables["images"], tables["reel_videos"]
    yield from zip(images["post_id"].to_pylist(), images["image_id"].to_pylist(), strict=True)
    for row in videos.to_pylist():
        yield row["post_id"], row["video_id"]
        if row["poster"]:
            yield row["post_id"], os.path.basename(row["poster"])[:64]


def _held(lake: UPath) -> set[str]:
    """Returns the SHA-256 of each image that an image search found."""
    return set(read_table(lake, "search_images", columns=["image_id"])["image_id"].drop_null().to_pylist())


def _stored(media: Path) -> Iterator[Path]:
    for folder in sorted(media.glob("[0-9a-f][0-9a-f]")):
        if folder.is_dir():
            yield from sorted(path for path in folder.iterdir() if _FILE.fullmatch(path.name))


def _rows(lake: UPath, last: Mapping[str, datetime]) -> Iterator[ExpiredItem]:
    """Yields the table rows that refer to expired files; `last` maps a file's hash to the time it was last observed."""
    past = pa.array(last, pa.string())
    for name, columns in _PATHS.items():
        for path in files(lake, name):
            found: Any = read_rows(path, name, columns=columns)
            chosen = found.filter(_speaks_of(found, columns, past))
            if chosen.num_rows:
                hashes = {text[3:67] for column in columns for text in chosen[column].to_pylist() if text}
                moments = [last[sha256] for sha256 in hashes & last.keys()]
                act = partial(replace_rows, path, name, partial(_said, name, past))
                yield ExpiredItem(
                    MEDIA_ROWS_PLACE,
                    name,
                    str(path.relative_to(lake)),
                    chosen.num_rows,
                    0,
                    min(moments),
                    max(moments),
                    act,
                )


def _speaks_of(rows: pa.Table, columns: Iterable[str], past: pa.Array) -> Any:
    """Returns a boolean mask (rows,) of the rows with a path in `columns` whose hash is in `past`."""
    flags: Any = pa.array([False] * rows.num_rows)
    for column in columns:
        flags = compute.or_(flags, _is_of(rows[column], past))
    return flags


def _is_of(paths: Any, past: pa.Array) -> Any:
    """Returns a boolean mask of the paths whose hash is in `past`; a path is two hex digits, `/`, and the hash."""
    return compute.is_in(compute.utf8_slice_codeunits(paths, 3, 67), value_set=past)


def _said(name: str, past: pa.Array, rows: pa.Table) -> pa.Table:
    """Returns the rows of table `name`; those of an expired file (hash in `past`) get a null path and a reason."""
    texts = rows.schema.field("reason").type
    for column in _PATHS[name]:
        gone = _is_of(rows[column], past)
        if column == "path":
            reason = compute.if_else(gone, pa.scalar(PAST_RETENTION, texts), rows["reason"])
            rows = rows.set_column(rows.schema.get_field_index("reason"), rows.schema.field("reason"), reason)
        place = rows.schema.get_field_index(column)
        nowhere = compute.if_else(gone, pa.scalar(None, texts), rows[column])
        rows = rows.set_column(place, rows.schema.field(place), nowhere)
    return rows


def _remove(media: Path, paths: Sequence[Path]) -> None:
    """Removes the URLs of media files from the URL index, then deletes the files."""
    if (media / _INDEX).exists():
        index = UrlIndex(media / _INDEX)
        try:
            index.remove_images({path.name[:64] for path in paths})
        finally:
            index.close()
    _unlink(paths)


def _unlink(paths: Sequence[Path]) -> None:
    parents = {path.parent for path in paths}
    try:
        for path in paths:
            path.unlink(missing_ok=True)
        sync_folders(parents)
    except OSError as error:
        raise refusal(min(parents), error) from error
