"""What the pages of images and posts share: the filter as chips, what can be chosen, and addresses."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from fastapi import Request

from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.memory import PerIndex
from instagram_assets.lake_index.reading import LakeIndex
from instagram_assets.web.words import Words

MOST_CHOICES = 300
"""Clusters, hashtags and searches that a form offers; others can be typed."""
_OWN_WORDS = ("kind", "quality", "status", "source", "viral", "decided", "weekday")
"""Fields whose values have words."""
IN_FORM = (
    *("account", "first", "last", "q", "hashtag", "kind", "viral", "source", "search", "status", "quality"),
    *("sharp", "cluster", "list_name", "decided"),
)
"""Fields that the form has; it hands the others on."""


@dataclass(frozen=True)
class Chip:
    """One thing that is wanted, and the filter without it."""

    name: str
    text: str
    without: Filter


def filter_asked(request: Request) -> Filter:
    """The filter of a page's address. Raises QueryError for what a field does not take."""
    query = request.query_params
    return Filter.of({name: query.getlist(name) for name in query})


def chips_of(wanted: Filter, words: Words) -> list[Chip]:
    """Everything that is wanted, in the order of the filter."""
    found: list[Chip] = []
    for name, value in _said(wanted):
        title = words(f"gallery.fields.{name}")
        if isinstance(value, tuple):
            for text in value:
                rest = tuple(other for other in value if other != text)
                found.append(Chip(title, _text(name, text, words), wanted.but(**{name: rest})))
        else:
            without = wanted.but(**{name: getattr(Filter(), name)})
            found.append(Chip(title, _text(name, value, words), without))
    return found


def handed_on(wanted: Filter, shown: tuple[str, ...] = IN_FORM) -> list[tuple[str, str]]:
    """Names and values that a form without fields for them hands on."""
    return [(name, str(value)) for name, value in _said(wanted) if name not in shown]


@dataclass(frozen=True)
class Choices:
    """What a form offers: accounts, hashtags, searches, and clusters with their number of images."""

    accounts: tuple[str, ...]
    hashtags: tuple[str, ...]
    searches: tuple[str, ...]
    clusters: tuple[tuple[str, int], ...]


def choices_of(index: LakeIndex) -> Choices:
    """What can be chosen in an index, the most frequent first; remembered for it."""
    return _CHOICES.of(index)


def _choices(index: LakeIndex) -> Choices:
    accounts = index.rows("SELECT account FROM posts GROUP BY 1 ORDER BY 1")
    searches = index.rows(
        "SELECT search FROM images WHERE search IS NOT NULL GROUP BY 1 ORDER BY 1 LIMIT $1", MOST_CHOICES
    )
    clusters = index.rows(
        "SELECT scope || '/' || cluster AS cluster, count(*) AS images FROM images WHERE cluster >= 0 "
        "GROUP BY ALL ORDER BY images DESC, cluster LIMIT $1",
        MOST_CHOICES,
    )
    hashtags = index.rows(
        "SELECT text FROM (SELECT term, count(*) AS posts FROM post_terms "
        "WHERE term IN (SELECT term FROM terms WHERE starts_with(text, '#')) GROUP BY 1 ORDER BY 2 DESC LIMIT $1) "
        "JOIN terms USING (term) ORDER BY posts DESC, text",
        MOST_CHOICES,
    )
    return Choices(
        tuple(row["account"] for row in accounts),
        tuple(row["text"].removeprefix("#") for row in hashtags),
        tuple(row["search"] for row in searches),
        tuple((row["cluster"], row["images"]) for row in clusters),
    )


_CHOICES: PerIndex[Choices] = PerIndex(_choices)


def address(path: str, wanted: Filter, also: Mapping[str, str]) -> str:
    """The address of a page with a filter."""
    query = wanted.to_query(**also)
    return f"{path}?{query}" if query else path


def _said(wanted: Filter) -> Iterator[tuple[str, object]]:
    empty = Filter()
    for field in fields(Filter):
        if (value := getattr(wanted, field.name)) != getattr(empty, field.name):
            yield field.name, value


def _text(name: str, value: object, words: Words) -> str:
    if name in _OWN_WORDS:
        return words.known(f"gallery.values.{name}_{value}", otherwise=str(value))
    if name in ("near", "post"):
        return str(value)[:12]
    return f"#{value}" if name == "hashtag" else str(value)
