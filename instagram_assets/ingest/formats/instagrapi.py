"""Format of posts dumped by instagrapi and aiograpi: `Media.model_dump_json()` or `json.dumps(media.dict())`.

Versions 1.16 (2021) to 3.2 (2026). Compared with the app's API fields are moved: `caption_text`, a plain list
`usertags`, the items of an album in `resources`. A `User` dump has the app's own field names, so it is parsed as an app
profile.
"""

from dataclasses import replace

from instagram_assets.ingest.formats import app_api
from instagram_assets.ingest.formats.field_mapping import Picture, records_in
from instagram_assets.ingest.reader.json_values import Record


def is_media(record: Record) -> bool:
    """True for a dumped `Media`: all versions have these fields, and the app's own responses never do."""
    return "caption_text" in record and "usertags" in record and "media_type" in record


def is_story(record: Record) -> bool:
    """True for a dumped `Story`, which has many of the fields of a `Media`."""
    return "stickers" in record and "links" in record and "media_type" in record


def _pictures(media: Record) -> list[Picture]:
    if media.get("media_type") != app_api.SIDECAR:
        return [_picture(media)]
    return [_picture(resource) for resource in records_in(media.get("resources"))]


def _picture(media: Record) -> Picture:
    found = app_api.picture(media)
    return found._replace(image=media.get("thumbnail_url") or found.image)


def _views(media: Record, name: str) -> object:
    """Return a number of views; None for 0, which instagrapi writes when Instagram returns no number."""
    return media.get(name) or None


MEDIA = replace(
    app_api.POST,
    fields={
        **app_api.POST.fields,
        "caption": ("caption_text",),
        "width": ("original_width", "dimensions.width"),
        "height": ("original_height", "dimensions.height"),
        "views": ("view_count",),
        "plays": ("play_count",),
        "duration": ("video_duration",),
    },
    derived={
        "post_id": app_api.post_id,
        "owner_id": app_api.owner_id,
        "url": app_api.POST.derived["url"],
        "views": lambda media: _views(media, "view_count"),
        "plays": lambda media: _views(media, "play_count"),
        "duration": lambda media: _views(media, "video_duration"),
        "tagged": lambda media: [tag.get("user") for tag in records_in(media.get("usertags"))],
    },
    known=app_api.POST.known
    | {
        *("caption_text", "resources", "title", "sponsor_tags", "dimensions", "dash_info", "crosspost"),
        *("crosspost_metadata", "has_shared_to_fb", "is_affiliate", "viewer_has_saved"),
        "clips_music_attribution_info",
    },
    pictures=_pictures,
    media_fields=("thumbnail_url", "video_url", "resources"),
    cover=_picture,
)
