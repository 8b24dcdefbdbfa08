"""Every table's contract: its columns, their types, and what each one means; and the tables that are views."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from instagram_assets.errors import ContractError

MOMENT = pa.timestamp("us", tz="UTC")
TEXTS = pa.list_(pa.string())
MEDIA = pa.list_(
    pa.struct(
        [
            pa.field("position", pa.int32()),
            pa.field("kind", pa.string()),
            pa.field("url", pa.string()),
            pa.field("width", pa.int32()),
            pa.field("height", pa.int32()),
        ]
    )
)
CANDIDATES = pa.list_(pa.struct([pa.field("caption", pa.string()), pa.field("score", pa.float32())]))
EMBEDDING = pa.list_(pa.float32())
WORDS = pa.list_(pa.struct([pa.field("word", pa.string()), pa.field("pos", pa.string())]))
SCORED_WORDS = pa.list_(pa.struct([pa.field("word", pa.string()), pa.field("score", pa.float32())]))
ARCHIVE_SCHEME = "archive"
"""Of addresses of media that came in a person's own archive, `archive://ACCOUNT/PATH`: nobody can be asked for them."""
SIZES = pa.list_(pa.struct([pa.field("month", pa.string()), pa.field("posts", pa.int64())]))


@dataclass(frozen=True)
class Column:
    """One column: its name, Arrow type and meaning."""

    name: str
    type: pa.DataType
    meaning: str


@dataclass(frozen=True)
class Contract:
    """One table: what a row is, the columns, those that together name a row, and those that name its partition."""

    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    partitions: tuple[str, ...] = ()

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema([pa.field(column.name, column.type) for column in self.columns])

    def empty(self) -> pa.Table:
        """The table with no rows."""
        return self.schema.empty_table()

    def table(self, rows: list[dict[str, object]]) -> pa.Table:
        """Rows as a table of this contract; a missing key is null, an unknown key is an error."""
        known = {column.name for column in self.columns}
        for row in rows:
            if strangers := row.keys() - known:
                raise ContractError(f"{self.row}: no column is called {sorted(strangers)}")
        return pa.Table.from_pylist(rows, schema=self.schema)

    def conform(self, table: pa.Table, name: str) -> pa.Table:
        """The same rows in the contract's column order and types.

        Raises ContractError when a column is missing, unknown, or holds what its type cannot.
        """
        if table.schema.equals(self.schema):
            # What was read from a file brings that file's own marks in its fields.
            return pa.Table.from_arrays(table.columns, schema=self.schema)
        missing = [c.name for c in self.columns if c.name not in table.column_names]
        unknown = [n for n in table.column_names if n not in self.schema.names]
        if missing or unknown:
            raise ContractError(f"{name}: columns missing {missing}, unknown {unknown}")
        try:
            return table.select(self.schema.names).cast(self.schema)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise ContractError(f"{name}: {error}") from error


@dataclass(frozen=True)
class View:
    """A table that is not stored: SQL over other tables, run when it is read.

    `sql` gives the contract's columns, in any order of rows; `order` sorts them. `reads` says which columns of which
    tables it needs. Its rows of one account are made of that account's rows alone; `by_day` says the same of a day.
    """

    contract: Contract
    reads: Mapping[str, tuple[str, ...]]
    sql: str
    order: str
    by_day: bool


_ACCOUNT = Column("account", pa.string(), "Account that was collected, in lower case")
_BY_CELL = ("account", "day")
_DAY = Column("day", pa.date32(), "Day of `taken_at` in the configured time zone")
_POST_ID = Column("post_id", pa.string(), "Instagram's id of the post, verbatim")
_POSITION = Column("position", pa.int32(), "Place in the post, from 0")
_IMAGE_ID = Column("image_id", pa.string(), "SHA-256 of the image's bytes: equal for exact duplicates")
_IMAGE_OF_POST = (_IMAGE_ID, _POST_ID, _ACCOUNT, _DAY, _POSITION)
_WIDTH = Column("width", pa.int32(), "Width in pixels")
_HEIGHT = Column("height", pa.int32(), "Height in pixels")
_BYTES = Column("bytes", pa.int64(), "Size of the file in bytes")
_SHARPNESS = Column("sharpness", pa.float64(), "Variance of the Laplacian with the short side reduced to 300 px")
_SHARPNESS_NATIVE = Column("sharpness_native", pa.float64(), "Variance of the Laplacian at the image's own size")
_PHASH = Column("phash", pa.string(), "Perceptual hash: 64 bits as 16 hexadecimal digits")
_EMBEDDING = Column("embedding", EMBEDDING, "Embedding of the image, of unit length; null unless `status` is `ok`")
_MODEL = Column("model", pa.string(), "Model and its fingerprint")

