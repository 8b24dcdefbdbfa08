"""Work in batches that one bad item cannot spoil."""

import gc
import sys
from collections.abc import Callable
from typing import TypeVar

from instagram_assets.vision.images import Fault

T = TypeVar("T")
R = TypeVar("R")


def in_halves(items: list[T], work: Callable[[list[T]], list[R]]) -> list[R | Fault]:
    """What `work` makes of the items, one result for each; an item that fails even alone is a Fault.

    A batch that fails, also for want of memory, is halved and tried again. `work` must give an item the same
    result in any batch. What is no Exception, such as KeyboardInterrupt, passes through.
    """
    if not items:
        return []
    try:
        results = work(items)
    except Exception as error:
        fault = Fault(_reason(error))
        starved = _out_of_memory(error)
    else:
        if len(results) != len(items):
            raise AssertionError(f"{len(results)} results for {len(items)} items")
        return list(results)
    # Only here is the error gone, and with it the tensors that its frames held.
    if starved:
        _free_memory()
    if len(items) == 1:
        return [fault]
    middle = len(items) // 2
    return in_halves(items[:middle], work) + in_halves(items[middle:], work)


def _out_of_memory(error: Exception) -> bool:
    """True when memory of the machine or of the device ran out; torch says so in several ways."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate" in text)


def _free_memory() -> None:
    """Give back what no tensor uses any more, on the machine and on the device."""
    gc.collect()
    torch = sys.modules.get("torch")  # where it is not loaded it holds nothing
    if torch and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch and torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _reason(error: Exception) -> str:
    if _out_of_memory(error):
        return "out of memory, even for this image alone"
    first_line = next(iter(str(error).splitlines()), "")
    return f"the model failed on it ({type(error).__name__}: {first_line})"
