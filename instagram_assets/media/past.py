"""Images and videos that went with retention: their rows stay as they were, and they are not fetched again."""

from datetime import datetime
from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute

PAST = "past retention"
"""The reason of a row whose file was here and went with retention; its `status` stays, its `path` is null."""


def past_rows(earlier: pa.Table, posts: pa.Table, before: datetime | None) -> pa.Table:
    """The earlier rows of `images` or `reel_videos` whose files went, of posts that were not observed since.

    `posts` needs account, post_id and observed_at; `before` is up to when media are gone, null where none are.
    """
    if before is None:
        return earlier.slice(0, 0)
    rows = earlier.filter(compute.fill_null(compute.equal(earlier["reason"], PAST), False))
    old = posts.filter(compute.less(posts["observed_at"], pa.scalar(before, posts.schema.field("observed_at").type)))
    return only_of(rows, old)


def only_of(rows: pa.Table, others: pa.Table) -> pa.Table:
    """The rows about posts that the others are about, too."""
    return rows.filter(compute.is_in(_keys(rows), value_set=_keys(others)))


def without(rows: pa.Table, others: pa.Table) -> pa.Table:
    """The rows about posts that the others are not about."""
    return rows.filter(compute.invert(compute.is_in(_keys(rows), value_set=_keys(others))))


def joined(rows: pa.Table, others: pa.Table) -> pa.Table:
    """Rows of one table of media together, in its order: by account, day and post."""
    return pa.concat_tables([rows, others]).sort_by([(name, "ascending") for name in ("account", "day", "post_id")])


def _keys(rows: pa.Table) -> Any:
    """What names the post of each row."""
    return compute.binary_join_element_wise(rows["account"], rows["post_id"], "/").combine_chunks()