_POST_COLUMNS = (
    _POST_ID,
    Column("shortcode", pa.string(), "Code in the post's address"),
    _ACCOUNT,
    _DAY,
    Column("kind", pa.string(), "`post` or `reel`"),
    Column("owner", pa.string(), "Account that posted; differs from `account` in collaborations"),
    Column("owner_id", pa.string(), "Instagram's id of the owner"),
    Column("owner_full_name", pa.string(), "Display name of the owner"),
    Column("type", pa.string(), "`image`, `sidecar` or `video`; null where an export of few fields does not tell"),
    Column("product_type", pa.string(), "Instagram's own product: `clips`, `feed`, `igtv`"),
    Column("url", pa.string(), "Address of the post"),
    Column("taken_at", MOMENT, "When the post was published"),
    Column("observed_at", MOMENT, "When these numbers were read"),
    Column("caption", pa.string(), "Text of the post; null when unknown, empty when there is none"),
    Column("caption_sha256", pa.string(), "Hash of the caption as received, before clean-up"),
    Column("caption_truncated", pa.bool_(), "True when the caption was longer than Instagram allows"),
    Column("hashtags", TEXTS, "Hashtags of the caption, without #, and the collector's own where it lists more"),
    Column("mentions", TEXTS, "Accounts that the caption mentions, and the collector's own where it lists more"),
    Column("likes", pa.int64(), "Likes; null when hidden or unknown"),
    Column("likes_hidden", pa.bool_(), "True when the owner hides the number of likes"),
    Column("comments", pa.int64(), "Number of comments"),
    Column("views", pa.int64(), "Video views as Instagram counts them: unique and long enough"),
    Column("plays", pa.int64(), "Times that the video was started"),
    Column("shares", pa.int64(), "Times that the post was shared"),
    Column("duration", pa.float64(), "Length of the video in seconds"),
    Column("width", pa.int32(), "Width of the first medium in pixels"),
    Column("height", pa.int32(), "Height of the first medium in pixels"),
    Column("location", pa.string(), "Name of the place that the owner gave"),
    Column("alt", pa.string(), "Instagram's own description of the picture"),
    Column("pinned", pa.bool_(), "True when pinned to the top of the profile"),
    Column("sponsored", pa.bool_(), "Marked as sponsored; collectors often get this wrong"),
    Column("comments_disabled", pa.bool_(), "True when nobody may comment"),
    Column("coauthors", TEXTS, "Accounts that published the post together with the owner"),
    Column("tagged", TEXTS, "Accounts tagged in the picture"),
    Column("media", MEDIA, "Images and videos in their order, each with its address, or `archive://ACCOUNT/PATH`"),
    Column("extra", pa.string(), "Fields without a column here, as JSON"),
    Column("warnings", TEXTS, "What was odd about the record, yet accepted"),
    Column("source_file", pa.string(), "Name of the file that the record came in"),
    Column("source_sha256", pa.string(), "Hash of that file's bytes"),
    Column("source_index", pa.int64(), "Place of the record in that file, from 0"),
)

_PROFILE_FACTS = (
    Column("profile_id", pa.string(), "Instagram's id of the profile, verbatim"),
    Column("followers", pa.int64(), "Number of followers"),
    Column("follows", pa.int64(), "Number of accounts that the profile follows"),
    Column("posts_count", pa.int64(), "Number of posts on the profile"),
    Column("biography", pa.string(), "Text of the profile"),
    Column("private", pa.bool_(), "True when only followers see the posts"),
    Column("verified", pa.bool_(), "True when Instagram verified the profile"),
)

POSTS_RAW = Contract("one observation of one post", _POST_COLUMNS, ("account", "post_id", "observed_at"), _BY_CELL)

