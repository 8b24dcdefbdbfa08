"""The images of a list with their metadata: post or search of origin, visual features, and path of the stored file.

An image in several posts is returned once, with the first post by account and time; a search is given as its origin
only if no post has the image.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets import schemas
from instagram_assets.arrow import compute
from instagram_assets.schemas import Column
from instagram_assets.storage.lake import Days, months, read_table

Row = dict[str, Any]

FILE_GONE = "its file is not in the media store any more"
UNKNOWN = "the lake has no row of it any more"

_POST = {
    "post_id": "post_id",
    "day": "day",
    "kind": "kind",
    "shortcode": "shortcode",
    "post_url": "url",
    "taken_at": "taken_at",
    "owner": "owner",
    "post_caption": "caption",
    "hashtags": "hashtags",
    "likes": "likes",
    "comments": "comments",
    "views": "views",
    "plays": "plays",
    "followers": "followers",
}
"""Key of a result row → column of `posts`."""
_TYPES = {column.name: column for column in schemas.POSTS.columns}

LIST_COLUMNS: tuple[Column, ...] = (
    Column("file", pa.string(), "File of the image in the export, or below the media folder; null where it is gone"),
    Column("image_id", pa.string(), "SHA-256 of the image's bytes"),
    Column("reason", pa.string(), "Why there is no file"),
    Column("account", pa.string(), "Account of its post; null for an image of a search"),
    Column("position", pa.int32(), "Place among the post's images, from 0"),
    Column("url", pa.string(), "Address that the image came from"),
    Column("width", pa.int32(), "Pixels"),
    Column("height", pa.int32(), "Pixels"),
    Column("sharpness", pa.float64(), "Variance of the Laplacian"),
    Column("scope", pa.string(), "Within what it was clustered: `all`, an account, or `search:NAME`"),
    Column("cluster", pa.int32(), "Number of its cluster there; -1: noise"),
    Column("caption", pa.string(), "What the image shows, in a sentence"),
    Column("search", pa.string(), "Name of its search; null for an image of a post"),
    Column("query", pa.string(), "Words that were searched for"),
    Column("rank", pa.int32(), "Place in the page's results, from 1"),
    Column("page_url", pa.string(), "Address of the page of results"),
    *(Column(name, _TYPES[source].type, _TYPES[source].meaning) for name, source in _POST.items()),
)
"""Every key of a result row, in order; the value is null if unknown."""
NAMES = [column.name for column in LIST_COLUMNS]
_READ = {
    "images": ["image_id", "account", "post_id", "position", "url", "path", "width", "height", "status"],
    "posts": ["account", *_POST.values()],
    "image_quality": ["account", "post_id", "position", "sharpness"],
    "captions": ["image_id", "caption", "status"],
}


class PostRange(NamedTuple):
    """An account and a range of days; some of its posts of these days have images of a list."""

    account: str
    days: Days


def listed_images(
    root: UPath,
    image_ids: Sequence[str],
    media: Path,
    cells: Iterable[PostRange] | None = None,
) -> Iterator[Row]:
    """Yields each image once, as a row with keys `LIST_COLUMNS`; `file` is relative to `media`, null if not stored.

    `cells` are the accounts and days whose posts have the images, if known; for images not found there the whole lake
    is scanned. Memory holds the image_ids, the images' clusters, and the rows of one account and month. Raises
    StorageError for a damaged file.
    """
    wanted = pa.array(image_ids, pa.string())
    seen = set[str]()
    clusters = _by_image(root, "clusters", wanted, ("scope", "cluster"))
    found = (_of_posts(root, cells, wanted), _of_searches(root, wanted, seen))
    # `cells` can be outdated: for images not found there the whole lake is scanned.
    again = () if cells is None else (_of_posts(root, None, wanted),)
    for rows in (*found, *again):
        if len(seen) == len(wanted):
            return
        for row in rows:
            if row["image_id"] not in seen:
                seen.add(row["image_id"])
                yield _row(row, media, clusters.get(row["image_id"]))
    for image_id in image_ids:
        if image_id not in seen:
            yield {**dict.fromkeys(NAMES), "image_id": image_id, "reason": UNKNOWN}


def _of_posts(root: UPath, cells: Iterable[PostRange] | None, wanted: pa.Array) -> Iterator[Row]:
    for part in _parts(root, cells):
        yield from _of_part(part, wanted)


def _parts(root: UPath, cells: Iterable[PostRange] | None) -> Iterator[dict[str, pa.Table]]:
    if cells is None:
        yield from months(root, list(_READ), _READ)
        return
    for account, days in cells:
        yield from months(root, list(_READ), _READ, accounts=[account], days=days)


def _of_part(part: dict[str, pa.Table], wanted: pa.Array) -> Iterator[Row]:
    images = part["images"].filter(compute.is_in(part["images"]["image_id"], value_set=wanted))
    if not images.num_rows:
        return
    posts = {(post["account"], post["post_id"]): post for post in _near(part["posts"], images)}
    sharpness = {
        (row["account"], row["post_id"], row["position"]): row["sharpness"]
        for row in _near(part["image_quality"], images)
    }
    made = part["captions"].filter(compute.equal(part["captions"]["status"], "ok"))
    captions = dict(zip(made["image_id"].to_pylist(), made["caption"].to_pylist(), strict=True))
    order = [(name, "ascending") for name in schemas.IMAGES.key]
    for image in images.sort_by(order).to_pylist():
        post = posts.get((image["account"], image["post_id"]), {})
        said = {name: post.get(source) for name, source in _POST.items()} | {"post_id": image["post_id"]}
        key = image["account"], image["post_id"], image["position"]
        yield {**image, **said, "sharpness": sharpness.get(key), "caption": captions.get(image["image_id"])}


def _near(table: pa.Table, images: pa.Table) -> list[Row]:
    """Returns, as dicts, the rows of `table` that belong to a post with one of the images in `images`."""
    return table.filter(compute.is_in(table["post_id"], value_set=images["post_id"].combine_chunks())).to_pylist()


def _of_searches(root: UPath, wanted: pa.Array, seen: set[str]) -> Iterator[Row]:
    """Yields rows for those `wanted` images that a search found and that are not in `seen`, by search and rank."""
    table = read_table(root, "search_images")
    images = table.filter(compute.is_in(table["image_id"], value_set=wanted))
    found = [row for row in images.to_pylist() if row["image_id"] not in seen]
    names = sorted({row["search"] for row in found})
    results = {(row["search"], row["rank"]): row for row in read_table(root, "search_results", names).to_pylist()}
    clusters = {
        (row["search"], row["image_id"]): row["cluster"]
        for row in read_table(root, "search_clusters", names).to_pylist()
    }
    for row in sorted(found, key=lambda each: (each["search"], each["rank"])):
        result = results.get((row["search"], row["rank"]), {})
        cluster = clusters.get((row["search"], row["image_id"]))
        said = {"query": result.get("query"), "page_url": result.get("page_url"), "cluster": cluster}
        yield {**row, **said, "scope": None if cluster is None else f"search:{row['search']}"}


def _by_image(root: UPath, name: str, wanted: pa.Array, columns: Sequence[str]) -> dict[str, tuple[Any, ...]]:
    table = read_table(root, name, columns=["image_id", *columns])
    rows = table.filter(compute.is_in(table["image_id"], value_set=wanted))
    values = zip(*(rows[column].to_pylist() for column in columns), strict=True)
    return dict(zip(rows["image_id"].to_pylist(), values, strict=True))


def _row(found: Row, media: Path, cluster: tuple[Any, ...] | None) -> Row:
    scope, number = found.get("scope"), found.get("cluster")
    if not found.get("search") and cluster:
        scope, number = cluster
    path = found.get("path")
    there = bool(path) and (media / path).is_file()
    row = {name: found.get(name) for name in NAMES}
    reason = None if there else FILE_GONE
    return row | {"file": path if there else None, "reason": reason, "scope": scope, "cluster": number}
