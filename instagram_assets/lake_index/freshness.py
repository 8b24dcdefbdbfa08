"""Whether the index exists and is up to date with the lake, determined without opening it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from upath import UPath

from instagram_assets.lake_index.changes import fingerprint
from instagram_assets.lake_index.place import index_file, indexed_fingerprint
from instagram_assets.lake_index.tables import NEEDED
from instagram_assets.storage.lake import names_in

How = Literal["none", "missing", "behind", "current"]
REMEDY = "instagram-assets index, or the web app by itself"


@dataclass(frozen=True)
class IndexFound:
    """The state of the index: `none`, `missing`, `behind` or `current`.

    `none` if the lake has no data to index, `missing` if the index was not built yet, `behind` if the lake was written
    since; the latter is not detected for a lake in an object store.
    """

    how: How

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | ({"remedy": REMEDY} if self.line else {})

    @property
    def line(self) -> str:
        """Message that tells the user what to do; empty if the index is up to date."""
        match self.how:
            case "missing":
                return f"The gallery and the insights have no index of the lake yet; made by {REMEDY}"
            case "behind":
                return f"The index of the gallery and the insights is behind the lake; brought up to date by {REMEDY}"
            case _:
                return ""


def find_index(root: UPath, folder: Path) -> IndexFound:
    """Returns the state of the index in a folder, from the lake's folder mtimes. Raises StorageError and OSError."""
    if not index_file(folder).exists():
        return IndexFound("missing" if names_in(root) & set(NEEDED) else "none")
    return IndexFound("current" if fingerprint(root) == indexed_fingerprint(folder) else "behind")