PROFILES_RAW = Contract(
    "one observation of one profile",
    (
        _ACCOUNT,
        *_PROFILE_FACTS,
        Column("full_name", pa.string(), "Display name"),
        Column("business", pa.bool_(), "True for business accounts"),
        Column("category", pa.string(), "Business category"),
        Column("external_url", pa.string(), "Link on the profile"),
        Column("observed_at", MOMENT, "When the profile was read"),
        Column("extra", pa.string(), "Fields without a column here, as JSON"),
        Column("warnings", TEXTS, "What was odd about the record, yet accepted"),
        Column("source_file", pa.string(), "Name of the file that the record came in"),
        Column("source_sha256", pa.string(), "Hash of that file's bytes"),
        Column("source_index", pa.int64(), "Place of the record in that file, from 0"),
    ),
    ("account", "observed_at"),
    ("account",),
)

POSTS = Contract(
    "one post or reel: its newest observation, with pictures if any had some, and the owner's profile of that time",
    (
        *_POST_COLUMNS,
        *_PROFILE_FACTS,
        Column("profile_observed_at", MOMENT, "When the owner's profile was read, nearest to `observed_at`"),
        Column("observations", pa.int64(), "How often the post was observed"),
    ),
    ("account", "post_id"),
    _BY_CELL,
)

IMAGES = Contract(
    "one image of one post",
    (
        Column("image_id", pa.string(), "SHA-256 of the image's bytes; null unless `status` is `ok`"),
        _POST_ID,
        _ACCOUNT,
        _DAY,
        _POSITION,
        Column("url", pa.string(), "Address that the image was asked from"),
        Column("path", pa.string(), "File below the media folder"),
        _WIDTH,
        _HEIGHT,
        _BYTES,
        Column("status", pa.string(), "`ok`, `failed`, `expired` or `refused`"),
        Column("reason", pa.string(), "Why the image is not there, or what was odd about it"),
    ),
    ("account", "post_id", "position"),
    _BY_CELL,
)

IMAGE_QUALITY = Contract(
    "one image of one post",
    (
        *_IMAGE_OF_POST,
        _SHARPNESS,
        _SHARPNESS_NATIVE,
        _PHASH,
        Column("near_group", pa.string(), "First image_id among the account's look-alikes of the day; its own if none"),
        Column("passed", pa.bool_(), "Large and sharp enough by the settings"),
        Column("status", pa.string(), "`ok`, or `failed` when the file could not be read"),
        Column("reason", pa.string(), "Why it did not pass or could not be read"),
    ),
    ("account", "post_id", "position"),
    _BY_CELL,
)

CAPTIONS = Contract(
    "one image of one post",
    (
        *_IMAGE_OF_POST,
        Column("caption", pa.string(), "What the image shows, in one sentence; null unless `status` is `ok`"),
        Column("score", pa.float32(), "Cosine of image and caption by the embedding model; null without scoring"),
        Column("candidates", CANDIDATES, "All different captions that were considered, best first, with their scores"),
        _MODEL,
        Column("status", pa.string(), "`ok`, `failed`, or `skipped` when the image did not pass the quality filter"),
        Column("reason", pa.string(), "Why there is no caption, or what was odd about it"),
    ),
    ("account", "post_id", "position"),
    _BY_CELL,
)

EMBEDDINGS = Contract(
    "one image of one post",
    (
        *_IMAGE_OF_POST,
        _EMBEDDING,
        _MODEL,
        Column("status", pa.string(), "`ok`, `failed`, or `skipped` when the image did not pass the quality filter"),
        Column("reason", pa.string(), "Why there is no embedding"),
    ),
    ("account", "post_id", "position"),
    _BY_CELL,
)

CLUSTERS = Contract(
    "one image",
    (
        Column("scope", pa.string(), "`all`, or the account within which the image was clustered"),
        _IMAGE_ID,
        Column("cluster", pa.int32(), "Number of its cluster; -1: noise"),
        Column("is_largest", pa.bool_(), "In the largest cluster of its scope"),
        Column("near_group", pa.string(), "First image_id among its look-alikes in the scope; its own if none"),
        Column("model", pa.string(), "Embedding model and its fingerprint"),
    ),
    ("scope", "image_id"),
)

_SEARCH = Column("search", pa.string(), "Name of the search: its partition and its folder")
_RANK = Column("rank", pa.int32(), "Place in the page's results, from 1")

