"""Predictions of the age model."""

import pyarrow as pa

from instagram_assets.schemas.columns import ACCOUNT, MODEL
from instagram_assets.schemas.contract import Column, Contract

AGE_PREDICTIONS = Contract(
    "one account; not for decisions about a person",
    (
        ACCOUNT,
        Column("probability", pa.float64(), "That the person behind it is of the cut-off age or older; calibrated"),
        Column("at_least_cutoff", pa.bool_(), "The likelier label; null when abstained"),
        Column("abstained", pa.bool_(), "The probability is too near one half, or there is none"),
        Column("n_posts", pa.int64(), "Posts with text that it rests on"),
        Column("age_cutoff", pa.int32(), "The cut-off age in years"),
        MODEL,
        Column("status", pa.string(), "`ok` or `skipped`"),
        Column("reason", pa.string(), "Why there is no probability"),
    ),
    ("account",),
    ("account",),
)
