"""SQL that inserts rows of lake tables into the index and deletes them, for a batch of units (`LakePart`) at a time.

The rows of a unit depend only on that unit's rows and on the lake-wide tables (clusters, labels), so an index that was
updated many times has the same contents as a rebuilt one.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING

import pyarrow as pa

from instagram_assets.lake_index.insert_terms import insert_image_terms, insert_post_terms
from instagram_assets.lake_index.lake_changes import LakePart
from instagram_assets.schemas import VIEWS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_POSTS = """
CREATE TEMP TABLE new_posts AS
SELECT
    ((SELECT coalesce(max(post), -1) FROM posts) + row_number() OVER (ORDER BY p.day, p.account, p.post_id))::INTEGER
        AS post,
    p.account, p.post_id, p.shortcode, p.day, p.kind, p.owner, p.taken_at,
    isodow(p.taken_at AT TIME ZONE $zone) AS weekday, hour(p.taken_at AT TIME ZONE $zone) AS hour,
    p.observed_at, p.caption, t.language, p.hashtags,
    p.likes, p.comments, p.views, p.plays, i.followers, i.impression,
    l.viral, l.score, l.reason,
    coalesce(m.images, 0) AS images, m.first_image,
    v.poster, a.hook, a.hypotheses, p.source_file, p.source_index
FROM lake_posts p
LEFT JOIN lake_impressions i USING (account, day, post_id)
LEFT JOIN lake_tokens t USING (account, day, post_id)
LEFT JOIN labels l ON l.account = p.account AND l.id = p.post_id AND l.kind = p.kind
LEFT JOIN lake_reel_videos v USING (account, day, post_id)
LEFT JOIN lake_reel_analyses a USING (account, day, post_id)
LEFT JOIN (
    SELECT account, day, post_id, count(*) AS images, arg_min(image_id, position) AS first_image
    FROM lake_images WHERE status = 'ok' GROUP BY ALL
) m USING (account, day, post_id)
"""
# An image with a cluster of scope `all` and one of its account's scope gets the former.
_IMAGES = """
INSERT INTO images
SELECT
    (SELECT coalesce(max(image), -1) FROM images) +
        row_number() OVER (ORDER BY m.day, m.account, m.post_id, m.position),
    m.image_id, m.account, NULL, p.post, m.post_id, m.position, m.day, p.taken_at, p.kind,
    m.path, m.width, m.height, m.status, CASE WHEN q.passed THEN m.reason ELSE coalesce(q.reason, m.reason) END,
    q.sharpness, q.passed, coalesce(c.near_group, o.near_group, q.near_group, m.image_id),
    nullif(q.near_group, m.image_id),
    coalesce(c.scope, o.scope), CASE WHEN c.scope IS NULL THEN o.cluster ELSE c.cluster END,
    b.caption, b.score, p.likes, p.impression, p.viral, NULL
FROM lake_images m
LEFT JOIN new_posts p USING (account, day, post_id)
LEFT JOIN lake_image_quality q USING (account, day, post_id, position)
LEFT JOIN lake_captions b USING (account, day, post_id, position)
LEFT JOIN groups c ON c.image_id = m.image_id AND c.scope = 'all'
LEFT JOIN groups o ON o.image_id = m.image_id AND o.scope = m.account
ORDER BY 1
"""
_SEARCHES = """
INSERT INTO images
SELECT
    (SELECT coalesce(max(image), -1) FROM images) + row_number() OVER (ORDER BY m.search, m.rank),
    m.image_id, NULL, m.search, NULL, NULL, m.rank, NULL, NULL, NULL,
    m.path, m.width, m.height, m.status, m.reason,
    m.sharpness, m.passed, coalesce(c.near_group, m.image_id), NULL,
    CASE WHEN c.cluster IS NOT NULL THEN 'search:' || m.search END, c.cluster,
    NULL, NULL, NULL, NULL, NULL, NULL
