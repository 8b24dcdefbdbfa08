"""Reads files and folders into the landing zone one by one: each is landed, rejected or left in place."""

import os
import traceback
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from upath import UPath

from instagram_assets.errors import BusyFileError, FileError, InstagramAssetsError
from instagram_assets.ingest.archive_layout import archive_root_of
from instagram_assets.ingest.archive_pictures import (
    StorePictures,
    files_read_text,
    store_unpacked_pictures,
    store_zipped_pictures,
    stored_pictures_text,
)
from instagram_assets.ingest.companion_files import pictures_beside
from instagram_assets.ingest.folder_scan import (
    DONE,
    REJECTED,
    FolderContents,
    file_identities,
    move_out,
    name_in_folder,
    path_identity,
    refuse_empty_folder,
    scan_folder,
)
from instagram_assets.ingest.landing import land_file
from instagram_assets.ingest.landing_repair import RepairReport
from instagram_assets.ingest.manifests import LandedFile
from instagram_assets.ingest.observations import media_by_file
from instagram_assets.ingest.reader.byte_streams import Identity, changed
from instagram_assets.ingest.record_source import observed_at_beside
from instagram_assets.ingest.redact.inbox_redaction import InboxRedactor
from instagram_assets.ingest.redact.redactor import scrubbed_name
from instagram_assets.ingest.zips import is_zip
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN, Forgotten
from instagram_assets.settings import Settings
from instagram_assets.storage.atomic import remedy

# Folders that this program writes contain no exports and are skipped.
_OURS = ("inbox", "lake", "media", "models", "datasets", "reports", "dagster", "index", "thumbnails")
# Errors caused by the file's contents and not by the machine: a retry would fail again.
_THE_FILES = (
    FileError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)

_SHEETS_SHOWN = 5
_PAST_RETENTION = "what was in it is past retention (INSTAGRAM_ASSETS_PRIVACY__KEEP_RAW_DAYS), and nothing was taken"

# Numbers of files that were landed, known from before, rejected, and left in place.
LandingCounts = tuple[int, int, int, int]


@dataclass
class LandingReport:
    """The result of landing a number of files.

    Every file is in one of the lists: `landed`; `known`, which had landed before; `rejected` as bad; `left` in place,
    with the reason; or `gone`, which no longer exists. `folders` has the log lines: one for each folder, and notes
    about single files. `mended` is what was repaired in the landing zone.
    """

    landed: list[LandedFile] = field(default_factory=list[LandedFile])
    known: list[LandedFile] = field(default_factory=list[LandedFile])
    rejected: list[FileError] = field(default_factory=list[FileError])
    left: list[FileError] = field(default_factory=list[FileError])
    gone: list[Path] = field(default_factory=list[Path])
    folders: list[str] = field(default_factory=list[str])
    mended: RepairReport = field(default_factory=RepairReport)

    @property
    def failures(self) -> list[InstagramAssetsError]:
        """Return the errors that users must see, each with its remedy."""
        return [*self.rejected, *self.left, *self.mended.lost]


@dataclass(frozen=True)
class LandingEntry:
    """A file to land, or a folder with its possible exports. If it is `inside` the inbox, it is moved to `done/` later.

    `before` has the identity of each file when the folder was listed.
    """

    path: Path
    files: list[Path]
    inside: bool
    contents: FolderContents | None = None
    before: dict[str, Identity] = field(default_factory=dict[str, Identity])
    kept: str = ""
    """Summary of the images stored from an Instagram data download."""


