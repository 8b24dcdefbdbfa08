"""Deterministic responses of the fake Gemini server: JSON values that match a schema, seeded by video and prompt."""

import hashlib
from typing import Any

_JsonObject = dict[str, Any]

_SAID = {
    "speaker": ("nobody", "a young woman", "the owner of the cat", "a voice from behind the camera"),
    "tone": ("calm and warm", "funny", "excited", "tender and a little sad"),
    "setting": ("a kitchen in the morning", "a living room with a sofa", "the beach at the end of the day"),
    "action": (
        "A cat looks at the camera and then jumps over the chair, to the surprise of the dog.",
        "The baby takes the first steps of its life and falls into the arms of its father.",
        "Somebody bakes a cake in a small kitchen and shows it to the camera at the end.",
    ),
    "hook": (
        "The first frame shows the end of the story, so that one wants to know how it came to this.",
        "A question is asked in the first second, and the answer comes only at the end.",
        "The cat is already in the air when the video begins.",
    ),
    "topics": ("cats", "babies", "baking", "family", "travel", "music", "home"),
    "event": (
        "The camera moves through the room.",
        "A cat comes in and sits down in front of the window.",
        "Everybody laughs at what is on the table.",
        "The picture stops for a moment, and then it goes on.",
    ),
    "dialogue": ("", "Look at this!", "잘한다!", "What is that on the table?"),
    "hypotheses": (
        "The surprise in the first second keeps the viewer from going on to the next reel.",
        "The song is one that many people know, and they stay to hear the end of it.",
        "It is short enough to be seen twice, which the platform counts as interest.",
        "The story has no point that a stranger would share with a friend.",
    ),
}
_ANYTHING = ("It is what the video shows.", "There is more in it than in the title.")
_SECONDS, _SECONDS_OF_UNKNOWN = 3.0, 10.0


def response_for(schema: _JsonObject, seed: str, video: bytes = b"") -> Any:
    """Return a pseudo-random JSON value that matches a Gemini schema or JSON Schema; deterministic for a `seed`.

    Timestamps in it are within the duration of `video`, the bytes of an MP4 file.
    """
    most = _seconds_of_mp4(video) or _SECONDS_OF_UNKNOWN
    return _value(schema, schema.get("$defs", {}), "", seed, 0, most)


def tokens_of_text(text: str) -> int:
    """Estimate the token count of a text, at four characters per token."""
    return -(-len(text) // 4)


def tokens_of_video(content: bytes) -> int:
    """Estimate the token count of a video: per second 258 for the frame and 32 for the audio.

    A video of unknown length counts as 10 seconds.
    """
    return round(290 * (_seconds_of_mp4(content) or _SECONDS_OF_UNKNOWN))


def _value(schema: _JsonObject, known: _JsonObject, name: str, seed: str, place: int, most: float) -> Any:
    if reference := schema.get("$ref"):
        schema = known[reference.rpartition("/")[2]]
    if options := schema.get("anyOf"):
        return _value(options[0], known, name, seed, place, most)
    match str(schema.get("type", "string")).lower():
        case "object":
            fields = schema.get("properties", {})
            return {key: _value(fields[key], known, key, f"{seed}/{key}", place, most) for key in fields}
        case "array":
            count = max(schema.get("minItems", 0), 2 + _number(seed) % 2)
            return [_value(schema["items"], known, name, f"{seed}/{i}", i, most) for i in range(int(count))]
        case "number" | "integer":
            return min(most, _SECONDS * (place + (name == "end")))
        case "boolean":
            return bool(_number(seed) % 2)
        case _:
            choices = schema.get("enum") or _SAID.get(name, _ANYTHING)
            return choices[(_number(seed.rpartition("/")[0]) + place) % len(choices)]


def _number(seed: str) -> int:
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:4])


def _seconds_of_mp4(content: bytes) -> float | None:
    """Return the duration in seconds from an MP4's movie header (ISO 14496-12, 8.2.2); None without such a header."""
    at = content.find(b"mvhd")
    if at < 0:
        return None
    long = content[at + 4] == 1
    at, wide = (at + 24, 8) if long else (at + 16, 4)
    scale, length = content[at : at + 4], content[at + 4 : at + 4 + wide]
    return int.from_bytes(length) / int.from_bytes(scale) if any(scale) else None
