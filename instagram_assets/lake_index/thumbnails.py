"""Thumbnails of stored images: each is generated once and cached in a folder of limited size."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from instagram_assets.errors import NotFoundError, StorageError
from instagram_assets.lake_index.remove_derived_files import is_image_id
from instagram_assets.media.decode import open_image, reencode
from instagram_assets.media.verify import MAX_MEGAPIXELS
from instagram_assets.storage.atomic import is_temporary, make_folder, refusal, temporary_beside

SIDE = 320
"""Maximum length of a thumbnail's longer side in pixels."""
EXTENSIONS = (".jpg", ".webp", ".png", ".gif", ".avif")
"""File extensions of stored images, the most common first."""
_QUALITY = 80
_BEGINNING, _END = b"\xff\xd8", b"\xff\xd9"
# Eviction goes below the limit, so that the folder is not scanned again for each new thumbnail.
_AFTER_REMOVAL = 0.9
_TOUCH_SECONDS = 3_600
"""Minimum seconds between two updates of a thumbnail's last-used time, since each is a write."""
_LOCKS = 64
_MEASURE_AGAIN = 0.05
"""Growth, as a fraction of the size limit, after which the folder is measured again: other processes add files too."""


def small_jpeg(path: Path, max_megapixels: float) -> bytes:
    """Returns a small JPEG of an image, rotated upright according to its EXIF orientation.

    Raises DecodeError for an undecodable file, and MediaRefusedError for one with more than `max_megapixels`.
    """
    image = open_image(path, max_megapixels, fit=SIDE)
    image.thumbnail((SIDE, SIDE))
    return reencode(image, _QUALITY)


def stored_image(media: Path, image_id: str) -> Path:
    """Returns the path of a stored image. Raises NotFoundError if it is not stored or is a symbolic link.

    Images are stored under the SHA-256 of their bytes, so the image_id determines the path.
    """
    if is_image_id(image_id):
        root = media.resolve()
        for extension in EXTENSIONS:
            path = root / image_id[:2] / f"{image_id}{extension}"
            if path.is_file() and not path.is_symlink() and path.parent.resolve() == root / image_id[:2]:
                return path
    raise NotFoundError(f"There is no stored image {image_id[:80]!r}.")


