"""In-memory caches of computed values: an LRU cache limited in bytes, and a cache of one value per open index.

Each value is computed by one thread; other threads that request it wait for the result.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from instagram_assets.lake_index.index_reader import LakeIndex

_T = TypeVar("_T")


@dataclass
class _Entry(Generic[_T]):
    made: threading.Event = field(default_factory=threading.Event)
    value: _T | None = None
    size: int = 0


class SizedCache(Generic[_T]):
    """An LRU cache of at most `limit` bytes; the least recently used values are evicted first. Thread-safe."""

    def __init__(self, limit: int, size_of: Callable[[_T], int]) -> None:
        self._limit, self._size_of = limit, size_of
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[_T]] = OrderedDict()

    @property
    def size(self) -> int:
        """Total bytes of the cached values."""
        with self._lock:
            return sum(entry.size for entry in self._entries.values())

    def get(self, key: Hashable, make: Callable[[], _T]) -> _T:
        """Returns the cached value of a key; on a miss, one thread computes it with `make` and the others wait.

        Raises what `make` raises; the value is then computed again by the next caller.

        `make` may call `get` for other keys, not for its own.
        """
        while True:
            with self._lock:
                entry = self._entries.get(key)
                is_mine = entry is None
                if entry is None:
                    entry = self._entries[key] = _Entry[_T]()
                else:
                    self._entries.move_to_end(key)
            if is_mine:
                return self._make(key, entry, make)
            entry.made.wait()
            if entry.value is not None:
                return entry.value
            # The thread that computed it failed; try again here.

    def forget(self, is_old: Callable[[Hashable], bool]) -> None:
        """Evict the keys for which `is_old` is true."""
        with self._lock:
            for key in [key for key, entry in self._entries.items() if entry.made.is_set() and is_old(key)]:
                del self._entries[key]

    def _make(self, key: Hashable, entry: _Entry[_T], make: Callable[[], _T]) -> _T:
        try:
            value = make()
        except BaseException:
            with self._lock:
                self._entries.pop(key, None)
            entry.made.set()
            raise
        with self._lock:
            entry.value, entry.size = value, self._size_of(value)
            self._drop(key)
        entry.made.set()
        return value

    def _drop(self, newest: Hashable) -> None:
        """Evict least recently used values until the cache is within its limit.

        The value of the key `newest` is evicted only if it alone exceeds the limit.
        """
        total = sum(entry.size for entry in self._entries.values())
        for key, entry in list(self._entries.items()):
            if total <= self._limit:
                return
            if entry.value is not None and (key != newest or entry.size > self._limit):
                del self._entries[key]
                total -= entry.size


class PerIndex(Generic[_T]):
    """A cache of one value per open index: computed by one thread, and dropped when the index is closed.

    The value must not hold a reference to the index.
    """

    def __init__(self, make: Callable[["LakeIndex"], _T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._of_indexes: WeakKeyDictionary[LakeIndex, SizedCache[tuple[_T]]] = WeakKeyDictionary()

    def of(self, index: "LakeIndex") -> _T:
        """Returns the cached value of an index, computing it on the first call.

        Raises what the computation raises; a failed computation is retried on the next call.
        """
        with self._lock:
            memory = self._of_indexes.setdefault(index, SizedCache(1, lambda _: 0))
        return memory.get("", lambda: (self._make(index),))[0]

    def __len__(self) -> int:
        """Number of indexes for which a value is cached."""
        return len(self._of_indexes)
