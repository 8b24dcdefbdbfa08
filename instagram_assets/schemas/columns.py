"""Types and columns that several tables share."""

import pyarrow as pa

from instagram_assets.schemas.contract import Column

MOMENT = pa.timestamp("us", tz="UTC")
TEXTS = pa.list_(pa.string())
MEDIA = pa.list_(
    pa.struct(
        [
            pa.field("position", pa.int32()),
            pa.field("kind", pa.string()),
            pa.field("url", pa.string()),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
        ]
    )
)
CANDIDATES = pa.list_(pa.struct([pa.field("caption", pa.string()), pa.field("score", pa.float32())]))
EMBEDDING = pa.list_(pa.float32())
WORDS = pa.list_(pa.struct([pa.field("word", pa.string()), pa.field("pos", pa.string())]))
SCORED_WORDS = pa.list_(pa.struct([pa.field("word", pa.string()), pa.field("score", pa.float32())]))
ARCHIVE_SCHEME = "archive"
"""Of addresses of media that came in a person's own archive, `archive://ACCOUNT/PATH`: nobody can be asked for them."""
SIZES = pa.list_(pa.struct([pa.field("month", pa.string()), pa.field("posts", pa.int64())]))

ACCOUNT = Column("account", pa.string(), "Account that was collected, in lower case")
BY_CELL = ("account", "day")
DAY = Column("day", pa.date32(), "Day of `taken_at` in the configured time zone")
POST_ID = Column(
    "post_id", pa.string(), "Instagram's id of the post; computed from the shortcode where it came rounded"
)
POSITION = Column("position", pa.int32(), "Place in the post, from 0")
IMAGE_ID = Column("image_id", pa.string(), "SHA-256 of the image's bytes: equal for exact duplicates")
IMAGE_OF_POST = (IMAGE_ID, POST_ID, ACCOUNT, DAY, POSITION)
WIDTH = Column("width", pa.int32(), "Width in pixels")
HEIGHT = Column("height", pa.int32(), "Height in pixels")
BYTES = Column("bytes", pa.int64(), "Size of the file in bytes")
SHARPNESS = Column("sharpness", pa.float64(), "Variance of the Laplacian with the short side reduced to 300 px")
SHARPNESS_NATIVE = Column("sharpness_native", pa.float64(), "Variance of the Laplacian at the image's own size")
PHASH = Column("phash", pa.string(), "Perceptual hash: 64 bits as 16 hexadecimal digits")
UNIT_EMBEDDING = Column("embedding", EMBEDDING, "Embedding of the image, of unit length; null unless `status` is `ok`")
MODEL = Column("model", pa.string(), "Model and its fingerprint")
