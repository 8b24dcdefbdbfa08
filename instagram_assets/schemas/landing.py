"""Contracts of the landing zone: landed files, quarantined records, accounts that this program collects itself."""

import pyarrow as pa

from instagram_assets.schemas.contract import MOMENT, TEXTS, Column, Contract

LANDED_FILES = Contract(
    "one file that came in",
    (
        Column("file", pa.string(), "Name of the file"),
        Column("sha256", pa.string(), "SHA-256 of the file"),
        Column("parser_version", pa.int32(), "Version of the parser that read the file"),
        Column("format", pa.string(), "Detected record format"),
        Column("records", pa.int64(), "Records in the file"),
        Column("posts", pa.int64(), "Number of accepted post observations"),
        Column("reels", pa.int64(), "Number of accepted reel observations"),
        Column("profiles", pa.int64(), "Number of accepted profile observations"),
        Column("quarantined", pa.int64(), "Number of quarantined records"),
        Column(
            "outside_window", pa.int64(), "Number of posts before the start day or after today; stored, but not shown"
        ),
        Column("duplicates", pa.int64(), "Number of duplicate post observations in the file"),
        Column("warnings", pa.int64(), "Number of records accepted with warnings"),
        Column("unknown_fields", TEXTS, "Source fields without a column, sorted (schema drift)"),
        Column("accounts", TEXTS, "Accounts with posts or a profile in the file, sorted"),
        Column("first_day", pa.date32(), "First day of its posts"),
        Column("last_day", pa.date32(), "Last day of its posts"),
        Column("observed_at", MOMENT, "Default observation timestamp for records without their own"),
    ),
    ("sha256", "parser_version"),
)

QUARANTINE = Contract(
    "one bad record",
    (
        Column("file", pa.string(), "Name of the file"),
        Column("sha256", pa.string(), "SHA-256 of the file"),
        Column("index", pa.int64(), "Zero-based index of the record in the file"),
        Column("field", pa.string(), "Invalid field; empty if the whole record is invalid"),
        Column("reason", pa.string(), "Validation error"),
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
            "`active`, or why it is no longer requested: `not_found`, `private`, `renamed`, `replaced`, `refused`",
        ),
        Column("reason", pa.string(), "Reason for `state`, or error of the last failed request; null if none"),
        Column("seen_at", MOMENT, "Timestamp of the last successful response for it"),
        Column("newest_post_at", MOMENT, "Publication timestamp of its newest collected post"),
        Column("collected_at", MOMENT, "Timestamp of the end of its last crawl"),
        Column("outcome", pa.string(), "Outcome of the last crawl: `complete` or `partial`; null before the first"),
        Column("posts", pa.int64(), "Number of posts of the last crawl"),
        Column("open_pages", pa.int64(), "Number of stored pages of an unfinished crawl"),
        Column("refusals", pa.int64(), "Number of failed requests in the last seven days"),
        Column("requests_today", pa.int64(), "Number of requests for it today, in the configured time zone"),
        Column("budget", pa.int64(), "Maximum number of requests for it per day"),
        Column("next_at", MOMENT, "Earliest timestamp of the next request; null if now or never"),
        Column("hours_missing", pa.float64(), "Hours of the last 31 days without coverage; hashtags only"),
    ),
    ("site", "account"),
)
