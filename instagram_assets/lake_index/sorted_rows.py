"""Computes and caches the sorted row indices of all posts or images that match a filter; a page is a slice of them."""

from collections.abc import Callable, Hashable, Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Literal, get_args

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.errors import QueryError
from instagram_assets.lake_index.caches import PerIndex, SizedCache
from instagram_assets.lake_index.filter_sql import Of, condition_of, query_terms_of, term_sql
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.search_terms import QueryTerm

if TYPE_CHECKING:
    import numpy as np

Sort = Literal["newest", "oldest", "likes", "impression", "sharpest", "blurriest", "similar"]
PostSort = Literal["newest", "oldest", "likes", "impression"]
Decisions = Mapping[str, Literal["keep", "drop"]]
"""The decisions of a named list, by image_id."""
NO_DECISIONS: Decisions = {}

LIMIT = 256 << 20
"""Maximum bytes of cached orders per index: about 60 orders of a million rows each."""

_DECISIONS = {"kept": "keep", "dropped": "drop"}
_NUMBERS: Mapping[Of, str] = {"posts": "post", "images": "image"}
# Nulls are last in both directions; ties are in the order of their row indices.
_SORTS: Mapping[str, tuple[str, Literal["ascending", "descending"]]] = {
    "newest": ("taken_at", "descending"),
    "oldest": ("taken_at", "ascending"),
    "likes": ("likes", "descending"),
    "impression": ("impression", "descending"),
    "sharpest": ("sharpness", "descending"),
    "blurriest": ("sharpness", "ascending"),
}


