"""Format of the metadata that gallery-dl writes beside each image (`--write-metadata`), and of its JSON lines.

Versions 1.19 (2021) to 1.32 (2026). One record is one image or video with its number in the post. Records in one file
are joined into a post here; those in several files when posts are merged. Timestamps are UTC without a zone. There is
no comment count.
"""

from collections.abc import Container, Sequence
from itertools import count

from instagram_assets.ingest.field_values import LIST_LIMIT
from instagram_assets.ingest.formats.field_mapping import PRIVATE, Picture, PostMapping, first_value
from instagram_assets.ingest.post_ids import post_url
from instagram_assets.ingest.reader.json_values import Record

_FILES = "_files"
_OF_FILES = frozenset(("media_id", "description", "likes", "display_url", "num"))


def is_file(record: Record) -> bool:
    """True for the metadata that gallery-dl writes about one image or video file."""
    return "post_shortcode" in record and len(record.keys() & _OF_FILES) >= 2


def is_story(record: Record) -> bool:
    """True for a story or a highlight, whose metadata is similar to a post's."""
    return record.get("type") in ("story", "highlight") or "expires" in record or "highlight_title" in record


def joined(files: Sequence[Record]) -> Record:
    """Join the records of one post into one record that has each media item once."""
    media = {str(file.get("media_id", index)): file for index, file in enumerate(files)}
    return {**files[0], _FILES: list(media.values())}


def _position(file: Record) -> int:
    """Return the 0-based position of the record's image or video in its post; 0 if it is not numbered."""
    number = file.get("num")
    return number - 1 if type(number) is int and 0 < number <= LIST_LIMIT else 0


def _taken_at(file: Record) -> object:
    when = first_value(file, ("post_date", "date"))
    return f"{when}+00:00" if isinstance(when, str) and len(when) == len("2025-07-29 11:15:43") else when


def _type(file: Record) -> str:
    number = file.get("count")
    is_one_of = bool(file.get("sidecar_media_id") or file.get("sidecar_shortcode")) or _position(file) > 0
    if is_one_of or (type(number) is int and number > 1) or len(file.get(_FILES, ())) > 1:
        return "sidecar"
    return "video" if file.get("video_url") else "image"


def _pictures(file: Record) -> list[Picture]:
    """Return a post's media items by position; positions whose items are in other records stay empty."""
    found: dict[int, Picture] = {}
    for one in file.get(_FILES) or [file]:
        picture = Picture(one.get("display_url"), one.get("video_url"), one.get("width"), one.get("height"))
        found.setdefault(_free(_position(one), found), picture)
    return [found.get(position, Picture(None)) for position in range(max(found) + 1)]


def _free(position: int, taken: Container[int]) -> int:
    """Return `position`, or the next one that is not `taken`: old versions of gallery-dl do not number files."""
    return next(index for index in count(position) if index not in taken)


POST = PostMapping(
    fields={
        "post_id": ("post_id",),
        "shortcode": ("post_shortcode",),
        "owner": ("username",),
        "owner_id": ("owner_id",),
        "owner_full_name": ("fullname",),
        "type": ("type",),
        "url": ("post_url",),
        "taken_at": ("post_date", "date"),
        "caption": ("description",),
        "hashtags": ("tags",),
        "likes": ("likes",),
        "width": ("width",),
        "height": ("height",),
        "location": ("location_name", "location_slug"),
        "pinned": ("pinned",),
        "coauthors": ("coauthors",),
        "tagged": ("tagged_users",),
    },
    derived={
        "type": _type,
        "taken_at": _taken_at,
        "pinned": lambda file: bool(file.get("pinned")),
        "url": lambda file: file.get("post_url") or post_url(file.get("post_shortcode")),
    },
    known=PRIVATE
    | {
        *("post_id", "post_shortcode", "post_url", "post_date", "date", "description", "tags", "likes", "liked"),
        *("username", "owner_id", "fullname", "type", "typename", "pinned", "coauthors", "tagged_users", "user"),
        *("location_id", "location_name", "location_slug", "location_url", "media_id", "shortcode", "num", "count"),
        *("display_url", "video_url", "width", "height", "width_original", "height_original", "sidecar_media_id"),
        *("sidecar_shortcode", "category", "subcategory", "filename", "extension", "owner", _FILES),
    },
    types={"sidecar": "sidecar", "video": "video", "image": "image"},
    pictures=_pictures,
    media_fields=("display_url", "video_url", "display_url"),
    is_reel=lambda file, _: file.get("type") == "reel" or "/reel/" in str(file.get("post_url")),
    bare="gallery-dl's own file has it",
    join=joined,
)
