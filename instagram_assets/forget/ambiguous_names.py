"""Account names that are ordinary words: erased only where an account is meant; rows that keep the word are counted."""

from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import ForgetError
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.masking import is_standalone_name
from instagram_assets.privacy.names_in_text import names_pattern
from instagram_assets.privacy.table_texts import texts_in
from instagram_assets.schemas import CONTRACTS
from instagram_assets.schemas.account_names import NAME_FIELDS, is_meant, is_word_of_ours
from instagram_assets.storage.lake import files
from instagram_assets.storage.parquet_files import read_file

_TABLES = ("raw_posts", "raw_reels", "raw_profiles", "raw_ads", "raw_comments")
_WRITTEN = ("caption", "alt", "location", "biography", "full_name", "owner_full_name", "category", "text", "hashtags")
_WHOSE = ("account", "owner", "commenter")


class AmbiguousName(NamedTuple):
    """An erased account name that is an ordinary word, and the number of other people's rows that use the word.

    `can_go` is false if the name is never erased as a bare word: a number, or a word that this program itself uses.
    """

    name: str
    rows: int
    can_go: bool


def is_removable(name: str) -> bool:
    """Whether a name can be erased as a bare word: not a number, two letters, or a word this program uses."""
    return not why_not_removable(name)


def ordinary_word_names(known: Identifiers) -> list[str]:
    """Returns the account names that are ordinary words: erased and searched for only where an account is meant."""
    return sorted(name for name in known.accounts if not name.startswith("#") and not known.counts_alone(name))


def why_not_removable(name: str) -> str:
    """Returns why a name is never erased as a bare word; empty for a name that can be."""
    if is_word_of_ours(name):
        return "a word of this program"
    if is_standalone_name(name):
        return ""
    return "a number" if not any(map(str.isalpha, name)) else "too short to be reasons from parts of other words"


def require_removable(known: Identifiers) -> None:
    """Raises ForgetError if the user chose `--bare` and one of the account names can never be erased as a bare word."""
    never = [(name, why) for name in ordinary_word_names(known) if (why := why_not_removable(name))]
    if never:
        reasons = "; ".join(f"{name} is {why}" for name, why in never)
        goes = "it goes" if len(never) == 1 else "they go"
        raise ForgetError(
            f"{reasons}: never taken out as a bare word. Leave --bare out: {goes} wherever an account is meant"
        )


def count_ambiguous_names(lake: UPath, known: Identifiers) -> list[AmbiguousName]:
    """Returns the ambiguous names among `known` with their row counts. Raises StorageError for damaged tables."""
    return [
        AmbiguousName(name, sum(_rows(lake, name, known)), is_removable(name)) for name in ordinary_word_names(known)
    ]


def _rows(lake: UPath, name: str, known: Identifiers) -> Iterator[int]:
    for asset in _TABLES:
        there = CONTRACTS[asset].schema.names
        columns = [column for column in (*_WHOSE, *_WRITTEN) if column in there]
        for path in files(lake, asset):
            yield _rows_with(read_file(path, asset, columns), name, known)


def _rows_with(rows: pa.Table, name: str, known: Identifiers) -> int:
    texts = [column for column in rows.column_names if column not in NAME_FIELDS]
    held = [each for column in texts for chunk in rows[column].chunks for each in texts_in(chunk)]
    if not any(compute.any(compute.match_substring(each, name, ignore_case=True)).as_py() for each in held):
        return 0
    pattern = names_pattern([name])

    def stands_in(value: object) -> bool:
        if isinstance(value, list):
            return any(map(stands_in, value))  # pyright: ignore[reportUnknownArgumentType] texts
        if not isinstance(value, str) or pattern is None:
            return False
        found = pattern.finditer(value)
        return any(not is_meant(name, value[: match.start()], value[match.end() :]) for match in found)

    return sum(
        any(stands_in(row[column]) for column in texts)
        for row in rows.to_pylist()
        if not any(known.has("account", row.get(column)) for column in _WHOSE)
    )
