"""The interface of reel analysers: input videos, the schema of their results, and the `Analyser` protocol.

An analyser never raises for one video: it returns a row with `status` and `reason`. Its exceptions concern all of them.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from pydantic import BaseModel, Field

Row = dict[str, Any]
"""Columns of `reel_analyses` by name; missing ones are null. Post, account and day are added later."""

OnProgress = Callable[[int, int], None]
"""Callback with (number finished, total number)."""

OK, BLOCKED, TRUNCATED, EMPTY = "ok", "blocked", "truncated", "empty"
THOUGHTS_ONLY, MALFORMED, FAILED = "thoughts_only", "malformed", "failed"
OVER_BUDGET, NO_VIDEO = "over_budget", "no_video"


class Video(NamedTuple):
    """One stored video: SHA-256, file, duration in seconds if known, and viral label if the analyser may see it."""

    video_id: str
    path: Path
    duration: float | None = None
    viral: bool | None = None


class Analyser(Protocol):
    """A backend that analyses videos; `name` is stored in the column `analyser`."""

    @property
    def name(self) -> str: ...

    def analyse(self, videos: Sequence[Video], on_progress: OnProgress | None = None) -> list[Row]:
        """Returns one row per video, in their order, also for failures; each video is passed once."""
        ...


class Part(BaseModel):
    """One part of a video."""

    start: float = Field(description="Second at which the part begins")
    end: float = Field(description="Second at which it ends")
    event: str = Field(description="What happens in it, in a sentence")
    dialogue: str = Field(description="What is said in it, word for word in the language spoken; empty when nothing is")


class Moment(BaseModel):
    """One moment of a video."""

    at: float = Field(description="Second at which it happens")
    event: str = Field(description="What happens then, and why it matters, in a sentence")


class Analysis(BaseModel):
    """What is seen and heard in a video: the answer to the first call."""

    speaker: str = Field(description="Who speaks, described and not named; `nobody` when nobody does")
    timeline: list[Part] = Field(description="The whole video in its order, in parts of one event each")
    tone: str = Field(description="Mood of the video, in a few words")
    setting: str = Field(description="Where it is set, in a few words")
    key_moments: list[Moment] = Field(description="The moments that matter most, at most five")
    action: str = Field(description="What happens in the whole video, in a sentence or two")
    topics: list[str] = Field(
        description="What it is about, in a word or two each, most important first, at most eight"
    )
    hook: str = Field(description="What holds a viewer in the first three seconds, in a sentence")


class Hypotheses(BaseModel):
    """What would make people share a video, or keep them from it: the answer to the second call."""

    hypotheses: list[str] = Field(description="Three to five, each in one sentence, most likely first")
