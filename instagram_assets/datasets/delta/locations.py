"""Storage locations of Delta tables: a local folder, or an object store that delta-rs supports.

delta-rs writes its log without fsync, and reads an empty commit file as a commit without changes. So data files are
written here, and are durable before the log refers to them, and the log is checked before a table is opened.
"""

import errno
import io
import os
import re
from collections.abc import Callable, Generator, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Protocol

from instagram_assets.errors import SettingsError, StorageError
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import make_folder, refusal, sweep, sync_folders
from instagram_assets.storage.locks import folder_lock

UNSAFE = "allow_unsafe_rename"
"""An option of delta-rs for mounted volumes without hard links: it commits by rename, which needs a single writer."""

_ELSEWHERE = "Put the Delta tables on a local disk or an object store: INSTAGRAM_ASSETS_DELTA__TARGET"
_PROMISE = f'or promise that one run writes at a time: INSTAGRAM_ASSETS_DELTA__OPTIONS={{"{UNSAFE}": "true"}}'
_COLOURS = re.compile(r"\x1b\[\d+m")  # ANSI colours, which delta-rs writes into its error messages
_SYNCED_AT_ONCE = 8
_OF_FSSPEC = {
    "key": "AWS_ACCESS_KEY_ID",
    "secret": "AWS_SECRET_ACCESS_KEY",
    "token": "AWS_SESSION_TOKEN",
    "endpoint_url": "AWS_ENDPOINT_URL",
}


class TableLocation(Protocol):
    """The location of one Delta table; file names are paths relative to it, separated by `/`."""

    uri: str
    options: dict[str, str]

    def locked(self) -> Any:
        """Context manager: holds the table's lock against other writers on this disk; object stores need none."""
        ...

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Returns file name → size in bytes of the files directly in a folder; empty if the folder is missing."""
        ...

    def names(self) -> list[str]:
        """Returns the names of all files in the table's folder, at any depth."""
        ...

    def size(self, name: str) -> int | None:
        """Returns a file's size in bytes, -1 if it is missing; None (unknown) on an object store, to save a request."""
        ...

    def read(self, name: str) -> bytes:
        """Returns the content of a file."""
        ...

    def write(self, name: str, fill: Callable[[BinaryIO], object]) -> int:
        """Create a file with the bytes that `fill` writes; returns its size in bytes. Durable only after `sync`."""
        ...

    def sync(self, names: Iterable[str]) -> None:
        """Fsync files and all folders above them, so that they survive a power cut."""
        ...

    def move(self, name: str, to: str) -> None:
        """Rename a file."""
        ...

    def remove(self, name: str) -> None:
        """Delete a file if it exists."""
        ...


def delta_target(settings: Settings) -> str:
    """Returns the location of the Delta tables according to the settings: a folder, or an object store's URL."""
    return settings.delta.target or str(settings.folder("datasets") / "delta")


def local_folder(target: str) -> Path | None:
    """Returns the path of `target` if it is a local folder; None if it is an object store's URL."""
    if target.startswith("file://"):
        return Path(target.removeprefix("file://"))
    return None if "://" in target else Path(target).expanduser().absolute()


def table_location(
    target: str, table: str, options: Mapping[str, str], lake_options: Mapping[str, Any]
) -> TableLocation:
    """Returns the location of a table below `target`, a folder or an object store's URL (s3://…).

    `options` are delta-rs's storage options; an endpoint and credentials that are missing there are taken from
    `lake_options`, fsspec's options of the lake. Raises SettingsError for an invalid URL.
    """
    if folder := local_folder(target):
        return FolderLocation(folder / table, options)
    return StoreLocation(f"{target.rstrip('/')}/{table}", {**_translated(target, lake_options), **options})


