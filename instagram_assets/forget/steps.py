"""One step of forgetting: a file that goes or is rewritten, said before it is done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Step:
    """What happens to one file, folder or row of a database; `apply` does it, whole or not at all, and again at will.

    `place` groups steps for a person (`lake`, `media`, `inbox`), `path` is below the data folder where it can be,
    `rows` how many rows, records or entries of the subject are in it. `apply` gives the bytes that it wrote.
    """

    place: str
    path: str
    verb: Literal["remove", "rewrite"]
    rows: int
    apply: Callable[[], int]
