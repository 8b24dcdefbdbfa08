"""Erasure requests from the web app to `dev`, and their progress, exchanged as files in a private folder.

An erasure needs exclusive use of the data folder, so `dev` stops all processes except the web app meanwhile. The
private folder is outside of the data folder, in which no file must contain the erased name, and is deleted when `dev`
ends.
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
"""Environment variable with the path of the private folder, set for the web app that `dev` starts."""
FORGET_LOG = "forget.log"
_ASKED, _STATE = "asked.json", "state.json"
_BUSY = "Something is being forgotten already. Wait for its end, then ask again."
PAUSED_MESSAGE = "Something is being forgotten, and nothing may change meanwhile. Wait for its end, then try again."
"""Error message for changes that are attempted during an erasure."""
_KEPT_SECONDS = 900.0
"""Seconds for which the log of a finished erasure is kept; it contains the erased name."""


class ForgetPhase(StrEnum):
    """Progress of an erasure request: `refused` if runs are active, `failed` if the command ended with an error."""

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
        """Whether Dagster is stopped during this phase of an erasure."""
        return self in (ForgetPhase.stopping, ForgetPhase.forgetting, ForgetPhase.starting)


@dataclass(frozen=True)
class ForgetRequest:
    """An erasure request: arguments of the command `forget`, and progress; `changed_at` is a Unix timestamp."""

    target: str
    is_bare: bool = False
    phase: ForgetPhase = ForgetPhase.asked
    detail: str = ""
    changed_at: float = field(default_factory=time.time)

    def at(self, phase: ForgetPhase, detail: str = "") -> "ForgetRequest":
        return replace(self, phase=phase, detail=detail, changed_at=time.time())

    @property
    def command(self) -> list[str]:
        """The command line arguments of `forget` that make this erasure."""
        return ["forget", "--yes", *(["--bare"] if self.is_bare else []), "--", self.target]


def pause_folder() -> Path | None:
    """For the web app: the private folder shared with the `dev` that started it; None if `dev` did not start it."""
    folder = os.environ.get(PAUSE_FOLDER, "")
    return Path(folder) if folder and Path(folder).is_dir() else None


def is_paused() -> bool:
    """For the web app: whether Dagster is stopped because of an erasure."""
    folder = pause_folder()
    wish = current_request(folder) if folder else None
    return wish is not None and wish.phase.is_pause


def refuse_while_paused() -> None:
    """For the web app: raise PausedError while Dagster is stopped because of an erasure."""
    if is_paused():
        raise PausedError(PAUSED_MESSAGE)


def last_change() -> float:
    """For the web app: Unix timestamp of the last change of an erasure request.

    Caches that are older can contain the erased name.
    """
    folder = pause_folder()
    wish = current_request(folder) if folder else None
    return wish.changed_at if wish else 0.0


def submit_request(folder: Path, wish: ForgetRequest) -> None:
    """For the web app: submit an erasure request. Raises ConflictError while another one is pending or active."""
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
    """The last erasure request with its progress, or None."""
    return _read(folder / _ASKED) or _read(folder / _STATE)


def pending_request(folder: Path) -> ForgetRequest | None:
    """For `dev`: the erasure request that was not started yet, or None."""
    return _read(folder / _ASKED)


def write_state(folder: Path, wish: ForgetRequest) -> None:
    """For `dev`: write an erasure request with its new progress."""
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as file:
        json.dump(asdict(wish), file)
    os.replace(file.name, folder / _STATE)
    (folder / _ASKED).unlink(missing_ok=True)


def forget_log_lines(folder: Path, most: int = 400) -> list[str]:
    """The last lines of the erasure command's output, at most `most`."""
    with suppress(FileNotFoundError):
        return (folder / FORGET_LOG).read_text("utf-8", "replace").splitlines()[-most:]
    return []


def delete_old_state(folder: Path) -> None:
    """For `dev`: delete the request and its log, which contain the erased name, some time after the erasure ended."""
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
