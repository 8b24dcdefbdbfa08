"""From files to arrays that models and measures take: decoded in threads, a bad file never stopping its neighbours."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from instagram_assets.errors import MediaRefusedError, RecordError
from instagram_assets.media.decode import open_image

if TYPE_CHECKING:
    from PIL.Image import Image

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fault:
    """Stands in the place of a result that could not be had."""

    reason: str


def files_below(media: Path, stored: Iterable[tuple[str, str | None]]) -> dict[str, Path]:
    """The file of each image below the media folder; of one whose file is gone, a name that is not there."""
    return {image_id: media / (path or image_id) for image_id, path in stored}


def decode_all(
    items: Iterable[tuple[K, Path]],
    prepare: Callable[["Image"], T],
    *,
    workers: int,
    draft: int = 0,
    max_megapixels: float = 40,
) -> Generator[tuple[K, T | Fault]]:
    """Each key with what `prepare` makes of its image, in the order of `items`; a Fault where that cannot be had.

    Images are decoded by `open_image` (8-bit RGB; see there for `draft`) and prepared in `workers` threads.
    Memory, early ends and errors are as in `in_threads`.
    """
    return in_threads(items, lambda path: prepare(open_image(path, max_megapixels, draft)), workers=workers)


def in_threads(
    items: Iterable[tuple[K, Path]], work: Callable[[Path], T], *, workers: int
) -> Generator[tuple[K, T | Fault]]:
    """Each key with what `work` makes of its file, in the order of `items`; a Fault where it raises.

    Threads serve: decoding, resizing and measuring leave Python free. At most 2 × `workers` results are made ahead
    of who takes them. A loop that may raise closes the generator (`contextlib.closing`): its threads end with it.
    """

    def one(path: Path) -> T | Fault:
        try:
            return work(path)
        except Exception as error:
            return Fault(_reason(error))

    ahead: deque[tuple[K, Future[T | Fault]]] = deque()
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


def _next(ahead: deque[tuple[K, Future[T | Fault]]]) -> tuple[K, T | Fault]:
    key, future = ahead.popleft()
    return key, future.result()


def _reason(error: Exception) -> str:
    """What went wrong, without the file's path: reasons end up in tables, which are the same on every machine."""
    if isinstance(error, RecordError | MediaRefusedError):
        return error.reason
    return f"{type(error).__name__}: {error}"
