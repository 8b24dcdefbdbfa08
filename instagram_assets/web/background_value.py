"""A cached value that takes long to compute: computed in a background thread, once for all callers."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

_T = TypeVar("_T")

# Computing takes at most a tenth of the server's time, however slow it is.
_TIMES_AS_LONG = 10


@dataclass(frozen=True)
class _Found(Generic[_T]):
    value: _T | None
    error: Exception | None
    fresh_until: float


class BackgroundValue(Generic[_T]):
    """The cached result of `find`; stale after `seconds`, or after ten times its computation time if that is more."""

    def __init__(self, find: Callable[[], _T], seconds: float) -> None:
        self._find, self._seconds = find, seconds
        self._changed = threading.Condition()
        self._found: _Found[_T] | None = None
        self._is_finding = False

    @property
    def is_finding(self) -> bool:
        """Whether a newer value is being computed."""
        return self._is_finding

    def newest(self, patience: float = 0.0) -> _T | None:
        """Returns the last computed value, even if stale; None if there is none yet after `patience` seconds.

        Starts computing a newer value in the background if the last one is stale. Raises what the last computation
        raised.
        """
        with self._changed:
            self._begin()
            self._changed.wait_for(lambda: self._found is not None, patience)
            return _value(self._found) if self._found else None

    def wait(self) -> _T:
        """Returns a fresh value, and waits for its computation if necessary. Raises what the computation raises."""
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
        except Exception as raised:  # raised in the caller instead
            error = raised
        now = time.monotonic()
        kept = max(self._seconds, _TIMES_AS_LONG * (now - begun))
        with self._changed:
            self._found, self._is_finding = _Found(value, error, now + kept), False
            self._changed.notify_all()


def _value(found: "_Found[_T]") -> _T | None:
    if found.error:
        raise found.error
    return found.value
