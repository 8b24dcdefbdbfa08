"""Where a record came from, and when what it says was seen."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from instagram_assets.errors import RecordError
from instagram_assets.ingest.archive_owner import agreed_owner
from instagram_assets.ingest.moments import moment_in
from instagram_assets.ingest.reader.json_values import Record
from instagram_assets.privacy.forgotten_identifiers import NOTHING_FORGOTTEN, Forgotten

OBSERVED_FIELDS = ("observed_at", "observedAt", "scrapedAt", "scraped_at")

# The names that Apify gives the datasets of its runs. Other tools put the time of publication into names.
_RUN_NAME = re.compile(r"dataset_.*?(20\d\d-[01]\d-[0-3]\d)_([0-2]\d)-([0-5]\d)-([0-5]\d)-(\d{3})(?!\d)")

Row = dict[str, Any]
PostBeside = tuple[str, str | None, str]
"""Id, shortcode and account of a post."""


@dataclass(frozen=True)
class Source:
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
    find_post: Callable[[], PostBeside | None] | None = None
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
    def post_beside(self) -> PostBeside | None:
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


def said_at(record: Record, source: Source, warnings: list[str]) -> datetime | None:
    """When the record itself says that it was read from Instagram; null when it does not."""
    for each in OBSERVED_FIELDS:
        if record.get(each) is None:
            continue
        try:
            return moment_in(record[each], each, warnings, source.zone, source.first_seen)
        except RecordError as error:
            warnings.append(f"{error}, not used")
    return None


def _time_in_name(source: Source) -> datetime | None:
    found = _RUN_NAME.search(source.file)
    if not found:
        return None
    day, hour, minute, second, milliseconds = found.groups()
    try:
        return datetime.fromisoformat(f"{day}T{hour}:{minute}:{second}.{milliseconds}+00:00").astimezone(UTC)
    except ValueError:  # digits that only look like a time
        return None
