"""How a pseudonymous export treats each column: kept, pseudonymised, masked or emptied.

A column that is added to an exported table must get a treatment here; until then pseudonymous exports fail.
"""

from typing import Literal, NamedTuple

from instagram_assets.privacy.pii_patterns import PLACEHOLDERS

TreatmentKind = Literal["keep", "name", "post", "profile", "text", "sentence", "words", "gone"]
"""How an export treats a value: it is kept, replaced by a pseudonym (names and ids), masked, or removed (`gone`).

In texts account names, addresses and numbers are masked; in sentences that this program writes also the name of the
row's account, however short; in lists of words only account names.
"""

_OTHERS = ", ".join(f"`{mark}`" for mark in PLACEHOLDERS)
TREATMENT_TEXTS: dict[TreatmentKind, str] = {
    "keep": "as it is",
    "name": "pseudonym `person_…`",
    "post": "pseudonym `post_…`",
    "profile": "pseudonym `profile_…`",
    "text": f"names become pseudonyms; {_OTHERS}",
    "sentence": f"names become pseudonyms, that of the row's account whatever it is; {_OTHERS}",
    "words": "names become pseudonyms",
    "gone": "left empty",
}


class Treatment(NamedTuple):
    """How a column is treated in pseudonymous exports, with the reason if it is not obvious."""

    kind: TreatmentKind
    why: str = ""


_ID = Treatment("post", "Instagram shows the post to whoever has its id; tables still join by the pseudonym")
_NAME = Treatment("name", "the same name has the same pseudonym in all tables; a collected #tag stays")
_PROFILE = Treatment("profile", "Instagram's id of a person, which stays when the name changes")
_ADDRESS = Treatment("gone", "leads to the post or the person")
_MODEL_TEXT = Treatment("text", "a model may have read a name off the picture")
_SENTENCE = Treatment("sentence", "written by this program, which says whom it compared; may quote an address")
_SOURCE = Treatment("gone", "names of files often are names of accounts")

COLUMN_TREATMENTS: dict[str, Treatment] = {
    "post_id": _ID,
    "id": _ID,
    "ad_id": _ID,
    "supported_by": _ID,
    "contradicted_by": _ID,
    "shortcode": _ADDRESS,
    "url": _ADDRESS,
    "account": _NAME,
    "owner": _NAME,
    "owner_id": _PROFILE,
    "profile_id": _PROFILE,
    "owner_full_name": Treatment("gone", "often the name in the passport"),
    "mentions": _NAME,
    "tagged": _NAME,
    "coauthors": _NAME,
    "hashtags": Treatment("text", "a name or a phone number can be a hashtag, too"),
    "caption": Treatment("text", "whatever is written"),
    "caption_sha256": Treatment("gone", "whoever has the caption finds the post by it"),
    "location": Treatment("text", "of a place, not of a person; together with days it may tell one"),
    "alt": Treatment("gone", "Instagram begins it with the owner's full name"),
    "biography": Treatment("gone", "written to tell who one is"),
    "media.url": Treatment("gone", "addresses of the content network, and `archive://ACCOUNT/PATH`"),
    "extra": Treatment("gone", "fields that nobody has looked at"),
    "warnings": Treatment("gone", "they quote the record"),
    "source_file": _SOURCE,
    "source_sha256": _SOURCE,
    "source_index": _SOURCE,
    "path": Treatment("keep", "made of the SHA-256 of the picture's bytes; the picture itself shows more"),
    "image_id": Treatment("keep", "SHA-256 of the picture's bytes, which holds no name"),
    "video_id": Treatment("keep", "SHA-256 of the video's bytes, which holds no name"),
    "reason": _SENTENCE,
    "rule": _SENTENCE,
    "speaker": _MODEL_TEXT,
    "tone": _MODEL_TEXT,
    "setting": _MODEL_TEXT,
    "action": _MODEL_TEXT,
    "hook": _MODEL_TEXT,
    "topics": _MODEL_TEXT,
    "timeline.event": _MODEL_TEXT,
    "timeline.dialogue": _MODEL_TEXT,
    "key_moments.event": _MODEL_TEXT,
    "hypotheses": _MODEL_TEXT,
    "hypothesis": _MODEL_TEXT,
    "query": Treatment("text", "the words that were searched for, which may be a name"),
    "search": Treatment("words", "the name of a search's folder"),
    "page_url": _ADDRESS,
    "tags.word": Treatment("keep", "words of our own list"),
    **dict.fromkeys(
        (
            *("kind", "type", "product_type", "media.kind", "status", "model", "analyser", "prompt", "feature"),
            *("day", "taken_at", "observed_at", "profile_observed_at", "observations", "week", "position"),
            *("likes", "likes_hidden", "comments", "views", "plays", "shares", "duration", "width", "height", "bytes"),
            *("caption_truncated", "pinned", "sponsored", "comments_disabled", "followers", "follows", "posts_count"),
            *("private", "verified", "media.position", "media.width", "media.height", "impression", "score"),
            *("candidates.caption", "candidates.score", "label_hidden", "loudness", "cuts_per_minute", "tags.score"),
            *("timeline.start", "timeline.end", "key_moments.at", "prompt_tokens", "answer_tokens", "cost_usd"),
            *("seconds", "viral", "others", "viral_mean", "others_mean", "difference", "low", "high", "p_value"),
            *("q_value", "rank", "file", "kept", "source", "sharpness", "cluster", "distance"),
            *("query_score", "query_similarity"),
        ),
        Treatment("keep"),
    ),
}
"""Treatment by column name; for lists of structs by column and field name."""


def treatments_markdown() -> str:
    """Returns the treatments as a Markdown table for the documentation: changed columns, then unchanged ones."""
    alike: dict[Treatment, list[str]] = {}
    for name, treatment in COLUMN_TREATMENTS.items():
        alike.setdefault(treatment, []).append(f"`{name}`")
    kept = ", ".join(alike.pop(Treatment("keep")))
    lines = [f"| {', '.join(names)} | {TREATMENT_TEXTS[each.kind]} | {each.why} |" for each, names in alike.items()]
    return "\n".join(["| column | in the export | why |", "|---|---|---|", *lines, "", f"As they are: {kept}.", ""])
