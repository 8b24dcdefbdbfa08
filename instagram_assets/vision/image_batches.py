"""Decodes image files in threads and passes them to models in batches; an invalid image does not fail its batch."""

import gc
import os
import sys
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from instagram_assets.errors import MediaRefusedError, RecordError
from instagram_assets.media.decode import open_image
from instagram_assets.media.verify import MAX_MEGAPIXELS

if TYPE_CHECKING:
    from PIL.Image import Image


_K = TypeVar("_K")
_T = TypeVar("_T")
_R = TypeVar("_R")
_MOST_WORKERS = 16
"""Each may hold a picture of 40 megapixels, which are 160 MB."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Placeholder in a list of results for an item that failed, with the reason."""

    reason: str


def image_paths(media: Path, stored: Iterable[tuple[str, str | None]]) -> dict[str, Path]:
    """Path of each image in the media folder, from pairs of (image_id, stored path or null)."""
    return {image_id: media / (path or image_id) for image_id, path in stored}


def decode_all(
    items: Iterable[tuple[_K, Path]],
    prepare: Callable[["Image"], _T],
    *,
    workers: int,
    draft: int = 0,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> Generator[tuple[_K, _T | Failed]]:
    """Decode images and apply `prepare` to each in threads; yields (key, result or Failed) in the order of `items`.

    Images are decoded by `open_image` (8-bit RGB; see there for `draft`) and prepared in `workers` threads. Memory use,
    early termination and errors are as in `map_in_threads`, and so is 0 for `workers`.
    """
    return map_in_threads(items, lambda path: prepare(open_image(path, max_megapixels, draft)), workers=workers)


def map_in_threads(
    items: Iterable[tuple[_K, Path]], work: Callable[[Path], _T], *, workers: int
) -> Generator[tuple[_K, _T | Failed]]:
    """Apply `work` to files in threads; yields (key, result) in the order of `items`, `Failed` if `work` raised.

    Threads suffice: decoding, resizing and measuring release the GIL. At most 2 × `workers` results are computed ahead
    of the consumer. A caller that can stop early must close the generator (`contextlib.closing`) to end its threads.
    0 for `workers` is a thread for each core of this process, at most 16: one prepares about 80 images of 1080 × 1350
    pixels a second, fewer than a model takes on many cores or a GPU.
    """
    workers = workers or min(_MOST_WORKERS, _cores())

    def one(path: Path) -> _T | Failed:
        try:
            return work(path)
        except Exception as error:
            return Failed(_decode_reason(error))

    ahead: deque[tuple[_K, Future[_T | Failed]]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="pixels") as pool:
        try:
            for key, path in items:
                ahead.append((key, pool.submit(one, path)))
                if len(ahead) >= 2 * workers:
                    yield _next(ahead)
            while ahead:
                yield _next(ahead)
        finally:
            for _, future in ahead:
                future.cancel()


def _cores() -> int:
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _next(ahead: deque[tuple[_K, Future[_T | Failed]]]) -> tuple[_K, _T | Failed]:
    key, future = ahead.popleft()
    return key, future.result()


def _decode_reason(error: Exception) -> str:
    """The reason why an image could not be decoded, without its path: stored reasons must be machine-independent."""
    if isinstance(error, RecordError | MediaRefusedError):
        return error.reason
    return f"{type(error).__name__}: {error}"


def retry_in_halves(items: list[_T], work: Callable[[list[_T]], list[_R]]) -> list[_R | Failed]:
    """Run `work` on a batch, one result per item; on failure split the batch in two and retry each half.

    An item that fails in a batch of one becomes a `Failed`; out-of-memory errors count as failures. The result of
    `work` for an item must not depend on its batch. KeyboardInterrupt and other non-Exceptions propagate.
    """
    if not items:
        return []
    try:
        results = work(items)
    except Exception as error:
        fault = Failed(_model_reason(error))
        starved = _out_of_memory(error)
    else:
        if len(results) != len(items):
            raise AssertionError(f"{len(results)} results for {len(items)} items")
        return list(results)
    # Only here is the error freed, and with it the tensors that its stack frames hold.
    if starved:
        _free_memory()
    if len(items) == 1:
        return [fault]
    middle = len(items) // 2
    return retry_in_halves(items[:middle], work) + retry_in_halves(items[middle:], work)


def _out_of_memory(error: Exception) -> bool:
    """Whether an exception is an out-of-memory error of the machine or the device; torch raises several types."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate" in text)


def _free_memory() -> None:
    """Collect garbage and empty torch's memory caches on CUDA and MPS."""
    gc.collect()
    torch = sys.modules.get("torch")  # if torch is not loaded, it holds no memory
    if torch and torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch and torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _model_reason(error: Exception) -> str:
    if _out_of_memory(error):
        return "out of memory, even for this image alone"
    first_line = next(iter(str(error).splitlines()), "")
    return f"the model failed on it ({type(error).__name__}: {first_line})"
