"""What keeps the event loop fast and free: its engine, blocking work in a thread, and garbage collected rarely."""

import asyncio
import gc
from collections.abc import Callable, Generator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import TypeVar

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
