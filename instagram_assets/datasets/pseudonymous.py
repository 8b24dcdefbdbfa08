"""The lake as pseudonymous exports see it: nobody's name in any table, and no order that would tell whose rows they
are.

Rows are in the order of pseudonyms: in that of names whoever knows which accounts are collected could count.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import pyarrow as pa
from upath import UPath

from instagram_assets.datasets.checked import Check
from instagram_assets.datasets.parts import Parts
from instagram_assets.errors import IdentifierError
from instagram_assets.privacy.identifier_leaks import NamedFile, find_identifier_leaks, format_leaks
from instagram_assets.privacy.lake_names import LakeNames, read_lake_names
from instagram_assets.privacy.pseudonyms import Pseudonymizer, load_pseudonymizer
from instagram_assets.privacy.secret_keys import key_id, load_key
from instagram_assets.settings import Settings
from instagram_assets.storage.lake import Days, months, values_in

PSEUDONYMS = "pseudonyms by key"
"""What a dataset's run says in Dagster: the id of the key; nothing where names stand in it."""


def pseudonymous_months(
    root: UPath, pseudonyms: Pseudonymizer, *, accounts: Sequence[str] | None = None, days: Days | None = None
) -> Parts:
    """As `storage.lake.months`, with pseudonyms in the place of names, and by them in order."""

    def give(
        names: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /
    ) -> Iterator[Mapping[str, pa.Table]]:
        known = accounts if accounts is not None else set[str]().union(*(values_in(root, name) for name in names))
        for account in sorted(known, key=pseudonyms.person):
            for part in months(root, names, columns, accounts=[account], days=days):
                yield {name: pseudonyms.table(table) for name, table in part.items()}

    return give


def known_to(settings: Settings, root: UPath) -> tuple[LakeNames, Pseudonymizer]:
    """Who is known in the lake, and what stands for them. Raises StorageError for a damaged key."""
    known = read_lake_names(root)
    return known, load_pseudonymizer(settings.folder("privacy"), known)


def declared_pseudonyms(settings: Settings, root: UPath) -> Pseudonymizer | None:
    """What stands for names in the datasets where the settings declare them pseudonymous; else null."""
    return known_to(settings, root)[1] if settings.privacy.pseudonymous_exports else None


def pseudonymous_by(settings: Settings) -> str:
    """The id of the key by which datasets are to be pseudonymous; empty where they are to have names.

    It tells nothing of the key. Raises StorageError for a damaged one.
    """
    if not settings.privacy.pseudonymous_exports:
        return ""
    return key_id(load_key(settings.folder("privacy"), "pseudonyms"))


_LIE_THERE = (
    "The files lie there all the same: do not hand them out. Take away what was put there by hand, and export again "
    "into an empty folder."
)
_NOT_WRITTEN = (
    "So no file was written, and what lay there stays as it was. Call by another name what stands there, or export "
    "without that column (--columns)."
)


def check_pseudonymous(files: Iterable[NamedFile], known: LakeNames, remedy: str = _LIE_THERE) -> None:
    """Raises IdentifierError, saying file and place, where a name or an id of the lake stands in files."""
    if found := find_identifier_leaks(files, known):
        raise IdentifierError(
            f"Names or ids of the lake stand in files that are to be pseudonymous:\n{format_leaks(found)}\n{remedy}"
        )


def check_before(known: LakeNames) -> Check:
    """As `check_pseudonymous`, of files that do not have their names yet: without them, where it raises."""
    return partial(check_pseudonymous, known=known, remedy=_NOT_WRITTEN)
