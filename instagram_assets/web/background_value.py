"""An answer that takes long to find: found in a thread of its own, once for all who ask, and remembered for a while."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

# Finding takes at most a tenth of the time, however long it takes.
_TIMES_AS_LONG = 10


@dataclass(frozen=True)
class _Found(Generic[T]):
    value: T | None
    error: Exception | None
    fresh_until: float


class BackgroundValue(Generic[T]):
    """What `find` answers, remembered for some seconds, and ten times as long as finding it took."""

    def __init__(self, find: Callable[[], T], seconds: float) -> None:
        self._find, self._seconds = find, seconds
        self._changed = threading.Condition()
        self._found: _Found[T] | None = None
        self._is_finding = False

    @property
    def is_finding(self) -> bool:
        """True while a newer answer is on its way."""
        return self._is_finding

    def newest(self, patience: float = 0.0) -> T | None:
        """The last answer at once, however old; null where the first one is still to come after `patience` seconds.

        A newer one is looked for where it is not fresh. Raises what `find` raised the last time.
        """
        with self._changed:
            self._begin()
            self._changed.wait_for(lambda: self._found is not None, patience)
            return _value(self._found) if self._found else None

    def wait(self) -> T:
        """A fresh answer. Raises what `find` raises."""
        with self._changed:
            self._begin()
            self._changed.wait_for(lambda: not self._is_finding)
            found = self._found
        if found is None:
            raise RuntimeError("nothing was found, and nothing was raised")
        value = _value(found)
        if value is None:
            raise RuntimeError("null was found")
        return value

    def _begin(self) -> None:
        if not self._is_finding and (self._found is None or time.monotonic() >= self._found.fresh_until):
            self._is_finding = True
            threading.Thread(target=self._go, daemon=True).start()

    def _go(self) -> None:
        begun, value, error = time.monotonic(), None, None
        try:
            value = self._find()
        except Exception as raised:  # it is raised where somebody asks
            error = raised
        now = time.monotonic()
        kept = max(self._seconds, _TIMES_AS_LONG * (now - begun))
        with self._changed:
            self._found, self._is_finding = _Found(value, error, now + kept), False
            self._changed.notify_all()


def _value(found: "_Found[T]") -> T | None:
    if found.error:
        raise found.error
    return found.value
