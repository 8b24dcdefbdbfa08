"""What keeps the event loop fast and free, and ends its work in good order when the program is told to stop."""

import asyncio
import gc
import os
import signal
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Executor
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

T = TypeVar("T")
_ALLOCATIONS = 50_000
"""New objects after which Python looks for cyclic garbage."""


def event_loop() -> asyncio.AbstractEventLoop:
    """A new event loop: uvloop's, a sixth faster over TLS, where that library exists (not on Windows)."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


@contextmanager
def rare_collections() -> Generator[None]:
    """Let Python look for cyclic garbage less often: by default that takes a sixth of a download's time."""
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(max(before[0], _ALLOCATIONS), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def in_thread(work: Callable[[], T], threads: Executor) -> T:
    """The result of blocking work. When cancelled, the work is seen to its end first: no thread outlives us."""
    done = asyncio.get_running_loop().run_in_executor(threads, work)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        if not done.cancelled():
            done.exception()
        raise


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
