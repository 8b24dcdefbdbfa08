"""Format of Instagram's data download ("Download your information") in JSON: posts, reels, IGTV videos, archived posts.

Downloads of 2021 to 2026. A post has its media with their paths in the download, its text and its timestamp, but no id,
code or counts. Its id is derived from the name of its first file, which ends in the id of the media item.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from instagram_assets.errors import RecordError
from instagram_assets.ingest.archive_layout import archive_picture_url, fix_mojibake, owner_unknown
from instagram_assets.ingest.formats.field_mapping import Part, Picture, PostMapping, records_in, value_at
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource

NAME = "download_information"

_POSTS = {"ig_reels_media": "clips", "ig_igtv_media": "igtv", "ig_archived_post_media": None}
_OTHERS = {
    "ig_stories": "are stories; only posts and reels are read",
    "ig_profile_picture": "are pictures of a profile; only posts and reels are read",
    "ig_recently_deleted_media": "were deleted by their owner, and are not read",
    "ig_other_media": "are drafts and other media; only posts and reels are read",
    "text_post_app_text_posts": "are of Threads; only posts and reels of Instagram are read",
    "profile_user": "is who the archive belongs to; of it only the account's name is read",
}
_OWNER, _PRODUCT = "_owner", "_product"
_VIDEOS = frozenset((".mp4", ".mov", ".m4v", ".webm"))
_NUMBER = re.compile(r"(?<![0-9])(1[0-9]{15,17})$")
_NO_PICTURE = "the archive has none for it"


def is_record(record: Record) -> bool:
    """True for a record in the media files of a data download: a post, a list of posts, or another known object."""
    if "media" in record:
        return _is_post(record)
    return any(key in record for key in (*_POSTS, *_OTHERS))


def parse(record: Record, source: RecordSource) -> Iterator[Part]:
    """Yield the posts in a record. Raises RecordError for other records, FileError if their owner is unknown."""
    if "media" in record:
        yield _part(record, source, "", None)
        return
    for key, why in _OTHERS.items():
        if key in record:
            raise RecordError(key, why)
    for key, product in _POSTS.items():
        if not isinstance(record.get(key, []), list):
            raise RecordError(key, "is no list of posts")
        for number, post in enumerate(records_in(record.get(key))):
            yield _part(post, source, f"{key}[{number}]", product)


def _is_post(record: Record) -> bool:
    media = record["media"]
    if media == []:  # a text without media
        return "title" in record and "creation_timestamp" in record
    own = records_in(media)[:2]
    return bool(own) and all(
        "creation_timestamp" in medium and ("uri" in medium or "title" in medium) for medium in own
    )


def _part(post: Record, source: RecordSource, path: str, product: str | None) -> Part:
    owner = source.archive_owner
    if owner is None:
        raise owner_unknown(source.display_name)
    return Part(POST, {**post, _OWNER: owner, _PRODUCT: product}, path, owner)


def _files(post: Record) -> list[Record]:
    return [medium for medium in records_in(post.get("media")) if _uri(medium)]


def _uri(medium: Record) -> str:
    uri = medium.get("uri")
    return fix_mojibake(uri) if isinstance(uri, str) else ""


def _post_id(post: Record) -> str:
    """Return the post's id: `archive-` and the media id in its first file name, else a hash of time and file names.

    A post without files is hashed by timestamp and caption.
    """
    names = [PurePosixPath(_uri(medium)).name for medium in _files(post)]
    number = _NUMBER.search(PurePosixPath(names[0]).stem) if names else None
    if number:
        return f"archive-{number[1]}"
    known = repr([_taken_at(post), names or _caption(post)])
    return f"archive-{hashlib.sha256(known.encode('utf-8', 'surrogatepass')).hexdigest()[:20]}"


def _taken_at(post: Record) -> object:
    said = post.get("creation_timestamp")
    return value_at(post, "media.0.creation_timestamp") if said is None else said


def _caption(post: Record) -> object:
    """Return the caption: the title of the post, else of its first media item; empty or None if both have none."""
    said = [
        title for holder in (post, *records_in(post.get("media"))[:1]) if (title := holder.get("title")) is not None
    ]
    text = next((title for title in said if title != ""), "" if said else None)
    return fix_mojibake(text) if isinstance(text, str) else text


def _type(post: Record) -> str | None:
    files = _files(post)
    if len(files) != 1:
        return "sidecar" if files else None
    return "video" if _is_video(files[0]) else "image"


def _is_video(medium: Record) -> bool:
    return PurePosixPath(_uri(medium)).suffix.lower() in _VIDEOS


def _pictures(post: Record) -> list[Picture]:
    return [_picture(medium, str(post[_OWNER])) for medium in _files(post)]


def _picture(medium: Record, owner: str) -> Picture:
    uri = _uri(medium)
    address = uri if "://" in uri or not uri else archive_picture_url(owner, uri)
    return Picture(None, address) if _is_video(medium) else Picture(address)


POST = PostMapping(
    fields={
        "post_id": ("media",),
        "owner": (_OWNER,),
        "type": ("media",),
        "product_type": (_PRODUCT,),
        "taken_at": ("creation_timestamp", "media.0.creation_timestamp"),
        "caption": ("title", "media.0.title"),
    },
    derived={"post_id": _post_id, "taken_at": _taken_at, "caption": _caption, "type": _type},
    known=frozenset(
        {
            *("media", "title", "creation_timestamp", "cross_post_source", "interest_topics", "media_metadata"),
            *("backup_uri", "dubbing_info", "media_variants", "uri", _OWNER, _PRODUCT),
        }
    ),
    types={"image": "image", "video": "video", "sidecar": "sidecar"},
    pictures=_pictures,
    media_fields=("media.uri", "media.uri", "media"),
    is_reel=lambda post, _: post.get(_PRODUCT) == "clips",
    bare=_NO_PICTURE,
)