class FolderLocation:
    """A table in a local folder, or in one on a mounted volume."""

    def __init__(self, path: Path, options: Mapping[str, str]) -> None:
        self.path, self.uri, self.options = path, str(path), dict(options)
        self._unsafe = self.options.get(UNSAFE, "").lower() == "true"

    @contextmanager
    def locked(self) -> Generator[None]:
        try:
            with self._lock():
                sweep(self.path)
                yield
        except OSError as error:
            raise refusal(self.path, error) from error

    @contextmanager
    def _lock(self) -> Generator[None]:
        if self._unsafe:
            make_folder(self.path, sync=False)
            yield
            return
        with folder_lock(self.path, f"{_ELSEWHERE}; {_PROMISE}"):
            try:
                yield
            finally:
                with suppress(OSError):  # created for its lock, and left empty where the table has no row
                    self.path.rmdir()

    def sizes(self, folder: str = "") -> dict[str, int]:
        try:
            with os.scandir(self.path / folder) as entries:
                return {entry.name: entry.stat().st_size for entry in entries if entry.is_file()}
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def names(self) -> list[str]:
        walked = os.walk(self.path)
        return sorted(
            Path(folder, name).relative_to(self.path).as_posix() for folder, _, names in walked for name in names
        )

    def size(self, name: str) -> int | None:
        try:
            return os.stat(self.path / name).st_size
        except (FileNotFoundError, NotADirectoryError):
            return -1

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()

    def write(self, name: str, fill: Callable[[BinaryIO], object]) -> int:
        path = self.path / name
        make_folder(path.parent, sync=False)
        # Not in the log yet, so nobody reads it; one sync for all files is much faster.
        with open(path, "xb") as stream:
            fill(stream)
            return stream.tell()

    def sync(self, names: Iterable[str]) -> None:
        wanted = sorted(set(names))
        # In parallel, so that the disk's journal is written once for many.
        with ThreadPoolExecutor(_SYNCED_AT_ONCE) as pool:
            list(pool.map(self._sync, [self.path / name for name in wanted]))
        folders = {self.path / parent for name in wanted for parent in PurePosixPath(name).parents}
        for folder in sorted({*folders, self.path.parent}, key=lambda path: -len(path.parts)):
            self._sync(folder)

    def _sync(self, path: Path) -> None:
        try:
            sync_folders([path])  # files are synced in the same way
        except OSError as error:
            # Network volumes sync a file when it is closed, and cannot sync a folder.
            if not (self._unsafe and error.errno in (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)):
                raise

    def move(self, name: str, to: str) -> None:
        make_folder((self.path / to).parent)
        os.replace(self.path / name, self.path / to)
        sync_folders([(self.path / to).parent, (self.path / name).parent])

    def remove(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)


class StoreLocation:
    """A table in an object store, accessed through delta-rs, so that the same options apply to data files and log."""

    def __init__(self, uri: str, options: Mapping[str, str]) -> None:
        self.uri, self.options = uri, dict(options)

    @cached_property
    def _files(self) -> Any:
        from deltalake.exceptions import DeltaError
        from deltalake.fs import DeltaStorageHandler

        class Objects(DeltaStorageHandler):
            def put(self, name: str, data: bytes) -> None:
                # Called directly: pyarrow's streams would pass a buffer, and this takes only bytes.
                stream: Any = self._handler.open_output_stream(name, None)
                stream.write(data)
                stream.close()

        try:
            return Objects(self.uri, self.options)
        except (DeltaError, ValueError, OSError) as error:
            reason = str(error).partition(".")[0]
            raise SettingsError(
                f"INSTAGRAM_ASSETS_DELTA__TARGET={self.uri}: {reason}. Use a folder, or an address that delta-rs "
                "knows, such as s3://…, with INSTAGRAM_ASSETS_DELTA__OPTIONS."
            ) from error

    @contextmanager
    def locked(self) -> Generator[None]:
        try:
            yield  # a commit is conditional on the previous version, and fails if another writer was first
        except OSError as error:
            reason = " ".join(_COLOURS.sub("", str(error)).split())[:300]
            raise StorageError(
                f"{self.uri}: the store refuses or cannot be reached ({reason}). Check its address and keys "
                "(INSTAGRAM_ASSETS_DELTA__OPTIONS), then run again."
            ) from error

    def sizes(self, folder: str = "") -> dict[str, int]:
        from pyarrow.fs import FileSelector

        with self.locked():
            found = self._files.get_file_info_selector(FileSelector(folder, allow_not_found=True))
        return {info.base_name: info.size for info in found if info.is_file}

    def names(self) -> list[str]:
        from pyarrow.fs import FileSelector

        with self.locked():
            found = self._files.get_file_info_selector(FileSelector("", allow_not_found=True, recursive=True))
        return sorted(info.path for info in found if info.is_file)

    def size(self, name: str) -> int | None:
        return None

    def read(self, name: str) -> bytes:
        with self._files.open_input_file(name) as stream:
            return stream.read()

    def write(self, name: str, fill: Callable[[BinaryIO], object]) -> int:
        buffer = io.BytesIO()
        fill(buffer)
        self._files.put(name, data := buffer.getvalue())
        return len(data)

    def sync(self, names: Iterable[str]) -> None:
        """Does nothing: an object is durable when its write request returns."""

    def move(self, name: str, to: str) -> None:
        self._files.put(to, self.read(name))
        self.remove(name)

    def remove(self, name: str) -> None:
        if self._files.get_file_info([name])[0].is_file:
            self._files.delete_file(name)


def _translated(target: str, lake_options: Mapping[str, Any]) -> dict[str, str]:
    """Returns the lake's fsspec options as delta-rs storage options if the target is on S3; else an empty dict."""
    if not target.startswith(("s3://", "s3a://")):
        return {}
    found = {ours: str(lake_options[name]) for name, ours in _OF_FSSPEC.items() if lake_options.get(name)}
    region = dict(lake_options.get("client_kwargs") or {}).get("region_name")
    # Other stores than Amazon's ignore the region, but without one delta-rs asks Amazon's metadata service.
    if region or "AWS_ENDPOINT_URL" in found:
        found["AWS_REGION"] = str(region or "us-east-1")
    if found.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        found["AWS_ALLOW_HTTP"] = "true"
    return found