class Thumbnails:
    """A cache folder of small JPEGs, `aa/<image_id>.jpg`, of at most `most_bytes`, with least-recently-used eviction.

    Thread-safe. The number of thumbnails that are generated concurrently is limited to the number of CPU cores.
    """

    def __init__(self, folder: Path, media: Path, most_bytes: int, max_megapixels: float = MAX_MEGAPIXELS) -> None:
        self.folder, self.media = folder, media
        self.most_bytes, self.max_megapixels = most_bytes, max_megapixels
        self._locks = [threading.Lock() for _ in range(_LOCKS)]
        self._making = threading.Semaphore(os.cpu_count() or 2)
        self._size_lock = threading.Lock()
        self._size: int | None = None
        self._grown = 0

    def of(self, image_id: str) -> bytes:
        """Returns the thumbnail of a stored image as JPEG bytes; it is generated on a cache miss.

        Raises NotFoundError if the image is not stored (any more), and DecodeError or MediaRefusedError if it cannot be
        decoded. A thumbnail that cannot be written to the cache is returned all the same.
        """
        source = self._source(image_id)
        path = self.path(image_id)
        if (cached := _read(path)) is not None:
            return cached
        with self._locks[int(image_id[:4], 16) % _LOCKS]:
            if (cached := _read(path)) is not None:
                return cached
            return self._made(image_id, source, None)

    def make(self, image_id: str, used_at: float) -> int:
        """Generate a missing thumbnail and set its last-used time (Unix timestamp); returns its size in bytes.

        Raises NotFoundError if the image is not stored (any more), DecodeError or MediaRefusedError if it cannot be
        decoded, and StorageError if the file cannot be written.
        """
        source = self._source(image_id)
        with self._locks[int(image_id[:4], 16) % _LOCKS]:
            return len(self._made(image_id, source, used_at))

    def path(self, image_id: str) -> Path:
        """Returns the path at which the thumbnail of an image is cached, whether it exists or not."""
        return self.folder / image_id[:2] / f"{image_id}.jpg"

    def sizes(self) -> dict[str, int]:
        """Returns the size in bytes of each cached thumbnail, by image_id."""
        return {path.stem: size for _, size, path in self._all_files() if is_image_id(path.stem)}

    def _made(self, image_id: str, source: Path, used_at: float | None) -> bytes:
        with self._making:
            made = small_jpeg(source, self.max_megapixels)
        try:
            self._write(self.path(image_id), made, used_at)
        except StorageError:
            # A thumbnail that cannot be cached is returned all the same, and generated again next time.
            if used_at is not None:
                raise
        # Erasure deletes images first: a thumbnail written after that would never be deleted.
        self._source(image_id)
        return made

    def cached(self, image_id: str) -> bytes | None:
        """Returns the cached thumbnail of a stored image as JPEG bytes; None on a cache miss.

        Raises NotFoundError if the image is not stored (any more).
        """
        self._source(image_id)
        return _read(self.path(image_id))

    def size(self) -> int:
        """Total bytes of all cached thumbnails."""
        return sum(size for _, size, _ in self._all_files())

    def _source(self, image_id: str) -> Path:
        try:
            return stored_image(self.media, image_id)
        except NotFoundError:
            # The thumbnail must not outlive its image, which may have been erased.
            if is_image_id(image_id):
                with suppress(FileNotFoundError, NotADirectoryError):
                    self.path(image_id).unlink()
            raise

    def _write(self, path: Path, data: bytes, used_at: float | None) -> None:
        # Without fsync: a file truncated by a power cut lacks the JPEG end marker, and is made again.
        temporary = temporary_beside(path)
        try:
            make_folder(path.parent, sync=False)
            if path.parent.is_symlink():
                raise StorageError(f"{path.parent} is a link. Remove it: thumbnails are kept in the data folder.")
            try:
                temporary.write_bytes(data)
                if used_at is not None:
                    os.utime(temporary, (used_at, used_at))
                os.replace(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
        except OSError as error:
            raise refusal(path, error) from error
        self._grown_by(len(data))

    def _grown_by(self, size: int) -> None:
        with self._size_lock:
            self._grown += size
            if self._size is None or self._grown > self.most_bytes * _MEASURE_AGAIN:
                self._size, self._grown = self.size(), 0
            else:
                self._size += size
            if self._size > self.most_bytes:
                self._size = self._remove_oldest(int(self.most_bytes * _AFTER_REMOVAL))

    def _remove_oldest(self, until: int) -> int:
        """Evict the least recently used thumbnails until at most `until` bytes remain; returns the bytes left."""
        files = sorted(self._all_files())
        left = sum(size for _, size, _ in files)
        for _, size, path in files:
            if left <= until:
                break
            path.unlink(missing_ok=True)
            left -= size
        return left

    def _all_files(self) -> list[tuple[float, int, Path]]:
        """Returns (last-used time, size in bytes, path) of each thumbnail; ignores links and foreign files."""
        found: list[tuple[float, int, Path]] = []
        for folder in _entries(self.folder, lambda each: each.is_dir(follow_symlinks=False)):
            for file in _entries(Path(folder.path), lambda each: each.is_file(follow_symlinks=False)):
                is_own = is_image_id(file.name.removesuffix(".jpg")) or is_temporary(file.name)
                if is_own:
                    with suppress(FileNotFoundError):
                        stat = file.stat(follow_symlinks=False)
                        found.append((stat.st_mtime, stat.st_size, Path(file.path)))
        return found


def _entries(folder: Path, predicate: Callable[["os.DirEntry[str]"], bool]) -> list["os.DirEntry[str]"]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if predicate(entry)]
    except FileNotFoundError:
        return []


def _read(path: Path) -> bytes | None:
    """Returns the bytes of a thumbnail file and updates its last-used time; None if it is missing or truncated."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        return None
    with open(handle, "rb") as stream:
        data = stream.read()
        stat = os.fstat(handle)
    if not (data.startswith(_BEGINNING) and data.endswith(_END)):
        return None
    # A clock that is set back does no harm: the times are only compared with each other.
    with suppress(OSError):
        now = time.time()
        if now - stat.st_mtime > _TOUCH_SECONDS:
            os.utime(path, (now, now))
    return data
