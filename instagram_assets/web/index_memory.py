"""What the web app remembers of an index for all who ask, and how it is made before the first of them asks."""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any, get_args

from instagram_assets.lake_index.facets import ClusterNames, cluster_names, facets_of
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.memory import PerIndex
from instagram_assets.lake_index.nearest import Vectors
from instagram_assets.lake_index.orders import Orders, PostSort, Sort
from instagram_assets.lake_index.reading import LakeIndex


@lru_cache(maxsize=1)
def orders() -> Orders:
    """The orders that all requests share."""
    return Orders()


def choices_of(index: LakeIndex) -> dict[str, Any]:
    """What can be chosen among all images, the most frequent first, as `facets_of` has it; remembered for the index."""
    return _CHOICES.of(index)


def clusters_of(index: LakeIndex) -> ClusterNames:
    """What the clusters are called; remembered for the index."""
    return _CLUSTERS.of(index)


_CLUSTERS: PerIndex[ClusterNames] = PerIndex(cluster_names)
_CHOICES: PerIndex[dict[str, Any]] = PerIndex(lambda index: facets_of(index, orders().images(index, Filter())))


def warm_ups(index: LakeIndex) -> Iterator[Callable[[], object]]:
    """One step after the other, what is asked first before the rest; whoever asks meanwhile waits for one of them."""
    yield partial(orders().images, index, Filter())
    yield partial(orders().posts, index, Filter())
    yield partial(choices_of, index)
    yield partial(clusters_of, index)
    yield partial(Vectors.of_index, index)
    for sort in get_args(Sort):
        if sort != "similar":
            yield partial(orders().images, index, Filter(), sort)
    for sort in get_args(PostSort):
        yield partial(orders().posts, index, Filter(), sort)
    # Of words in captions: which posts images have.
    yield partial(orders().images, index, Filter(q="a"))
