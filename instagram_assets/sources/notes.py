"""What is known of each start of an actor, written down before it: so nothing is started, and paid, twice."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from instagram_assets.errors import FileError
from instagram_assets.storage.atomic import remove_durably, write_atomic

REPEATED_WITHIN = timedelta(hours=12)
"""An equal request that comes so soon after one that succeeded is taken for its repetition."""


@dataclass(frozen=True)
class Note:
    """One start of an actor, and how far it has come.

    `marker` finds the run of a start that was never answered, `after` and `after_at` are the newest run of the actor
    before it. `run` is empty until its number is known, `status` until nothing remains to be done; what SUCCEEDED is
    in the inbox. `is_cancelled` says that it was called off before its run was known. `asked_at`, `after_at` and
    `ended_at` are ISO times.
    """

    name: str
    digest: str
    actor: str
    input: dict[str, Any]
    marker: str
    asked_at: str
    after: str = ""
    after_at: str = ""
    run: str = ""
    is_cancelled: bool = False
    status: str = ""
    file: str = ""
    items: int = 0
    charge_usd: float | None = None
    ended_at: str = ""

    @property
    def is_open(self) -> bool:
        """Whether a run was started, or may have been, whose records are not in the inbox yet."""
        return not self.status

    def is_old(self, now: datetime) -> bool:
        """Whether it was asked for so long ago that nobody waits for it any more."""
        return now - datetime.fromisoformat(self.asked_at) >= REPEATED_WITHIN

    def is_repetition(self, now: datetime) -> bool:
        """Whether it succeeded so lately that the same request would bring the same."""
        return self.status == "SUCCEEDED" and now - datetime.fromisoformat(self.ended_at) < REPEATED_WITHIN


def save(folder: Path, note: Note) -> Note:
    """Write a note down, durably; the note."""
    text = json.dumps(asdict(note), ensure_ascii=False, indent=1)
    write_atomic(_path(folder, note.digest), lambda stream: stream.write(text.encode()))
    return note


def forget(folder: Path, note: Note) -> None:
    """Take a note away: the start was refused, so that nothing runs."""
    remove_durably(_path(folder, note.digest))


def find(folder: Path, digest: str) -> Note | None:
    """The note of a request; null when it was never made. Raises FileError when the note cannot be read."""
    path = _path(folder, digest)
    return _read(path) if path.exists() else None


def open_notes(folder: Path, tell_damaged: Callable[[FileError], object]) -> list[Note]:
    """The notes of starts that are not finished, the oldest first; `tell_damaged` is given what cannot be read."""
    found: list[Note] = []
    for path in sorted(folder.glob("[!.]*.json")):
        try:
            note = _read(path)
        except FileError as error:
            tell_damaged(error)
            continue
        if note.is_open:
            found.append(note)
    return sorted(found, key=lambda note: note.asked_at)


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)


def _path(folder: Path, digest: str) -> Path:
    return folder / f"{digest[:16]}.json"


def _read(path: Path) -> Note:
    try:
        return Note(**json.loads(path.read_bytes()))
    except OSError as error:
        raise FileError(str(path), f"cannot be read ({error.strerror})", "Check that you may read it") from error
    except (ValueError, TypeError) as error:
        remedy = "See at https://console.apify.com/actors/runs that no run of it goes on, then delete this file"
        raise FileError(str(path), "is no note of a scrape", remedy) from error
