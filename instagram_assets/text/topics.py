"""What groups of images are about, in words: class-based TF-IDF over the captions that people wrote for them.

A group is a cluster of images, or images that a model captioned alike. Its words are those of the posts that the images
are of, so that a group of pictures is named as people name it.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.arrow import compute
from instagram_assets.schemas import TOPICS
from instagram_assets.settings import TextSettings
from instagram_assets.text.caption_groups import caption_groups
from instagram_assets.vision.cluster import NOISE

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TELLING = ("noun", "proper_noun", "verb", "adjective", "foreign", "hashtag")
"""Parts of speech that can name a topic: what is shown, done and how; not how it is said."""
ALL = "all"
WORDS, NAME_WORDS, IMAGES = 10, 3, 24
"""Words of a topic, how many of them make its name, and how many of its images are listed."""


@dataclass(frozen=True)
class Grouping:
    """Groups of images that are compared with each other: the ids of each group's images by its number."""

    source: str
    scope: str
    groups: dict[int, list[str]]


class _Post(NamedTuple):
    post_id: str
    account: str
    month: str


class _Words(NamedTuple):
    """How often each post has each word: `counts` is sparse int64[posts, words]; the words are sorted."""

    posts: dict[tuple[str, str], int]
    words: list[str]
    counts: "csr_array"


def topics_table(
    clusters: pa.Table,
    captions: pa.Table,
    images: pa.Table,
    tokens: pa.Table | pa.RecordBatchReader,
    options: TextSettings,
    on_progress: Callable[[int, int], None] | None = None,
) -> pa.Table:
    """The rows of `topics`, for tables of `clusters`, `captions`, `images` and `tokens`, whatever their rows' order.

    Topics of one source and scope are told from each other by their words (`class_tfidf`), by those that are `TELLING`.
    A post with images of two topics counts for both. Noise is no topic, nor is a group of fewer than
    `topic_min_size` images that are still stored. From a stream of `tokens`, memory holds the counts and one batch.
    """
    posts_of = _posts_of_images(images)
    groupings = [*_cluster_groupings(clusters), _caption_grouping(captions, options, on_progress)]
    words = _count_words(tokens)
    rows = [row for grouping in groupings for row in _topics(grouping, posts_of, words, options.topic_min_size)]
    return TOPICS.table(sorted(rows, key=lambda row: (row["source"], row["scope"], row["topic"])))


def class_tfidf(counts: "csr_array") -> "csr_array":
    """How much each word tells each class from the others: float64[classes, words] for counts of the same shape.

    The share of the word in the class's words, times log(1 + A / f): A is the mean number of words of a class, f how
    often the word occurs in all classes. Grootendorst 2022, BERTopic (arXiv 2203.05794), equation 1, with the share
    instead of the count, so that scores of large and small classes can be compared.
    """
    from scipy.sparse import csr_array, diags_array

    sizes = np.asarray(counts.sum(axis=1), dtype=float)
    frequencies = np.asarray(counts.sum(axis=0), dtype=float)
    weights = np.log1p((sizes.mean() if len(sizes) else 0.0) / np.maximum(frequencies, 1))
    return csr_array(diags_array(1 / np.maximum(sizes, 1)) @ counts @ diags_array(weights))


def _posts_of_images(images: pa.Table) -> dict[str, set[_Post]]:
    """The posts that each stored image is of."""
    stored = images.filter(compute.equal(images["status"], "ok"))
    months = compute.strftime(stored["day"], format="%Y-%m").to_pylist()
    columns = (stored[name].to_pylist() for name in ("image_id", "post_id", "account"))
    posts: dict[str, set[_Post]] = {}
    for image_id, post_id, account, month in zip(*columns, months, strict=True):
        posts.setdefault(image_id, set()).add(_Post(post_id, account, month))
    return posts


