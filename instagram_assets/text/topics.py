"""Topics of groups of images: the most characteristic words of their posts, by class-based TF-IDF.

A group is an image cluster, or a group of images with similar generated captions. Its words are from the users'
captions of the posts that contain these images.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.schemas import TOPICS
from instagram_assets.schemas.images import NOISE
from instagram_assets.schemas.text import ALL_ACCOUNTS
from instagram_assets.settings import TextSettings
from instagram_assets.text.caption_groups import caption_groups
from instagram_assets.text.document_term_matrix import DocumentTermMatrix, count_terms

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TOPIC_CLASSES = ("noun", "proper_noun", "verb", "adjective", "foreign", "hashtag")
"""Parts of speech whose words may describe a topic."""
WORDS, NAME_WORDS, IMAGES = 10, 3, 24
"""Words of a topic, how many of them at least make its name, and how many of its images are listed."""
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True)
class Grouping:
    """Image groups (number → image_ids) of one source (clusters or captions) and scope, contrasted by TF-IDF."""

    source: str
    scope: str
    groups: dict[int, list[str]]


class _Post(NamedTuple):
    post_id: str
    account: str
    month: str


def topics_table(
    clusters: pa.Table,
    captions: pa.Table,
    images: pa.Table,
    tokens: pa.Table | pa.RecordBatchReader,
    options: TextSettings,
    on_progress: Callable[[int, int], None] | None = None,
) -> pa.Table:
    """Compute the table `topics` from the tables `clusters`, `captions`, `images` and `tokens`, in any row order.

    The words of a topic are ranked by `class_tfidf` among the topics of the same source and scope, over the parts of
    speech `TOPIC_CLASSES`. Words in fewer than √n of a topic's n posts are used only to extend a name to three words,
    since rare words occur in small topics by chance. A post with images of two topics counts for both. Cluster noise is
    not a topic, nor is a group with fewer than `topic_min_size` stored images. If `tokens` is a record batch reader,
    memory holds the counts and one batch.
    """
    groupings = [*_cluster_groupings(clusters), _caption_grouping(captions, options, on_progress)]
    if not any(grouping.groups for grouping in groupings):
        return TOPICS.empty()  # and no token is read
    posts_of = _posts_of_images(
        images, {name for grouping in groupings for group in grouping.groups.values() for name in group}
    )
    words = count_terms(tokens, TOPIC_CLASSES)
    rows = [row for grouping in groupings for row in _topics(grouping, posts_of, words, options.topic_min_size)]
    return TOPICS.table(sorted(rows, key=lambda row: (row["source"], row["scope"], row["topic"])))


def class_tfidf(counts: "csr_array") -> "csr_array":
    """Class-based TF-IDF weights, sparse float64[classes, words], for word counts of the same shape.

    The weight is the word's share of all words in the class, times log(1 + A / f): A is the mean word count of a class,
    f the total count of the word in all classes. Grootendorst 2022, BERTopic (arXiv 2203.05794), equation 1, with the
    share instead of the count, so that scores of large and small classes can be compared.
    """
    from scipy.sparse import csr_array, diags_array

    sizes = np.asarray(counts.sum(axis=1), dtype=float)
    frequencies = np.asarray(counts.sum(axis=0), dtype=float)
    weights = np.log1p((sizes.mean() if len(sizes) else 0.0) / np.maximum(frequencies, 1))
    return csr_array(diags_array(1 / np.maximum(sizes, 1)) @ counts @ diags_array(weights))


def _posts_of_images(images: pa.Table, wanted: AbstractSet[str]) -> dict[str, set[_Post]]:
    """The posts that contain each image of `wanted` (image_id → posts); images that are not stored are omitted."""
    posts: dict[str, set[_Post]] = {}
    for batch in images.to_batches(max_chunksize=_ROWS_AT_ONCE):
        stored = batch.filter(compute.equal(batch.column("status"), "ok"))
        months = compute.strftime(stored.column("day"), format="%Y-%m").to_pylist()
        columns = (stored.column(name).to_pylist() for name in ("image_id", "post_id", "account"))
        for image_id, post_id, account, month in zip(*columns, months, strict=True):
            if image_id in wanted:
                posts.setdefault(image_id, set()).add(_Post(post_id, sys.intern(account), sys.intern(month)))
    return posts


def _topics(
    grouping: Grouping, posts_of: dict[str, set[_Post]], words: DocumentTermMatrix, min_size: int
) -> Iterator[dict[str, Any]]:
    """Yields the rows of `topics` for one grouping; groups with fewer than `min_size` stored images are skipped."""
    groups: dict[int, tuple[list[str], list[_Post]]] = {}
    for number, image_ids in grouping.groups.items():
        found = {
            image_id: [post for post in posts_of.get(image_id, ()) if grouping.scope in (ALL_ACCOUNTS, post.account)]
            for image_id in image_ids
        }
        members = [image_id for image_id, posts in found.items() if posts]
        if len(members) >= min_size:
            groups[number] = members, _different(post for posts in found.values() for post in posts)
    counts, support = words.group_counts(
        [[(post.account, post.post_id) for post in posts] for _, posts in groups.values()]
    )
    scores = class_tfidf(counts)
    top_words = [
        _top_words(scores[[row]], support[[row]], len(posts), words.words)
        for row, (_, posts) in enumerate(groups.values())
    ]
    names = _distinct_names([[word for word, _ in some] for some in top_words])
    for name, best_words, (number, (members, posts)) in zip(names, top_words, groups.items(), strict=True):
        yield {
            "source": grouping.source,
            "scope": grouping.scope,
            "topic": number,
            "name": name,
            "words": [{"word": word, "score": score} for word, score in best_words],
            "images": len(members),
            "posts": len(posts),
            "sizes": [
                {"month": month, "posts": count}
                for month, count in sorted(Counter(post.month for post in posts).items())
            ],
            "image_ids": _evenly(members, IMAGES),
        }


def _distinct_names(top_words: list[list[str]]) -> list[str | None]:
    """A name for each topic: its first `NAME_WORDS` words, or more words if another topic has the same name."""
    lengths = [NAME_WORDS] * len(top_words)
    while True:
        names = [", ".join(some[:length]) for some, length in zip(top_words, lengths, strict=True)]
        counts = Counter(names)
        longer = [
            length + (counts[name] > 1 and length < len(some))
            for name, some, length in zip(names, top_words, lengths, strict=True)
        ]
        if longer == lengths:
            return [name or None for name in names]
        lengths = longer


def _different(posts: Iterable[_Post]) -> list[_Post]:
    """The posts without duplicates; a post shared by several accounts (a collaboration) counts once."""
    return list({post.post_id: post for post in sorted(posts, reverse=True)}.values())


def _evenly(items: list[str], most: int) -> list[str]:
    return items if len(items) <= most else [items[place * len(items) // most] for place in range(most)]


def _top_words(scores: "csr_array", support: "csr_array", posts: int, words: list[str]) -> list[tuple[str, float]]:
    """The words with the highest scores in one row of `scores`, with their scores; ties in alphabetical order.

    Words in at least √n of the topic's n posts are first; others are only added up to `NAME_WORDS` words.
    """
    score, shared = scores.toarray()[0], support.toarray()[0] >= np.sqrt(posts)
    best = [place for place in np.lexsort((-score, ~shared)) if score[place] > 0]
    common = sum(shared[place] for place in best)
    return [(words[place], float(score[place])) for place in best[: min(WORDS, max(common, NAME_WORDS))]]


def _cluster_groupings(clusters: pa.Table) -> Iterator[Grouping]:
    scopes: dict[str, dict[int, list[str]]] = {}
    real = clusters.filter(compute.not_equal(clusters["cluster"], NOISE))
    columns = (real[name].to_pylist() for name in ("scope", "cluster", "image_id"))
    for scope, cluster, image_id in sorted(zip(*columns, strict=True)):
        scopes.setdefault(scope, {}).setdefault(cluster, []).append(image_id)
    return (Grouping("clusters", scope, groups) for scope, groups in scopes.items())


def _caption_grouping(
    captions: pa.Table, options: TextSettings, on_progress: Callable[[int, int], None] | None
) -> Grouping:
    known = captions.filter(compute.equal(captions["status"], "ok"))
    pairs = sorted(zip(known["image_id"].to_pylist(), known["caption"].to_pylist(), strict=True))
    found = caption_groups(dict(pairs), options.topic_similarity, options.topic_min_size, on_progress)
    return Grouping("captions", ALL_ACCOUNTS, dict(enumerate(found)))
