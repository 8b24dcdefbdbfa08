"""Parser for the `fields` parameter of a Graph API request, such as `media.after(CURSOR){id,children{media_url}}`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

GraphNode = Mapping[str, Any]

_NAME = re.compile(r"[a-z_]+")
_ARGUMENT = re.compile(r"[^(){},]*")


class InvalidFieldsError(Exception):
    """Raised if the `fields` parameter is malformed or names unknown fields."""


@dataclass
class QueryField:
    """One requested field, with its modifiers (after the dots) and its subfields."""

    name: str
    arguments: dict[str, str] = field(default_factory=dict[str, str])
    fields: "list[QueryField]" = field(default_factory=list["QueryField"])

    def within(self, name: str) -> "QueryField | None":
        """Return the subfield `name` of this field; None if the request does not contain it."""
        return next((each for each in self.fields if each.name == name), None)


def parse_fields(text: str) -> list[QueryField]:
    """Parse a `fields` parameter into a tree. Raises InvalidFieldsError for a syntax error."""
    fields, end = _fields(text, 0)
    if end != len(text):
        raise InvalidFieldsError(f"Syntax error at character {end} of the fields")
    return fields


def select_fields(node: GraphNode, fields: Sequence[QueryField], known: frozenset[str], kind: str) -> dict[str, Any]:
    """Return the requested fields of a node (a JSON object of the API), and always its `id`.

    `known` are the fields of this type of node and `kind` is its type name in the error message. A known field that the
    node lacks is omitted. Raises InvalidFieldsError for an unknown field.
    """
    found: dict[str, Any] = {}
    for each in fields:
        if each.name not in known:
            raise InvalidFieldsError(f"Tried accessing nonexisting field ({each.name}) on node type ({kind})")
        if each.name in node:
            found[each.name] = _inner(node[each.name], each, kind)
    return found if "id" not in node else {**found, "id": node["id"]}


def _inner(value: Any, asked: QueryField, kind: str) -> Any:
    if not asked.fields:
        return value
    known = frozenset(("id", "media_type", "media_url", "permalink", "thumbnail_url", "timestamp"))
    return {"data": [select_fields(child, asked.fields, known, kind) for child in value["data"]]}


def _fields(text: str, at: int) -> tuple[list[QueryField], int]:
    fields = list[QueryField]()
    while True:
        found, at = _field(text, at)
        fields.append(found)
        if text[at : at + 1] != ",":
            return fields, at
        at += 1


def _field(text: str, at: int) -> tuple[QueryField, int]:
    name, at = _match(_NAME, text, at)
    found = QueryField(name)
    while text[at : at + 1] == ".":
        called, at = _match(_NAME, text, at + 1)
        at = _expect("(", text, at)
        found.arguments[called], at = _match(_ARGUMENT, text, at)
        at = _expect(")", text, at)
    if text[at : at + 1] == "{":
        found.fields, at = _fields(text, at + 1)
        at = _expect("}", text, at)
    return found, at


def _match(pattern: re.Pattern[str], text: str, at: int) -> tuple[str, int]:
    if not (found := pattern.match(text, at)):
        raise InvalidFieldsError(f"Syntax error at character {at} of the fields")
    return found[0], found.end()


def _expect(sign: str, text: str, at: int) -> int:
    if text[at : at + 1] != sign:
        raise InvalidFieldsError(f"Syntax error at character {at} of the fields: expected {sign}")
    return at + 1
