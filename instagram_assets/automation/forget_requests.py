"""Requests of the web app that `dev` erase an account, and their progress, exchanged as files in a private folder.

Erasure needs exclusive use of the data folder, so `dev` stops everything but the web app meanwhile. The private folder
lies outside the data folder, where the erased name would remain, and is deleted with `dev`.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from instagram_assets.errors import ConflictError, PausedError

PAUSE_FOLDER = "INSTAGRAM_DEV_PAUSE_FOLDER"
"""The environment variable by which the web app of a `dev` knows the folder."""
FORGET_LOG = "forget.log"
_ASKED, _STATE = "asked.json", "state.json"
_BUSY = "Something is being forgotten already. Wait for its end, then ask again."
PAUSED_MESSAGE = "Something is being forgotten, and nothing may change meanwhile. Wait for its end, then try again."
"""The error message for changes that are attempted meanwhile."""
_KEPT_SECONDS = 900.0
"""How long the log of a finished erasure is kept; it contains the name."""


class ForgetPhase(StrEnum):
    """Progress of a request: `refused` because runs are active, `failed` when the command ended with an error."""

    asked = "asked"
    stopping = "stopping"
    forgetting = "forgetting"
    starting = "starting"
    done = "done"
    refused = "refused"
    failed = "failed"

    @property
    def is_over(self) -> bool:
        return self in (ForgetPhase.done, ForgetPhase.refused, ForgetPhase.failed)

    @property
    def is_pause(self) -> bool:
        """Whether Dagster is stopped for it."""
        return self in (ForgetPhase.stopping, ForgetPhase.forgetting, ForgetPhase.starting)


@dataclass(frozen=True)
class ForgetRequest:
    """What to erase, as the command `forget` takes it, with its progress; `changed_at` is a Unix timestamp."""

    target: str
    is_bare: bool = False
    phase: ForgetPhase = ForgetPhase.asked
    detail: str = ""
    changed_at: float = field(default_factory=time.time)

    def at(self, phase: ForgetPhase, detail: str = "") -> "ForgetRequest":
        return replace(self, phase=phase, detail=detail, changed_at=time.time())

    @property
    def command(self) -> list[str]:
        """The command line that does it."""
        return ["forget", "--yes", *(["--bare"] if self.is_bare else []), "--", self.target]


def pause_folder() -> Path | None:
    """For the web app: the folder that it shares with the `dev` that started it; null without one."""
    folder = os.environ.get(PAUSE_FOLDER, "")
    return Path(folder) if folder and Path(folder).is_dir() else None


def is_paused() -> bool:
    """For the web app: whether Dagster is stopped because of an erasure."""
    folder = pause_folder()
    wish = current_request(folder) if folder else None
    return wish is not None and wish.phase.is_pause


def refuse_while_paused() -> None:
    """For the web app: raise PausedError during an erasure."""
    if is_paused():
        raise PausedError(PAUSED_MESSAGE)


def last_change() -> float:
    """For the web app: Unix timestamp of the last change of a request; older caches may contain the erased name."""
    folder = pause_folder()
    wish = current_request(folder) if folder else None
    return wish.changed_at if wish else 0.0


def submit_request(folder: Path, wish: ForgetRequest) -> None:
    """For the web app: submit a request. Raises ConflictError while another one is pending or active."""
    now = current_request(folder)
    if now and not now.phase.is_over:
        raise ConflictError(_BUSY)
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", encoding="utf-8") as file:
        json.dump(asdict(wish), file)
        file.flush()
        try:
            os.link(file.name, folder / _ASKED)
        except FileExistsError:
            raise ConflictError(
                "Something else is to be forgotten just now. Wait for its end, then ask again."
            ) from None


def current_request(folder: Path) -> ForgetRequest | None:
    """The last request with its progress, or None."""
    return _read(folder / _ASKED) or _read(folder / _STATE)


def pending_request(folder: Path) -> ForgetRequest | None:
    """For `dev`: the request that is not begun yet, or None."""
    return _read(folder / _ASKED)


def write_state(folder: Path, wish: ForgetRequest) -> None:
    """For `dev`: write the progress of the request."""
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as file:
        json.dump(asdict(wish), file)
    os.replace(file.name, folder / _STATE)
    (folder / _ASKED).unlink(missing_ok=True)


def forget_log_lines(folder: Path, most: int = 400) -> list[str]:
    """The last lines of the command's output, at most `most`."""
    with suppress(FileNotFoundError):
        return (folder / FORGET_LOG).read_text("utf-8", "replace").splitlines()[-most:]
    return []


def delete_old_state(folder: Path) -> None:
    """For `dev`: delete state and log, which contain the name, some time after the request ended."""
    state = _read(folder / _STATE)
    if state and state.phase.is_over and time.time() - state.changed_at > _KEPT_SECONDS:
        for path in _told(folder):
            path.unlink(missing_ok=True)


def _told(folder: Path) -> Iterator[Path]:
    yield from (folder / _STATE, folder / FORGET_LOG, *folder.glob("forget.previous*"))


def _read(file: Path) -> ForgetRequest | None:
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    return ForgetRequest(
        found["target"], found["is_bare"], ForgetPhase(found["phase"]), found["detail"], found["changed_at"]
    )
