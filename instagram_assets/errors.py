"""What can go wrong, as exceptions whose message names the file, the record and the remedy."""

from dataclasses import dataclass


class InstagramAssetsError(Exception):
    """Base of every error that this package raises on purpose."""


class SettingsError(InstagramAssetsError):
    """A setting is unknown, out of range, or needs something that is not there."""


class QueryError(InstagramAssetsError):
    """A question in SQL that the lake cannot answer, such as one about a table that is not there."""


@dataclass
class FileError(InstagramAssetsError):
    """A whole file cannot be used: nothing of it is taken, the file itself is kept.

    `where` is "line 3, column 7" or "byte 1024" when the place is known, else empty.
    """

    file: str
    problem: str
    remedy: str
    where: str = ""

    def __str__(self) -> str:
        place = f"{self.file}, {self.where}" if self.where else self.file
        # Names need not be UTF-8; what is printed must be.
        return f"{place}: {self.problem}. {self.remedy}.".encode("utf-8", "replace").decode()


class BusyFileError(FileError):
    """A file that cannot be used now but perhaps the next time: it changed, is gone, or the machine had no room."""


@dataclass
class RecordError(InstagramAssetsError):
    """One record cannot be used: it goes to quarantine, its file goes on."""

    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.field}: {self.reason}" if self.field else self.reason


class SourceRefusedError(InstagramAssetsError):
    """A source of records refuses us: it asks for a consent, a login or a pause, and a person has to look at it."""


class ContractError(InstagramAssetsError):
    """A table does not have the columns that `schemas.py` promises for it."""


class StorageError(InstagramAssetsError):
    """A file of the lake or the media store is damaged or cannot be written."""


class ModelError(InstagramAssetsError):
    """A model is not there, is damaged, or is not one that can do the work asked of it."""


class NothingDoneError(InstagramAssetsError):
    """All that was to be done came to nothing; what there is stands in the tables with its reasons."""
