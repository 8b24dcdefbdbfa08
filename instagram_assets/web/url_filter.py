"""Filters in URLs: as a parameter of routes, as removable chips (one per selected value), and as hidden form fields."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Annotated

from fastapi import Depends, Query, Request

from instagram_assets.lake_index.facets import ClusterNames
from instagram_assets.lake_index.filters import Filter
from instagram_assets.web.words import Words


def filter_of_request(request: Request) -> Filter:
    """Returns the filter in the query string of a request. Raises QueryError for an invalid value."""
    query = request.query_params
    return Filter.of({name: query.getlist(name) for name in query})


UrlFilter = Annotated[Filter, Depends(filter_of_request)]
"""A parameter of a route that gets the filter in its query string."""


_MOST_ROWS = 500
"""Maximum number of rows of one response."""
LARGEST_OFFSET = 2**31 - 1

Offset = Annotated[int, Query(ge=0, le=LARGEST_OFFSET, description="Rows to pass over")]
Limit = Annotated[int, Query(ge=1, le=_MOST_ROWS, description="Rows of the answer at most")]
_Texts = Annotated[list[str], Query(default_factory=list, max_length=_MOST_ROWS)]
_Text = Annotated[str, Query(max_length=300)]


def _documented_filter(
    request: Request,
    account: Annotated[_Texts, Query(description="Accounts, any of them; a hashtag's begins with #")],
    hashtag: Annotated[_Texts, Query(description="Hashtags of the post, all of them")],
    search: Annotated[_Texts, Query(description="Images of these searches")],
    cluster: Annotated[_Texts, Query(description="`SCOPE/NUMBER`, such as `all/3`; any of them")],
    first: Annotated[_Text, Query(description="First day of the posts, such as 2026-10-01")] = "",
    last: Annotated[_Text, Query(description="Last day of the posts")] = "",
    q: Annotated[_Text, Query(description="Words of captions, all of them; in quotes: whole words")] = "",
    word: Annotated[_Text, Query(description="A word of the caption's tokens")] = "",
    pos: Annotated[_Text, Query(description="That word's part of speech")] = "",
    kind: Annotated[_Text, Query(description="`post` or `reel`")] = "",
    weekday: Annotated[_Text, Query(description="1: Monday to 7: Sunday")] = "",
    hour: Annotated[_Text, Query(description="0 to 23")] = "",
    viral: Annotated[_Text, Query(description="`yes` or `no`")] = "",
    post: Annotated[_Text, Query(description="A `post_id`")] = "",
    source: Annotated[_Text, Query(description="`posts` or `searches`: where images are from")] = "",
    status: Annotated[_Text, Query(description="`ok`, `failed`, `expired` or `refused`")] = "",
    quality: Annotated[_Text, Query(description="`passed` or `failed`")] = "",
    sharp: Annotated[_Text, Query(description="Least sharpness: variance of the Laplacian")] = "",
    near: Annotated[_Text, Query(description="An `image_id`: its near-duplicates, itself included")] = "",
    list_name: Annotated[_Text, Query(description="A named list")] = "",
    decided: Annotated[_Text, Query(description="`kept`, `dropped` or `undecided` by that list")] = "",
) -> Filter:
    """Returns the filter; its fields are parameters here so that the API reference lists them. Raises QueryError."""
    return filter_of_request(request)


DocumentedFilter = Annotated[Filter, Depends(_documented_filter)]
"""The same as `UrlFilter`, but with each field as a parameter in the OpenAPI document."""


_OF_INSIGHTS = ("first", "last", "kind", "pos")
"""Filter fields that have an input field in the insights' form."""
_IN_WORDS = ("kind", "quality", "status", "source", "viral", "decided", "weekday")
"""Filter fields whose values have translations."""


NO_NAMES = ClusterNames()


@dataclass(frozen=True)
class Chip:
    """One selected value of a filter, shown as a removable chip; `without` is the filter without that value."""

    field: str
    name: str
    text: str
    without: Filter


def chips_of(
    filters: Filter, words: Words, in_fields: Collection[str] = _OF_INSIGHTS, clusters: ClusterNames = NO_NAMES
) -> list[Chip]:
    """Returns a chip for each selected value that has no input field in the form, in the order of the filter's fields.

    `in_fields` are the filter fields that have an input field; `clusters` are the display names of clusters.
    """

    def text_of(field: str, value: object) -> str:
        return clusters.label(str(value)) if field == "cluster" else _text(field, value, words)

    found: list[Chip] = []
    for field, value in _set_fields(filters):
        if field in in_fields:
            continue
        name = words(f"filter.fields.{field}")
        if isinstance(value, tuple):
            rest = {text: tuple(other for other in value if other != text) for text in value}
            found += [
                Chip(field, name, text_of(field, text), filters.but(**{field: left})) for text, left in rest.items()
            ]
        else:
            without = filters.but(**{field: getattr(Filter(), field)})
            found.append(Chip(field, name, text_of(field, value), without))
    return found


def kept_fields(filters: Filter, shown: Collection[str]) -> list[tuple[str, str]]:
    """Returns names and values of the form's hidden fields: the values of the filter that have no input field.

    These are all multi-value fields, accounts included, and single-value fields that are not in `shown`.
    """
    found: list[tuple[str, str]] = []
    for field, value in _set_fields(filters):
        if isinstance(value, tuple):
            found += [(field, text) for text in value]
        elif field not in shown:
            found.append((field, str(value)))
    return found


def address(path: str, filters: Filter, also: Mapping[str, str]) -> str:
    """Returns the URL of a page with a filter and further parameters (`also`)."""
    query = filters.to_query(**also)
    return f"{path}?{query}" if query else path


def _set_fields(filters: Filter) -> list[tuple[str, object]]:
    nothing = Filter()
    both = [(field.name, getattr(filters, field.name), getattr(nothing, field.name)) for field in fields(Filter)]
    return [(name, value) for name, value, empty in both if value != empty]


def _text(field: str, value: object, words: Words) -> str:
    if field in _IN_WORDS:
        return words.known(f"filter.values.{field}_{value}", otherwise=str(value))
    if field == "pos":
        return words.known(f"filter.parts.{value}", otherwise=str(value))
    if field in ("near", "post"):
        return str(value)[:12]
    return f"#{value}" if field == "hashtag" else str(value)
