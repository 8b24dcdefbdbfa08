"""Images and videos that are not fetched again: what was forgotten, and what went with retention."""

from datetime import datetime
from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.media.addresses import is_in_archive, url_identity
from instagram_assets.privacy.forgotten_identifiers import ERASED_URL, Forgotten

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


WAS_FORGOTTEN = "was forgotten"
"""Why a picture is not there."""


def is_forgotten(url: str | None, forgotten: Forgotten) -> bool:
    """True for the address of what was forgotten, and for all in the archive of an account that was."""
    if url == ERASED_URL:
        return True
    if not url or not forgotten:
        return False
    if is_in_archive(url) and forgotten.has("account", url.partition("://")[2].partition("/")[0]):
        return True
    try:
        return forgotten.has("url", url_identity(url))
    except ValueError:  # no address at all, which others say better
        return False
