"""Pseudonyms of accounts, posts and profiles: keyed hashes (HMAC), and the pseudonymisation of tables with them."""

import hashlib
import hmac
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import repeat
from pathlib import Path
from typing import Any

import pyarrow as pa

from instagram_assets.errors import ContractError
from instagram_assets.privacy.column_treatments import COLUMN_TREATMENTS, TreatmentKind
from instagram_assets.privacy.forgotten_identifiers import Forgotten, Identifiers
from instagram_assets.privacy.lake_names import LakeNames
from instagram_assets.privacy.masking import mask, mask_names
from instagram_assets.privacy.secret_keys import find_key, key_id, load_key

PERSON_PREFIX = "person_"
FORGOTTEN_PREFIX = "forgotten_"
_DIGITS = 16
_OF_FORGOTTEN = re.compile(rf"{FORGOTTEN_PREFIX}[0-9a-f]{{{_DIGITS}}}")


def pseudonym(key: bytes, name: str, prefix: str = PERSON_PREFIX) -> str:
    """A name's pseudonym, `prefix` and 16 hexadecimal digits: HMAC-SHA256 (RFC 2104) of the name in lower case.

    It consists of characters allowed in account names, so it can replace a name anywhere. With 64 bits, a collision
    among a million names has a probability of 3 in 100 million.

    >>> pseudonym(bytes(32), "Sun_Diary") == pseudonym(bytes(32), "sun_diary")
    True
    """
    return prefix + _digits(key, name.casefold())


def is_forgotten_pseudonym(name: str) -> bool:
    """Whether a name is the pseudonym of an erased account, which must not be requested from any site.

    >>> is_forgotten_pseudonym("forgotten_8f86ebd8fc2be949")
    True
    """
    return _OF_FORGOTTEN.fullmatch(name.removeprefix("#")) is not None


@lru_cache(maxsize=65_536)
def _digits(key: bytes, name: str) -> str:
    return hmac.new(key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:_DIGITS]


POST_PREFIX, PROFILE_PREFIX = "post_", "profile_"
MASKING_VERSION = 5
"""Increased when masking changes: exported tables are rebuilt then."""
_ABOUT = ("account", "owner")


@dataclass(frozen=True)
class Pseudonymizer:
    """Replaces names and ids in tables and texts by pseudonyms, with the secret key of an installation.

    `names` (in lower case) are replaced in texts even without an @ before them, `ids` are those of posts and profiles.
    """

    key: bytes
    names: frozenset[str] = field(default_factory=frozenset[str])
    ids: frozenset[str] = field(default_factory=frozenset[str])

    @property
    def version(self) -> str:
        """A string that changes if the same rows would get other pseudonyms: by a key rotation or with new names."""
        return f"{key_id(self.key)}-{MASKING_VERSION}-{len(self.names)}-{_hash_of(self.names)}"

    def person(self, name: str) -> str:
        """Returns the pseudonym of an account; a collected `#tag` is kept, with account names in it replaced."""
        return self.words(name) if name.startswith("#") else pseudonym(self.key, name, PERSON_PREFIX)

    def post(self, post_id: str) -> str:
        """Returns the pseudonym of a post's id."""
        return pseudonym(self.key, f"post:{post_id}", POST_PREFIX)

    def profile(self, profile_id: str) -> str:
        """Returns the pseudonym of a profile's id."""
        return pseudonym(self.key, f"profile:{profile_id}", PROFILE_PREFIX)

    def text(self, text: str) -> str:
        """Returns a text with names and contact data masked (see `masking.mask`)."""
        return mask(text, self.person, self.names, self.ids)

    def words(self, text: str) -> str:
        """Returns a text with the lake's account names replaced by pseudonyms."""
        return mask_names(text, self.person, self.names)

    def table(self, table: pa.Table) -> pa.Table:
        """Returns the pseudonymised table. Raises ContractError for a column that `column_treatments` does not have."""
        given = table
        for place, column in enumerate(table.schema):
            ours = pa.types.is_string(column.type) and treatment_of(column.name) == "sentence"
            changed = self._sentences(given, column.name) if ours else self._column(given[column.name], column.name)
            if changed is not None:
                table = table.set_column(place, column, changed)
        return table

    def sentence(self, text: str, names: Collection[str]) -> str:
        """Returns a generated sentence, masked, with `names` replaced by pseudonyms even if they are short words."""
        also = {name.casefold() for name in names if not name.startswith("#")}
        return mask(text, self.person, self.names | also if also - self.names else self.names, self.ids)

    def _sentences(self, table: pa.Table, name: str) -> pa.Array:
        """Returns a column of generated sentences in which the account names of each row are replaced."""
        about = [table[each].to_pylist() for each in _ABOUT if each in table.column_names]
        people = zip(*about, strict=True) if about else repeat((), table.num_rows)
        rows = zip(table[name].to_pylist(), people, strict=True)
        told = [None if text is None else self.sentence(text, list(filter(None, names))) for text, names in rows]
        return pa.array(told, table[name].type)

    def _column(self, values: Any, name: str) -> Any:
        """Returns the pseudonymised values of a column; None if nothing changes."""
        if (inner := _fields(values.type)) is not None:
            kinds: dict[str, TreatmentKind] = {each: treatment_of(f"{name}.{each}") for each in inner}
            changing = {each: self._change(kind) for each, kind in kinds.items() if kind != "keep"}
            return _of_structs(values, changing) if changing else None
        kind = treatment_of(name)
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

    def _change(self, kind: TreatmentKind) -> Callable[[str], str | None]:
        changes: dict[TreatmentKind, Callable[[str], str | None]] = {
            "name": self.person,
            "post": self.post,
            "profile": self.profile,
            "text": self.text,
            "sentence": self.text,
            "words": self.words,
            "gone": lambda _: None,
        }
        return changes[kind]


