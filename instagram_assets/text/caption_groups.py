"""Groups of images with similar captions: community detection on the TF-IDF cosine similarity of captions."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

# Captions per block: few, so that their weights stay in the processor's cache.
_BLOCK = 32
_ROUNDING = 1e-6


def caption_groups(
    captions: Mapping[str, str],
    similarity: float,
    min_size: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[list[str]]:
    """Groups of at least `min_size` images whose captions (image_id → caption) are alike: the largest group first.

    Captions are similar when the cosine of their words' TF-IDF weights is at least `similarity`. The caption with the
    most similar ones forms a group with them, then the next among the remaining captions, and so on (community
    detection as in Sentence Transformers). So each group has a central caption that all its captions are similar to:
    groups never chain into one, as those of DBSCAN do with captions of one template. The order of the captions does not
    matter; image ids are sorted within each group. `on_progress` gets the captions compared, and all.
    """
    if not captions:
        return []  # before scikit-learn is loaded, which takes seconds
    by_caption: dict[str, list[str]] = {}
    for image_id, caption in sorted(captions.items()):
        by_caption.setdefault(" ".join(caption.lower().split()), []).append(image_id)
    texts = sorted(by_caption)
    weights = _weights(texts)
    sizes = np.array([len(by_caption[text]) for text in texts], np.int64)
    alike = _count_alike(weights, sizes, similarity, on_progress)
    free = np.ones(len(texts), bool)
    groups: list[list[str]] = []
    for row in np.argsort(-alike, kind="stable"):
        if alike[row] < min_size:
            break
        if not free[row]:
            continue
        members = np.flatnonzero(_near(weights, slice(row, row + 1), similarity)[:, 0] & free)
        if sizes[members].sum() >= min_size:
            free[members] = False
            groups.append(sorted(image_id for member in members for image_id in by_caption[texts[member]]))
    return sorted(groups, key=lambda group: (-len(group), group[0]))


def _weights(texts: list[str]) -> "csr_array":
    """The TF-IDF weights of each text's words, float32[texts, words] of unit length; zeros without a word."""
    from scipy.sparse import csr_array
    from sklearn.feature_extraction.text import TfidfVectorizer

    # One letter counts as a word: in Korean many words have one.
    vectorizer = TfidfVectorizer(stop_words="english", token_pattern=r"(?u)\b\w+\b")
    try:
        return csr_array(vectorizer.fit_transform(texts), dtype=np.float32)
    except ValueError:  # there is no word in any text
        return csr_array((len(texts), 1), dtype=np.float32)


def _count_alike(
    weights: "csr_array", sizes: NDArray[np.int64], similarity: float, on_progress: Callable[[int, int], None] | None
) -> NDArray[np.int64]:
    """The number of captions similar to each caption, itself included: int64[captions]."""
    alike = np.zeros(len(sizes), np.int64)
    for start in range(0, len(sizes), _BLOCK):
        block = slice(start, start + _BLOCK)
        alike[block] = sizes @ _near(weights, block, similarity)
        if on_progress:
            on_progress(min(block.stop, len(sizes)), len(sizes))
    return alike


def _near(weights: "csr_array", block: slice, similarity: float) -> NDArray[np.bool_]:
    """Which captions are similar to those of the block: bool[captions, block]."""
    return weights @ np.ascontiguousarray(weights[block].toarray().T) >= similarity - _ROUNDING
