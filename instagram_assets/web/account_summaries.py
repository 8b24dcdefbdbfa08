"""Summaries of each account's data in the lake: newest day, number of posts, and newest follower count; cached.

Lake files are replaced by renaming, which changes the mtime of the account's folder; a cached value is valid as long as
that mtime is unchanged. Posts are counted from one Parquet footer per month, in a background thread; until then the
account is marked as being counted.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets.errors import DamagedError, StorageError
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.lake import contract_of, lake_root, names_in, read_rows
from instagram_assets.storage.layout import folder_name, value_of
from instagram_assets.storage.parquet_files import damaged, footer_counts

POSTS, PROFILES = "posts", "raw_profiles"
_POSTS_OF = (POSTS, "raw_posts", "raw_reels")
_TABLES = (*_POSTS_OF, PROFILES)
"""The tables whose accounts are listed."""
_SETTLED_SECONDS = 2.0
"""Age below which an mtime is not trusted: a second change within one tick of the file system's clock keeps it."""
_OBJECTS_SECONDS = 300.0
"""How long values from an object store are cached, since its folders have no mtimes."""


class Followers(NamedTuple):
    """A follower count of an account, and when it was observed."""

    at: datetime
    number: int


@dataclass(frozen=True)
class InLake:
    """Summary of one account in the lake; `posts` is None while they are counted, `problem` is a file error."""

    newest_day: date | None = None
    posts: int | None = None
    followers: Followers | None = None
    problem: str = ""


class AccountLake:
    """Cached summaries of all accounts of one lake. Thread-safe."""

    def __init__(self, root: UPath) -> None:
        self._root = root
        self._known: dict[tuple[str, str], tuple[float, object]] = {}
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="counting")
        self._counting: Future[None] | None = None
        self._starting = threading.Lock()

    def accounts(self, patience: float) -> dict[str, InLake]:
        """Returns the summaries of all accounts and hashtags with files in the lake, by name.

        Counts the posts of new and changed accounts in the background, and waits at most `patience` seconds for that.
        """
        folders = {table: names_in(self._root / table, hidden=False) for table in _TABLES}
        names = {value_of(folder) for found in folders.values() for folder in found}
        self._drop_all_but(folders)
        wait([self._count(folders[POSTS], folders[PROFILES])], patience)
        return {name: self._in_lake(folder_name(name), folders) for name in names}

    def has(self, name: str) -> bool:
        """Whether the lake has any file of an account or hashtag."""
        return any(names_in(self._root / table / folder_name(name), hidden=False) for table in _TABLES)

    def account(self, name: str) -> InLake:
        """Returns the summary of one account, after counting its posts if necessary."""
        folder = folder_name(name)
        folders = {table: {folder} for table in _TABLES if names_in(self._root / table / folder, hidden=False)}
        for table, read in ((POSTS, _posts), (PROFILES, _followers)):
            if table in folders:
                self._remembered(table, folder, read)
        return self._in_lake(folder, folders)

    def _in_lake(self, folder: str, folders: Mapping[str, set[str]]) -> InLake:
        """Returns the summary of an account from cached values; only its newest day is read from the lake if needed.

        `folder` is the name of the account's folder, `folders` the account folders that exist, by table.
        """
        there = [table for table in _POSTS_OF if folder in folders.get(table, ())]
        days = [self._remembered(f"{table}:day", folder, _newest_day) for table in there]
        posts = self._known_of(POSTS, folder) if POSTS in there else 0
        followers = self._known_of(PROFILES, folder) if folder in folders.get(PROFILES, ()) else None
        problems = dict.fromkeys(str(each) for each in (*days, posts, followers) if isinstance(each, StorageError))
        return InLake(
            max((day for day in days if isinstance(day, date)), default=None),
            posts if isinstance(posts, int) else None,
            followers if isinstance(followers, Followers) else None,
            "\n".join(problems),
        )

    def _count(self, of_posts: Iterable[str], of_profiles: Iterable[str]) -> Future[None]:
        """Starts counting posts and reading follower counts in a background thread, unless that is already running.

        `of_posts` and `of_profiles` are the account folders of these tables; cached values are not read again.
        """
        with self._starting:
            if self._counting is None or self._counting.done():
                self._counting = self._worker.submit(self._count_all, sorted(of_posts), sorted(of_profiles))
            return self._counting

    def _count_all(self, of_posts: Iterable[str], of_profiles: Iterable[str]) -> None:
        for folder in of_profiles:
            self._remembered(PROFILES, folder, _followers)
        for folder in of_posts:
            self._remembered(POSTS, folder, _posts)

    def _remembered(self, table: str, folder: str, read: Callable[[UPath, str], object]) -> object:
        """Returns a value read from an account's folder of a table, cached until the folder changes.

        For a damaged file, returns the DamagedError instead of raising it.
        """
        name = table.partition(":")[0]
        path = self._root / name / folder
        stamp, key = self._stamp(path), (table, folder)
        known = self._known.get(key)
        if known and known[0] == stamp:
            return known[1]
        try:
            found = read(path, name)
        except DamagedError as error:
            found = error
        # The old value is still shown while a folder changes; it is read again the next time.
        self._known[key] = (stamp if time.time() - stamp > _SETTLED_SECONDS or not is_local(path) else 0.0, found)
        return found

    def _known_of(self, table: str, folder: str) -> object:
        known = self._known.get((table, folder))
        return known[1] if known else None

    def _stamp(self, path: UPath) -> float:
        if not is_local(path):
            return time.time() // _OBJECTS_SECONDS
        try:
            return os.stat(path.path).st_mtime
        except FileNotFoundError:
            return 0.0

    def _drop_all_but(self, folders: Mapping[str, set[str]]) -> None:
        """Drop the cached values of accounts without a folder in `folders`, since they may have been erased."""
        for key in [key for key in list(self._known) if key[1] not in folders[key[0].partition(":")[0]]]:
            self._known.pop(key, None)


