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
    """Groups of at least `min_size` images with similar captions (image_id → caption), the largest first.

    Captions are similar when the cosine of their words' TF-IDF weights is at least `similarity`. The caption with the
    most neighbours (similar captions) forms a group with them; this is repeated for the remaining captions (community
    detection as in Sentence Transformers). So each group has a central caption that all its captions are similar to.
    Unlike with DBSCAN, captions of one template do not chain into one large group. The result does not depend on the
    order of the captions; image ids are sorted within each group. `on_progress` is called with the numbers of compared
    captions and of all captions.
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
    """The TF-IDF matrix of captions, float32[captions, words], with rows of unit length, or zero without words."""
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
    """The number of images with a caption similar to each distinct caption, including itself: int64[captions].

    `sizes` are the numbers of images per caption.
    """
    alike = np.zeros(len(sizes), np.int64)
    for start in range(0, len(sizes), _BLOCK):
        block = slice(start, start + _BLOCK)
        alike[block] = sizes @ _near(weights, block, similarity)
        if on_progress:
            on_progress(min(block.stop, len(sizes)), len(sizes))
    return alike


def _near(weights: "csr_array", block: slice, similarity: float) -> NDArray[np.bool_]:
    """Whether each caption is similar to each caption of a block of rows: bool[captions, block]."""
    return weights @ np.ascontiguousarray(weights[block].toarray().T) >= similarity - _ROUNDING