@dataclass
class LandingRun:
    """State of one landing run: the lake, the user's options, and the results so far."""

    lake: UPath
    settings: Settings
    inbox: Path
    observed_at: datetime | None
    account: str = ""
    keep: StorePictures | None = None
    forgotten: Forgotten = NOTHING_FORGOTTEN
    result: LandingReport = field(default_factory=LandingReport)
    is_swept: bool = False
    read: list[tuple[Path, LandedFile]] = field(default_factory=list[tuple[Path, LandedFile]])
    """Files of the current folder that were landed, now or before, with their manifests."""

    def opened(self, path: Path) -> Iterator[LandingEntry]:
        """Yield the entry to land for a file or folder; nothing if it cannot be used, which is added to the report."""
        inside = path.parent == self.inbox
        if not path.is_dir():
            if (kept := self._keep_of(path, [archive_root_of(path)])) is not None:
                yield LandingEntry(path, [path], inside, kept=kept)
            return
        identity, before = path_identity(path), file_identities(path)
        try:
            if inside and path.is_symlink():
                raise FileError(str(path), "this link leads to a folder elsewhere", "Copy the folder itself here")
            ours = {self.settings.data_dir.absolute(), *map(self.settings.folder, _OURS)}
            contents = scan_folder(path, ours)
            refuse_empty_folder(path, contents)
        except FileError as error:
            self._end(path, identity, error, inside=inside)
            return
        roots = [*contents.archives, *map(archive_root_of, contents.exports)]
        if (kept := self._keep_of(path, roots)) is not None:
            yield LandingEntry(path, contents.exports, inside, contents, before, kept)

    def _keep_of(self, path: Path, roots: Iterable[Path | None]) -> str | None:
        """Store the images of unpacked data downloads, and return their number as text.

        None after an error, which is added to the report.
        """
        if self.keep is None:
            return ""
        try:
            found = dict.fromkeys(root for root in roots if root)
            return ", ".join(filter(None, (store_unpacked_pictures(root, self.account, self.keep) for root in found)))
        except (InstagramAssetsError, OSError) as error:
            self.result.left.append(self._left(path, error))
            return None

    def land(self, path: Path, entry: LandingEntry) -> None:
        """Land one file, and add the result to the report; images in a ZIP are stored before its rows are visible."""
        before = path_identity(path)
        try:
            zipped = store_zipped_pictures(path, self.account, self.keep) if is_zip(path) else ""
            said = self.observed_at or observed_at_beside(path) or observed_at_beside(entry.path)
            name = name_in_folder(entry.path, path) if entry.contents else ""
            file = land_file(
                path,
                self.lake,
                settings=self.settings,
                observed_at=said,
                account=self.account,
                name=name,
                is_swept=self.is_swept,
                forgotten=self.forgotten,
            )
        except Exception as error:
            self._end(path, before, error, inside=entry.inside)
            return
        self.is_swept = True
        self.read.append((path, file))
        if file.is_past:
            self._tell(name or path.name, _PAST_RETENTION)
        if told := zipped or ("" if entry.contents else entry.kept):
            self._tell(name or path.name, told)
        if file.passed_over and file.new:
            self._tell(name or path.name, _passed_over(file))
        if file.forgotten and file.new:
            self._tell(name or path.name, forgotten_records_text(file.forgotten))
        if entry.inside and not entry.contents and not file.new and file.file not in ("", path.name):
            self._tell(path.name, f"the very same as {file.file}, which has landed")
        (self.result.landed if file.new else self.result.known).append(file)
        if entry.inside and not entry.contents:
            self._put_aside(path, before)

    def close(self, entry: LandingEntry, before: LandingCounts) -> None:
        """Add a folder's summary to the report; move an inbox folder to `done/` if none of its files was left in place.

        `before` are the counts before the folder's files were landed.
        """
        contents = entry.contents
        read, self.read = self.read, []
        if contents is None:
            return
        self.result.left += map(self._without_names, contents.unread)
        kept = entry.kept or self._keep_beside(entry.path, read)
        landed, known, rejected, left = map(int.__sub__, self.counts, before)
        told = [files_read_text(landed + known)]
        told += [f"{known:,} of them before"] if known else []
        told += [f"{rejected:,} rejected"] if rejected else []
        told += [f"{left:,} left"] if left else []
        told += [contents.others] if contents.passed else []
        told += [kept] if kept else []
        self._tell(entry.path.name, ", ".join(told))
        if not entry.inside or left or not entry.path.is_dir():
            return
        identity = path_identity(entry.path)
        try:
            # Bad files have been moved out by now; any other change means that somebody is still writing.
            if not file_identities(entry.path).items() <= entry.before.items():
                raise changed(entry.path)
        except (InstagramAssetsError, OSError) as error:
            self.result.left.append(self._left(entry.path, error))
            return
        self._put_aside(entry.path, identity)

    def _keep_beside(self, folder: Path, read: Sequence[tuple[Path, LandedFile]]) -> str:
        """Store the images next to the metadata files of posts, and return their number as text; empty for none."""
        if self.keep is None:
            return ""
        try:
            media = media_by_file(self.lake, [file for _, file in read])
            found = [pair for path, file in read for pair in pictures_beside(path, media.get(file.sha256, []))]
            return stored_pictures_text(self.keep(found)) if found else ""
        except (InstagramAssetsError, OSError) as error:
            self.result.left.append(self._left(folder, error))
            return ""

    @property
    def counts(self) -> LandingCounts:
        """Return how many files so far have landed, had landed before, were rejected, and were left in place."""
        result = self.result
        return len(result.landed), len(result.known), len(result.rejected), len(result.left)

    def _put_aside(self, path: Path, before: Identity | None) -> None:
        try:
            if (cleaned := self._cleaned(path, before)) is not None:
                path, before = cleaned
                move_out(path, self.inbox / DONE, before)
        except (InstagramAssetsError, OSError) as error:
            if path_identity(path) is not None:  # else another run has moved it
                self.result.left.append(self._left(path, error))

    def _cleaned(self, path: Path, before: Identity | None) -> tuple[Path, Identity | None] | None:
        """Remove data erased on request from an inbox file or folder, and return its new path and identity.

        None if nothing is left of the file. Raises BusyFileError when it no longer has the identity `before`.
        """
        if not self.forgotten:
            return path, before
        if path_identity(path) != before:
            raise changed(path)
        redactor = InboxRedactor(self.lake, self.forgotten, self.settings.ingest.encoding)
        for task in list(redactor.tasks(path)):
            redactor.do(task)
            if task.path == path and task.to is None:
                return None
            path = task.to if task.path == path and task.to else path
        return path, path_identity(path)

    def _tell(self, name: str, told: str) -> None:
        self.result.folders.append(f"{scrubbed_name(name, self.forgotten)}: {self.forgotten.scrub(told)}")

    def _left(self, path: Path, error: Exception) -> FileError:
        return self._without_names(_left(path, error))

    def _without_names(self, error: FileError) -> FileError:
        """Return the error without account names that were erased on request, since it is shown, logged and stored."""
        if not self.forgotten:
            return error
        scrub = self.forgotten.scrub
        path = Path(error.file)
        above = self.inbox if path.is_relative_to(self.inbox) else path.parent
        file = str(above / scrubbed_name(str(path.relative_to(above)), self.forgotten))
        return replace(error, file=file, problem=scrub(error.problem), remedy=scrub(error.remedy))

    def _end(self, path: Path, before: Identity | None, error: Exception, *, inside: bool) -> None:
        """Handle a file or folder that could not land: it is rejected, or left in place if a retry may succeed."""
        if inside and path_identity(path) is None:
            self.result.gone.append(path)
            return
        if isinstance(error, BusyFileError) or not isinstance(error, _THE_FILES):
            self.result.left.append(self._left(path, error))
            return
        bad = self._without_names(error if isinstance(error, FileError) else _unforeseen(path, error))
        try:
            if inside and (cleaned := self._cleaned(path, before)) is not None:
                move_out(cleaned[0], self.inbox / REJECTED, cleaned[1], f"{bad}\n")
            elif inside:
                self._tell(path.name, "it was removed, since what was forgotten stands in it")
            self.result.rejected.append(bad)
        except (InstagramAssetsError, OSError) as refused:
            self.result.left.append(self._left(path, refused))


