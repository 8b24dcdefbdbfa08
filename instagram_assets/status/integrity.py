"""Integrity check of every stored file: which files are damaged, and the command that repairs each."""

import hashlib
import os
import re
import shlex
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.calendar import today
from instagram_assets.errors import StorageError
from instagram_assets.ingest.landing_repair import DONE
from instagram_assets.ingest.manifests import (
    LANDING_TABLES,
    LandedFile,
    manifest_path,
    newest_manifests,
    original_hash,
    read_manifest,
    table_path,
)
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import is_local
from instagram_assets.storage.feature_files import check_features, list_files
from instagram_assets.storage.lake import files, names_in, read_rows
from instagram_assets.storage.layout import value_of
from instagram_assets.storage.parquet_files import BY_HAND, check_bytes, check_rows, check_table

_COMMAND = "instagram-assets"
_GONE = "gone"
_MEDIA = re.compile(r"(?P<sha256>[0-9a-f]{64})\.[a-z0-9]+")
# The tables derived from each kind of cached features.
_MADE_OF = {
    "quality": "image_quality",
    "captions": "captions",
    "embeddings": "embeddings",
    "age_posts": "age_predictions",
}


class DamagedFile(NamedTuple):
    """A damaged file: its path, the problem, and the command that repairs it."""

    path: str
    problem: str
    remedy: str