def _count_words(tokens: pa.Table | pa.RecordBatchReader) -> _Words:
    from scipy.sparse import coo_array

    posts: dict[tuple[str, str], int] = {}
    words: dict[str, int] = {}
    rows, columns = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for batch in tokens.to_batches() if isinstance(tokens, pa.Table) else tokens:
        keys = zip(batch["account"].to_pylist(), batch["post_id"].to_pylist(), strict=True)
        posts_here = np.array([posts.setdefault(key, len(posts)) for key in keys], np.int64)
        lengths = compute.fill_null(compute.list_value_length(batch["tokens"]), 0)
        post_of_word = np.repeat(posts_here, lengths.to_numpy())
        written = compute.list_flatten(batch["tokens"])
        telling = compute.is_in(compute.struct_field(written, "pos"), pa.array(TELLING))
        encoded = compute.struct_field(written, "word").filter(telling).dictionary_encode()
        words_here = [words.setdefault(word, len(words)) for word in encoded.dictionary.to_pylist()]
        rows.append(post_of_word[telling.to_numpy(zero_copy_only=False)])
        columns.append(np.array(words_here, np.int64)[encoded.indices.to_numpy()])
    every = np.concatenate(rows), np.concatenate(columns)
    counts = coo_array((np.ones(len(every[0]), np.int64), every), shape=(len(posts), len(words))).tocsr()
    ordered = sorted(words)
    return _Words(posts, ordered, counts[:, [words[word] for word in ordered]])


def _topics(
    grouping: Grouping, posts_of: dict[str, set[_Post]], words: _Words, min_size: int
) -> Iterator[dict[str, Any]]:
    """The rows of one grouping."""
    groups: dict[int, tuple[list[str], list[_Post]]] = {}
    for number, image_ids in grouping.groups.items():
        found = {
            image_id: [post for post in posts_of.get(image_id, ()) if grouping.scope in (ALL, post.account)]
            for image_id in image_ids
        }
        members = [image_id for image_id, posts in found.items() if posts]
        if len(members) >= min_size:
            groups[number] = members, _different(post for posts in found.values() for post in posts)
    scores = class_tfidf(_sum_words(words, [posts for _, posts in groups.values()]))
    for place, (number, (members, posts)) in enumerate(groups.items()):
        telling = _best_words(scores[[place]].toarray()[0], words.words)
        yield {
            "source": grouping.source,
            "scope": grouping.scope,
            "topic": number,
            "name": ", ".join(word for word, _ in telling[:NAME_WORDS]) or None,
            "words": [{"word": word, "score": score} for word, score in telling],
            "images": len(members),
            "posts": len(posts),
            "sizes": [
                {"month": month, "posts": count}
                for month, count in sorted(Counter(post.month for post in posts).items())
            ],
            "image_ids": _evenly(members, IMAGES),
        }


def _different(posts: Iterable[_Post]) -> list[_Post]:
    """Each post once, also when several accounts published it together."""
    return list({post.post_id: post for post in sorted(posts, reverse=True)}.values())


def _evenly(items: list[str], most: int) -> list[str]:
    return items if len(items) <= most else [items[place * len(items) // most] for place in range(most)]


def _sum_words(words: _Words, groups: Sequence[Sequence[_Post]]) -> "csr_array":
    """How often each group of posts has each word: int64[groups, words]."""
    from scipy.sparse import csr_array

    rows = [
        [words.posts[key] for post in posts if (key := (post.account, post.post_id)) in words.posts] for posts in groups
    ]
    ends = np.cumsum([0, *map(len, rows)])
    places = np.array([row for group in rows for row in group], np.int64)
    member = csr_array((np.ones(len(places), np.int64), places, ends), shape=(len(groups), len(words.posts)))
    return csr_array(member @ words.counts)


def _best_words(scores: NDArray[np.float64], words: list[str]) -> list[tuple[str, float]]:
    """The words with the highest scores above 0, the first in the alphabet where they are equal."""
    best = np.argsort(-scores, kind="stable")[:WORDS]
    return [(words[place], float(scores[place])) for place in best if scores[place] > 0]


def _cluster_groupings(clusters: pa.Table) -> Iterator[Grouping]:
    scopes: dict[str, dict[int, list[str]]] = {}
    columns = (clusters[name].to_pylist() for name in ("scope", "cluster", "image_id"))
    for scope, cluster, image_id in sorted(zip(*columns, strict=True)):
        if cluster != NOISE:
            scopes.setdefault(scope, {}).setdefault(cluster, []).append(image_id)
    return (Grouping("clusters", scope, groups) for scope, groups in scopes.items())


def _caption_grouping(
    captions: pa.Table, options: TextSettings, on_progress: Callable[[int, int], None] | None
) -> Grouping:
    known = captions.filter(compute.equal(captions["status"], "ok"))
    pairs = sorted(zip(known["image_id"].to_pylist(), known["caption"].to_pylist(), strict=True))
    found = caption_groups(dict(pairs), options.topic_similarity, options.topic_min_size, on_progress)
    return Grouping("captions", ALL, dict(enumerate(found)))
