"""Charts of image clusters (grouped by embedding) and of topics, and contact sheets with sample images of each."""

from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from instagram_assets.insights.chart_definition import OF_IMAGES, Chart, Row, add_value, keep_fields
from instagram_assets.lake_index.filter_sql import SqlCondition, condition_of
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.schemas.images import NOISE

MOST_GROUPS = 25
"""Maximum number of clusters or topics in a chart."""
MOST_SHEETS, SHEET = 12, 12
"""Maximum number of contact sheets per page, and of images per sheet."""
_MOST_LINES = 8
_TOPIC_OF = "LEFT JOIN topics t ON t.source = 'clusters' AND t.scope = c.scope AND t.topic = c.cluster"


@dataclass(frozen=True)
class Sheet:
    """A contact sheet: sample images of a cluster or topic, whose row in `clusters` or `topics` is `numbers`."""

    numbers: dict[str, Any]
    image_ids: list[str]


def clusters(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns the largest image clusters: `cluster` (`SCOPE/NUMBER`), `name`, `images`, `share`, `posts`, `accounts`, …

    A scope is a set of images clustered together: `all`, or those of an account. `images` counts an image once
    for each post that has it. `share` is the fraction (0–1) of all clustered images of the same scope. Images in no
    cluster are one more row per scope, with `noise` true. Images of searches are left out.
    """
    return _clusters(index, criteria, MOST_GROUPS, has_noise=True)


def topic_sizes(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns the monthly number of posts of the largest clusters: `first_day`, `last_day`, `cluster`, `name`, `posts`.

    Contains the `_MOST_LINES` clusters with the most images, also for months in which they have no posts. Images in no
    cluster are left out.
    """
    where = _images_where(criteria)
    return index.query(
        f"""WITH chosen AS (
            SELECT scope, cluster, date_trunc('month', day)::DATE AS first_day, post FROM images
            WHERE {where.sql} AND cluster <> {NOISE}
        ),
        largest AS (
            SELECT scope, cluster FROM chosen GROUP BY ALL ORDER BY count(*) DESC, scope, cluster LIMIT {_MOST_LINES}
        ),
        months AS (
            SELECT unnest(generate_series(min(first_day), max(first_day), INTERVAL 1 MONTH))::DATE AS first_day
            FROM chosen
        ),
        counted AS (
            SELECT scope, cluster, first_day, count(DISTINCT post) AS posts
            FROM chosen SEMI JOIN largest USING (scope, cluster) GROUP BY ALL
        )
        SELECT
            m.first_day, (m.first_day + INTERVAL 1 MONTH - INTERVAL 1 DAY)::DATE AS last_day,
            c.scope || '/' || c.cluster AS cluster, coalesce(t.name, c.scope || '/' || c.cluster) AS name,
            coalesce(n.posts, 0) AS posts
        FROM months m CROSS JOIN largest c {_TOPIC_OF}
        LEFT JOIN counted n ON n.scope = c.scope AND n.cluster = c.cluster AND n.first_day = m.first_day
        ORDER BY c.scope, c.cluster, m.first_day""",
        *where.values,
    )


def topics(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns the largest topics: `source`, `scope`, `topic`, `name`, `telling` (typical words), `images`, `posts`.

    `images` and `posts` are read from the lake's table `topics` and cover all days. `scope` is the account whose data
    the topic was found in, or `all`. With a filter on accounts, only their topics and those of `all` are returned.
    """
    return index.query(
        "SELECT source, scope, topic, coalesce(name, source || ' ' || scope || '/' || topic) AS name, "
        "array_to_string(words, ', ') AS telling, images, posts FROM topics "
        "WHERE len($1) = 0 OR scope = 'all' OR list_contains($1, scope) "
        f"ORDER BY posts DESC, source, scope, topic LIMIT {MOST_GROUPS}",
        list(criteria.account),
    )


def cluster_sheets(index: LakeIndex, criteria: Filter, offset: int = 0) -> list[Sheet]:
    """Returns the largest image clusters from `offset` on, each with sample images evenly spaced in time.

    At most MOST_SHEETS clusters, with at most SHEET images each.
    """
    found = _clusters(index, criteria, MOST_SHEETS, offset).to_pylist()
    where = _images_where(criteria)
    names = add_value(where, [row["cluster"] for row in found])
    # Sampled by row index: reading the image_id of all images of large clusters would take far longer.
    drawn = index.rows(
        f"""WITH chosen AS (
            SELECT DISTINCT split_part(name, '/', 1) AS scope, split_part(name, '/', 2)::INTEGER AS cluster
            FROM (SELECT unnest({names}::VARCHAR[]) AS name)
        ),
        placed AS (
            SELECT
                scope, cluster, image, row_number() OVER (PARTITION BY scope, cluster ORDER BY day, image) - 1 AS place,
                count(*) OVER (PARTITION BY scope, cluster) AS number
            FROM images SEMI JOIN chosen USING (scope, cluster) WHERE {where.sql}
        ),
        drawn AS (
            SELECT scope, cluster, image FROM placed
            WHERE place = 0 OR place * {SHEET} // number <> (place - 1) * {SHEET} // number
        )
        SELECT d.scope || '/' || d.cluster AS cluster, list(i.image_id ORDER BY i.day, image) AS image_ids
        FROM drawn d JOIN images i USING (image) GROUP BY ALL""",
        *where.values,
    )
    images = {row["cluster"]: list(dict.fromkeys(row["image_ids"]))[:SHEET] for row in drawn}
    return [Sheet(row, images.get(row["cluster"], [])) for row in found]


def topic_sheets(index: LakeIndex, criteria: Filter) -> list[Sheet]:
    """Returns the largest topics of generated image captions, each with sample images."""
    rows = index.rows(
        "SELECT name, words, images, posts, image_ids FROM topics WHERE source = 'captions' "
        "AND (len($1) = 0 OR scope = 'all' OR list_contains($1, scope)) "
        f"ORDER BY posts DESC, scope, topic LIMIT {MOST_SHEETS}",
        list(criteria.account),
    )
    return [Sheet(row, row.pop("image_ids")[:SHEET]) for row in rows]


def _clusters(index: LakeIndex, criteria: Filter, most: int, offset: int = 0, *, has_noise: bool = False) -> pa.Table:
    where = _images_where(criteria)
    return index.query(
        f"""WITH counted AS (
            SELECT scope, cluster, count(*) AS images, count(DISTINCT post) AS posts,
                count(DISTINCT account) AS accounts
            FROM images WHERE {where.sql} GROUP BY scope, cluster
        ),
        shared AS (SELECT *, images / sum(images) OVER (PARTITION BY scope) AS share FROM counted)
        SELECT
            c.scope || '/' || c.cluster AS cluster,
            CASE WHEN c.cluster = {NOISE} THEN 'noise' ELSE coalesce(t.name, c.scope || '/' || c.cluster) END AS name,
            array_to_string(t.words, ', ') AS telling, c.images, c.share, c.posts, c.accounts,
            c.cluster = {NOISE} AS noise
        FROM shared c {_TOPIC_OF} {"" if has_noise else f"WHERE c.cluster <> {NOISE}"}
        QUALIFY row_number() OVER (PARTITION BY noise ORDER BY c.images DESC, c.scope, c.cluster) BETWEEN {offset + 1:d}
            AND {offset + most:d}
        ORDER BY noise, c.images DESC, c.scope, c.cluster""",
        *where.values,
    )


def _images_where(criteria: Filter) -> SqlCondition:
    where = condition_of(keep_fields(criteria, OF_IMAGES), "images")
    where.add("cluster IS NOT NULL AND account IS NOT NULL")
    return where


def images_of_cluster(row: Row, criteria: Filter) -> Filter:
    """Returns the filter for the images of the cluster in a chart row, restricted to the filter's accounts and days."""
    return keep_fields(criteria, OF_IMAGES).but(cluster=(row["cluster"],))


def _images_of_month(row: Row, criteria: Filter) -> Filter:
    first = max(row["first_day"], criteria.first or row["first_day"])
    last = min(row["last_day"], criteria.last or row["last_day"])
    return images_of_cluster(row, criteria).but(first=first, last=last)


def _images_of_topic(row: Row, criteria: Filter) -> Filter | None:
    if row["source"] != "clusters":
        return None
    return Filter(cluster=(f"{row['scope']}/{row['topic']}",))


CHARTS = (
    Chart(
        "clusters",
        "groups",
        "bar",
        clusters,
        x="name",
        y="images",
        fields=OF_IMAGES,
        posts=images_of_cluster,
        percent=("share",),
        hidden=("telling",),
    ),
    Chart(
        "topic_sizes",
        "groups",
        "line",
        topic_sizes,
        x="first_day",
        y="posts",
        series="name",
        fields=OF_IMAGES,
        posts=_images_of_month,
    ),
    Chart("topics", "groups", "bar", topics, x="name", y="posts", fields=("account",), posts=_images_of_topic),
)
