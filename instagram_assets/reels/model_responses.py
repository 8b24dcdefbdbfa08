"""Parsing of model responses: the structured result, or the reason why a response cannot be used."""

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel, ValidationError

from instagram_assets.reels.analysis_schema import BLOCKED, EMPTY, MALFORMED, OK, THOUGHTS_ONLY, TRUNCATED, Analysis
from instagram_assets.script_language import detect_language

if TYPE_CHECKING:
    from google.genai.types import GenerateContentResponse

_REFUSED = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "LANGUAGE")
_LONGER = "Raise INSTAGRAM_ASSETS_GEMINI__MAX_ANSWER_TOKENS"
_FENCE = re.compile(r"\A\s*```(?:json)?\s*\n(.*)\n\s*```\s*\Z", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+")
_ENGLISH = frozenset(
    (
        *("a", "an", "and", "are", "as", "at", "by", "for", "from", "her", "his", "in", "into", "is", "it", "its"),
        *("of", "on", "that", "the", "their", "then", "they", "this", "to", "while", "who", "with"),
    )
)
# English prose has 30 to 40 % of these words; German, Dutch and Danish, which share some of them, below 12 %.
_ENGLISH_SHARE, _ENOUGH_WORDS = 0.15, 12
# Gemini samples one frame a second, and gives whole seconds.
_ROUNDING = 1.0
_LONGEST = 36_000.0
"""The assumed maximum duration in seconds of a video whose duration is unknown."""
_MOST: Mapping[str, int] = {"topics": 8, "key_moments": 5, "hypotheses": 5}
"""The maximum list lengths that the prompts ask for."""
_LONGEST_TEXT = 2000
"""Maximum characters of one text; prompts ask for a sentence or two, and dialogue may be a few more."""


class ModelResponse(NamedTuple):
    """One parsed response: its text, its structured result, and why it cannot be used or is imperfect.

    `reason` is a problem that a new request may solve. `cut` says which values were truncated, which is no reason to
    request again.
    """

    status: str
    text: str = ""
    said: BaseModel | None = None
    reason: str | None = None
    cut: str | None = None

    @property
    def told(self) -> str | None:
        """`reason` and `cut` joined into one message, which is stored with the response; None if there is neither."""
        return "; ".join(filter(None, (self.reason, self.cut))) or None

    @property
    def mendable(self) -> bool:
        """Whether requesting again may help: the response has text, but another format or language than requested."""
        return self.status == MALFORMED or (self.status == OK and self.reason is not None)


def parse_response(
    response: "GenerateContentResponse", form: type[BaseModel], length: float | None = None
) -> ModelResponse:
    """Returns a model's response about a video of `length` seconds, parsed as JSON of the schema `form`.

    Never raises: an unusable response gets its own status, and a reason.
    """
    if response.prompt_feedback and (why := response.prompt_feedback.block_reason):
        return ModelResponse(BLOCKED, reason=f"Gemini refuses what it was sent ({_name(why)})")
    if not response.candidates:
        return ModelResponse(EMPTY, reason="Gemini gave no answer")
    candidate = response.candidates[0]
    finish = _name(candidate.finish_reason)
    parts = (candidate.content.parts if candidate.content else None) or []
    text = "".join(part.text or "" for part in parts if not part.thought)
    if finish in _REFUSED:
        return ModelResponse(BLOCKED, text, reason=f"Gemini stopped its answer ({finish})")
    if not text.strip() and any(part.thought for part in parts):
        return ModelResponse(THOUGHTS_ONLY, reason=f"Gemini gave its thoughts and no answer ({finish}). {_LONGER}")
    if finish == "MAX_TOKENS":
        return ModelResponse(TRUNCATED, text, reason=f"the answer is longer than what is taken. {_LONGER}")
    if not text.strip():
        return ModelResponse(EMPTY, reason=f"Gemini's answer has no text ({finish})")
    return parse_response_text(text, form, length)


def parse_response_text(text: str, form: type[BaseModel], length: float | None = None) -> ModelResponse:
    """Returns the text of a model's response, parsed as JSON of the schema `form`; a Markdown code fence is accepted.

    `length` is the video's duration in seconds. Times are clipped to it; times far outside of it are a reason to
    request the response again.
    """
    fenced = _FENCE.match(text)
    try:
        said = form.model_validate_json(fenced[1] if fenced else text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        more = f" and {error.error_count() - 1} more" if error.error_count() > 1 else ""
        return ModelResponse(
            MALFORMED, text, reason=f"the answer is not as asked: {place + ': ' if place else ''}{first['msg']}{more}"
        )
    if not _has_words(said.model_dump()):
        return ModelResponse(EMPTY, text, reason="Gemini's answer has the asked form, and no words in it")
    odd = [] if is_english(said) else ["the answer is not in English"]
    if isinstance(said, Analysis):
        said, were_outside = _within(said, length or _LONGEST)
        odd += [f"some times are not within the video's {length or _LONGEST:,.0f} s, and are cut to it"] * were_outside
    said, cuts = _bounded(said)
    return ModelResponse(OK, text, said, "; ".join(odd) or None, "; ".join(cuts) or None)


def is_english(said: BaseModel) -> bool:
    """Whether what a model wrote is English, judged by letters and frequent words; true if it is short."""
    text = " ".join(_own_words(said))
    if detect_language(text) not in (None, "en"):
        return False
    words = [word.lower() for word in _WORD.findall(text)]
    return len(words) < _ENOUGH_WORDS or sum(word in _ENGLISH for word in words) >= _ENGLISH_SHARE * len(words)


def _has_words(value: Any) -> bool:
    if isinstance(value, dict | list):
        inside: Any = value.values() if isinstance(value, dict) else value
        return any(map(_has_words, inside))
    return isinstance(value, str) and bool(value.strip())


def _bounded(said: BaseModel) -> tuple[BaseModel, list[str]]:
    """Returns the result with lists and strings truncated to the allowed lengths, and a message per truncation."""
    values, cuts = said.model_dump(), list[str]()
    for name, most in _MOST.items():
        if len(values.get(name, ())) > most:
            cuts.append(f"more than {most} {name.replace('_', ' ')} were told; the first {most} are kept")
            values[name] = values[name][:most]
    shortened = _shortened(values)
    if shortened != values:
        cuts.append(f"some texts are longer than {_LONGEST_TEXT:,} characters, and are cut to them")
    return (type(said).model_validate(shortened) if cuts else said), cuts


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        parts: dict[str, Any] = value
        return {name: _shortened(part) for name, part in parts.items()}
    if isinstance(value, list):
        items: list[Any] = value
        return [_shortened(item) for item in items]
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return value[: _LONGEST_TEXT - 1] + "…"
    return value


def _within(said: Analysis, length: float) -> tuple[Analysis, bool]:
    """Returns the analysis with times clipped to `length` seconds, and whether one was off by more than rounding."""
    parts, moments = said.timeline, said.key_moments
    times = [time for part in parts for time in (part.start, part.end)] + [moment.at for moment in moments]
    # NaN compares with nothing.
    right = all(0 <= time <= length + _ROUNDING for time in times) and all(part.start <= part.end for part in parts)

    def inside(time: float) -> float:
        return 0.0 if math.isnan(time) else min(max(time, 0.0), length)

    starts = [inside(part.start) for part in parts]
    timeline = [
        part.model_copy(update={"start": start, "end": max(start, inside(part.end))})
        for part, start in zip(parts, starts, strict=True)
    ]
    key_moments = [moment.model_copy(update={"at": inside(moment.at)}) for moment in moments]
    return said.model_copy(update={"timeline": timeline, "key_moments": key_moments}), not right


def _own_words(said: BaseModel) -> list[str]:
    """Returns the strings of a result that the model worded itself: no quotations, and no topics (often names)."""
    if isinstance(said, Analysis):
        events = [part.event for part in said.timeline] + [moment.event for moment in said.key_moments]
        return [said.speaker, said.tone, said.setting, said.action, said.hook, *events]
    texts: list[str] = []
    for value in said.model_dump().values():
        texts += value if isinstance(value, list) else [str(value)]
    return texts


def _name(reason: object) -> str:
    """Returns the name of an API enum value, also of one that google-genai does not know."""
    return str(getattr(reason, "value", reason) or "no reason given")