class SortedRows:
    """A cache of sorted row indices of posts and images, limited to `limit` bytes per open index. Thread-safe."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._caches: PerIndex[SizedCache[np.ndarray]] = PerIndex(
            lambda _: SizedCache(limit, lambda numbers: numbers.nbytes)
        )

    def __len__(self) -> int:
        """Number of open indexes for which row indices are cached."""
        return len(self._caches)

    def images(
        self,
        index: LakeIndex,
        criteria: Filter,
        sort: Sort = "newest",
        decisions: Decisions = NO_DECISIONS,
        similarities: "np.ndarray | None" = None,
    ) -> "np.ndarray":
        """Returns the row indices of the images that match a filter, sorted, as a read-only int32 array.

        `decisions` are the user's keep/drop decisions of the list that the filter names. `similarities`, float32 by row
        of the embedding file, is the sort key for `similar`; images without an embedding are then left out. Raises
        QueryError for an unknown sort, and for `similar` without similarities.
        """
        if sort not in get_args(Sort):
            raise QueryError(f"sort={sort}: images are sorted by {', '.join(get_args(Sort))}.")
        plain = criteria.but(list_name="", decided="")
        if sort != "similar":
            key: Hashable = (plain, sort)
            order = self._cached(index, key, lambda: self._sorted_matches(index, plain, "images", sort))
        elif similarities is None:
            raise QueryError("sort=similar: say what to, by `like=TEXT` or `to=IMAGE_ID`.")
        else:
            key = (plain, sort, _digest(similarities.tobytes()))
            order = self._cached(index, key, lambda: self._by_similarity(index, plain, similarities))
        if not criteria.decided:
            return order
        digest = _digest(
            "\n".join(sorted(f"{image_id} {decision}" for image_id, decision in decisions.items())).encode()
        )
        return self._cached(
            index, (key, criteria.decided, digest), lambda: order[_decided(index, criteria.decided, decisions)[order]]
        )

    def posts(self, index: LakeIndex, criteria: Filter, sort: PostSort = "newest") -> "np.ndarray":
        """Returns the row indices of the posts that match a filter, sorted, as a read-only int32 array.

        The filter's `list_name` and `decided` are ignored, since they apply to images. Raises QueryError for an unknown
        sort.
        """
        if sort not in get_args(PostSort):
            raise QueryError(f"sort={sort}: posts are sorted by {', '.join(get_args(PostSort))}.")
        plain = criteria.but(list_name="", decided="")
        return self._cached(index, ("posts", plain, sort), lambda: self._sorted_matches(index, plain, "posts", sort))

    def _sorted_matches(self, index: LakeIndex, criteria: Filter, of: Of, sort: str) -> "np.ndarray":
        every = self._cached(index, ("every", of, sort), lambda: _all_sorted(index, of, sort))
        if criteria == Filter():
            return every
        return every[self._matching(index, criteria, of)[every]]

    def _by_similarity(self, index: LakeIndex, criteria: Filter, similarities: "np.ndarray") -> "np.ndarray":
        import numpy as np

        vectors = self._cached(index, ("vectors",), lambda: _by_image(index, "vector"))
        numbers = np.flatnonzero(self._matching(index, criteria, "images")).astype(np.int32)
        numbers = numbers[(vectors[numbers] >= 0) & (vectors[numbers] < len(similarities))]
        return numbers[np.argsort(-similarities[vectors[numbers]], kind="stable")]

    def _matching(self, index: LakeIndex, criteria: Filter, of: Of) -> "np.ndarray":
        """Returns a boolean mask over row indices: which posts or images match the filter.

        All search terms must match. They are looked up one by one; the rest is skipped once no row matches any more.
        """
        other_criteria = criteria.but(q="", hashtag=(), word="")
        where = condition_of(other_criteria, of)
        size = _size(index, of)
        if where.parts:
            found = _mask(_numbers(index, f"SELECT {_NUMBERS[of]} FROM {of} WHERE {where.sql}", *where.values), size)
        else:
            found = self._cached(
                index, ("there", of), lambda: _mask(_numbers(index, f"SELECT {_NUMBERS[of]} FROM {of}"), size)
            )
        for term in query_terms_of(criteria):
            mask = _rows_with_term(index, term, "posts")
            if of == "images":
                posts = self._cached(index, ("posts of images",), lambda: _by_image(index, "post"))
                # The index -1 of images without a post selects the last element of the mask, which is False.
                mask = mask[posts] | _rows_with_term(index, term, "images")
            else:
                mask = mask[:-1]
            found = found & mask
            if not found.any():
                break
        return found

    def _cached(self, index: LakeIndex, key: Hashable, make: "Callable[[], np.ndarray]") -> "np.ndarray":
        def made() -> "np.ndarray":
            numbers = make()
            numbers.setflags(write=False)
            return numbers

        return self._caches.of(index).get(key, made)


@lru_cache(maxsize=1)
def shared_sorted_rows() -> SortedRows:
    """Returns the cache of sorted row indices that all requests of this process share."""
    return SortedRows()


def _all_sorted(index: LakeIndex, of: Of, sort: str) -> "np.ndarray":
    """Returns the row indices of all posts or images in sort order, as int32.

    They are sorted with Arrow, which sorts one column several times as fast as DuckDB sorts two.
    """
    column, direction = _SORTS[sort]
    rows = index.query(f"SELECT {_NUMBERS[of]} AS number, {column} AS key FROM {of} ORDER BY 1")
    keys = rows["key"].combine_chunks()
    if not pa.types.is_floating(keys.type):
        keys = keys.cast(pa.int64())
    places = compute.array_sort_indices(keys, order=direction, null_placement="at_end")
    return _int32(rows["number"].combine_chunks().take(places))


def _rows_with_term(index: LakeIndex, term: QueryTerm, of: Of) -> "np.ndarray":
    """Returns a boolean mask over row indices: which posts or images have a matching search term.

    For posts the mask has an extra last element, False, which stands for the missing post of an image.
    """
    terms = _numbers(index, term_sql(term).replace("?", "$1") + " ORDER BY term", term.text)
    size = _size(index, of) + (of == "posts")
    if not len(terms):
        return _mask(terms, size)
    table, number = ("post_terms", "post") if of == "posts" else ("image_terms", "image")
    low, high = int(terms[0]), int(terms[-1])
    if high - low + 1 == len(terms):
        # Consecutive term numbers, as for a prefix in a newly built index: one contiguous range of the table.
        rows = _numbers(index, f"SELECT {number} FROM {table} WHERE term BETWEEN $1 AND $2", low, high)
    else:
        with index.cursor() as cursor:
            cursor.register("fitting", pa.table({"term": terms}))
            rows = cursor.sql(f"SELECT {number} FROM {table} SEMI JOIN fitting USING (term)").fetchnumpy()[number]
    return _mask(rows, size)


def _size(index: LakeIndex, of: Of) -> int:
    """Returns the highest row index of posts or images plus one; it exceeds the row count if rows were deleted."""
    return index.rows(f"SELECT coalesce(max({_NUMBERS[of]}), -1) + 1 AS n FROM {of}")[0]["n"]


def _by_image(index: LakeIndex, column: Literal["vector", "post"]) -> "np.ndarray":
    """Returns the column `vector` or `post` of the images as int32, indexed by the image's row index; -1 for null."""
    import numpy as np

    table = index.query(f"SELECT image, coalesce({column}, -1)::INTEGER AS number FROM images")
    found = np.full(_size(index, "images"), -1, dtype=np.int32)
    found[table["image"].to_numpy()] = table["number"].to_numpy()
    return found


def _decided(index: LakeIndex, decided: str, decisions: Decisions) -> "np.ndarray":
    """Returns a boolean mask over row indices of images: those that a list keeps, drops or does not contain.

    `decided` is `kept`, `dropped` or `undecided`.
    """
    image_ids = (
        list(decisions)
        if decided == "undecided"
        else [image_id for image_id, decision in decisions.items() if decision == _DECISIONS[decided]]
    )
    numbers = _numbers(index, "SELECT image FROM images WHERE image_id IN (SELECT unnest($1::VARCHAR[]))", image_ids)
    mask = _mask(numbers, _size(index, "images"))
    return ~mask if decided == "undecided" else mask


def _numbers(index: LakeIndex, sql: str, *values: object) -> "np.ndarray":
    return _int32(index.query(sql, *values).column(0))


def _int32(column: pa.Array | pa.ChunkedArray) -> "np.ndarray":
    import numpy as np

    return np.ascontiguousarray(column.to_numpy(zero_copy_only=False), dtype=np.int32)


def _mask(numbers: "np.ndarray", size: int) -> "np.ndarray":
    import numpy as np

    mask = np.zeros(size, dtype=bool)
    mask[numbers] = True
    return mask


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
