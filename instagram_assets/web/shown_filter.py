"""A filter as people see it: what is chosen, each with the filter without it, and what a form hands on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields

from instagram_assets.lake_index.facets import ClusterNames
from instagram_assets.lake_index.filters import Filter
from instagram_assets.web.words import Words

_OF_INSIGHTS = ("first", "last", "kind", "pos")
"""What a field of the insights' form shows by itself."""
_IN_WORDS = ("kind", "quality", "status", "source", "viral", "decided", "weekday")
"""Fields whose values have words."""


NO_NAMES = ClusterNames()


@dataclass(frozen=True)
class Chip:
    """One value that is chosen, and the filter that says all but it."""

    field: str
    name: str
    text: str
    without: Filter


def chips_of(
    wanted: Filter, words: Words, in_fields: Collection[str] = _OF_INSIGHTS, clusters: ClusterNames = NO_NAMES
) -> list[Chip]:
    """What is chosen and stands in no field of the form, in the order of the filter."""

    def text_of(field: str, value: object) -> str:
        return clusters.label(str(value)) if field == "cluster" else _text(field, value, words)

    found: list[Chip] = []
    for field, value in _said(wanted):
        if field in in_fields:
            continue
        name = words(f"filter.fields.{field}")
        if isinstance(value, tuple):
            rest = {text: tuple(other for other in value if other != text) for text in value}
            found += [
                Chip(field, name, text_of(field, text), wanted.but(**{field: left})) for text, left in rest.items()
            ]
        else:
            without = wanted.but(**{field: getattr(Filter(), field)})
            found.append(Chip(field, name, text_of(field, value), without))
    return found


def kept_fields(wanted: Filter, shown: Collection[str]) -> list[tuple[str, str]]:
    """Names and values that the form hands on and has no field for; those of its list of accounts among them."""
    found: list[tuple[str, str]] = []
    for field, value in _said(wanted):
        if isinstance(value, tuple):
            found += [(field, text) for text in value]
        elif field not in shown:
            found.append((field, str(value)))
    return found


def address(path: str, wanted: Filter, also: Mapping[str, str]) -> str:
    """The address of a page with a filter."""
    query = wanted.to_query(**also)
    return f"{path}?{query}" if query else path


def _said(wanted: Filter) -> list[tuple[str, object]]:
    nothing = Filter()
    both = [(field.name, getattr(wanted, field.name), getattr(nothing, field.name)) for field in fields(Filter)]
    return [(name, value) for name, value, empty in both if value != empty]


def _text(field: str, value: object, words: Words) -> str:
    if field in _IN_WORDS:
        return words.known(f"filter.values.{field}_{value}", otherwise=str(value))
    if field == "pos":
        return words.known(f"filter.parts.{value}", otherwise=str(value))
    if field in ("near", "post"):
        return str(value)[:12]
    return f"#{value}" if field == "hashtag" else str(value)
