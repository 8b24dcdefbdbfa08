"""Contracts of tables computed from texts: tokens, word counts, topics, age predictions."""

import pyarrow as pa

from instagram_assets.schemas.contract import (
    ACCOUNT,
    BY_ACCOUNT,
    BY_CELL,
    DAY,
    MODEL,
    POST_ID,
    SCORED_WORDS,
    SIZES,
    TEXTS,
    WORDS,
    Column,
    Contract,
    View,
)

TOKENS = Contract(
    "one post with a caption",
    (
        POST_ID,
        ACCOUNT,
        DAY,
        Column("language", pa.string(), "`ko`, `en`, `mixed` or `other`, by script; null without letters"),
        Column("tokens", WORDS, "Tokens in caption order with part-of-speech tags, without stop words"),
        Column("nouns", TEXTS, "Common nouns, in their order"),
        Column("proper_nouns", TEXTS, "Proper nouns"),
        Column("verbs", TEXTS, "Verbs, lemmatized"),
        Column("adjectives", TEXTS, "Adjectives, lemmatized"),
        Column("adverbs", TEXTS, "Adverbs"),
        Column("interjections", TEXTS, "Exclamations and laughter; any run of ㅋ is `ㅋㅋ`"),
        Column("emojis", TEXTS, "Emojis, each whole with its skin tone and joined figures"),
        Column("hashtags", TEXTS, "Hashtags in lower case, without #"),
        Column("mentions", TEXTS, "Mentioned accounts, without @"),
        Column("tokenizer", pa.string(), "Tokenizer, its version, and a hash of the words file"),
    ),
    ("account", "post_id"),
    BY_CELL,
)

TOKEN_COUNTS = Contract(
    "one word, as one part of speech, of one account and day",
    (
        ACCOUNT,
        DAY,
        Column("word", pa.string(), "The word as in `tokens`"),
        Column("pos", pa.string(), "Part of speech, one of `text.pos.CLASSES`"),
        Column("count", pa.int64(), "Number of occurrences"),
        Column("posts", pa.int64(), "Number of posts with the word"),
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

ALL_ACCOUNTS = "all"
"""The `scope` of topics that were computed over the posts of all accounts together."""

TOPICS = Contract(
    "one topic: a cluster of images or a group of images with similar captions",
    (
        Column("source", pa.string(), "Grouping of the images: `clusters` or `captions`"),
        Column("scope", pa.string(), "`all`, or the account whose images were clustered alone"),
        Column("topic", pa.int32(), "Number of the cluster or group"),
        Column("name", pa.string(), "Its three highest-scoring words; null if its posts have no words"),
        Column(
            "words", SCORED_WORDS, "The words that tell it from the others of its source and scope, most telling first"
        ),
        Column("images", pa.int64(), "Number of images"),
        Column("posts", pa.int64(), "Number of posts with these images"),
        Column("sizes", SIZES, "Number of posts per month, oldest first"),
        Column("image_ids", TEXTS, "`image_id` of an evenly spaced sample of its images"),
    ),
    ("source", "scope", "topic"),
)


AGE_PREDICTIONS = Contract(
    "one account; not for decisions about a person",
    (
        ACCOUNT,
        Column(
            "probability",
            pa.float64(),
            "Calibrated probability (0-1) of an owner aged `age_cutoff` or older; null if skipped",
        ),
        Column("at_least_cutoff", pa.bool_(), "Predicted label; null if abstained"),
        Column("abstained", pa.bool_(), "True if the probability is too close to 0.5 or null"),
        Column("n_posts", pa.int64(), "Number of posts with text used for the prediction"),
        Column("language", pa.string(), "`ko`, `en`, `mixed` or `other`, by the letters of these posts", added=True),
        Column(
            "compared_posts",
            pa.int64(),
            "Size of a random sample of these posts, matched to the posts per test user",
            added=True,
        ),
        Column(
            "compared_probability",
            pa.float64(),
            "Probability from that sample, used for prevalence estimates",
            added=True,
        ),
        Column("age_cutoff", pa.int32(), "The cut-off age in years"),
        MODEL,
        Column("status", pa.string(), "`ok` or `skipped`"),
        Column("reason", pa.string(), "Why the probability is null"),
    ),
    ("account",),
    BY_ACCOUNT,
)
