"""Contracts of reels: their videos, a model's analysis of each, and hypotheses on what makes some of them viral."""

import pyarrow as pa

from instagram_assets.schemas.contract import (
    ACCOUNT,
    BY_CELL,
    BYTES,
    DAY,
    HEIGHT,
    MODEL,
    POST_ID,
    SCORED_WORDS,
    TEXTS,
    WIDTH,
    Column,
    Contract,
)

TIMELINE = pa.list_(
    pa.struct(
        [
            pa.field("start", pa.float64()),
            pa.field("end", pa.float64()),
            pa.field("event", pa.string()),
            pa.field("dialogue", pa.string()),
        ]
    )
)
"""Type of the consecutive segments of a video: start and end in seconds, what happens, and what is said."""
KEY_MOMENTS = pa.list_(pa.struct([pa.field("at", pa.float64()), pa.field("event", pa.string())]))
"""Type of the key moments of a video: seconds from its start, and what happens."""

_VIDEO_ID = Column("video_id", pa.string(), "SHA-256 of the video's bytes; null unless it is stored")

REEL_VIDEOS = Contract(
    "one reel",
    (
        POST_ID,
        ACCOUNT,
        DAY,
        Column("shortcode", pa.string(), "Code in the reel's address"),
        _VIDEO_ID,
        Column("url", pa.string(), "Address that the video was asked from"),
        Column("path", pa.string(), "File below the media folder; null where it is not, also when retention took it"),
        BYTES,
        Column("duration", pa.float64(), "Length in seconds"),
        WIDTH,
        HEIGHT,
        Column("codec", pa.string(), "How the picture is coded, as FFmpeg calls it: `h264`, `hevc`, `vp9`"),
        Column("has_audio", pa.bool_(), "Whether there is sound"),
        Column("poster", pa.string(), "A frame of it as JPEG: file below the media folder"),
        Column("source", pa.string(), "`direct`: from the address that the post came with; `instaloader`: asked anew"),
        Column("status", pa.string(), "`ok`, `failed`, `expired` or `refused`"),
        Column("reason", pa.string(), "Why the video is not there, or what was odd about it"),
    ),
    ("account", "post_id"),
    BY_CELL,
)

REEL_ANALYSES = Contract(
    "one reel",
    (
        POST_ID,
        ACCOUNT,
        DAY,
        _VIDEO_ID,
        Column("analyser", pa.string(), "`gemini`, or `local` where the API kept failing or none is set"),
        MODEL,
        Column("prompt", pa.string(), "Version of prompt and answer's schema: first 12 digits of their SHA-256"),
        Column("speaker", pa.string(), "Who speaks, if anybody"),
        Column("tone", pa.string(), "Mood of the reel"),
        Column("setting", pa.string(), "Where it plays"),
        Column("action", pa.string(), "What happens, in a sentence or two"),
        Column("hook", pa.string(), "What holds the viewer in the first seconds"),
        Column("topics", TEXTS, "What it is about, most important first"),
        Column("timeline", TIMELINE, "Parts in their order: seconds, what happens, what is said"),
        Column("key_moments", KEY_MOMENTS, "Moments that matter: seconds, what happens"),
        Column("hypotheses", TEXTS, "Why it may have gone viral, or not, as the model supposes"),
        Column("label_hidden", pa.bool_(), "True when the model did not know whether the reel went viral"),
        Column("tags", SCORED_WORDS, "Words that fit the frames, with their cosine; of the local analysis"),
        Column("loudness", pa.float64(), "Of every video: root mean square of the sound in dB of full scale, if any"),
        Column("cuts_per_minute", pa.float64(), "Of every video: how often the picture changes at once, per minute"),
        Column("prompt_tokens", pa.int64(), "Tokens sent, all answered calls for this video together"),
        Column("answer_tokens", pa.int64(), "Tokens received, thoughts included"),
        Column("cost_usd", pa.float64(), "What the calls cost by the prices of the settings, in US dollars"),
        Column("seconds", pa.float64(), "Time from upload to answer"),
        Column(
            "status",
            pa.string(),
            "`ok`, `blocked`, `truncated`, `empty`, `thoughts_only`, `malformed`, `failed`, `over_budget`; `no_video`",
        ),
        Column("reason", pa.string(), "Why there is no analysis by the model, or what was odd about it"),
    ),
    ("account", "post_id"),
    BY_CELL,
)

VIRAL_HYPOTHESES = Contract(
    "one hypothesis of one week",
    (
        Column("week", pa.date32(), "Monday of the week in which the reels were published"),
        Column("kind", pa.string(), "`contrast` of a number, or `model`: supposed by the model that watched the reels"),
        Column("hypothesis", pa.string(), "What may set viral reels apart, in a sentence"),
        Column("feature", pa.string(), "The number that is compared; null for those of the model"),
        Column("viral", pa.int64(), "Viral reels with that number"),
        Column("others", pa.int64(), "Other reels with it"),
        Column("viral_mean", pa.float64(), "Mean over the viral reels"),
        Column("others_mean", pa.float64(), "Mean over the other reels"),
        Column("difference", pa.float64(), "`viral_mean` - `others_mean`"),
        Column("low", pa.float64(), "Lower end of the difference's 95 % interval"),
        Column("high", pa.float64(), "Upper end of it"),
        Column("p_value", pa.float64(), "Chance of a difference this large if there were none"),
        Column("q_value", pa.float64(), "The same, corrected for all comparisons of the week (Benjamini and Hochberg)"),
        Column("supported_by", TEXTS, "`post_id` of viral reels for which it holds, of others for which not"),
        Column("contradicted_by", TEXTS, "`post_id` of reels that speak against it"),
    ),
    ("week", "kind", "hypothesis"),
)
