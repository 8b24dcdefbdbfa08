"""Contracts of the images of posts: files, quality, captions, embeddings, clusters."""

import pyarrow as pa

from instagram_assets.schemas.contract import (
    ACCOUNT,
    BY_CELL,
    BYTES,
    CANDIDATES,
    DAY,
    HEIGHT,
    IMAGE_ID,
    IMAGE_OF_POST,
    LIGHT_AND_FOCUS,
    MODEL,
    PHASH,
    POSITION,
    POST_ID,
    SHARPNESS,
    SHARPNESS_NATIVE,
    UNIT_EMBEDDING,
    WIDTH,
    Column,
    Contract,
)

IMAGES = Contract(
    "one image of one post",
    (
        Column("image_id", pa.string(), "SHA-256 of the image's bytes; null unless `status` is `ok`"),
        POST_ID,
        ACCOUNT,
        DAY,
        POSITION,
        Column("url", pa.string(), "Address that the image was asked from"),
        Column("path", pa.string(), "File below the media folder; null where it is not, also when retention took it"),
        WIDTH,
        HEIGHT,
        BYTES,
        Column("status", pa.string(), "`ok`, `failed`, `expired` or `refused`"),
        Column("reason", pa.string(), "Why the image is not there, or what was odd about it"),
    ),
    ("account", "post_id", "position"),
    BY_CELL,
)

IMAGE_QUALITY = Contract(
    "one image of one post",
    (
        *IMAGE_OF_POST,
        SHARPNESS,
        SHARPNESS_NATIVE,
        *LIGHT_AND_FOCUS,
        PHASH,
        Column(
            "near_group", pa.string(), "First image_id among its near-duplicates of the account and day; or its own"
        ),
        Column("passed", pa.bool_(), "Large, sharp and light enough by the settings"),
        Column("status", pa.string(), "`ok`, or `failed` when the file could not be read"),
        Column("reason", pa.string(), "Why it did not pass or could not be read"),
    ),
    ("account", "post_id", "position"),
    BY_CELL,
)

CAPTIONS = Contract(
    "one image of one post",
    (
        *IMAGE_OF_POST,
        Column("caption", pa.string(), "What the image shows, in one sentence; null unless `status` is `ok`"),
        Column("score", pa.float32(), "Cosine of image and caption by the embedding model; null without scoring"),
        Column("candidates", CANDIDATES, "All different captions that were considered, best first, with their scores"),
        MODEL,
        Column("status", pa.string(), "`ok`, `failed`, or `skipped` when the image did not pass the quality filter"),
        Column("reason", pa.string(), "Why there is no caption, or what was odd about it"),
    ),
    ("account", "post_id", "position"),
    BY_CELL,
)

EMBEDDINGS = Contract(
    "one image of one post",
    (
        *IMAGE_OF_POST,
        UNIT_EMBEDDING,
        MODEL,
        Column("status", pa.string(), "`ok`, `failed`, or `skipped` when the image did not pass the quality filter"),
        Column("reason", pa.string(), "Why there is no embedding"),
    ),
    ("account", "post_id", "position"),
    BY_CELL,
)

NOISE = -1
"""The cluster number of images that are in no cluster."""

CLUSTERS = Contract(
    "one image",
    (
        Column("scope", pa.string(), "`all`, or the account within which the image was clustered"),
        IMAGE_ID,
        Column("cluster", pa.int32(), "Number of its cluster; -1: noise"),
        Column("is_largest", pa.bool_(), "In the largest cluster of its scope"),
        Column("near_group", pa.string(), "First image_id among its near-duplicates in the scope; its own if none"),
        Column("model", pa.string(), "Embedding model and its fingerprint"),
    ),
    ("scope", "image_id"),
)
