"""The account names and ids of a lake, which a pseudonymous export must not contain."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.privacy.masking import is_standalone_name
from instagram_assets.schemas import CONTRACTS
from instagram_assets.schemas.account_names import is_distinctive
from instagram_assets.storage.lake import files, read_rows, values_in

_ACCOUNTS = ("account", "owner")
_OTHERS = ("mentions", "tagged", "coauthors")
_IDS = ("post_id", "shortcode", "owner_id", "profile_id", "ad_id")
_TABLES = ("posts", "raw_profiles", "raw_ads")


@dataclass(frozen=True)
class LakeNames:
    """The account names and ids of a lake; names are in lower case.

    `names` are all account names, `alone` those that are recognised without an @ before them, `ids` the ids and
    shortcodes of posts and profiles.
    """

    names: frozenset[str] = field(default_factory=frozenset[str])
    alone: frozenset[str] = field(default_factory=frozenset[str])
    ids: frozenset[str] = field(default_factory=frozenset[str])


def read_lake_names(root: UPath) -> LakeNames:
    """Returns the names and ids of a lake; only one file at a time is in memory."""
    accounts, others, ids = set[str](), set[str](), set[str]()
    for asset in _TABLES:
        schema = CONTRACTS[asset].schema
        wanted = [name for name in (*_ACCOUNTS, *_OTHERS, *_IDS) if name in schema.names]
        if CONTRACTS[asset].partitions:
            accounts.update(values_in(root, asset))
        for path in files(root, asset):
            table = read_rows(path, asset, columns=wanted)
            for name in wanted:
                target = ids if name in _IDS else accounts if name in _ACCOUNTS else others
                target.update(_texts(table[name]))
    return make_lake_names(accounts, others, ids)


def make_lake_names(accounts: Iterable[str], others: Iterable[str] = (), ids: Iterable[str] = ()) -> LakeNames:
    """Returns `LakeNames` from accounts (collected or posting), `others` (only mentioned accounts) and ids."""
    first = {name.casefold() for name in accounts if not name.startswith("#")}
    second = {name.casefold().lstrip("@") for name in others}
    alone = {name for name in first if is_standalone_name(name)} | {name for name in second if is_distinctive(name)}
    return LakeNames(frozenset(first | second), frozenset(alone), frozenset(ids))


def _texts(column: Any) -> list[str]:
    values = compute.list_flatten(column) if pa.types.is_list(column.type) else column
    return values.unique().drop_null().to_pylist()
