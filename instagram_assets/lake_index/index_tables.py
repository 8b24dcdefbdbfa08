"""The DuckDB tables of the index, which the web pages filter, sort and count.

The integer keys (`post`, `image`, `word`, `term`, `vector`) are row indices that are valid within one version of the
index only; URLs of pages therefore contain the account, `post_id` and `image_id`.
"""

VERSION = 5
"""Version of the table format; an index of another version is rebuilt."""

SCHEMA = """
CREATE TABLE files (              -- what the index is made of: each file of the lake that it reads
    name VARCHAR,                 -- of the table
    owner VARCHAR,                -- account or search; empty for a whole table
    month VARCHAR,                -- `2026-10`; empty for what is not kept by month
    seen VARCHAR,                 -- inode, time and size of the file; empty when it was too young to tell by these
    stamp VARCHAR                 -- another one when any of its rows changed, see storage/file_stamps.py
);
CREATE TABLE posts (
    post INTEGER,
    account VARCHAR, post_id VARCHAR, shortcode VARCHAR, day DATE, kind VARCHAR, owner VARCHAR,
    taken_at TIMESTAMPTZ,
    weekday UTINYINT, hour UTINYINT,                       -- in the time zone of the data; 1: Monday, 7: Sunday
    observed_at TIMESTAMPTZ,
    caption VARCHAR, language VARCHAR, hashtags VARCHAR[],
    likes BIGINT, comments BIGINT, views BIGINT, plays BIGINT,
    followers BIGINT, impression DOUBLE,                   -- as in the table impressions
    viral BOOLEAN, viral_score DOUBLE, viral_reason VARCHAR,
    images INTEGER, first_image VARCHAR,                   -- how many are stored, and the image_id of the first
    poster VARCHAR, hook VARCHAR, hypotheses VARCHAR[],    -- of reels: a frame's file below the media folder; why viral
    source_file VARCHAR, source_index BIGINT
);
CREATE TABLE images (             -- one image of one post, or one of a search
    image INTEGER,
    image_id VARCHAR,             -- null unless it is stored
    account VARCHAR, search VARCHAR,                       -- one of both
    post INTEGER, post_id VARCHAR, position INTEGER,       -- null for images of searches, whose position is their rank
    day DATE, taken_at TIMESTAMPTZ, kind VARCHAR,      -- of its post
    path VARCHAR, width INTEGER, height INTEGER, status VARCHAR, reason VARCHAR,
    sharpness DOUBLE, passed BOOLEAN, near_group VARCHAR,
    near_of_day VARCHAR,          -- near_group without clusters, where it is another image: for updates alone
    scope VARCHAR, cluster INTEGER,                        -- `all`, an account, or `search:NAME`; -1: noise
    caption VARCHAR, caption_score FLOAT,                  -- what it shows, in a sentence
    likes BIGINT, impression DOUBLE, viral BOOLEAN,        -- of its post
    vector INTEGER                                         -- row of its embedding among the vectors; null without one
);
CREATE TABLE looks (              -- numbers of a post over time, as the view post_metrics has them
    post INTEGER, observed_at TIMESTAMPTZ, likes BIGINT, comments BIGINT, views BIGINT, plays BIGINT
);
CREATE TABLE followers (          -- numbers of a profile over time
    account VARCHAR, observed_at TIMESTAMPTZ, followers BIGINT, follows BIGINT, posts_count BIGINT
);
CREATE TABLE words (              -- a word as one part of speech; `pos` as in text.pos.CLASSES
    word INTEGER, text VARCHAR, pos VARCHAR
);
CREATE TABLE word_days (          -- as the view token_counts; sorted by day
    word INTEGER, account VARCHAR, day DATE, count INTEGER, posts INTEGER
);
CREATE TABLE word_months (        -- the same by month, for long ranges; month: its first day
    word INTEGER, account VARCHAR, month DATE, count INTEGER, posts INTEGER
);
CREATE TABLE word_years (         -- of all accounts together by year, for ranges without accounts; year: its first day
    word INTEGER, year DATE, count BIGINT, posts BIGINT
);
CREATE TABLE terms (              -- what captions are found by, see search_terms.py
    term INTEGER, text VARCHAR
);
CREATE TABLE post_terms (term INTEGER, post INTEGER);      -- sorted by term; of a post its caption and tokens
CREATE TABLE image_terms (term INTEGER, image INTEGER);    -- of an image its own caption
CREATE TABLE topics (
    source VARCHAR, scope VARCHAR, topic INTEGER, name VARCHAR, words VARCHAR[], images BIGINT, posts BIGINT,
    image_ids VARCHAR[]
);
CREATE TABLE hypotheses (         -- as the table viral_hypotheses, with the model's
    week DATE, kind VARCHAR, hypothesis VARCHAR, difference DOUBLE, low DOUBLE, high DOUBLE, q_value DOUBLE,
    supported_by VARCHAR[], contradicted_by VARCHAR[]
);
CREATE TABLE facts (name VARCHAR, value VARCHAR);          -- `version`, `time_zone`, `made_at` (UTC),
-- `appended`: posts and images since it was made whole, `vectors`: file of the embeddings
"""

_IMAGE = ("account", "post_id", "position", "day")
_NUMBERS = ("post_id", "account", "day", "kind", "observed_at", "likes", "comments", "views", "plays")
LAKE_COLUMNS: dict[str, tuple[str, ...]] = {
    "posts": (
        *("account", "post_id", "shortcode", "day", "kind", "owner", "taken_at", "observed_at", "caption", "hashtags"),
        *("likes", "comments", "views", "plays", "source_file", "source_index"),
    ),
    "raw_posts": _NUMBERS,
    "raw_reels": _NUMBERS,
    "images": (*_IMAGE, "image_id", "path", "width", "height", "status", "reason"),
    "image_quality": (*_IMAGE, "sharpness", "passed", "near_group", "reason"),
    "captions": (*_IMAGE, "caption", "score"),
    "embeddings": ("image_id", "embedding", "model"),
    "impressions": ("account", "post_id", "day", "followers", "impression"),
    "tokens": ("account", "post_id", "day", "language", "tokens"),
    "reel_videos": ("account", "post_id", "day", "poster"),
    "reel_analyses": ("account", "post_id", "day", "hook", "hypotheses"),
    "raw_profiles": ("account", "observed_at", "followers", "follows", "posts_count"),
    "clusters": ("scope", "image_id", "cluster", "near_group"),
    "viral_labels": ("account", "id", "kind", "viral", "score", "reason"),
    "viral_hypotheses": (
        *("week", "kind", "hypothesis", "difference", "low", "high", "q_value", "supported_by", "contradicted_by"),
    ),
    "topics": ("source", "scope", "topic", "name", "words", "images", "posts", "image_ids"),
    "search_images": (
        *("search", "rank", "image_id", "path", "width", "height", "status", "reason", "sharpness", "passed"),
    ),
    "search_embeddings": ("image_id", "embedding", "model"),
    "search_clusters": ("search", "image_id", "cluster", "near_group"),
}
"""The tables of the lake that the index is built from, and their columns that it reads."""
EMBEDDING_TABLES = ("embeddings", "search_embeddings")
"""The tables of the lake with embeddings, which `embedding_file.py` reads only where they changed."""