def treatment_of(column: str) -> TreatmentKind:
    """Returns how pseudonymous exports treat a column. Raises ContractError if `column_treatments` lacks it."""
    treatment = COLUMN_TREATMENTS.get(column)
    if treatment is None:
        raise ContractError(
            f"{column}: nobody said what becomes of this column in a pseudonymous export. Say it in "
            "instagram_assets/privacy/column_treatments.py."
        )
    return treatment.kind


def _hash_of(names: frozenset[str]) -> str:
    """Returns a hash of a set of account names: 16 hexadecimal digits."""
    from hashlib import sha256

    return sha256("\n".join(sorted(names)).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def load_pseudonymizer(folder: Path, known: LakeNames | None = None) -> Pseudonymizer:
    """Returns the pseudonymiser of a privacy folder; creates a missing key. Raises StorageError as `load_key` does."""
    known = known or LakeNames()
    return Pseudonymizer(load_key(folder, "pseudonyms"), known.alone, known.ids)


def _fields(type_: pa.DataType) -> list[str] | None:
    """Returns the field names if an Arrow type is a list of structs; None for every other type."""
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


UNNAMED_PREFIX = "id "
"""Prefix of the string from which a person's pseudonym is computed if only the numeric id is known."""


def with_aliases(identifiers: Identifiers, folder: Path) -> Identifiers:
    """Returns the identifiers of an erasure with the pseudonyms of their accounts added as further accounts.

    So comments stored under a pseudonym are erased, and mentions of it are replaced. Nothing is added without a key.
    Pseudonyms made with an earlier key, before a rotation, are not included: they can no longer be computed.
    """
    key = find_key(folder, "pseudonyms")
    if key is None:
        return identifiers
    aliases = {pseudonym(key, name): instead for name, instead in identifiers.accounts.items() if name[:1] != "#"}
    for number in identifiers.profile_ids:
        alias = pseudonym(key, f"{UNNAMED_PREFIX}{number}")
        # Derived from the alias itself: nothing else is known of the person.
        aliases[alias] = pseudonym(key, alias, FORGOTTEN_PREFIX)
    return replace(identifiers, accounts={**aliases, **identifiers.accounts})


def with_export_pseudonyms(forgotten: Forgotten, folder: Path) -> Forgotten:
    """Returns the identifiers of an erasure with the pseudonyms of post and profile ids in pseudonymous exports.

    The pseudonyms of accounts are added by `with_aliases`. If identifiers are known only as hashes (tombstones),
    nothing is added, and the datasets are rebuilt.
    """
    key = find_key(folder, "pseudonyms")
    if key is None or not isinstance(forgotten, Identifiers):
        return forgotten
    told = Pseudonymizer(key)
    return replace(
        forgotten,
        post_ids=forgotten.post_ids.union(map(told.post, forgotten.post_ids)),
        profile_ids=forgotten.profile_ids.union(map(told.profile, forgotten.profile_ids)),
    )
