"""Origin of a record: its file, account and observation time, as stated by a person, the record or the file."""

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

# A file of this ending beside an export, or beside a folder of them, says when its records were read from Instagram.
OBSERVED_AT_SUFFIX = ".observed_at"


def parse_observed_at(text: str) -> datetime | None:
    """An aware time from its ISO form; None for no text. Raises SettingsError for anything else."""
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
    """An account's name as tables have it; empty for no text. Raises SettingsError for what no account is called."""
    if not text:
        return ""
    try:
        return field_values.parse_account_name(text, "account")
    except RecordError as error:
        raise SettingsError(f"{error}. Use the name in the address of the profile, such as sun_diary.") from error


def observed_at_beside(path: Path) -> datetime | None:
    """The time that a file of the same name with STATED beside it says; None when there is none.

    Raises FileError when it says none that can be used.
    """
    note = path.with_name(path.name + OBSERVED_AT_SUFFIX)
    try:
        return parse_observed_at(note.read_text(encoding="utf-8-sig").strip())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (SettingsError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # so there is none
            return None
        remedy = "Mend that file, then put both into the inbox again"
        raise FileError(str(note), str(error).rstrip("."), remedy) from error


OBSERVED_FIELDS = ("observed_at", "observedAt", "scrapedAt", "scraped_at")

# The names that Apify gives the datasets of its runs. Other tools put the time of publication into names.
_RUN_NAME = re.compile(r"dataset_.*?(20\d\d-[01]\d-[0-3]\d)_([0-2]\d)-([0-5]\d)-([0-5]\d)-(\d{3})(?!\d)")

LandingRow = dict[str, Any]
PostKey = tuple[str, str | None, str]
"""Id, shortcode and account of a post."""


@dataclass(frozen=True)
class RecordSource:
    """The file that records come from: its name and hash, the time zone, and what is known of when it was made.

    `stated_at` is what a person says of it, `modified_at` when it was last written, `first_seen` when it came in.
    `account` is whose records a person says they are, `path` where the file lies, in which `find_owner` finds whose
    archive it is: for records that do not say it. `keep_extra` says whether fields without a column are kept. Nothing
    is taken in of what is `forgotten`. `pseudonym_of` gives a person's pseudonym, null where comments are dropped;
    `find_post` finds the post beside which a file of comments lies. What was observed before `past_before` is past
    retention. `people` are names, in lower case, that texts of comments lose: of the lake, and of the file so far.
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
    def place(self) -> str:
        """The file's name for errors: where it lies, if that is known."""
        return str(self.path or self.file)

    @cached_property
    def archive_owner(self) -> str | None:
        """Whose archive the file is from, for records that do not say it; looked for once, where it is asked."""
        own = self.find_owner(self.path) if self.path and self.find_owner else None
        return agreed_owner(self.account, own, self.place)

    @cached_property
    def post_beside(self) -> PostKey | None:
        """The post beside which the file lies, for comments that do not say it; looked for once, where it is asked."""
        return self.find_post() if self.find_post else None

    @cached_property
    def _guesses(self) -> tuple[datetime, ...]:
        """When records that do not say it may have been read, the likeliest first; never after the file was seen."""
        found = (_time_in_name(self), self.modified_at)
        return (*(moment for moment in found if moment and moment <= self.first_seen), self.first_seen)

    @property
    def observed_at(self) -> datetime:
        """When records were read from Instagram that say neither that nor when they were published."""
        return self.stated_at or self._guesses[0]

    def observed(self, taken_at: datetime | None, said: datetime | None = None) -> datetime:
        """When a post of `taken_at` was read from Instagram: the first answer that is after its publication.

        That is what a person stated, what the record `said`, the time in the name of an Apify dataset, when the file
        was written, when it was first seen.
        """
        for moment in (self.stated_at, said, *self._guesses):
            if moment and (taken_at is None or moment > taken_at):
                return moment
        return self.first_seen


def observed_at_of(record: Record, source: RecordSource, warnings: list[str]) -> datetime | None:
    """When the record itself says that it was read from Instagram; null when it does not."""
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
