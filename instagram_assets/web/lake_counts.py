"""Counts of accounts, posts, images and searches in the lake, read from Parquet footers and cached per file."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from upath import UPath

from instagram_assets.errors import DamagedError
from instagram_assets.sources.account_and_hashtag_names import is_hashtag
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import files, values_in
from instagram_assets.storage.migration import refuse_older
from instagram_assets.storage.parquet_files import footer_counts
from instagram_assets.web.background_value import BackgroundValue

SECONDS = 10
_ACCOUNTS = ("raw_posts", "raw_reels", "raw_profiles")
_SEARCHES = ("search_results", "search_dataset")
_MOST_LAKES = 8


@dataclass(frozen=True)
class LakeCounts:
    """Number of accounts, hashtags, posts, downloaded images and searches in the lake, without damaged files."""

    accounts: int
    hashtags: int
    posts: int
    images: int
    searches: int

    @property
    def is_empty(self) -> bool:
        """Whether the lake has no data of accounts, hashtags or searches."""
        return not (self.accounts or self.hashtags or self.searches)


def lake_counts(root: UPath) -> LakeCounts | None:
    """Returns the counts of a lake, cached for some seconds; None while they are computed for the first time.

    Raises StorageError if the lake cannot be read.
    """
    return _remembered(root).newest(patience=0.1)


@lru_cache(_MOST_LAKES)
def _remembered(root: UPath) -> BackgroundValue[LakeCounts]:
    footers: dict[str, tuple[object, int, Counter[str]]] = {}
    return BackgroundValue(lambda: _count(root, footers), SECONDS)


def _count(root: UPath, footers: dict[str, tuple[object, int, Counter[str]]]) -> LakeCounts:
    refuse_older(root)
    posts, images = (_footers(files(root, name), name, footers) for name in ("posts", "images"))
    names = set[str]().union(*(values_in(root, name) for name in _ACCOUNTS))
    hashtags = sum(map(is_hashtag, names))
    return LakeCounts(
        accounts=len(names) - hashtags,
        hashtags=hashtags,
        posts=sum(rows for rows, _ in posts),
        images=sum(statuses["ok"] if statuses else rows for rows, statuses in images),
        searches=len(set[str]().union(*(values_in(root, name) for name in _SEARCHES))),
    )


def _footers(
    paths: Iterable[UPath], name: str, known: dict[str, tuple[object, int, Counter[str]]]
) -> list[tuple[int, Counter[str]]]:
    """Returns (number of rows, rows per `status`) of each file; reads no Parquet footer of unchanged files.

    `known` is the cache, by path, and is updated. Damaged files are skipped.
    """
    found: list[tuple[int, Counter[str]]] = []
    for path in paths:
        stamp = _stamp(path)
        before = known.get(str(path))
        if stamp and before and before[0] == stamp:
            found.append(before[1:])
            continue
        try:
            rows, statuses = footer_counts(path, name)
        except (DamagedError, FileNotFoundError):
            continue
        known[str(path)] = (stamp, rows, statuses)
        found.append((rows, statuses))
    return found


def _stamp(path: UPath) -> object:
    """Returns a value that changes when a local file does.

    None for other file systems, where checking it would cost as much as reading the footer.
    """
    if not is_local(path):
        return None
    try:
        stat = Path(path.path).stat()
    except OSError:
        return None
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