SEARCH_RESULTS = Contract(
    "one candidate of an image search",
    (
        _SEARCH,
        Column("query", pa.string(), "Words that were searched for"),
        _RANK,
        Column("url", pa.string(), "Address of the original picture"),
        Column("fallback_url", pa.string(), "Address of its thumbnail, asked when the original cannot be had"),
        Column("source", pa.string(), "Search engine"),
        Column("selector", pa.string(), "CSS selector that found it"),
        Column("page_url", pa.string(), "Address of the page of results"),
    ),
    ("search", "rank"),
    ("search",),
)

SEARCH_IMAGES = Contract(
    "one candidate of an image search",
    (
        _SEARCH,
        _RANK,
        Column("image_id", pa.string(), "SHA-256 of the image's bytes; null unless it was fetched"),
        Column("url", pa.string(), "Address that the bytes came from, or that was asked last"),
        Column("path", pa.string(), "File below the media folder"),
        _WIDTH,
        _HEIGHT,
        _BYTES,
        _SHARPNESS,
        _SHARPNESS_NATIVE,
        _PHASH,
        Column("passed", pa.bool_(), "Fetched, large and sharp enough for this search"),
        Column("status", pa.string(), "`ok`, `failed`, `expired` or `refused`"),
        Column("reason", pa.string(), "Why it was not fetched or did not pass"),
    ),
    ("search", "rank"),
    ("search",),
)

SEARCH_EMBEDDINGS = Contract(
    "one image of an image search that passed",
    (
        _SEARCH,
        _IMAGE_ID,
        _EMBEDDING,
        _MODEL,
        Column("status", pa.string(), "`ok` or `failed`"),
        Column("reason", pa.string(), "Why there is no embedding"),
    ),
    ("search", "image_id"),
    ("search",),
)

SEARCH_CLUSTERS = Contract(
    "one embedded image of an image search",
    (
        _SEARCH,
        _IMAGE_ID,
        Column("cluster", pa.int32(), "Number of its cluster; -1: noise"),
        Column("distance", pa.float32(), "Cosine distance to its cluster's centre; null for noise"),
        Column(
            "query_score", pa.float32(), "Cosine of its cluster's centre and the query's text; null unless asked for"
        ),
        Column("is_subject", pa.bool_(), "In the cluster that was taken for the subject"),
        Column("near_group", pa.string(), "First image_id among its look-alikes; its own if none"),
    ),
    ("search", "image_id"),
    ("search",),
)

SEARCH_DATASET = Contract(
    "one candidate of an image search",
    (
        _SEARCH,
        Column("query", pa.string(), "Words that were searched for"),
        _RANK,
        Column("file", pa.string(), "File in the dataset's folder; null when it was not kept"),
        Column("kept", pa.bool_(), "In the dataset"),
        Column("reason", pa.string(), "Why it was not kept"),
        Column("source", pa.string(), "Search engine"),
        Column("url", pa.string(), "Address that the bytes came from"),
        Column("page_url", pa.string(), "Address of the page of results"),
        Column("image_id", pa.string(), "SHA-256 of the image's bytes"),
        _WIDTH,
        _HEIGHT,
        _SHARPNESS,
        Column("cluster", pa.int32(), "Number of its cluster; -1: noise"),
        Column("distance", pa.float32(), "Cosine distance to its cluster's centre"),
    ),
    ("search", "rank"),
    ("search",),
)

IMPRESSIONS = Contract(
    "one post",
    (
        _POST_ID,
        _ACCOUNT,
        _DAY,
        Column("kind", pa.string(), "`post` or `reel`"),
        Column("likes", pa.int64(), "Likes; null when hidden or unknown"),
        Column("comments", pa.int64(), "Number of comments"),
        Column("followers", pa.int64(), "Followers of the owner, observed nearest to the post's observation"),
        Column("impression", pa.float64(), "(likes + comments) / followers; null when one is unknown"),
    ),
    ("account", "post_id"),
    _BY_CELL,
)

POST_METRICS = Contract(
    "one observation of one post",
    (
        _POST_ID,
        _ACCOUNT,
        _DAY,
        Column("kind", pa.string(), "`post` or `reel`"),
        Column("observed_at", MOMENT, "When these numbers were read"),
        Column("likes", pa.int64(), "Likes; null when hidden or unknown"),
        Column("comments", pa.int64(), "Number of comments"),
        Column("views", pa.int64(), "Video views as Instagram counts them: unique and long enough"),
        Column("plays", pa.int64(), "Times that the video was started"),
    ),
    ("account", "post_id", "observed_at"),
)

