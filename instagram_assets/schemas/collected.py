"""Whom we collect ourselves, and how it stands with each."""

import pyarrow as pa

from instagram_assets.schemas.columns import MOMENT
from instagram_assets.schemas.contract import Column, Contract

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
