"""Tables of the lake with pseudonyms in the place of persons, as `treatments` says column by column."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Any

import pyarrow as pa

from instagram_assets.errors import ContractError
from instagram_assets.privacy.keys import key_id, load_key
from instagram_assets.privacy.known import Known
from instagram_assets.privacy.masking import mask, mask_names
from instagram_assets.privacy.pseudonyms import PERSON, pseudonym
from instagram_assets.privacy.treatments import TREATMENTS, Kind

POST, PROFILE = "post_", "profile_"
RULES = 5
"""Raised when other things are taken out of texts than before: tables are made anew then."""
_ABOUT = ("account", "owner")


@dataclass(frozen=True)
class Pseudonyms:
    """What stands for a name or an id, by the key of an installation.

    `names` are those, in lower case, that are taken out of texts without an @ before them as well, and `ids` those of
    posts and profiles that are.
    """

    key: bytes
    names: frozenset[str] = field(default_factory=frozenset[str])
    ids: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def mark(self) -> str:
        """Another one when the same rows would become others: after the key was rotated, or names came."""
        return f"{key_id(self.key)}-{RULES}-{len(self.names)}-{hash_of(self.names)}"

    def person(self, name: str) -> str:
        """What stands for an account; a collected `#tag` is nobody, and only loses names that are in it."""
        return self.words(name) if name.startswith("#") else pseudonym(self.key, name, PERSON)

    def post(self, post_id: str) -> str:
        """What stands for a post's id."""
        return pseudonym(self.key, f"post:{post_id}", POST)

    def profile(self, profile_id: str) -> str:
        """What stands for a profile's id."""
        return pseudonym(self.key, f"profile:{profile_id}", PROFILE)

    def text(self, text: str) -> str:
        """A text in which nobody is named or can be reached."""
        return mask(text, self.person, self.names, self.ids)

    def words(self, text: str) -> str:
        """A text without the names of the lake."""
        return mask_names(text, self.person, self.names)

    def table(self, table: pa.Table) -> pa.Table:
        """A table as it may go out. Raises ContractError for a column of which nobody said what becomes of it."""
        given = table
        for place, column in enumerate(table.schema):
            ours = pa.types.is_string(column.type) and kind_of(column.name) == "sentence"
            changed = self._sentences(given, column.name) if ours else self._column(given[column.name], column.name)
            if changed is not None:
                table = table.set_column(place, column, changed)
        return table

    def sentence(self, text: str, names: Collection[str]) -> str:
        """A text of this program's own about accounts, in which these count as whole words, however short they are."""
        also = {name.casefold() for name in names if not name.startswith("#")}
        return mask(text, self.person, self.names | also if also - self.names else self.names, self.ids)

    def _sentences(self, table: pa.Table, name: str) -> pa.Array:
        """Our own sentences, each without the names of whom its row is about."""
        about = [table[each].to_pylist() for each in _ABOUT if each in table.column_names]
        people = zip(*about, strict=True) if about else repeat((), table.num_rows)
        rows = zip(table[name].to_pylist(), people, strict=True)
        told = [None if text is None else self.sentence(text, list(filter(None, names))) for text, names in rows]
        return pa.array(told, table[name].type)

    def _column(self, values: Any, name: str) -> Any:
        """The values of a column as they go out; null where they are as they were."""
        if (inner := _fields(values.type)) is not None:
            kinds: dict[str, Kind] = {each: kind_of(f"{name}.{each}") for each in inner}
            changing = {each: self._change(kind) for each, kind in kinds.items() if kind != "keep"}
            return _of_structs(values, changing) if changing else None
        kind = kind_of(name)
        if kind == "keep":
            return None
        if kind == "gone":
            return pa.nulls(len(values), values.type)
        change = self._change(kind)
        if pa.types.is_list(values.type):
            return pa.array([_each(items, change) for items in values.to_pylist()], values.type)
        encoded = values.combine_chunks().dictionary_encode()
        new = pa.array([change(value) for value in encoded.dictionary.to_pylist()], values.type)
        return new.take(encoded.indices)

    def _change(self, kind: Kind) -> Callable[[str], str | None]:
        changes: dict[Kind, Callable[[str], str | None]] = {
            "name": self.person,
            "post": self.post,
            "profile": self.profile,
            "text": self.text,
            "sentence": self.text,
            "words": self.words,
            "gone": lambda _: None,
        }
        return changes[kind]


def kind_of(column: str) -> Kind:
    """What becomes of a column. Raises ContractError where nobody said it."""
    treatment = TREATMENTS.get(column)
    if treatment is None:
        raise ContractError(
            f"{column}: nobody said what becomes of this column in a pseudonymous export. Say it in "
            "instagram_assets/privacy/treatments.py."
        )
    return treatment.kind


def hash_of(names: frozenset[str]) -> str:
    """A short text that is another one for other names."""
    from hashlib import sha256

    return sha256("\n".join(sorted(names)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def load_pseudonyms(folder: Path, known: Known | None = None) -> Pseudonyms:
    """Those of a privacy folder; its key is made when there is none yet. Raises StorageError as `load_key` does."""
    known = known or Known()
    return Pseudonyms(load_key(folder, "pseudonyms"), known.alone, known.ids)


def _fields(type_: pa.DataType) -> list[str] | None:
    """The fields of a list of structs; null for every other type."""
    if not pa.types.is_list(type_) or not pa.types.is_struct(type_.value_type):
        return None
    return [type_.value_type.field(place).name for place in range(type_.value_type.num_fields)]


def _of_structs(values: Any, changing: dict[str, Callable[[str], str | None]]) -> pa.Array:
    rows = values.to_pylist()
    for items in rows:
        for item in items or ():
            for name, change in changing.items():
                item[name] = None if item[name] is None else change(item[name])
    return pa.array(rows, values.type)


def _each(items: list[str | None] | None, change: Callable[[str], str | None]) -> list[str | None] | None:
    return None if items is None else [None if item is None else change(item) for item in items]
