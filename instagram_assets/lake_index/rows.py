"""From tables of the lake to rows of the index: SQL over what was read, all of it or one account and month."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from instagram_assets.lake_index.terms import terms_of, token_term
from instagram_assets.schemas import VIEWS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_POSTS = """
INSERT INTO posts
SELECT
    (SELECT coalesce(max(post), -1) FROM posts) + row_number() OVER (ORDER BY p.account, p.day, p.post_id),
    p.account, p.post_id, p.shortcode, p.day, p.kind, p.owner, p.taken_at,
    isodow(p.taken_at AT TIME ZONE $zone), hour(p.taken_at AT TIME ZONE $zone),
    p.observed_at, p.caption, t.language, p.hashtags,
    p.likes, p.comments, p.views, p.plays, i.followers, i.impression,
    l.viral, l.score, l.reason,
    coalesce(m.images, 0), m.first_image,
    v.poster, a.hook, a.hypotheses, p.source_file, p.source_index
FROM lake_posts p
LEFT JOIN lake_impressions i USING (account, post_id)
LEFT JOIN lake_tokens t USING (account, post_id)
LEFT JOIN lake_viral_labels l ON l.account = p.account AND l.id = p.post_id AND l.kind = p.kind
LEFT JOIN lake_reel_videos v USING (account, post_id)
LEFT JOIN lake_reel_analyses a USING (account, post_id)
LEFT JOIN (
    SELECT account, post_id, count(*) AS images, arg_min(image_id, position) AS first_image
    FROM lake_images WHERE status = 'ok' GROUP BY ALL
) m USING (account, post_id)
"""
_IMAGES = """
INSERT INTO images
SELECT
    (SELECT coalesce(max(image), -1) FROM images) +
        row_number() OVER (ORDER BY m.account, m.day, m.post_id, m.position),
    m.image_id, m.account, NULL, p.post, m.post_id, m.position, m.day, p.kind,
    m.path, m.width, m.height, m.status, m.reason,
    q.sharpness, q.passed, coalesce(c.near_group, q.near_group), c.scope, c.cluster,
    b.caption, b.score, p.likes, p.impression, p.viral, NULL
FROM lake_images m
LEFT JOIN posts p ON p.account = m.account AND p.post_id = m.post_id
LEFT JOIN lake_image_quality q ON q.account = m.account AND q.post_id = m.post_id AND q.position = m.position
LEFT JOIN lake_captions b ON b.account = m.account AND b.post_id = m.post_id AND b.position = m.position
LEFT JOIN lake_clusters c ON c.image_id = m.image_id AND c.scope IN ('all', m.account)
"""
_SEARCHES = """
INSERT INTO images
SELECT
    (SELECT coalesce(max(image), -1) FROM images) + row_number() OVER (ORDER BY m.search, m.rank),
    m.image_id, NULL, m.search, NULL, NULL, m.rank, NULL, NULL,
    m.path, m.width, m.height, m.status, m.reason,
    m.sharpness, m.passed, coalesce(c.near_group, m.image_id),
    CASE WHEN c.cluster IS NOT NULL THEN 'search:' || m.search END, c.cluster,
    NULL, NULL, NULL, NULL, NULL, NULL
FROM lake_search_images m
LEFT JOIN lake_search_clusters c USING (search, image_id)
"""
_LOOKS = f"""
INSERT INTO looks
SELECT p.post, v.observed_at, v.likes, v.comments, v.views, v.plays
FROM ({VIEWS["post_metrics"].sql.replace("raw_posts", "lake_raw_posts").replace("raw_reels", "lake_raw_reels")}) v
JOIN posts p USING (account, post_id)
"""
_FOLLOWERS = """
INSERT INTO followers
SELECT account, observed_at, followers, follows, posts_count FROM lake_raw_profiles WHERE followers IS NOT NULL
"""
_COUNTS = VIEWS["token_counts"].sql.replace("FROM tokens", "FROM lake_tokens")
_WORDS = f"""
CREATE TEMP TABLE counts AS {_COUNTS};
INSERT INTO words SELECT row_number() OVER (ORDER BY word, pos) - 1, word, pos FROM counts GROUP BY word, pos;
INSERT INTO word_days
SELECT w.word, c.account, c.day, c.count, c.posts
FROM counts c JOIN words w ON w.text = c.word AND w.pos = c.pos ORDER BY c.day;
INSERT INTO word_months
SELECT word, account, date_trunc('month', day), sum(count), sum(posts) FROM word_days GROUP BY ALL ORDER BY 3, 2;
INSERT INTO word_years
SELECT word, date_trunc('year', month), sum(count), sum(posts) FROM word_months GROUP BY ALL ORDER BY 2;
DROP TABLE counts;
"""
_TOPICS = """
INSERT INTO topics
SELECT source, scope, topic, name, list_transform(words, lambda each: each.word), images, posts, image_ids
FROM lake_topics
"""
_HYPOTHESES = """
INSERT INTO hypotheses
SELECT week, kind, hypothesis, difference, low, high, q_value, supported_by, contradicted_by FROM lake_viral_hypotheses
"""


def insert_rows(connection: "DuckDBPyConnection", tables: Mapping[str, pa.Table], zone: str) -> None:
    """Put the rows of these tables of the lake, by their names, into an index that has none of them."""
    for name, table in tables.items():
        connection.register(f"lake_{name}", table)
    connection.execute(_POSTS, {"zone": zone})
    for sql in (_IMAGES, _SEARCHES, _LOOKS, _FOLLOWERS, _WORDS, _TOPICS, _HYPOTHESES):
        connection.execute(sql)
    _insert_terms(connection)
    for name in tables:
        connection.unregister(f"lake_{name}")


def _terms_of_post(caption: str, tokens: Sequence[Mapping[str, str]]) -> set[str]:
    exact = {token_term(token["word"], token["pos"]) for token in tokens}
    return terms_of(caption, (token["word"] for token in tokens)) | exact


def _insert_terms(connection: "DuckDBPyConnection") -> None:
    """What captions are found by, of posts with their tokens, of images as they are."""
    posts = connection.execute(
        "SELECT p.post, p.caption, t.tokens FROM posts p LEFT JOIN lake_tokens t USING (account, post_id)"
    ).fetchall()
    images = connection.execute("SELECT image, caption FROM images WHERE caption IS NOT NULL").fetchall()
    of_posts = [(term, post) for post, caption, tokens in posts for term in _terms_of_post(caption or "", tokens or ())]
    of_images = [(term, image) for image, caption in images for term in terms_of(caption)]
    numbers = {term: number for number, term in enumerate(sorted({term for term, _ in (*of_posts, *of_images)}))}
    found = pa.table({"term": pa.array(range(len(numbers)), pa.int32()), "text": pa.array(list(numbers), pa.string())})
    connection.register("found", found)
    connection.execute("INSERT INTO terms SELECT * FROM found")
    for table, pairs in (("post_terms", of_posts), ("image_terms", of_images)):
        rows = pa.table(
            {
                "term": pa.array([numbers[term] for term, _ in pairs], pa.int32()),
                "row": pa.array([row for _, row in pairs], pa.int32()),
            }
        )
        connection.register("found", rows)
        connection.execute(f"INSERT INTO {table} SELECT * FROM found ORDER BY 1, 2")
    connection.unregister("found")
