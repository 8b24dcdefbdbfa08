"""Which posts and images are wanted: one filter for the gallery, the posts and every chart, kept in an address."""

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
"""Characters of a text in a filter."""
YEARS = (1900, 2200)
"""The first and the last year of a day; ranges before and after it are days as well."""
MOST_VALUES = 500
"""Values of one field, such as accounts."""
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
    """What is wanted; an empty field wants everything. Each field is a parameter of an address, by its name."""

    account: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    """Days of the posts, both included."""
    q: str = ""
    """Words of captions, all of them: of the post, or of what an image shows."""
    hashtag: tuple[str, ...] = ()
    """Without #; all of them."""
    word: str = ""
    pos: str = ""
    """A word of the tokens, and its part of speech; the latter alone for charts of words."""
    kind: KindFilter = ""
    weekday: int | None = None
    hour: int | None = None
    """When it was posted, in the time zone of the data; 1: Monday."""
    viral: Literal["", "yes", "no"] = ""
    post: str = ""
    """A `post_id`: its images."""
    source: SourceFilter = ""
    search: tuple[str, ...] = ()
    """Images of these searches."""
    status: StatusFilter = ""
    quality: QualityFilter = ""
    sharp: float | None = None
    """Least sharpness of images: variance of the Laplacian."""
    cluster: tuple[str, ...] = ()
    """`SCOPE/NUMBER`, such as `all/3`; any of them."""
    near: str = ""
    """An `image_id`: its near-duplicates, itself included."""
    list_name: str = ""
    decided: DecidedFilter = ""
    """Images that a named list keeps, drops, or says nothing of."""

    @classmethod
    def of(cls, given: Mapping[str, Sequence[str]]) -> Self:
        """The filter of an address's parameters; others are passed over. Raises QueryError for what no field takes."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            said = [text for text in map(_clean, given.get(field.name, ())) if text]
            if not said:
                continue
            if len(said) > MOST_VALUES or any(len(text) > LONGEST_TEXT for text in said):
                raise QueryError(f"{field.name}: too long. At most {MOST_VALUES} of {LONGEST_TEXT} characters each.")
            values[field.name] = _read(field.name, said)
        found = cls(**values)
        if found.first and found.last and found.first > found.last:
            raise QueryError(f"first={found.first}, last={found.last}: the first day comes after the last.")
        return found

    def but(self, **changes: Any) -> Self:
        """The same with other values for some fields."""
        return replace(self, **changes)

    def to_query(self, **also: str) -> str:
        """The parameters of an address that says the same, and those of `also`; nothing for what is empty."""
        pairs: list[tuple[str, str]] = []
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, tuple):
                pairs += [(field.name, text) for text in value]
            elif value is not None and value != "":
                pairs.append((field.name, str(value)))
        return urlencode([*pairs, *((name, value) for name, value in also.items() if value)])


def cluster_of(text: str) -> tuple[str, int]:
    """Scope and number of `SCOPE/NUMBER`. Raises QueryError where it is none.

    >>> cluster_of("search:sun/moon/3")
    ('search:sun/moon', 3)
    """
    scope, _, number = text.rpartition("/")
    if not scope or not re.fullmatch(r"-?[0-9]{1,9}", number):
        raise QueryError(f"cluster={text!r}: it is SCOPE/NUMBER, such as all/3.")
    return scope, int(number)


def _clean(text: str) -> str:
    """Text in one form of Unicode, without what no database or address takes."""
    whole = text.encode("utf-8", "replace").decode().replace("\0", "")
    return unicodedata.normalize("NFC", whole).strip()


def _read(name: str, said: Sequence[str]) -> object:
    if name in ("account", "hashtag", "search", "cluster"):
        return _values(name, said)
    text = said[-1]
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


def _values(name: str, said: Sequence[str]) -> tuple[str, ...]:
    """Different values in the order given, as the lake writes them."""
    if name == "hashtag":
        said = [text.lstrip("@#＃").strip() for text in said]
    elif name == "account":
        said = [text.removeprefix("@").strip().lower() for text in said]
    elif name == "cluster":
        said = ["/".join(map(str, cluster_of(text))) for text in said]
    return tuple(dict.fromkeys(text for text in said if text))


def _between(number: Number, low: float, high: float) -> Number:
    if not math.isfinite(number) or not low <= number <= high:
        raise ValueError(f"it is between {low:g} and {high:g}")
    return number
