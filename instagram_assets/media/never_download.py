"""Images and videos that must not be downloaded again: erased on request, or deleted by the retention policy."""

from datetime import datetime
from typing import Any

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.media.url_checks import is_in_archive, url_identity
from instagram_assets.privacy.forgotten_identifiers import ERASED_URL, Forgotten
from instagram_assets.schemas import POSTS

PAST_RETENTION = "past retention"
"""The reason of a row whose file was deleted by the retention policy; its `status` stays, its `path` is null."""


def rows_past_retention(earlier: pa.Table, posts: pa.Table, before: datetime | None) -> pa.Table:
    """Returns rows of `earlier` whose files retention has deleted and whose posts were last observed before `before`.

    `earlier` is a table `images` or `reel_videos`. `posts` needs account, post_id and observed_at; `before` is the
    retention cut-off, None if media are not deleted.
    """
    if before is None:
        return earlier.slice(0, 0)
    rows = earlier.filter(compute.fill_null(compute.equal(earlier["reason"], PAST_RETENTION), False))
    old = posts.filter(compute.less(posts["observed_at"], pa.scalar(before, posts.schema.field("observed_at").type)))
    return semi_join(rows, old)


def semi_join(rows: pa.Table, others: pa.Table) -> pa.Table:
    """Returns those of `rows` whose post (account and post_id) is also in `others`."""
    return rows.filter(compute.is_in(_keys(rows), value_set=_keys(others)))


def anti_join(rows: pa.Table, others: pa.Table) -> pa.Table:
    """Returns those of `rows` whose post (account and post_id) is not in `others`."""
    return rows.filter(compute.invert(compute.is_in(_keys(rows), value_set=_keys(others))))


def concat_sorted(rows: pa.Table, others: pa.Table) -> pa.Table:
    """Returns the rows of two tables with equal columns, sorted by account, day and post."""
    return pa.concat_tables([rows, others]).sort_by([(name, "ascending") for name in POSTS.sort_columns])


def _keys(rows: pa.Table) -> Any:
    """Returns a key per row that identifies its post: account and post_id, joined by `/`."""
    return compute.binary_join_element_wise(rows["account"], rows["post_id"], "/").combine_chunks()


WAS_FORGOTTEN = "was forgotten"
"""The reason for an image that was erased."""


def is_forgotten(url: str | None, forgotten: Forgotten) -> bool:
    """Whether a URL's file was erased on request, or is in the data archive of an erased account."""
    if url == ERASED_URL:
        return True
    if not url or not forgotten:
        return False
    if is_in_archive(url) and forgotten.has("account", url.partition("://")[2].partition("/")[0]):
        return True
    try:
        return forgotten.has("url", url_identity(url))
    except ValueError:  # not a valid URL, which later checks report
        return False
