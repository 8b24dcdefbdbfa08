"""The document-term matrix: word counts of each post as a sparse matrix, and their sums over groups of posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from instagram_assets.arrow import compute

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_PostKey = tuple[str, str]
"""An account and a post_id."""


@dataclass(frozen=True)
class DocumentTermMatrix:
    """Word counts of posts: sparse int64[posts, words], with rows indexed by `posts` and columns by sorted `words`."""

    posts: dict[_PostKey, int]
    words: list[str]
    counts: "csr_array"

    def group_counts(self, groups: Sequence[Sequence[_PostKey]]) -> tuple["csr_array", "csr_array"]:
        """Term frequencies and document frequencies per group of posts, each sparse int64[groups, words]."""
        from scipy.sparse import csr_array

        rows = [[self.posts[post] for post in posts if post in self.posts] for posts in groups]
        places = np.array([row for group in rows for row in group], np.int64)
        ends = np.cumsum([0, *map(len, rows)])
        members = csr_array((np.ones(len(places), np.int64), places, ends), shape=(len(groups), len(self.posts)))
        present = self.counts.copy()
        present.data[:] = 1
        return csr_array(members @ self.counts), csr_array(members @ present)


def count_terms(tokens: pa.Table | pa.RecordBatchReader, classes: Sequence[str]) -> DocumentTermMatrix:
    """Count the words of the given parts of speech (`POS_CLASSES`) per post, from rows of `schemas.TOKENS`.

    A word that occurs with two parts of speech is one term. With a record batch reader, memory holds the counts and one
    batch.
    """
    from scipy.sparse import coo_array

    posts: dict[_PostKey, int] = {}
    words: dict[str, int] = {}
    rows, columns = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for batch in tokens.to_batches() if isinstance(tokens, pa.Table) else tokens:
        keys = zip(batch["account"].to_pylist(), batch["post_id"].to_pylist(), strict=True)
        posts_here = np.array([posts.setdefault(key, len(posts)) for key in keys], np.int64)
        lengths = compute.fill_null(compute.list_value_length(batch["tokens"]), 0)
        post_of_word = np.repeat(posts_here, lengths.to_numpy())
        written = compute.list_flatten(batch["tokens"])
        wanted = compute.is_in(compute.struct_field(written, "pos"), pa.array(classes))
        encoded = compute.struct_field(written, "word").filter(wanted).dictionary_encode()
        words_here = [words.setdefault(word, len(words)) for word in encoded.dictionary.to_pylist()]
        rows.append(post_of_word[wanted.to_numpy(zero_copy_only=False)])
        columns.append(np.array(words_here, np.int64)[encoded.indices.to_numpy()])
    places = np.concatenate(rows), np.concatenate(columns)
    ones = np.ones(len(places[0]), np.int64)
    counts = coo_array((ones, places), shape=(len(posts), len(words))).tocsr()
    ordered = sorted(words)
    return DocumentTermMatrix(posts, ordered, counts[:, [words[word] for word in ordered]])