# A post that was ever seen as a reel is a reel; of two rows for one moment the reel's stands, then the larger counts.
POST_METRICS_VIEW = View(
    POST_METRICS,
    reads={"raw_posts": tuple(POST_METRICS.schema.names), "raw_reels": tuple(POST_METRICS.schema.names)},
    sql="""
SELECT
    looks.post_id, looks.account, looks.day,
    CASE WHEN bool_or(looks.kind = 'reel') OVER (PARTITION BY looks.account, looks.post_id)
        THEN 'reel' ELSE 'post' END AS kind,
    looks.observed_at, looks.likes, looks.comments, looks.views, looks.plays
FROM (SELECT * FROM raw_posts UNION ALL BY NAME SELECT * FROM raw_reels) AS looks
QUALIFY row_number() OVER (
    PARTITION BY looks.account, looks.post_id, looks.observed_at
    ORDER BY looks.kind DESC NULLS LAST, looks.likes DESC NULLS LAST, looks.comments DESC NULLS LAST,
        looks.views DESC NULLS LAST, looks.plays DESC NULLS LAST, looks.day
) = 1
""",
    order="account, post_id, observed_at",
    by_day=False,
)

TOKENS = Contract(
    "one post with a caption",
    (
        _POST_ID,
        _ACCOUNT,
        _DAY,
        Column("language", pa.string(), "`ko`, `en`, `mixed` or `other`, by the letters; null when there are none"),
        Column("tokens", WORDS, "Every word in the order of the caption, with its part of speech; no stop words"),
        Column("nouns", TEXTS, "Common nouns, in their order"),
        Column("proper_nouns", TEXTS, "Names"),
        Column("verbs", TEXTS, "Verbs in their dictionary form"),
        Column("adjectives", TEXTS, "Adjectives in their dictionary form"),
        Column("adverbs", TEXTS, "Adverbs"),
        Column("interjections", TEXTS, "Exclamations and laughter; any run of ㅋ is `ㅋㅋ`"),
        Column("emojis", TEXTS, "Emojis, each whole with its skin tone and joined figures"),
        Column("hashtags", TEXTS, "Hashtags in lower case, without #"),
        Column("mentions", TEXTS, "Mentioned accounts, without @"),
        Column("tokenizer", pa.string(), "Tokenizer, its version, and a hash of the words file"),
    ),
    ("account", "post_id"),
    _BY_CELL,
)

TOKEN_COUNTS = Contract(
    "one word, as one part of speech, of one account and day",
    (
        _ACCOUNT,
        _DAY,
        Column("word", pa.string(), "The word as in `tokens`"),
        Column("pos", pa.string(), "Part of speech, one of `text.pos.CLASSES`"),
        Column("count", pa.int64(), "How often it was written"),
        Column("posts", pa.int64(), "Posts that have it"),
    ),
    ("account", "day", "word", "pos"),
)

TOKEN_COUNTS_VIEW = View(
    TOKEN_COUNTS,
    reads={"tokens": ("account", "day", "post_id", "tokens")},
    sql="""
SELECT account, day, word, pos, sum(times)::BIGINT AS count, count(*) AS posts
FROM (
    SELECT account, day, post_id, word, pos, count(*) AS times
    FROM (SELECT account, day, post_id, unnest(tokens, recursive := true) FROM tokens)
    GROUP BY account, day, post_id, word, pos
)
GROUP BY account, day, word, pos
""",
    order="account, day, count DESC, word, pos",
    by_day=True,
)

TOPICS = Contract(
    "one topic: a cluster of images or a group of images with similar captions",
    (
        Column("source", pa.string(), "`clusters` or `captions`: what groups its images"),
        Column("scope", pa.string(), "`all`, or the account whose images were clustered alone"),
        Column("topic", pa.int32(), "Number of the cluster or group"),
        Column("name", pa.string(), "Its three most telling words; null when its posts have none"),
        Column(
            "words", SCORED_WORDS, "The words that tell it from the others of its source and scope, most telling first"
        ),
        Column("images", pa.int64(), "Its images"),
        Column("posts", pa.int64(), "Posts that these images are of"),
        Column("sizes", SIZES, "Its posts per month, oldest first"),
        Column("image_ids", TEXTS, "Some of its images, evenly drawn"),
    ),
    ("source", "scope", "topic"),
)

