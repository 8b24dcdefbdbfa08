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

_VIDEO_ID = Column("video_id", pa.string(), "SHA-256 of the video file; null unless it is stored")

REEL_VIDEOS = Contract(
    "one reel",
    (
        POST_ID,
        ACCOUNT,
        DAY,
        Column("shortcode", pa.string(), "Shortcode of the reel, as in its URL"),
        _VIDEO_ID,
        Column("url", pa.string(), "URL from which the video was requested"),
        Column("path", pa.string(), "Path relative to the media folder; null if not stored or deleted by retention"),
        BYTES,
        Column("duration", pa.float64(), "Duration in seconds"),
        WIDTH,
        HEIGHT,
        Column("codec", pa.string(), "Video codec by FFmpeg's name, such as `h264`, `hevc` or `vp9`"),
        Column("has_audio", pa.bool_(), "True if the video has an audio track"),
        Column("poster", pa.string(), "Path of the poster frame (JPEG) relative to the media folder"),
        Column("source", pa.string(), "`direct`: the URL of the collected post; `instaloader`: a refreshed URL"),
        Column("status", pa.string(), "`ok`, `failed`, `expired` or `refused`"),
        Column("reason", pa.string(), "Why the video is missing, or warnings about it"),
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
        Column("analyser", pa.string(), "`gemini`, or `local` if the API kept failing or is not configured"),
        MODEL,
        Column(
            "prompt", pa.string(), "Version of prompt and response schema: first 12 hexadecimal digits of their SHA-256"
        ),
        Column("speaker", pa.string(), "Description of the speaker, not a name; `nobody` if nobody speaks"),
        Column("tone", pa.string(), "Mood of the reel"),
        Column("setting", pa.string(), "Setting: where the reel takes place"),
        Column("action", pa.string(), "Summary of the action in one or two sentences"),
        Column("hook", pa.string(), "What holds the viewer in the first seconds"),
        Column("topics", TEXTS, "Topics, most important first"),
        Column("timeline", TIMELINE, "Consecutive segments: start and end in seconds, event, dialogue"),
        Column("key_moments", KEY_MOMENTS, "Key moments: seconds from the start, event"),
        Column("hypotheses", TEXTS, "The model's hypotheses why the reel went viral or not"),
        Column("label_hidden", pa.bool_(), "True if the prompt did not state the reel's viral label"),
        Column("tags", SCORED_WORDS, "Tags of the frames with cosine similarity; local analysis only"),
        Column("loudness", pa.float64(), "RMS audio level in dBFS, whichever the analyser; null without audio"),
        Column("cuts_per_minute", pa.float64(), "Shot cuts per minute, whichever the analyser"),
        Column("prompt_tokens", pa.int64(), "Input tokens, summed over all answered calls for this video"),
        Column("answer_tokens", pa.int64(), "Output tokens, including thinking tokens"),
        Column("cost_usd", pa.float64(), "Cost of the calls in US dollars, by the configured prices"),
        Column("seconds", pa.float64(), "Latency from upload to response in seconds, summed over the calls"),
        Column(
            "status",
            pa.string(),
            "`ok`, `blocked`, `truncated`, `empty`, `thoughts_only`, `malformed`, `failed`, `over_budget`; `no_video`",
        ),
        Column("reason", pa.string(), "Why the model's analysis is missing, or warnings about it"),
    ),
    ("account", "post_id"),
    BY_CELL,
)

VIRAL_HYPOTHESES = Contract(
    "one hypothesis of one week",
    (
        Column("week", pa.date32(), "Monday of the week in which the reels were published"),
        Column(
            "kind", pa.string(), "`contrast`: group difference of a feature; `model`: proposed by the analysing model"
        ),
        Column("hypothesis", pa.string(), "Hypothesis on what distinguishes viral reels, in one sentence"),
        Column("feature", pa.string(), "Feature that is compared; null for `model`"),
        Column("viral", pa.int64(), "Number of viral reels with a value of `feature`"),
        Column("others", pa.int64(), "Number of other reels with a value of `feature`"),
        Column("viral_mean", pa.float64(), "Mean of `feature` over the viral reels"),
        Column("others_mean", pa.float64(), "Mean of `feature` over the other reels"),
        Column("difference", pa.float64(), "`viral_mean` - `others_mean`"),
        Column("low", pa.float64(), "Lower bound of the 95 % confidence interval of `difference`"),
        Column("high", pa.float64(), "Upper bound of the 95 % confidence interval of `difference`"),
        Column("p_value", pa.float64(), "p-value of `difference` under the null hypothesis of no difference"),
        Column("q_value", pa.float64(), "`p_value` adjusted for all comparisons of the week (Benjamini-Hochberg)"),
        Column("supported_by", TEXTS, "`post_id` of the reels that support the hypothesis"),
        Column("contradicted_by", TEXTS, "`post_id` of the reels that contradict the hypothesis"),
    ),
    ("week", "kind", "hypothesis"),
)
