"""Source of a record: its file, with the rules for a record's account and observation time."""

import errno
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from instagram_assets.errors import FileError, RecordError, SettingsError
from instagram_assets.ingest import field_values
from instagram_assets.ingest.archive_layout import agreed_owner
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.ingest.timestamps import parse_timestamp
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN, Forgotten

# A file with this extension beside an export (or a folder of exports) contains the observation time of its records.
OBSERVED_AT_SUFFIX = ".observed_at"


def parse_observed_at(text: str) -> datetime | None:
    """Parse an aware timestamp in ISO form; None for an empty text. Raises SettingsError for anything else."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"observed_at={text!r}: not a time. Use the form 2026-11-02T09:00:00+09:00.") from error
    if moment.tzinfo is None:
        raise SettingsError(f"observed_at={text!r}: the time zone is missing. Use the form 2026-11-02T09:00:00+09:00.")
    return moment


def parse_stated_account(text: str) -> str:
    """Parse an account name that a user gives, to the form used in tables; empty for an empty text.

    Raises SettingsError for an invalid name.
    """
    if not text:
        return ""
    try:
        return field_values.parse_account_name(text, "account")
    except RecordError as error:
        raise SettingsError(f"{error}. Use the name in the address of the profile, such as sun_diary.") from error


def observed_at_beside(path: Path) -> datetime | None:
    """Read the observation time from the file `NAME.observed_at` beside a file or folder; None if it does not exist.

    Raises FileError when it contains no valid time.
    """
    note = path.with_name(path.name + OBSERVED_AT_SUFFIX)
    try:
        return parse_observed_at(note.read_text(encoding="utf-8-sig").strip())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (SettingsError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # so the file cannot exist
            return None
        remedy = "Mend that file, then put both into the inbox again"
        raise FileError(str(note), str(error).rstrip("."), remedy) from error


OBSERVED_FIELDS = ("observed_at", "observedAt", "scrapedAt", "scraped_at")

# File names that Apify gives the datasets of its runs. Other tools put the time of publication into names.
_RUN_NAME = re.compile(r"dataset_.*?(20\d\d-[01]\d-[0-3]\d)_([0-2]\d)-([0-5]\d)-([0-5]\d)-(\d{3})(?!\d)")

LandingRow = dict[str, Any]
PostKey = tuple[str, str | None, str]
"""Id, shortcode and account of a post."""


@dataclass(frozen=True)
class RecordSource:
    """The source file of a batch of records: name, hash, time zone, and context for timestamps, owners and erasure.

    `stated_at` is the observation time that the user gave, `modified_at` the file's modification time, `first_seen`
    when the file was first read. `account` is the owner that the user gave; `find_owner` finds the owner of an
    Instagram data download from `path`: both are for records without an owner. `keep_extra` is True if fields without a
    column are stored. Records about `forgotten` subjects (erased on request) are left out. `pseudonym_of` returns a
    person's pseudonym, and is None if comments are dropped; `find_post` finds the post that a file of comments belongs
    to. Observations before `past_before` are past retention. `people` are lower-case account names that are masked in
    comment texts: the lake's accounts, and those found in the file so far.
    """

    file: str
    sha256: str
    first_seen: datetime
    zone: ZoneInfo
    stated_at: datetime | None = None
    modified_at: datetime | None = None
    account: str | None = None
    path: Path | None = None
    find_owner: Callable[[Path], str | None] | None = None
    keep_extra: bool = True
    forgotten: Forgotten = NOTHING_FORGOTTEN
    pseudonym_of: Callable[[str], str] | None = None
    find_post: Callable[[], PostKey | None] | None = None
    past_before: datetime | None = None
    people: set[str] = field(default_factory=set[str], compare=False)

    @property
    def display_name(self) -> str:
        """Return the file's name for error messages: its path, if that is known."""
        return str(self.path or self.file)

    @cached_property
    def archive_owner(self) -> str | None:
        """Return the owner of the file's data download, for records without an owner; looked up once, on first use."""
        own = self.find_owner(self.path) if self.path and self.find_owner else None
        return agreed_owner(self.account, own, self.display_name)

    @cached_property
    def post_beside(self) -> PostKey | None:
        """Return the post that a file of comments belongs to; looked up once, on first use."""
        return self.find_post() if self.find_post else None

    @cached_property
    def _guesses(self) -> tuple[datetime, ...]:
        """Return estimates of the observation time, the most reliable first; none is later than `first_seen`."""
        found = (_time_in_name(self), self.modified_at)
        return (*(moment for moment in found if moment and moment <= self.first_seen), self.first_seen)

    @property
    def observed_at(self) -> datetime:
        """Return the observation time for records that contain neither an observation time nor a publication time."""
        return self.stated_at or self._guesses[0]

    def observed(self, taken_at: datetime | None, said: datetime | None = None) -> datetime:
        """Return the observation time of a post published at `taken_at`: the first candidate that is later than that.

        Candidates are the time that the user gave, the time in the record (`said`), the time in the file name of an
        Apify dataset, the file's modification time, and the time when the file was first seen.
        """
        for moment in (self.stated_at, said, *self._guesses):
            if moment and (taken_at is None or moment > taken_at):
                return moment
        return self.first_seen


def observed_at_of(record: Record, source: RecordSource, warnings: list[str]) -> datetime | None:
    """Return the observation time that the record itself contains; None if it has none."""
    for each in OBSERVED_FIELDS:
        if record.get(each) is None:
            continue
        try:
            return parse_timestamp(record[each], each, warnings, source.zone, source.first_seen)
        except RecordError as error:
            warnings.append(f"{error}, not used")
    return None


def _time_in_name(source: RecordSource) -> datetime | None:
    found = _RUN_NAME.search(source.file)
    if not found:
        return None
    day, hour, minute, second, milliseconds = found.groups()
    try:
        return datetime.fromisoformat(f"{day}T{hour}:{minute}:{second}.{milliseconds}+00:00").astimezone(UTC)
    except ValueError:  # digits that only look like a time
        return None
