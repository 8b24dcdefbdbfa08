"""Pseudonymous exports: the lake's tables with account names replaced, and a leak check of files before publication."""

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pyarrow as pa
from upath import UPath

from instagram_assets.datasets.table_parts import Parts
from instagram_assets.errors import IdentifierError
from instagram_assets.privacy.identifier_leaks import NamedFile, find_identifier_leaks, format_leaks
from instagram_assets.privacy.lake_names import LakeNames, read_lake_names
from instagram_assets.privacy.pseudonyms import Pseudonymizer, load_pseudonymizer
from instagram_assets.privacy.secret_keys import key_id, load_key
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import refusal, sync_folders, temporary_beside
from instagram_assets.storage.lake import Days, months, values_in

Check = Callable[[Iterable[NamedFile]], object]
"""Type of a callback that raises an error if files must not be published."""


@contextmanager
def named_when_checked(check: Check | None) -> Generator[Callable[[Path], Path]]:
    """Context manager for writing files that are published only after a leak check (`check`).

    It yields a function from a file's final path to the temporary path at which to write it. At the end all files are
    checked, then all are renamed to their final paths. If the check raises an error, no file is renamed, and existing
    files are unchanged. If `check` is None, files are written to their final paths directly. Temporary files of a
    killed process are removed like all others (`storage.atomic`).
    """
    waiting: dict[Path, Path] = {}

    def place(final: Path) -> Path:
        if check is None:
            return final
        return waiting.setdefault(final, temporary_beside(final))

    try:
        yield place
        if check is None:
            return
        check([NamedFile(final.name, partial(open, written, "rb")) for final, written in waiting.items()])
        for final, written in waiting.items():
            _give_name(written, final)
    finally:
        for written in waiting.values():
            written.unlink(missing_ok=True)


def _give_name(written: Path, final: Path) -> None:
    try:
        os.replace(written, final)
        sync_folders([final.parent])
    except OSError as error:
        raise refusal(final, error) from error


PSEUDONYMS = "pseudonyms by key"
"""Dagster metadata of a dataset's run: the id of the pseudonym key; empty if the dataset contains names."""


def pseudonymous_months(
    root: UPath, pseudonyms: Pseudonymizer, *, accounts: Sequence[str] | None = None, days: Days | None = None
) -> Parts:
    """Returns the lake's tables in parts of one account and month, with account names replaced by pseudonyms.

    The parts are sorted by pseudonym. `accounts` (real names) and `days` restrict the rows; None for all.
    """

    def give(
        names: Sequence[str], columns: Mapping[str, Sequence[str]] | None = None, /
    ) -> Iterator[Mapping[str, pa.Table]]:
        known = accounts if accounts is not None else set[str]().union(*(values_in(root, name) for name in names))
        for account in sorted(known, key=pseudonyms.person):
            for part in months(root, names, columns, accounts=[account], days=days):
                yield {name: pseudonyms.table(table) for name, table in part.items()}

    return give


def known_to(settings: Settings, root: UPath) -> tuple[LakeNames, Pseudonymizer]:
    """Returns the account names and ids in the lake, and the pseudonymizer that replaces them.

    Raises StorageError for a damaged key file.
    """
    known = read_lake_names(root)
    return known, load_pseudonymizer(settings.folder("privacy"), known)


def declared_pseudonyms(settings: Settings, root: UPath) -> Pseudonymizer | None:
    """Returns the pseudonymizer that exports must use if the setting `pseudonymous_exports` is on; else None."""
    return known_to(settings, root)[1] if settings.privacy.pseudonymous_exports else None


def pseudonymous_by(settings: Settings) -> str:
    """Returns the id of the pseudonym key if the setting `pseudonymous_exports` is on; else an empty string.

    The key cannot be derived from the id. Raises StorageError for a damaged key file.
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
    """Raise IdentifierError, with file and position, if the files contain an account name or id from the lake.

    `known` are these names and ids; `remedy` is the hint at the end of the error message.
    """
    if found := find_identifier_leaks(files, known):
        raise IdentifierError(
            f"Names or ids of the lake stand in files that are to be pseudonymous:\n{format_leaks(found)}\n{remedy}"
        )


def check_before(known: LakeNames) -> Check:
    """Returns a check for files that are about to be published: `check_pseudonymous` with `known`.

    If the check raises an error, no file is published.
    """
    return partial(check_pseudonymous, known=known, remedy=_NOT_WRITTEN)
