"""Field statistics of a file's records: which fields they have and of which types, stored to detect schema drift."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from instagram_assets.ingest.field_values import is_missing, replace_surrogates
from instagram_assets.ingest.reader.json_values import Record

FIELD_LIMIT, NAME_LIMIT = 1_000, 100
TYPE_SAMPLE = 50
OPTIONAL_MARK = "?"

FieldTypes = Mapping[str, str]
"""Fields of a format: name to JSON types, separated by `|`, with a trailing `?` if not every record has the field."""

# Type names of JSON Schema. Tools write a whole number as 3 or as 3.0, so both are numbers.
_TYPES = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}


@dataclass
class FieldStatistics:
    """Fields of a set of records: the field names that every record has (`always`), and each field's JSON types."""

    always: set[str] | None = None
    types: dict[str, set[str]] = field(default_factory=dict[str, set[str]])

    def add(self, records: Sequence[Record]) -> None:
        """Add records. Field names are collected from all of them, types from an evenly spaced sample."""
        if not records:
            return
        of_all = set(records[0]).intersection(*records[1:])
        self.always = of_all if self.always is None else self.always & of_all
        new = set[str]().union(*records) - self.types.keys()
        for name in islice(sorted(new), max(0, FIELD_LIMIT - len(self.types))):
            self.types[name] = set()
        for record in records[:: len(records) // TYPE_SAMPLE + 1]:
            for name, value in record.items():
                if name in self.types and not is_missing(value):
                    self.types[name].add(_TYPES.get(type(value), "object"))

    def __add__(self, other: "FieldStatistics") -> "FieldStatistics":
        both = [found.always for found in (self, other) if found.always is not None]
        always = set.intersection(*both) if both else None
        names = list(dict.fromkeys([*self.types, *other.types]))[:FIELD_LIMIT]
        return FieldStatistics(
            always, {name: self.types.get(name, set()) | other.types.get(name, set()) for name in names}
        )

    def noted(self) -> dict[str, str]:
        """Return the statistics in the form stored in manifests: field name to types, sorted by name."""
        always = self.always or set[str]()
        return {
            replace_surrogates(name[:NAME_LIMIT]): "|".join(sorted(types)) + ("" if name in always else OPTIONAL_MARK)
            for name, types in sorted(self.types.items())
        }


def field_types(noted: str) -> frozenset[str]:
    """Parse the stored types of one field, such as `number|string?`; empty if it never had a value."""
    return frozenset(filter(None, noted.removesuffix(OPTIONAL_MARK).split("|")))


def required_fields(noted: FieldTypes) -> Iterator[str]:
    """Return the names of the fields that every record has, from stored field statistics."""
    return (name for name, types in noted.items() if not types.endswith(OPTIONAL_MARK))
