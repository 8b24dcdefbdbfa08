"""A filter as people see it: what is chosen, each with an address without it, and what a form hands on."""

from collections.abc import Collection
from dataclasses import dataclass, fields

from instagram_assets.lake_index.filters import Filter
from instagram_assets.web.words import Words

_IN_FIELDS = ("first", "last", "kind", "pos")
"""What a field of the form shows by itself."""


@dataclass(frozen=True)
class Chip:
    """One value that is chosen, and the query of an address that says all but it."""

    field: str
    name: str
    text: str
    without: str


def chips_of(wanted: Filter, words: Words) -> list[Chip]:
    """What is chosen and stands in no field of the form."""
    found: list[Chip] = []
    for field, value in _said(wanted):
        if field in _IN_FIELDS:
            continue
        name = words(f"filter.fields.{field}")
        if isinstance(value, tuple):
            rest = {text: tuple(other for other in value if other != text) for text in value}
            found += [Chip(field, name, text, wanted.but(**{field: left}).to_query()) for text, left in rest.items()]
        else:
            found.append(Chip(field, name, str(value), wanted.but(**{field: getattr(Filter(), field)}).to_query()))
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


def _said(wanted: Filter) -> list[tuple[str, object]]:
    nothing = Filter()
    both = [(field.name, getattr(wanted, field.name), getattr(nothing, field.name)) for field in fields(Filter)]
    return [(name, value) for name, value, empty in both if value != empty]
