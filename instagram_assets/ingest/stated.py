"""What a person says of records: when they were read from Instagram, also in a note beside them, and whose they are."""

import errno
from datetime import datetime
from pathlib import Path

from instagram_assets.errors import FileError, RecordError, SettingsError
from instagram_assets.ingest import values

# A file of this ending beside an export, or beside a folder of them, says when its records were read from Instagram.
STATED = ".observed_at"


def parse_moment(text: str) -> datetime | None:
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


def parse_account(text: str) -> str:
    """An account's name as tables have it; empty for no text. Raises SettingsError for what no account is called."""
    if not text:
        return ""
    try:
        return values.account_name(text, "account")
    except RecordError as error:
        raise SettingsError(f"{error}. Use the name in the address of the profile, such as sun_diary.") from error


def stated_beside(path: Path) -> datetime | None:
    """The time that a file of the same name with STATED beside it says; None when there is none.

    Raises FileError when it says none that can be used.
    """
    note = path.with_name(path.name + STATED)
    try:
        return parse_moment(note.read_text(encoding="utf-8-sig").strip())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (SettingsError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:  # so there is none
            return None
        remedy = "Mend that file, then put both into the inbox again"
        raise FileError(str(note), str(error).rstrip("."), remedy) from error
