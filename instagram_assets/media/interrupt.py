"""Being told to stop: the first signal ends work in good order, the second at once."""

import asyncio
import os
import signal
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

from instagram_assets.media.threads import event_loop

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_until_told(work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, as `asyncio.run` gives it, unless SIGINT or SIGTERM comes.

    The first signal cancels the work, waits until it has cleaned up, and is then delivered to whoever listened
    before: Python's own handler raises KeyboardInterrupt, Dagster's its own exception, and without one the
    process ends. A second signal ends the process without waiting. Outside the main thread, signals are left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        with asyncio.Runner(loop_factory=event_loop) as runner:
            return runner.run(work)
    received: list[int] = []
    with asyncio.Runner(loop_factory=event_loop) as runner:
        loop = runner.get_loop()
        task = loop.create_task(work)

        def told(number: int, frame: FrameType | None) -> None:
            if received:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            received.append(number)
            loop.call_soon_threadsafe(task.cancel)

        before = {number: signal.signal(number, told) for number in _SIGNALS}
        try:
            return loop.run_until_complete(task)
        except asyncio.CancelledError:
            if not received:
                raise
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    signal.raise_signal(received[0])
    raise KeyboardInterrupt
