"""Contracts of the landing zone: landed files, quarantined records, accounts that this program collects itself."""

import pyarrow as pa

from instagram_assets.schemas.contract import MOMENT, TEXTS, Column, Contract

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


COLLECTED_ACCOUNTS = Contract(
    "one account or hashtag at one site",
    (
        Column("site", pa.string(), "`graph_api`, Meta's official API, or `instagram`, the site"),
        Column("account", pa.string(), "Account in lower case, or `#tag` for a hashtag"),
        Column(
            "state",
            pa.string(),
            "`active`, or why it is not asked: `not_found`, `private`, `renamed`, `replaced`, `refused`",
        ),
        Column("reason", pa.string(), "Why it is in that state, or was not answered the last time"),
        Column("seen_at", MOMENT, "When the site last showed it"),
        Column("newest_post_at", MOMENT, "When its newest post that was collected was taken"),
        Column("collected_at", MOMENT, "When it was last collected as far as it went"),
        Column("outcome", pa.string(), "How that ended: `complete` or `partial`; null before the first time"),
        Column("posts", pa.int64(), "Posts that came then"),
        Column("open_pages", pa.int64(), "Pages that are stored of a collection which is not whole yet"),
        Column("refusals", pa.int64(), "Requests of the last seven days that were not answered"),
        Column("requests_today", pa.int64(), "Requests about it today, in the configured time zone"),
        Column("budget", pa.int64(), "Most requests about it a day"),
        Column("next_at", MOMENT, "When it may be asked about again; null for now, and where it is never"),
        Column("hours_missing", pa.float64(), "Of a hashtag: hours of the last 31 days of which nothing is known"),
    ),
    ("site", "account"),
)
