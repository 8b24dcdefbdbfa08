"""Files that came in, and their bad records."""

import pyarrow as pa

from instagram_assets.schemas.columns import MOMENT, TEXTS
from instagram_assets.schemas.contract import Column, Contract

LANDED_FILES = Contract(
    "one file that came in",
    (
        Column("file", pa.string(), "Name of the file"),
        Column("sha256", pa.string(), "Hash of the file's bytes"),
        Column("parser_version", pa.int32(), "Version of the rules that read it"),
        Column("format", pa.string(), "What its records are, found from their content"),
        Column("records", pa.int64(), "Records in the file"),
        Column("posts", pa.int64(), "Observations of posts taken"),
        Column("reels", pa.int64(), "Observations of reels taken"),
        Column("profiles", pa.int64(), "Observations of profiles taken"),
        Column("quarantined", pa.int64(), "Records put into quarantine"),
        Column("outside_window", pa.int64(), "Posts of days before the start day or after today; kept, not shown"),
        Column("duplicates", pa.int64(), "Observations of posts that the file has more than once"),
        Column("warnings", pa.int64(), "Records that were odd, yet accepted"),
        Column("unknown_fields", TEXTS, "Fields of its records that have no column, sorted: what the exporter added"),
        Column("accounts", TEXTS, "Accounts with posts or a profile in the file, sorted"),
        Column("first_day", pa.date32(), "First day of its posts"),
        Column("last_day", pa.date32(), "Last day of its posts"),
        Column("observed_at", MOMENT, "Observation time of the records that state none themselves"),
    ),
    ("sha256", "parser_version"),
)

QUARANTINE = Contract(
    "one bad record",
    (
        Column("file", pa.string(), "Name of the file"),
        Column("sha256", pa.string(), "Hash of the file's bytes"),
        Column("index", pa.int64(), "Place of the record in the file, from 0"),
        Column("field", pa.string(), "Field that is wrong; empty when it is the whole record"),
        Column("reason", pa.string(), "What is wrong with it"),
        Column(
            "record",
            pa.string(),
            "The record as JSON without other people's words and pictures, cut after 10,000 characters; of a record of "
            "unknown kind only its keys; empty for comments and for what is no object",
        ),
    ),
    ("sha256", "index", "field"),
)
