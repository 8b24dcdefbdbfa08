"""Facts that take time to find: found in a thread of their own, and remembered for some seconds."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Generic, TypeVar

Fact = TypeVar("Fact")


class Remembered(Generic[Fact]):
    """What a function finds, asked again when somebody wants it and it is older than some seconds.

    Nobody waits for what is asked again: meanwhile there is what was found before.
    """

    def __init__(self, find: Callable[[], Fact], seconds: float) -> None:
        self._find = find
        self._seconds = seconds
        self._lock = threading.Lock()
        self._found: Fact | None = None
        self._error: Exception | None = None
        self._ended = 0.0
        self._at_work: threading.Thread | None = None

    def get(self, patience: float = 0.0) -> Fact | None:
        """What was found last; nothing when that is still to come after `patience` seconds.

        Raises what the function raised when it was asked last.
        """
        with self._lock:
            is_fresh = self._ended and monotonic() - self._ended < self._seconds
            if not is_fresh and self._at_work is None:
                self._at_work = threading.Thread(target=self._ask, name="remembered", daemon=True)
                self._at_work.start()
            at_work, is_first = self._at_work, not self._ended
        if at_work and is_first:
            at_work.join(patience)
        with self._lock:
            if self._error:
                raise self._error
            return self._found

    def _ask(self) -> None:
        found, error = None, None
        try:
            found = self._find()
        except Exception as raised:  # told to whoever wants the fact
            error = raised
        with self._lock:
            self._found, self._error = found, error
            self._ended = monotonic()
            self._at_work = None
