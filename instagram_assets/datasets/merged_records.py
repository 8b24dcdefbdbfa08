"""The merged record: one post or reel with its profile and images, with the field names of Apify's exports."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

import pyarrow as pa

from instagram_assets import schemas
from instagram_assets.arrow import compute
from instagram_assets.datasets.post_joins import Overview, images_beside, look_over, posts_once, with_captions
from instagram_assets.datasets.table_parts import Parts
from instagram_assets.schemas import Column
from instagram_assets.settings import Mode

PostKind = Literal["post", "reel"]

FROM_POSTS = {
    "id": "post_id",
    "kind": "kind",
    "type": "type",
    "productType": "product_type",
    "shortCode": "shortcode",
    "url": "url",
    "account": "account",
    "day": "day",
    "timestamp": "taken_at",
    "scrapedAt": "observed_at",
    "ownerUsername": "owner",
    "ownerId": "owner_id",
    "ownerFullName": "owner_full_name",
    "caption": "caption",
    "hashtags": "hashtags",
    "mentions": "mentions",
    "likesCount": "likes",
    "likesHidden": "likes_hidden",
    "commentsCount": "comments",
    "videoViewCount": "views",
    "videoPlayCount": "plays",
    "sharesCount": "shares",
    "videoDuration": "duration",
    "dimensionsWidth": "width",
    "dimensionsHeight": "height",
    "locationName": "location",
    "alt": "alt",
    "isPinned": "pinned",
    "isSponsored": "sponsored",
    "isCommentsDisabled": "comments_disabled",
    "coauthors": "coauthors",
    "taggedUsernames": "tagged",
    "profileId": "profile_id",
    "followersCount": "followers",
    "followsCount": "follows",
    "postsCount": "posts_count",
    "biography": "biography",
    "private": "private",
    "verified": "verified",
    "profileScrapedAt": "profile_observed_at",
}
"""Name in the record → column of `posts`; meaning and type are those of the column."""
_READ = {
    "posts": [*FROM_POSTS.values(), "media"],
    "images": ["image_id", "account", "post_id", "position", "path", "status"],
    "captions": ["image_id", "caption", "score", "status"],
}
"""The tables and columns that records are built from."""
_JSON_TYPES = {pa.date32(): pa.string(), schemas.MOMENT: pa.string(), pa.int32(): pa.int64()}
_PLACED_LAST = (
    Column("displayUrl", pa.string(), "Address of the first picture; of a video, its cover"),
    Column("imageUrls", schemas.TEXTS, "Addresses of the post's pictures, in their order"),
    Column(
        "images",
        schemas.TEXTS,
        "Files of the pictures that were fetched, in their order, seen from the dataset's folder; null where one went "
        "with retention",
    ),
)


def _described(name: str, source: str) -> Column:
    column = next(column for column in schemas.POSTS.columns if column.name == source)
    return Column(name, _JSON_TYPES.get(column.type, column.type), column.meaning)


RECORD_COLUMNS: tuple[Column, ...] = (*(_described(*pair) for pair in FROM_POSTS.items()), *_PLACED_LAST)
"""Every key of a merged record, in order; each record has all of them, with null for unknown values."""


CAPTION_COLUMNS: tuple[Column, ...] = (
    Column("imageCaptions", schemas.TEXTS, "What each of `images` shows, in their order; null where it is not known"),
    Column(
        "imageCaptionScores",
        pa.list_(pa.float64()),
        "How well each caption fits its picture: cosine by the embedding model, to 4 digits; null without scoring",
    ),
)
"""The keys of a record with captions that come after those of `RECORD_COLUMNS`."""


def merged_records(
    parts: Parts, mode: Mode, image_folder: str = "", *, captions: bool = False
) -> Iterator[dict[str, Any]]:
    """Yields each post of the kind `mode` once, as a dict with the keys `RECORD_COLUMNS`.

    With `captions` (of images) the dict also has the keys `CAPTION_COLUMNS`. The parts must have the tables `posts`,
    `images` and, with `captions`, `captions`; `one_part(posts=…, images=…)` gives them for tables in memory. Memory
    holds one part. `image_folder` is the path of the media folder relative to the dataset's folder ("images",
    "../media"). As in Apify's exports, timestamps are ISO 8601 in UTC with milliseconds, and `type` is `Image`,
    `Sidecar` or `Video`.
    """
    overview = look_over(parts, mode, captions=captions)
    for part in parts([name for name in _READ if captions or name != "captions"], _READ):
        yield from _records_of(part, mode, image_folder, overview, captions)


def _records_of(
    part: Mapping[str, pa.Table], mode: Mode, image_folder: str, overview: Overview, captions: bool
) -> Iterator[dict[str, Any]]:
    once = posts_once(part["posts"], mode, overview)
    fetched = part["images"].filter(compute.equal(part["images"]["status"], "ok"))
    table = pa.table({name: _as_json(once[source]) for name, source in FROM_POSTS.items()})
    table = table.set_column(table.column_names.index("type"), "type", compute.utf8_capitalize(once["type"]))
    table = table.append_column("media", once["media"])
    seen = with_captions(fetched, part["captions"] if captions else schemas.CAPTIONS.empty(), overview)
    table = table.append_column("files", images_beside(once, seen, ["path", "caption", "caption_score"]))
    prefix = f"{image_folder.rstrip('/')}/" if image_folder else ""
    for batch in table.to_batches(max_chunksize=1000):
        for row in batch.to_pylist():
            media, files = row.pop("media") or [], row.pop("files")
            urls = [medium["url"] for medium in media if medium["kind"] == "image" and medium["url"]]
            row["displayUrl"] = urls[0] if urls else None
            row["imageUrls"] = urls
            row["images"] = [prefix + file["path"] if file["path"] else None for file in files]
            if captions:
                row["imageCaptions"] = [file["caption"] for file in files]
                row["imageCaptionScores"] = [_rounded(file["caption_score"]) for file in files]
            yield row


def kind_of(record: Mapping[str, Any]) -> PostKind | None:
    """Returns whether a record is a post or a reel; None if that follows from none of its fields.

    Records that this platform wrote have the field `kind`; in records of Apify it follows from `type`, `productType` or
    `url`.
    """
    kind, stated = record.get("kind"), record.get("type")
    for said in (kind, stated):
        if said == "post" or said == "reel":
            return said
    if record.get("productType"):
        return "reel" if record["productType"] == "clips" else "post"
    if "/reel/" in str(record.get("url")):
        return "reel"
    return "post" if stated in ("Image", "Sidecar") else None


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)


def _as_json(column: Any) -> Any:
    if pa.types.is_timestamp(column.type):
        # Without its zone first: naming UTC would need a time zone database on the machine.
        milliseconds = column.cast(pa.timestamp("us")).cast(pa.timestamp("ms"), safe=False)
        return compute.strftime(milliseconds, format="%Y-%m-%dT%H:%M:%SZ")
    if pa.types.is_date(column.type):
        return column.cast(pa.string())
    return column