FROM lake_search_images m
LEFT JOIN lake_search_clusters c USING (search, image_id)
ORDER BY 1
"""
_LOOKS = f"""
INSERT INTO looks
SELECT p.post, v.observed_at, v.likes, v.comments, v.views, v.plays
FROM ({VIEWS["post_metrics"].sql.replace("raw_posts", "lake_raw_posts").replace("raw_reels", "lake_raw_reels")}) v
JOIN new_posts p USING (account, day, post_id)
ORDER BY 1, 2
"""
_FOLLOWERS = """
INSERT INTO followers
SELECT account, observed_at, followers, follows, posts_count FROM lake_raw_profiles WHERE followers IS NOT NULL
"""
_COUNTS = VIEWS["token_counts"].sql.replace("FROM tokens", "FROM lake_tokens")
_WORDS = f"""
CREATE TEMP TABLE counts AS {_COUNTS};
INSERT INTO words
SELECT (SELECT coalesce(max(word), -1) FROM words) + row_number() OVER (ORDER BY c.word, c.pos), c.word, c.pos
FROM (SELECT DISTINCT word, pos FROM counts) c ANTI JOIN words w ON w.text = c.word AND w.pos = c.pos;
CREATE TEMP TABLE numbered AS
SELECT w.word, c.account, c.day, c.count, c.posts
FROM counts c JOIN words w ON w.text = c.word AND w.pos = c.pos;
INSERT INTO word_days SELECT * FROM numbered ORDER BY day, word;
INSERT INTO word_months
SELECT word, account, date_trunc('month', day), sum(count), sum(posts) FROM numbered GROUP BY ALL ORDER BY 3, 1;
DROP TABLE numbered;
DROP TABLE counts;
"""
_TOPICS = """
DELETE FROM topics;
INSERT INTO topics
SELECT source, scope, topic, name, list_transform(words, lambda each: each.word), images, posts, image_ids
FROM lake_topics
"""
_HYPOTHESES = """
DELETE FROM hypotheses;
INSERT INTO hypotheses
SELECT week, kind, hypothesis, difference, low, high, q_value, supported_by, contradicted_by FROM lake_viral_hypotheses
"""
_LABELS = """
UPDATE posts SET viral = n.viral, viral_score = n.score, viral_reason = n.reason
FROM (
    SELECT p.post, l.viral, l.score, l.reason
    FROM posts p LEFT JOIN labels l ON l.account = p.account AND l.id = p.post_id AND l.kind = p.kind
    WHERE (p.viral, p.viral_score, p.viral_reason) IS DISTINCT FROM (l.viral, l.score, l.reason)
) n WHERE n.post = posts.post;
UPDATE images SET viral = p.viral
FROM posts p WHERE p.post = images.post AND images.viral IS DISTINCT FROM p.viral;
"""
_GROUPS = """
UPDATE images SET scope = n.scope, cluster = n.cluster, near_group = n.near_group
FROM (
    SELECT m.image, coalesce(c.scope, o.scope) AS scope,
        CASE WHEN c.scope IS NULL THEN o.cluster ELSE c.cluster END AS cluster,
        coalesce(c.near_group, o.near_group, m.near_of_day, m.image_id) AS near_group
    FROM images m
    LEFT JOIN groups c ON c.image_id = m.image_id AND c.scope = 'all'
    LEFT JOIN groups o ON o.image_id = m.image_id AND o.scope = m.account
    WHERE m.search IS NULL
) n WHERE n.image = images.image AND (images.scope, images.cluster, images.near_group) IS DISTINCT FROM
    (n.scope, n.cluster, n.near_group);
