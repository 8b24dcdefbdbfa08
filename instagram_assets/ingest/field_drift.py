"""Schema drift of landed files: missing, new and retyped fields, for each file and format.

A file is compared with the files of the same format and kind that were first seen before it. Tables are compared only
with tables, since in CSV and workbooks an empty field is absent and most values are strings. A field that feeds one of
our columns is reported as missing for every file until one has it again, or has another field for that column.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from instagram_assets.ingest.field_statistics import FieldTypes, field_types, required_fields
from instagram_assets.ingest.formats.mapping_table import columns_of
from instagram_assets.ingest.manifests import LandedFile

ChangeKind = Literal["missing", "new", "retyped"]

MIN_RECORDS, SHARE_OF_FILES = 20, 0.95
"""A field is expected in a file of at least so many records if this fraction of earlier files has it in all records.

In smaller files, as written by tools that make one for each post, only a field that all earlier files have is expected.
"""

NEWEST_WINDOW = timedelta(days=1)

_TABLES = (".csv", ".tsv", ".xlsx")
_PACKED = (".gz", ".xz")


class FieldChange(NamedTuple):
    """A schema change of one field in a file of one format and kind (`post`, `reel`, `profile`, `ad`).

    `column` is our column that the field is mapped to; empty for none. `before` and `now` are the field's types before
    and in this file, as JSON Schema types separated by `|`.
    """

    file: str
    sha256: str
    first_seen: datetime
    format: str
    kind: str
    change: ChangeKind
    field: str
    column: str
    before: str
    now: str

    def shown(self) -> dict[str, str]:
        """Return the change as a dict of its non-empty values."""
        names = ("file", "format", "kind", "change", "field", "column", "before", "now")
        return {name: value for name in names if (value := getattr(self, name))}

    def __str__(self) -> str:
        into = f" (column {self.column})" if self.column else ""
        types = f": {self.before} → {self.now}" if self.change == "retyped" else ""
        return f"{self.file}, {self.format} {self.kind}: {self.change} {self.field}{into}{types}"


class _Found(NamedTuple):
    """A schema change of one field: its kind, the field's name, and its types before and now."""

    change: ChangeKind
    field: str
    before: frozenset[str] = frozenset()
    now: frozenset[str] = frozenset()


@dataclass
class _Earlier:
    """The fields seen so far in files of one format and kind; `missed` are reported as missing until seen again."""

    files: int = 0
    records: int = 0
    always: Counter[str] = field(default_factory=Counter[str])
    types: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    missed: set[str] = field(default_factory=set[str])

    def add(self, noted: FieldTypes, records: int, missing: Iterable[str]) -> None:
        """Add a file by its field types (`noted`) and number of records; `missing` are expected fields it lacks."""
        self.missed = (self.missed | set(missing)) - noted.keys()
        self.files += 1
        self.records += records
        self.always.update(required_fields(noted))
        for name, types in noted.items():
            self.types[name] = self.types.get(name, frozenset[str]()) | field_types(types)

    def changes(self, noted: FieldTypes, records: int, columns: Mapping[str, str]) -> Iterator[_Found]:
        """Yield the schema changes in a file with `records` records: missing fields, new fields, then changed types."""
        if not self.files:
            return
        unfilled = set(columns.values()) - {columns.get(name) for name in noted}
        for name in sorted(self.always.keys() - noted.keys()):
            if self._is_expected(name, records, columns) or (name in self.missed and columns.get(name) in unfilled):
                yield _Found("missing", name, self.types[name])
        for name in noted:
            if name not in self.types:
                yield _Found("new", name, now=field_types(noted[name]))
        for name in noted:
            before, now = self.types.get(name), field_types(noted[name])
            if before and now - before:
                yield _Found("retyped", name, before, now)

    def _is_expected(self, name: str, records: int, columns: Mapping[str, str]) -> bool:
        """True if the field's absence from a file is a schema change; rare unmapped fields may be absent by chance."""
        if self.always[name] == self.files:
            return name in columns or self.records >= MIN_RECORDS
        return records >= MIN_RECORDS and self.always[name] >= SHARE_OF_FILES * self.files


def field_changes(files: Iterable[LandedFile]) -> list[FieldChange]:
    """Return all schema changes in landed files, in the order in which the files were first seen."""
    earlier: dict[tuple[str, bool], _Earlier] = {}
    found: list[FieldChange] = []
    for file in sorted(files, key=lambda file: (file.first_seen, file.file, file.sha256)):
        for key, noted in file.fields.items():
            name, _, kind = key.partition("/")
            before = earlier.setdefault((key, _is_table(file.file)), _Earlier())
            columns, records = columns_of(name, "post" if kind == "reel" else kind), file.rows(f"{kind}s")
            changes = list(before.changes(noted, records, columns))
            found += [
                FieldChange(
                    *(file.file, file.sha256, file.first_seen, name, kind, one.change, one.field),
                    columns.get(one.field, ""),
                    *("|".join(sorted(types)) for types in (one.before, one.now)),
                )
                for one in changes
            ]
            before.add(noted, records, (one.field for one in changes if one.change == "missing"))
    return found


def newest_field_changes(files: Sequence[LandedFile]) -> list[FieldChange]:
    """Return the schema changes in files that were first seen within a day of the newest one."""
    if not files:
        return []
    since = max(file.first_seen for file in files) - NEWEST_WINDOW
    return [change for change in field_changes(files) if change.first_seen >= since]


def _is_table(name: str) -> bool:
    bare = name.lower()
    for packed in _PACKED:
        bare = bare.removesuffix(packed)
    return bare.endswith(_TABLES)
