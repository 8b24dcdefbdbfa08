"""Files that get their names only after a check has found nothing in them: until then they are hidden beside these."""

import os
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from instagram_assets.privacy.identifier_leaks import NamedFile
from instagram_assets.storage.atomic import refusal, sync_folders, temporary_beside

Check = Callable[[Iterable[NamedFile]], object]
"""Raises an error where files are not to go out."""


@contextmanager
def named_when_checked(check: Check | None) -> Generator[Callable[[Path], Path]]:
    """Gives, for the path that a file is to have, the one to write it to; without a `check` they are the same.

    At the end all are checked, then all get their names. Where the check raises, none does, and what lies under
    these names stays. What a process that was killed leaves is swept like all temporary files.
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
