"""One step of forgetting: a file that goes or is rewritten, said before it is done."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from upath import UPath

from instagram_assets.storage.atomic import is_local


class Applied(NamedTuple):
    """What a step did that cannot tell before: files that went, the SHA-256 of each that it wrote, and rows."""

    removed: int
    rewritten: Sequence[str]
    rows: int
    bytes_written: int


@dataclass(frozen=True)
class Step:
    """What happens to one file, folder or row of a database; `apply` does it, whole or not at all, and again at will.

    `place` groups steps for a person (`lake`, `media`, `inbox`), `path` is below the data folder where it can be,
    `rows` how many rows, records or entries of the subject are in it. `apply` gives the bytes that it wrote,
    or all that it did where that is not known before; `is_certain` is false where it may have nothing to do.
    """

    place: str
    path: str
    verb: Literal["remove", "rewrite"]
    rows: int
    apply: Callable[[], int | Applied]
    is_certain: bool = True


def sha256_of(path: Path | UPath) -> str:
    """The SHA-256 of a file that was written, on a disk or in an object store."""
    if isinstance(path, UPath) and not is_local(path):
        # Not opened, since the size that is remembered of it is of before.
        store: Any = path.fs
        return hashlib.sha256(store.cat_file(path.path)).hexdigest()
    with Path(path.path if isinstance(path, UPath) else path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
