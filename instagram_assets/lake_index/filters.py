"""The filter on posts and images that the gallery, the post list and the charts share, and its encoding in URLs."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Literal, Self, TypeVar
from urllib.parse import urlencode

from instagram_assets.errors import QueryError

Number = TypeVar("Number", int, float)

LONGEST_TEXT = 300
"""Maximum number of characters of a text in a filter."""
YEARS = (1900, 2200)
"""The first and the last year of a date that a filter accepts."""
MOST_VALUES = 500
"""Maximum number of values of one field, such as accounts."""
KindFilter = Literal["", "post", "reel"]
QualityFilter = Literal["", "passed", "failed"]
StatusFilter = Literal["", "ok", "failed", "expired", "refused"]
SourceFilter = Literal["", "posts", "searches"]
DecidedFilter = Literal["", "kept", "dropped", "undecided"]
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "kind": ("", "post", "reel"),
    "quality": ("", "passed", "failed"),
    "status": ("", "ok", "failed", "expired", "refused"),
    "source": ("", "posts", "searches"),
    "decided": ("", "kept", "dropped", "undecided"),
    "viral": ("", "yes", "no"),
}


@dataclass(frozen=True)
class Filter:
    """Filter criteria for posts and images; an empty field matches everything. Each field is a URL parameter."""

    account: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    """Range of the posts' days, both included."""
    q: str = ""
    """Words that must all occur in the caption: the post's own, or the one generated for an image."""
    hashtag: tuple[str, ...] = ()
    """Hashtags without #, all of which must occur."""
    word: str = ""
    pos: str = ""
    """A token's word and its part of speech; the part of speech alone only applies to charts of words."""
    kind: KindFilter = ""
    weekday: int | None = None
    hour: int | None = None
    """Weekday (1: Monday) and hour of posting, in the time zone of the data."""
    viral: Literal["", "yes", "no"] = ""
    post: str = ""
    """A `post_id` whose images match."""
    source: SourceFilter = ""
    search: tuple[str, ...] = ()
    """Searches whose images match."""
    status: StatusFilter = ""
    quality: QualityFilter = ""
    sharp: float | None = None
    """Minimum sharpness of images: variance of the Laplacian."""
    cluster: tuple[str, ...] = ()
    """Clusters as `SCOPE/NUMBER`, such as `all/3`, any of which matches."""
    near: str = ""
    """An `image_id` whose near-duplicates match, itself included."""
    list_name: str = ""
    decided: DecidedFilter = ""
    """Whether images match that a named list keeps, drops, or does not contain."""

    @classmethod
    def of(cls, parameters: Mapping[str, Sequence[str]]) -> Self:
        """Parses a filter from URL parameters; unknown ones are ignored. Raises QueryError for an invalid value."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            texts = [text for text in map(_clean, parameters.get(field.name, ())) if text]
            if not texts:
                continue
            if len(texts) > MOST_VALUES or any(len(text) > LONGEST_TEXT for text in texts):
                raise QueryError(f"{field.name}: too long. At most {MOST_VALUES} of {LONGEST_TEXT} characters each.")
            values[field.name] = _read(field.name, texts)
        found = cls(**values)
        if found.first and found.last and found.first > found.last:
            raise QueryError(f"first={found.first}, last={found.last}: the first day comes after the last.")
        return found

    def but(self, **changes: Any) -> Self:
        """Returns a copy with some fields changed."""
        return replace(self, **changes)

    def to_query(self, **also: str) -> str:
        """Returns the filter as a URL query string without empty fields; `also` are additional parameters."""
        pairs: list[tuple[str, str]] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                pairs += [(field.name, text) for text in value]
            elif value is not None and value != "":
                pairs.append((field.name, str(value)))
        return urlencode([*pairs, *((name, value) for name, value in also.items() if value)])


def cluster_of(text: str) -> tuple[str, int]:
    """Parses `SCOPE/NUMBER` into scope and number. Raises QueryError for any other text.

    >>> cluster_of("search:sun/moon/3")
    ('search:sun/moon', 3)
    """
    scope, _, number = text.rpartition("/")
    if not scope or not re.fullmatch(r"-?[0-9]{1,9}", number):
        raise QueryError(f"cluster={text!r}: it is SCOPE/NUMBER, such as all/3.")
    return scope, int(number)


def _clean(text: str) -> str:
    """Returns the text in Unicode NFC, without surrounding spaces, NUL characters and lone surrogates."""
    whole = text.encode("utf-8", "replace").decode().replace("\0", "")
    return unicodedata.normalize("NFC", whole).strip()


def _read(name: str, texts: Sequence[str]) -> object:
    if name in ("account", "hashtag", "search", "cluster"):
        return _values(name, texts)
    text = texts[-1]
    try:
        if name in ("first", "last"):
            day = date.fromisoformat(text)
            _between(day.year, *YEARS)
            return day
        if name == "sharp":
            return _between(float(text), 0, 1e9)
        if name in ("weekday", "hour"):
            return _between(int(text), *((1, 7) if name == "weekday" else (0, 23)))
    except ValueError as error:
        raise QueryError(f"{name}={text!r}: not what it takes ({error}).") from error
    if name in _CHOICES and text not in _CHOICES[name]:
        raise QueryError(f"{name}={text!r}: it is one of {', '.join(filter(None, _CHOICES[name]))}.")
    if name == "list_name" and not re.fullmatch(r"[\w \-]{1,64}", text):
        raise QueryError(f"list_name={text!r}: names of lists have up to 64 letters, digits, spaces, `-` and `_`.")
    return text


def _values(name: str, texts: Sequence[str]) -> tuple[str, ...]:
    """Returns the distinct values of a multi-value field in the order given, spelled as in the lake (no `#` or `@`)."""
    if name == "hashtag":
        texts = [text.lstrip("@#＃").strip() for text in texts]
    elif name == "account":
        texts = [text.removeprefix("@").strip().lower() for text in texts]
    elif name == "cluster":
        texts = ["/".join(map(str, cluster_of(text))) for text in texts]
    return tuple(dict.fromkeys(text for text in texts if text))


def _between(number: Number, low: float, high: float) -> Number:
    if not math.isfinite(number) or not low <= number <= high:
        raise ValueError(f"it is between {low:g} and {high:g}")
    return number
