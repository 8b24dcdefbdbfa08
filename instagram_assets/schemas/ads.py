"""Ads as an advertiser's table lists them; they end at their viral labels."""

import pyarrow as pa

from instagram_assets.schemas.columns import MOMENT, TEXTS
from instagram_assets.schemas.contract import Column, Contract

RAW_ADS = Contract(
    "one observation of one ad",
    (
        Column("ad_id", pa.string(), "Instagram's id of the post, from the code in its address; else the address"),
        Column("account", pa.string(), "Account that the ad is of, in lower case; null where nothing says it"),
        Column("url", pa.string(), "Address of the ad"),
        Column("taken_at", MOMENT, "When the ad was published"),
        Column("observed_at", MOMENT, "When its numbers were read"),
        Column("caption", pa.string(), "Text of the ad"),
        Column("views", pa.int64(), "Views, as the table counts them"),
        Column("likes", pa.int64(), "Likes; null when unknown"),
        Column("comments", pa.int64(), "Number of comments"),
        Column("extra", pa.string(), "Columns of the table without a column here, as JSON"),
        Column("warnings", TEXTS, "What was odd about the row, yet accepted"),
        Column("source_file", pa.string(), "Name of the file that the row came in"),
        Column("source_sha256", pa.string(), "Hash of that file's bytes"),
        Column("source_index", pa.int64(), "Place of the row in that file, from 0"),
    ),
    ("ad_id", "observed_at"),
)