def account_lake(settings: Settings) -> AccountLake:
    """Returns the account summaries of the configured lake; all callers share their cache."""
    root = lake_root(settings)
    return _of(str(root), root)


def followers_over_time(settings: Settings, name: str) -> list[Followers]:
    """Returns all observed follower counts of an account, oldest first. Raises StorageError for a damaged file."""
    folder = lake_root(settings) / PROFILES / folder_name(name)
    return sorted(_observed(folder, PROFILES))


def last_posts(settings: Settings, name: str, most: int) -> list[dict[str, object]]:
    """Returns the newest `most` posts of an account as rows, newest first. Raises StorageError for a damaged file."""
    columns = ("post_id", "shortcode", "kind", "owner", "taken_at", "caption", "likes", "likes_hidden", "comments")
    folder = lake_root(settings) / POSTS / folder_name(name)
    rows: list[dict[str, object]] = []
    for file in sorted(_tables(folder), reverse=True):
        table = read_rows(folder / file, POSTS, None, columns).sort_by([("taken_at", "descending")])
        rows += table.slice(0, most - len(rows)).to_pylist()
        if len(rows) >= most:
            break
    return rows


@lru_cache(maxsize=4)
def _of(address: str, root: UPath) -> AccountLake:
    del address  # distinguishes lakes
    return AccountLake(root)


def _tables(folder: UPath) -> Iterator[str]:
    return (name for name in names_in(folder, hidden=False) if name.endswith(".parquet"))


def _posts(folder: UPath, table: str) -> int:
    return sum(footer_counts(folder / file, table)[0] for file in _tables(folder))


def _followers(folder: UPath, table: str) -> Followers | None:
    return max(_observed(folder, table), default=None)


def _observed(folder: UPath, table: str) -> Iterator[Followers]:
    for file in _tables(folder):
        rows = read_rows(folder / file, table, None, ("observed_at", "followers"))
        pairs = zip(rows["observed_at"].to_pylist(), rows["followers"].to_pylist(), strict=True)
        yield from (Followers(at, number) for at, number in pairs if at is not None and number is not None)


def _newest_day(folder: UPath, table: str) -> date | None:
    """Returns the newest day of an account in a table, from its last month's Parquet footer; None without files."""
    import pyarrow.parquet as pq

    file = max(_tables(folder), default=None)
    if file is None:
        return None
    if not is_local(folder):
        return max(read_rows(folder / file, table, None, ("day",))["day"].to_pylist(), default=None)
    path = folder / file
    try:
        footer = pq.read_metadata(path.path)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, table, error) from error
    column = footer.schema.names.index("day") if "day" in contract_of(table).schema.names else -1
    found = [footer.row_group(group).column(column).statistics for group in range(footer.num_row_groups)]
    return max((each.max for each in found if each is not None and each.has_min_max), default=None)
