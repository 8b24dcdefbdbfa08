"""What can be chosen next: how many of the images that are wanted each account, cluster, hashtag and status has."""

from typing import TYPE_CHECKING, Any

from instagram_assets.lake_index.reading import LakeIndex

if TYPE_CHECKING:
    import numpy as np

MOST = 500
"""Values of one field: the most frequent."""
_FIELDS = ("account", "search", "kind", "status", "passed")


def facets_of(index: LakeIndex, numbers: "np.ndarray") -> dict[str, Any]:
    """Counts of the images of these numbers: for each field a list of `value` and `images`, and the first and last day.

    `hashtags` counts posts that have such images. At most `MOST` values of each field, the most frequent first.
    """
    import pyarrow as pa

    with index.cursor() as cursor:
        cursor.register("numbers", pa.table({"image": numbers}))
        size = cursor.sql("SELECT count(*) FROM images").fetchall()[0][0]
        cut = "" if size == len(numbers) else "SEMI JOIN numbers USING (image)"
        of_posts = "SEMI JOIN chosen_posts USING (post)" if cut else ""
        cursor.execute(
            "CREATE TEMP TABLE groups AS SELECT account, search, kind, status, passed, scope, cluster, "
            f"count(*) AS n, min(day) AS first, max(day) AS last FROM images {cut} GROUP BY ALL"
        )
        if cut:
            cursor.execute(f"CREATE TEMP TABLE chosen_posts AS SELECT DISTINCT post FROM images {cut}")
        found: dict[str, Any] = {field: _counts(cursor, field) for field in _FIELDS}
        found["cluster"] = _counts(cursor, "scope || '/' || cluster")
        found["hashtag"] = _rows(
            cursor,
            "SELECT text[2:] AS value, images FROM (SELECT term, count(*) AS images FROM post_terms "
            f"SEMI JOIN (SELECT term FROM terms WHERE starts_with(text, '#')) USING (term) {of_posts} GROUP BY term "
            f"ORDER BY images DESC LIMIT {MOST}) JOIN terms USING (term) ORDER BY images DESC, value",
        )
        found["first"], found["last"] = cursor.sql("SELECT min(first), max(last) FROM groups").fetchall()[0]
    return found


def _counts(cursor: Any, value: str) -> list[dict[str, Any]]:
    return _rows(
        cursor,
        f"SELECT {value} AS value, sum(n)::BIGINT AS images FROM groups WHERE {value} IS NOT NULL GROUP BY 1 "
        f"ORDER BY images DESC, value LIMIT {MOST}",
    )


def _rows(cursor: Any, sql: str) -> list[dict[str, Any]]:
    return cursor.sql(sql).to_arrow_table().to_pylist()
