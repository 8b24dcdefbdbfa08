"""What was computed once and is asked for again: kept while it fits, each thing made by one thread for all who wait."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from instagram_assets.lake_index.reading import LakeIndex

T = TypeVar("T")


@dataclass
class _Entry(Generic[T]):
    made: threading.Event = field(default_factory=threading.Event)
    value: T | None = None
    size: int = 0


class SizedCache(Generic[T]):
    """Values by their keys, at most `limit` bytes of them: what was not asked for the longest goes first."""

    def __init__(self, limit: int, size_of: Callable[[T], int]) -> None:
        self._limit, self._size_of = limit, size_of
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry[T]] = OrderedDict()

    @property
    def size(self) -> int:
        """Bytes of what is kept."""
        with self._lock:
            return sum(entry.size for entry in self._entries.values())

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value of a key, made where it is not there; whoever asks meanwhile waits for it. Raises what `make` does.

        `make` may ask for other keys, not for its own.
        """
        while True:
            with self._lock:
                entry = self._entries.get(key)
                is_mine = entry is None
                if entry is None:
                    entry = self._entries[key] = _Entry[T]()
                else:
                    self._entries.move_to_end(key)
            if is_mine:
                return self._make(key, entry, make)
            entry.made.wait()
            if entry.value is not None:
                return entry.value
            # Who made it failed: perhaps it works now.

    def forget(self, is_old: Callable[[Hashable], bool]) -> None:
        """Let go of what is of no use any more."""
        with self._lock:
            for key in [key for key, entry in self._entries.items() if entry.made.is_set() and is_old(key)]:
                del self._entries[key]

    def _make(self, key: Hashable, entry: _Entry[T], make: Callable[[], T]) -> T:
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
        """Keep within the limit; what is just made is given out, and kept unless it alone is too large."""
        total = sum(entry.size for entry in self._entries.values())
        for key, entry in list(self._entries.items()):
            if total <= self._limit:
                return
            if entry.value is not None and (key != newest or entry.size > self._limit):
                del self._entries[key]
                total -= entry.size


class PerIndex(Generic[T]):
    """Something of each index that is open: made by one thread for all who ask, and gone as soon as the index is.

    What is made must not hold the index.
    """

    def __init__(self, make: Callable[["LakeIndex"], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._of_indexes: WeakKeyDictionary[LakeIndex, SizedCache[tuple[T]]] = WeakKeyDictionary()

    def of(self, index: "LakeIndex") -> T:
        """That of an index. Raises what making it raises, and tries again the next time."""
        with self._lock:
            memory = self._of_indexes.setdefault(index, SizedCache(1, lambda _: 0))
        return memory.get("", lambda: (self._make(index),))[0]

    def __len__(self) -> int:
        """Of how many indexes it is kept."""
        return len(self._of_indexes)
