"""Which images have similar captions, by the words that the captions share."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from instagram_assets.vision.cluster import NOISE
from instagram_assets.vision.dbscan import dbscan

# Words that a caption is compared by, the most frequent ones: 100,000 captions then take 200 MB. Rarer words would
# tell apart captions that are not alike anyway.
_WORDS = 512


def caption_groups(
    captions: Mapping[str, str],
    similarity: float,
    min_size: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[list[str]]:
    """Groups of at least `min_size` images whose captions (image_id → caption) are alike: the largest group first.

    Captions are alike when the cosine of their words' TF-IDF weights is at least `similarity`. Groups are those of
    DBSCAN over all images: an image with `min_size` images alike, itself included, is in a group with all of them, so
    the ends of a group can be less alike. Images without such neighbours, or whose captions have none of the words
    compared, are in no group. The order of the captions does not matter. Image ids are sorted within each group.
    """
    by_caption: dict[str, list[str]] = {}
    for image_id, caption in sorted(captions.items()):
        by_caption.setdefault(" ".join(caption.lower().split()), []).append(image_id)
    texts = sorted(by_caption)
    vectors = _weights(texts)
    # Equal captions are near the same others: `min_size` of them say as much as all, and take less time.
    known = np.flatnonzero(vectors.any(1))
    copies = [min(len(by_caption[texts[row]]), min_size) for row in known]
    rows = np.repeat(known, copies)
    labels = dbscan(vectors[rows], 1 - similarity, min_size, on_progress=on_progress)
    groups: dict[int, list[str]] = {}
    first_of_each = np.cumsum([0, *copies[:-1]]) if len(known) else []
    for row, place in zip(known, first_of_each, strict=True):
        if labels[place] != NOISE:
            groups.setdefault(int(labels[place]), []).extend(by_caption[texts[row]])
    found = [sorted(group) for group in groups.values() if len(group) >= min_size]
    return sorted(found, key=lambda group: (-len(group), group[0]))


def _weights(texts: list[str]) -> NDArray[np.float32]:
    """The TF-IDF weights of each text's words, float32[texts, words] of unit length; zeros without a known word."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    # One letter is a word too: in Korean many are.
    vectorizer = TfidfVectorizer(stop_words="english", token_pattern=r"(?u)\b\w+\b", max_features=_WORDS)
    try:
        return vectorizer.fit_transform(texts).astype(np.float32).toarray()
    except ValueError:  # there is no word in any text
        return np.zeros((len(texts), 1), np.float32)