AGE_PREDICTIONS = Contract(
    "one account; not for decisions about a person",
    (
        _ACCOUNT,
        Column("probability", pa.float64(), "That the person behind it is of the cut-off age or older; calibrated"),
        Column("at_least_cutoff", pa.bool_(), "The likelier label; null when abstained"),
        Column("abstained", pa.bool_(), "The probability is too near one half, or there is none"),
        Column("n_posts", pa.int64(), "Posts with text that it rests on"),
        Column("age_cutoff", pa.int32(), "The cut-off age in years"),
        _MODEL,
        Column("status", pa.string(), "`ok` or `skipped`"),
        Column("reason", pa.string(), "Why there is no probability"),
    ),
    ("account",),
    ("account",),
)

LANDED_FILES = Contract(
    "one file that came in",
    (
        Column("file", pa.string(), "Name of the file"),
        Column("sha256", pa.string(), "Hash of the file's bytes"),
        Column("parser_version", pa.int32(), "Version of the rules that read it"),
        Column("format", pa.string(), "What its records are, found from their content"),
        Column("records", pa.int64(), "Records in the file"),
        Column("posts", pa.int64(), "Observations of posts taken"),
        Column("reels", pa.int64(), "Observations of reels taken"),
        Column("profiles", pa.int64(), "Observations of profiles taken"),
        Column("quarantined", pa.int64(), "Records put into quarantine"),
        Column("outside_window", pa.int64(), "Posts of days before the start day or after today; kept, not shown"),
        Column("duplicates", pa.int64(), "Observations of posts that the file has more than once"),
        Column("warnings", pa.int64(), "Records that were odd, yet accepted"),
        Column("unknown_fields", TEXTS, "Fields of its records that have no column, sorted: what the exporter added"),
        Column("accounts", TEXTS, "Accounts with posts or a profile in the file, sorted"),
        Column("first_day", pa.date32(), "First day of its posts"),
        Column("last_day", pa.date32(), "Last day of its posts"),
        Column("observed_at", MOMENT, "Observation time of the records that state none themselves"),
    ),
    ("sha256", "parser_version"),
)

QUARANTINE = Contract(
    "one bad record",
    (
        Column("file", pa.string(), "Name of the file"),
        Column("sha256", pa.string(), "Hash of the file's bytes"),
        Column("index", pa.int64(), "Place of the record in the file, from 0"),
        Column("field", pa.string(), "Field that is wrong; empty when it is the whole record"),
        Column("reason", pa.string(), "What is wrong with it"),
        Column(
            "record",
            pa.string(),
            "The record as JSON without other people's words and pictures, cut after 10,000 characters; of a record of "
            "unknown kind only its keys; empty for comments and for what is no object",
        ),
    ),
    ("sha256", "index", "field"),
)

CONTRACTS: dict[str, Contract] = {
    "landed_files": LANDED_FILES,
    "quarantine": QUARANTINE,
    "raw_posts": POSTS_RAW,
    "raw_reels": POSTS_RAW,
    "raw_profiles": PROFILES_RAW,
    "posts": POSTS,
    "images": IMAGES,
    "image_quality": IMAGE_QUALITY,
    "captions": CAPTIONS,
    "embeddings": EMBEDDINGS,
    "clusters": CLUSTERS,
    "search_results": SEARCH_RESULTS,
    "search_images": SEARCH_IMAGES,
    "search_embeddings": SEARCH_EMBEDDINGS,
    "search_clusters": SEARCH_CLUSTERS,
    "search_dataset": SEARCH_DATASET,
    "impressions": IMPRESSIONS,
    "post_metrics": POST_METRICS,
    "tokens": TOKENS,
    "token_counts": TOKEN_COUNTS,
    "topics": TOPICS,
    "age_predictions": AGE_PREDICTIONS,
}

VIEWS: dict[str, View] = {
    "post_metrics": POST_METRICS_VIEW,
    "token_counts": TOKEN_COUNTS_VIEW,
}
