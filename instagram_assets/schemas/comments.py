"""Comments, kept only where a setting asks for it, and never with a name of who wrote them."""

import pyarrow as pa

from instagram_assets.schemas.columns import MOMENT, TEXTS
from instagram_assets.schemas.contract import Column, Contract

# One table without partitions, as that of ads: a file of comments says under which post they are, and hardly ever
# whose post that is, so there is no account to part them by; and what is asked of them is asked by the post.
RAW_COMMENTS = Contract(
    "one observation of one comment",
    (
        Column("comment_id", pa.string(), "Instagram's id of the comment"),
        Column("post_id", pa.string(), "Instagram's id of the post that it is under; null where nothing says it"),
        Column("shortcode", pa.string(), "Code in that post's address"),
        Column("account", pa.string(), "Account that was collected, in lower case; null where it came without a post"),
        Column(
            "commenter",
            pa.string(),
            "Pseudonym of who wrote it, the same wherever they wrote; null where nobody is named, as of deleted users",
        ),
        Column("reply_to", pa.string(), "`comment_id` of the comment that it answers; null for one under the post"),
        Column("taken_at", MOMENT, "When it was written"),
        Column("observed_at", MOMENT, "When it was read"),
        Column(
            "text",
            pa.string(),
            "Its text, with pseudonyms for @names and marks for e-mail addresses and telephone numbers",
        ),
        Column("likes", pa.int64(), "Likes; null when unknown"),
        Column("warnings", TEXTS, "What was odd about the comment, yet accepted"),
        Column("source_file", pa.string(), "Name of the file that it came in"),
        Column("source_sha256", pa.string(), "Hash of that file's bytes"),
        Column("source_index", pa.int64(), "Place of its record in that file, from 0"),
    ),
    ("comment_id", "observed_at"),
)