def forgotten_records_text(number: int) -> str:
    """Return a message such as "12 records were left out, since what they are about was forgotten"."""
    if number == 1:
        return "1 record was left out, since what it is about was forgotten"
    return f"{number:,} records were left out, since what they are about was forgotten"


def _passed_over(file: LandedFile) -> str:
    """Return a text such as "1 sheet was passed over, as its columns are none that we know: 'notes' with what, who"."""
    number, shown = len(file.passed_over), "; ".join(file.passed_over[:_SHEETS_SHOWN])
    more = "; …" if number > _SHEETS_SHOWN else ""
    was = "1 sheet was passed over, as its" if number == 1 else f"{number:,} sheets were passed over, as their"
    return f"{was} columns are none that we know: {shown}{more}"


def _left(path: Path, error: Exception) -> FileError:
    if isinstance(error, FileError):
        return error
    said = str(error).rstrip(".") if isinstance(error, InstagramAssetsError) else f"{type(error).__name__}: {error}"
    if isinstance(error, OSError):
        return BusyFileError(str(path), os.strerror(error.errno or 0), f"{remedy(error)}, then run again")
    if isinstance(error, MemoryError):
        return BusyFileError(str(path), "there is not enough memory", "Free some, then run again")
    return BusyFileError(str(path), said, "The file stays where it is")


def _unforeseen(path: Path, error: Exception) -> FileError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}, line {last.lineno}"
    problem = f"our program failed ({type(error).__name__} in {where}: {ascii(str(error))[:300]})"
    return FileError(str(path), problem, "Report this line, and put the file into the inbox again after an update")
