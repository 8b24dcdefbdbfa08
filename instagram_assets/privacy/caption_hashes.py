"""The hash by which a caption is told from another one, and what it is where a name went out of the caption."""

import hashlib

CAPTION, HASH = "caption", "caption_sha256"
"""The columns, and the fields of records, that go together."""


def caption_hash(value: object) -> str | None:
    """The SHA-256 of a caption as received; null when there is none."""
    if not isinstance(value, str):
        return None
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def hash_of_scrubbed(before: object, after: object, known: object) -> str | None:
    """The hash of a caption that lost a name; null where it was cleaned up, so that nobody has what was received.

    It is that which the same post has when it comes in after its forgetting. The hash of what stood there before is
    known to whoever has the post, and tells of whom it was.
    """
    return caption_hash(after) if known and known == caption_hash(before) else None
