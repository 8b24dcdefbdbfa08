"""Event loop setup (uvloop, fewer garbage collections, threads), and an orderly shutdown on SIGINT and SIGTERM."""

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

_T = TypeVar("_T")
_ALLOCATIONS = 50_000
"""Number of new objects after which Python's cyclic garbage collector runs."""


def event_loop() -> asyncio.AbstractEventLoop:
    """Returns a new event loop: uvloop's if it is installed (not on Windows), which is a sixth faster over TLS."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


@contextmanager
def rare_collections() -> Generator[None]:
    """Context manager for fewer cyclic garbage collections, which by default take a sixth of a download's time."""
    before = gc.get_threshold()
    if before[0]:
        gc.set_threshold(max(before[0], _ALLOCATIONS), *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


async def in_thread(work: Callable[[], _T], threads: Executor) -> _T:
    """Returns the result of blocking work in a thread; if cancelled, it first waits for the thread to end."""
    done = asyncio.get_running_loop().run_in_executor(threads, work)
    try:
        return await asyncio.shield(done)
    except asyncio.CancelledError:
        await asyncio.wait([done])
        if not done.cancelled():
            done.exception()
        raise


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_until_signalled(work: Coroutine[Any, Any, _T]) -> _T:
    """Returns the result of `work`, as `asyncio.run` does, unless SIGINT or SIGTERM is received.

    The first signal cancels the work, waits for its clean-up, and is then passed on to the previous handler: Python's
    handler raises KeyboardInterrupt, Dagster's raises its own exception, and without a handler the process ends. A
    second signal ends the process without waiting. Outside the main thread, signals are not handled.
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
