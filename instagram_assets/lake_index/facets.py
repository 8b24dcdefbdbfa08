"""What can be chosen next: how many of the images that are wanted each account, cluster, hashtag and status has."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from instagram_assets.lake_index.reading import LakeIndex

if TYPE_CHECKING:
    import numpy as np

MOST = 500
"""Values of one field: the most frequent."""
_FIELDS = {
    **{name: name for name in ("account", "search", "kind", "status", "passed")},
    "cluster": "scope || '/' || cluster",
}


@dataclass(frozen=True)
class _Coded:
    """A field of all rows: its values, and for each row which of them it has; one more than there are for none."""

    values: Sequence[Any]
    codes: "np.ndarray"

    def counts(self, rows: "np.ndarray") -> list[dict[str, Any]]:
        """How many of these rows have each value, the most frequent first."""
        import numpy as np

        counts = np.bincount(self.codes[rows], minlength=len(self.values) + 1)[:-1]
        found = sorted((-int(counts[place]), self.values[place]) for place in np.flatnonzero(counts).tolist())
        return [{"value": value, "images": -count} for count, value in found[:MOST]]


@dataclass(frozen=True)
class _Columns:
    """What is counted, by the number of the image; `tags` by the place of each use of a hashtag in `tagged`."""

    fields: dict[str, _Coded]
    days: "np.ndarray"
    posts: "np.ndarray"
    tags: _Coded
    tagged: "np.ndarray"


def facets_of(index: LakeIndex, numbers: "np.ndarray") -> dict[str, Any]:
    """Counts of the images of these numbers: for each field a list of `value` and `images`, and the first and last day.

    Hashtags count posts that have such images. At most `MOST` values of each field, the most frequent first.
    """
    import numpy as np

    columns = _columns(str(index.path), index.stamp, _Holder(index))
    found: dict[str, Any] = {name: field.counts(numbers) for name, field in columns.fields.items()}
    chosen = np.zeros(int(columns.tagged.max(initial=0)) + 2, dtype=bool)
    posts = columns.posts[numbers]
    chosen[posts[(posts >= 0) & (posts < len(chosen))]] = True
    found["hashtag"] = columns.tags.counts(np.flatnonzero(chosen[columns.tagged]))
    days = columns.days[numbers]
    days = days[~np.isnat(days)]
    found["first"], found["last"] = (days.min().item(), days.max().item()) if len(days) else (None, None)
    return found


class _Holder:
    """An index that is no part of a key."""

    def __init__(self, index: LakeIndex) -> None:
        self.index = index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Holder)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=1)
def _columns(path: str, stamp: str, held: _Holder) -> _Columns:
    """The columns of one version, some 100 MB of a million images; made in half a second, once."""
    import numpy as np

    del path, stamp
    index = held.index
    size = index.rows("SELECT coalesce(max(image), -1) + 1 AS n FROM images")[0]["n"]
    images = index.ask("SELECT image, post, day FROM images")
    rows = images["image"].to_numpy()
    posts, days = np.full(size, -1, np.int32), np.full(size, "NaT", "datetime64[D]")
    posts[rows] = images["post"].fill_null(-1).to_numpy()
    days[rows] = images["day"].to_numpy().astype("datetime64[D]")
    pairs = index.ask(
        "SELECT term, post FROM post_terms SEMI JOIN (SELECT term FROM terms WHERE starts_with(text, '#')) USING (term)"
    )
    tags = index.ask("SELECT term, text[2:] AS text FROM terms WHERE starts_with(text, '#') ORDER BY term")
    codes = np.searchsorted(tags["term"].to_numpy(), pairs["term"].to_numpy()).astype(np.int32)
    return _Columns(
        {name: _coded(index, sql, size) for name, sql in _FIELDS.items()},
        days,
        posts,
        _Coded(tags["text"].to_pylist(), codes),
        pairs["post"].to_numpy().astype(np.int32),
    )


def _coded(index: LakeIndex, sql: str, size: int) -> _Coded:
    import numpy as np

    values = [
        row["value"]
        for row in index.rows(f"SELECT DISTINCT {sql} AS value FROM images WHERE {sql} IS NOT NULL ORDER BY 1")
    ]
    table = index.ask(f"SELECT image, {sql} AS value FROM images")
    column = table["value"].combine_chunks().dictionary_encode()
    place = {value: number for number, value in enumerate(values)}
    order = np.array([place[value] for value in column.dictionary.to_pylist()] + [len(values)], dtype=np.int32)
    codes = np.full(size, len(values), dtype=np.int32)
    codes[table["image"].to_numpy()] = order[column.indices.fill_null(len(order) - 1).to_numpy(zero_copy_only=False)]
    return _Coded(values, codes)
