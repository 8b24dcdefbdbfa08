"""One step of forgetting: a file that goes or is rewritten, said before it is done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple


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
