"""Format of our own merged dataset: JSON (`merged_dataset_*_with_images.json`, `…_with_captions.json`) or CSV.

`datasets/merged_records.py` and `datasets/csv.py` document its keys. Each post also contains its owner's profile, as
observed nearest in time to the post.
"""

from collections.abc import Iterator
from dataclasses import replace

from instagram_assets.ingest.formats import apify
from instagram_assets.ingest.formats.field_mapping import Part, Picture
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.record_source import RecordSource

# Key of a profile's record as Apify writes it → key of the merged record.
_OF_PROFILES = {
    "username": "ownerUsername",
    "id": "profileId",
    "followersCount": "followersCount",
    "followsCount": "followsCount",
    "postsCount": "postsCount",
    "biography": "biography",
    "private": "private",
    "verified": "verified",
    "scrapedAt": "profileScrapedAt",
}


def is_record(record: Record) -> bool:
    """True for a record of the merged dataset: no exporter writes this combination of keys."""
    return "imageUrls" in record and "likesHidden" in record and "kind" in record


def parse(record: Record, source: RecordSource) -> Iterator[Part]:
    """Yield the post, and its owner's profile if the number of followers is known."""
    yield Part(POST, record)
    if record.get("followersCount") is not None and record.get("ownerUsername") is not None:
        profile = {key: record.get(name) for key, name in _OF_PROFILES.items()}
        profile["scrapedAt"] = profile["scrapedAt"] or record.get("scrapedAt")
        yield Part(apify.PROFILE, profile, aside=True)


def _pictures(record: Record) -> list[Picture]:
    addresses = record.get("imageUrls")
    return [Picture(address) for address in addresses] if isinstance(addresses, list) else []  # pyright: ignore[reportUnknownVariableType]


POST = replace(
    apify.POST,
    fields={
        **apify.POST.fields,
        "account": ("account",),
        "caption": ("caption_raw", "caption"),
        "shares": ("sharesCount",),
        "likes_hidden": ("likesHidden",),
        "coauthors": ("coauthors",),
        "tagged": ("taggedUsernames",),
    },
    known=apify.POST.known
    | {
        *("kind", "account", "day", "likesHidden", "coauthors", "taggedUsernames", "imageUrls", "profileScrapedAt"),
        *("imageCaptions", "imageCaptionScores", "impression", "caption_raw", *_OF_PROFILES.values()),
    },
    pictures=_pictures,
    media_fields=("imageUrls", "imageUrls", "imageUrls"),
    is_reel=lambda record, _: record.get("kind") == "reel",
    bare="the dataset has none for it",
)
