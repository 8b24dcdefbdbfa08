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
    BY_CELL,
)

TOKEN_COUNTS = Contract(
    "one word, as one part of speech, of one account and day",
    (
        ACCOUNT,
        DAY,
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

ALL_ACCOUNTS = "all"
"""The `scope` of topics that were computed over the posts of all accounts together."""

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
        ACCOUNT,
        Column("probability", pa.float64(), "That the person behind it is of the cut-off age or older; calibrated"),
        Column("at_least_cutoff", pa.bool_(), "The likelier label; null when abstained"),
        Column("abstained", pa.bool_(), "The probability is too near one half, or there is none"),
        Column("n_posts", pa.int64(), "Posts with text that it rests on"),
        Column("language", pa.string(), "`ko`, `en`, `mixed` or `other`, by the letters of these posts", added=True),
        Column(
            "compared_posts", pa.int64(), "Of these, drawn at random: as many as test users were scored by", added=True
        ),
        Column("compared_probability", pa.float64(), "The probability by them, from which shares are made", added=True),
        Column("age_cutoff", pa.int32(), "The cut-off age in years"),
        MODEL,
        Column("status", pa.string(), "`ok` or `skipped`"),
        Column("reason", pa.string(), "Why there is no probability"),
    ),
    ("account",),
    BY_ACCOUNT,
)
