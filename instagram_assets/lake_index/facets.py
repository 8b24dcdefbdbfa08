"""Facet counts of the gallery's filter form: how many matching images each account, cluster, hashtag and status has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from instagram_assets.lake_index.caches import PerIndex
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.sorted_rows import shared_sorted_rows

if TYPE_CHECKING:
    import numpy as np

MOST = 500
"""Maximum number of values per field; the most frequent are returned."""
_MOST_WORDS = 3
_PLAIN = ("account", "search", "kind", "status", "passed")


@dataclass(frozen=True)
class ClusterNames:
    """Display names of clusters, by cluster identifier `SCOPE/NUMBER`; a cluster without a topic has no name."""

    names: Mapping[str, str] = field(default_factory=dict[str, str])

    def label(self, cluster: str) -> str:
        """Returns a cluster's identifier followed by its name if it has one, for forms and pages.

        >>> ClusterNames({"all/3": "cats, windows"}).label("all/3")
        'all/3 · cats, windows'
        """
        name = self.names.get(cluster)
        return f"{cluster} · {name}" if name else cluster


def _cluster_names(index: LakeIndex) -> ClusterNames:
    """Returns the names of all clusters that have a topic: the topic's name, or its first words if it has none."""
    rows = index.rows(
        "SELECT scope || '/' || topic AS cluster, "
        f"coalesce(nullif(name, ''), array_to_string(words[:{_MOST_WORDS}], ', ')) AS name "
        "FROM topics WHERE source = 'clusters'"
    )
    return ClusterNames({row["cluster"]: row["name"] for row in rows if row["name"]})


@dataclass(frozen=True)
class _Coded:
    """A dictionary-encoded column: the distinct values, and one code per row; the code `len(values)` means null."""

    values: Sequence[Any]
    codes: "np.ndarray"

    def counts(self, rows: "np.ndarray") -> list[dict[str, Any]]:
        """Returns how many of the rows with these indices have each value, most frequent first, at most `MOST`."""
        import numpy as np

        counts = np.bincount(self.codes[rows], minlength=len(self.values) + 1)[:-1]
        found = sorted((-int(counts[position]), self.values[position]) for position in np.flatnonzero(counts).tolist())
        return [{"value": value, "images": -count} for count, value in found[:MOST]]


@dataclass(frozen=True)
class _Columns:
    """The dictionary-encoded columns of all images; index i of an array is the image with row index i (`images.image`).

    `tags` and `tagged` are parallel arrays with one element per pair of a hashtag and a post: `tagged` is the post's
    row index.
    """

    fields: dict[str, _Coded]
    days: "np.ndarray"
    posts: "np.ndarray"
    tags: _Coded
    tagged: "np.ndarray"


def facets_of(index: LakeIndex, numbers: "np.ndarray") -> dict[str, Any]:
    """Returns how often each value of each filter field occurs among the images with these row indices.

    The result has for each field a list of `{"value", "images"}`, most frequent first, at most `MOST`; and `first` and
    `last`, the images' range of days. For hashtags, `images` is the number of distinct posts of these images.
    """
    import numpy as np

    columns = _COLUMNS.of(index)
    found: dict[str, Any] = {name: field.counts(numbers) for name, field in columns.fields.items()}
    chosen = np.zeros(int(columns.tagged.max(initial=0)) + 2, dtype=bool)
    posts = columns.posts[numbers]
    chosen[posts[(posts >= 0) & (posts < len(chosen))]] = True
    found["hashtag"] = columns.tags.counts(np.flatnonzero(chosen[columns.tagged]))
    days = columns.days[numbers]
    days = days[~np.isnat(days)]
    found["first"], found["last"] = (days.min().item(), days.max().item()) if len(days) else (None, None)
    return found


def _columns_of(index: LakeIndex) -> _Columns:
    """Loads the dictionary-encoded columns of one version of the index, about 100 MB for a million images."""
    import numpy as np

    size = index.rows("SELECT coalesce(max(image), -1) + 1 AS n FROM images")[0]["n"]
    images = index.query(f"SELECT image, post, day, {', '.join(_PLAIN)}, scope, cluster FROM images")
    rows = images["image"].to_numpy()
    posts, days = np.full(size, -1, np.int32), np.full(size, "NaT", "datetime64[D]")
    posts[rows] = images["post"].fill_null(-1).to_numpy()
    days[rows] = images["day"].to_numpy().astype("datetime64[D]")
    fields = {name: _coded(images[name], rows, size) for name in _PLAIN}
    fields["cluster"] = _coded_pairs(images["scope"], images["cluster"], rows, size)
    pairs = index.query(
        "SELECT term, post FROM post_terms SEMI JOIN (SELECT term FROM terms WHERE starts_with(text, '#')) USING (term)"
    )
    tags = index.query("SELECT term, text[2:] AS text FROM terms WHERE starts_with(text, '#') ORDER BY term")
    codes = np.searchsorted(tags["term"].to_numpy(), pairs["term"].to_numpy()).astype(np.int32)
    return _Columns(fields, days, posts, _Coded(tags["text"].to_pylist(), codes), pairs["post"].to_numpy())


def _coded(column: pa.ChunkedArray, rows: "np.ndarray", size: int) -> _Coded:
    """Dictionary-encodes a column of the images with row indices `rows`; `size` is the highest row index plus one."""
    import numpy as np

    found = column.combine_chunks().dictionary_encode()
    values = found.dictionary.to_pylist()
    codes = np.full(size, len(values), dtype=np.int32)
    codes[rows] = found.indices.fill_null(len(values)).to_numpy(zero_copy_only=False)
    return _Coded(values, codes)


def _coded_pairs(scopes: pa.ChunkedArray, clusters: pa.ChunkedArray, rows: "np.ndarray", size: int) -> _Coded:
    """Dictionary-encodes the clusters, as `SCOPE/NUMBER`, of the images with row indices `rows`.

    `size` is the highest row index plus one.
    """
    import numpy as np

    of_scopes, of_clusters = _coded(scopes, rows, size), _coded(clusters, rows, size)
    present = np.flatnonzero((of_scopes.codes < len(of_scopes.values)) & (of_clusters.codes < len(of_clusters.values)))
    wide = max(len(of_clusters.values), 1)
    pairs, positions = np.unique(
        of_scopes.codes[present] * np.int64(wide) + of_clusters.codes[present], return_inverse=True
    )
    values = [f"{of_scopes.values[pair // wide]}/{of_clusters.values[pair % wide]}" for pair in pairs.tolist()]
    codes = np.full(size, len(values), dtype=np.int32)
    codes[present] = positions
    return _Coded(values, codes)


_COLUMNS: PerIndex[_Columns] = PerIndex(_columns_of)


def choices_of(index: LakeIndex) -> dict[str, Any]:
    """Returns how often each value of each filter field occurs among all images (see `facets_of`); cached per index."""
    return _CHOICES.of(index)


def clusters_of(index: LakeIndex) -> ClusterNames:
    """Returns the names of all clusters, cached per index."""
    return _CLUSTERS.of(index)


_CHOICES: PerIndex[dict[str, Any]] = PerIndex(
    lambda index: facets_of(index, shared_sorted_rows().images(index, Filter()))
)
_CLUSTERS: PerIndex[ClusterNames] = PerIndex(_cluster_names)