@dataclass
class IntegrityCheck:
    """A read-only check of the lake, landing zone, media and cached model results (features), file by file.

    `files` and `bytes` count what was read so far.
    """

    lake: UPath
    settings: Settings
    files: int = 0
    bytes: int = 0

    def damages(self) -> Iterator[DamagedFile]:
        """Yields damaged files as they are found, in the order in which they have to be repaired."""
        yield from self._landing()
        for name in CONTRACTS:
            for path in files(self.lake, name):
                if problem := self._problem(path, check_table):
                    yield DamagedFile(str(path), problem, self._make_again(name, path))
        yield from self._media()
        yield from self._features()

    def _make_again(self, name: str, path: UPath) -> str:
        if name in BY_HAND:
            return f"{_COMMAND} restore BACKUP --into FOLDER   # and put the file back from FOLDER: people decided it"
        return _without(path, f"{_COMMAND} materialize {self._cells(name, path)}")

    def _landing(self) -> Iterator[DamagedFile]:
        for name in sorted(newest_manifests(self.lake)):
            try:
                landed = read_manifest(self.lake, name)
            except StorageError:
                path = manifest_path(self.lake, name)
                again = self._read_again(name.rpartition("-")[0], "ITS SOURCE")
                yield DamagedFile(str(path), "the manifest is damaged", again)
                continue
            self.files += 1
            for table in LANDING_TABLES if landed else ():
                if landed and landed.rows(table):
                    yield from self._landed_table(landed, table)

    def _landed_table(self, landed: LandedFile, table: str) -> Iterator[DamagedFile]:
        path = table_path(self.lake, table, landed.name)
        if problem := self._problem(path, partial(_check_landed, landed=landed, table=table)):
            damaged = None if problem == _GONE else path
            yield DamagedFile(str(path), problem, self._read_again(landed.sha256, landed.file, damaged))

    def _read_again(self, sha256: str, name: str, damaged: UPath | None = None) -> str:
        """The shell command that ingests a source file (with this SHA-256 and name) again to replace damaged rows.

        The user has to supply a file that is not in `inbox/done`. The command deletes the file `damaged` only after the
        source file was found with the right hash, so it can be pasted as it is.
        """
        if sha256 in self._put_aside:
            return _without(damaged, f"{_COMMAND} materialize landed_files")
        known = f'echo "{sha256}  $FILE" | sha256sum --check -'
        again = _without(damaged, f'{_COMMAND} ingest "$FILE"')
        return (
            f"FILE={shlex.quote(f'PATH/TO/{name}')}; {known} && {again}"
            f"   # PATH/TO: where it is now; it is not in inbox/{DONE}"
        )

    @cached_property
    def _put_aside(self) -> set[str]:
        folder = self.settings.folder("inbox") / DONE
        kept: set[str] = set()
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_file():
                with path.open("rb") as stream:
                    kept.add(original_hash(self.lake, hashlib.file_digest(stream, "sha256").hexdigest()))
        return kept

    def _cells(self, name: str, path: UPath) -> str:
        """The arguments of `materialize` that compute a file of the lake again: table, account and days."""
        partitions = CONTRACTS[name].partitions
        if name == "quarantine":
            return "landed_files"  # one function computes both
        if "account" not in partitions:
            return name
        account = f"{name} --accounts {shlex.quote(value_of(path.parent.name))}"
        return f"{account} --days {self._days(path.stem)}" if "day" in partitions else account

    def _days(self, month: str) -> str:
        year, number = map(int, month.split("-"))
        first = max(date(year, number, 1), self.settings.start_day or date.min)
        last = min(date(year, number, monthrange(year, number)[1]), today(self.settings.zone))
        return f"{first}..{last}"

    def _media(self) -> Iterator[DamagedFile]:
        root = self.settings.folder("media")
        for folder in sorted(root.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                if not (named := _MEDIA.fullmatch(path.name)):
                    continue
                if problem := self._problem(UPath(path), partial(_check_name, sha256=named["sha256"])):
                    yield DamagedFile(str(path), problem, self._fetch_again(path, named["sha256"]))

    def _fetch_again(self, path: Path, sha256: str) -> str:
        """The shell command that downloads an image again; the damaged file is renamed, as the URL can have expired."""
        aside = f"mv {shlex.quote(str(path))} {shlex.quote(f'{path}.damaged')}"
        for name in ("images", "search_images"):
            for file in files(self.lake, name):
                try:
                    rows = read_rows(file, name, columns=["image_id", *CONTRACTS[name].partitions])
                except StorageError:
                    continue  # reported separately
                found = rows.filter(compute.equal(rows["image_id"], sha256)).slice(0, 1).to_pylist()
                if found:
                    day = f" --days {found[0]['day']}" if "day" in found[0] else ""
                    account = f" --accounts {shlex.quote(found[0]['account'])}" if "account" in found[0] else ""
                    return f"{aside} && {_COMMAND} materialize {name}{account}{day}"
        return f"{aside}   # no table names it"

    def _features(self) -> Iterator[DamagedFile]:
        root = self.lake / "features"
        for kind in sorted(names_in(root, hidden=False)):
            for fingerprint in sorted(names_in(root / kind, hidden=False)):
                folder = root / kind / fingerprint
                for file in list_files(folder):
                    path = folder / file.name
                    if problem := self._problem(path, partial(check_features, file=file)):
                        again = f"{_COMMAND} materialize {_MADE_OF[kind]}" if kind in _MADE_OF else "true"
                        yield DamagedFile(str(path), problem, _without(path, again).removesuffix(" && true"))

    def _problem(self, path: UPath, check: Callable[[BinaryIO], object]) -> str:
        """Run a check on the bytes of a file; returns the problem as text, empty if there is none.

        Raises StorageError if the file cannot be read at all.
        """
        try:
            with path.open("rb") as stream:
                self.files += 1
                self.bytes += stream.seek(0, os.SEEK_END)
                stream.seek(0)
                check(stream)
        except FileNotFoundError:
            return _GONE
        except (pa.ArrowException, OSError) as error:
            # Arrow's complaints about content have no error number; those of disk and network have.
            if isinstance(error, OSError) and error.errno is not None:
                raise StorageError(f"{path}: cannot be read ({error.strerror}). Fix access, then run again.") from error
            return f"damaged ({' '.join(str(error).split())})"
        return ""


def _check_landed(stream: BinaryIO, landed: LandedFile, table: str) -> None:
    if table in landed.checksums:  # manifests of earlier versions have none
        check_bytes(stream, landed.checksums[table])
    check_rows(stream, landed.rows(table))


def _check_name(stream: BinaryIO, sha256: str) -> None:
    if hashlib.file_digest(stream, "sha256").hexdigest() != sha256:  # pyright: ignore[reportArgumentType] it reads binary
        raise pa.ArrowInvalid("its bytes are not those that its name says")


def _without(path: UPath | None, command: str) -> str:
    """The shell command, preceded by the deletion of the damaged file `path` (None: it does not exist any more)."""
    if path is None:
        return command
    return f"rm {shlex.quote(path.path)} && {command}" if is_local(path) else f"{command}   # first delete {path}"