"""
_REMOVE_CELLS = """
CREATE TEMP TABLE gone_posts AS SELECT post FROM posts p SEMI JOIN gone g
ON g.account = p.account AND g.month = date_trunc('month', p.day);
CREATE TEMP TABLE gone_images AS SELECT image FROM images m SEMI JOIN gone g
ON g.account = m.account AND g.month = date_trunc('month', m.day);
INSERT INTO gone_images SELECT image FROM images
WHERE search IN (SELECT search FROM gone_searches);
CREATE TEMP TABLE gone_words AS SELECT DISTINCT word FROM word_months w SEMI JOIN gone g USING (account, month);
CREATE TEMP TABLE gone_terms AS
SELECT term FROM post_terms WHERE post IN (SELECT post FROM gone_posts)
UNION SELECT term FROM image_terms WHERE image IN (SELECT image FROM gone_images);
DELETE FROM post_terms WHERE post IN (SELECT post FROM gone_posts);
DELETE FROM image_terms WHERE image IN (SELECT image FROM gone_images);
DELETE FROM looks WHERE post IN (SELECT post FROM gone_posts);
DELETE FROM word_days WHERE (account, date_trunc('month', day)) IN (SELECT (account, month) FROM gone);
DELETE FROM word_months WHERE (account, month) IN (SELECT (account, month) FROM gone);
DELETE FROM images WHERE image IN (SELECT image FROM gone_images);
DELETE FROM posts WHERE post IN (SELECT post FROM gone_posts);
DELETE FROM followers WHERE account IN (SELECT account FROM gone_profiles);
"""
_REMOVE_UNUSED = """
DELETE FROM words WHERE word IN (SELECT word FROM gone_words)
AND word NOT IN (SELECT m.word FROM word_months m SEMI JOIN gone_words USING (word));
DELETE FROM terms WHERE term IN (SELECT term FROM gone_terms)
AND term NOT IN (
    SELECT p.term FROM post_terms p SEMI JOIN gone_terms USING (term)
    UNION ALL SELECT i.term FROM image_terms i SEMI JOIN gone_terms USING (term)
);
"""


def insert_cells(
    connection: "DuckDBPyConnection", tables: Mapping[str, pa.Table], zone: str, *, terms_in: str = "main"
) -> None:
    """Insert the rows of partitions (account, month) that are not in the index yet.

    `zone` is the time zone of weekdays and hours, and `terms_in` the DuckDB schema into which search terms are
    inserted. Needs the temporary tables `labels` and `groups`, see `collect_labels`.
    """
    with _registered(connection, tables):
        connection.execute(_POSTS, {"zone": zone})
        connection.execute("INSERT INTO posts SELECT * FROM new_posts ORDER BY post")
        first = _value(connection, "SELECT coalesce(max(image), -1) + 1 FROM images")
        for sql in (_IMAGES, _LOOKS, _WORDS):
            connection.execute(sql)
        insert_post_terms(connection, terms_in)
        insert_image_terms(connection, terms_in, first)
        connection.execute("DROP TABLE new_posts")


def insert_profiles(connection: "DuckDBPyConnection", tables: Mapping[str, pa.Table]) -> None:
    """Insert the follower counts of accounts whose profiles are not in the index yet."""
    with _registered(connection, tables):
        connection.execute(_FOLLOWERS)


def insert_searches(connection: "DuckDBPyConnection", tables: Mapping[str, pa.Table]) -> None:
    """Insert the images of searches that are not in the index yet."""
    with _registered(connection, tables):
        connection.execute(_SEARCHES)


def replace_whole(connection: "DuckDBPyConnection", tables: Mapping[str, pa.Table]) -> None:
    """Replace the whole index tables `topics` and `hypotheses`, each only if its lake table is among `tables`."""
    with _registered(connection, tables):
        if "topics" in tables:
            connection.execute(_TOPICS)
        if "viral_hypotheses" in tables:
            connection.execute(_HYPOTHESES)


def collect_labels(connection: "DuckDBPyConnection", labels: pa.Table, clusters: pa.Table) -> None:
    """Load the lake-wide virality labels and image clusters into the temporary tables `labels` and `groups`."""
    with _registered(connection, {"viral_labels": labels, "clusters": clusters}):
        connection.execute("CREATE OR REPLACE TEMP TABLE labels AS SELECT * FROM lake_viral_labels WHERE kind <> 'ad'")
        connection.execute("CREATE OR REPLACE TEMP TABLE groups AS SELECT * FROM lake_clusters")


def apply_labels(connection: "DuckDBPyConnection", *, labels: bool, clusters: bool) -> None:
    """Update changed virality labels of posts and images (with `labels`), and clusters of images (with `clusters`)."""
    if labels:
        connection.execute(_LABELS)
    if clusters:
        connection.execute(_GROUPS)


def remove_parts(connection: "DuckDBPyConnection", parts: Iterable[LakePart]) -> None:
    """Delete all rows of these units of the lake; words and search terms are left for `remove_unused`."""
    cells = [part for part in parts if part.kind == "cell"]
    gone = pa.table(
        {
            "account": pa.array([part.owner for part in cells], pa.string()),
            "month": pa.array([date.fromisoformat(f"{part.month}-01") for part in cells], pa.date32()),
        }
    )
    for name, table in (
        ("gone", gone),
        ("gone_searches", _owners(parts, "search", "search")),
        ("gone_profiles", _owners(parts, "profiles", "account")),
    ):
        connection.register("given", table)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT * FROM given")
        connection.unregister("given")
    connection.execute(_REMOVE_CELLS)


def count_years(connection: "DuckDBPyConnection", *, changed: bool = False) -> None:
    """Sum the monthly word counts of all accounts into yearly ones; with `changed`, only for changed years."""
    years = "SELECT DISTINCT date_trunc('year', month) FROM " + ("gone" if changed else "word_months")
    connection.execute(f"DELETE FROM word_years WHERE year IN ({years})")
    connection.execute(
        "INSERT INTO word_years SELECT word, date_trunc('year', month), sum(count), sum(posts) FROM word_months "
        f"WHERE date_trunc('year', month) IN ({years}) GROUP BY ALL ORDER BY 2"
    )


def remove_unused(connection: "DuckDBPyConnection") -> None:
    """Delete the words and search terms that no row uses any more; to be called after `remove_parts`."""
    connection.execute(_REMOVE_UNUSED)


def _owners(parts: Iterable[LakePart], kind: str, name: str) -> pa.Table:
    return pa.table({name: pa.array([part.owner for part in parts if part.kind == kind], pa.string())})


def _value(connection: "DuckDBPyConnection", sql: str) -> int:
    return connection.execute(sql).fetchall()[0][0]


class _registered:
    """Context manager that registers tables of the lake with DuckDB under the names `lake_…`."""

    def __init__(self, connection: "DuckDBPyConnection", tables: Mapping[str, pa.Table]) -> None:
        self._connection, self._tables = connection, tables

    def __enter__(self) -> None:
        for name, table in self._tables.items():
            self._connection.register(f"lake_{name}", table)

    def __exit__(self, *_: object) -> None:
        for name in self._tables:
            self._connection.unregister(f"lake_{name}")
