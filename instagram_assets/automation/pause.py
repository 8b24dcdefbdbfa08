"""What the web app asks `dev` to forget, and how far that is: files in a private folder that only these two know.

Forgetting needs the data folder for itself, so `dev` ends all but the web app meanwhile. The folder is none of the data
folder's, in which the name would be found again, and it goes with `dev`.
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
LOG = "forget.log"
_ASKED, _STATE = "asked.json", "state.json"
_BUSY = "Something is being forgotten already. Wait for its end, then ask again."
PAUSED = "Something is being forgotten, and nothing may change meanwhile. Wait for its end, then try again."
"""What is said to whoever wants to change something then."""
_KEPT_SECONDS = 900.0
"""How long the log of what ended is kept, for whoever looks at it; it holds the name."""


class Phase(StrEnum):
    """How far it is; `refused` is when runs go on, `failed` when the command ended with an error."""

    asked = "asked"
    stopping = "stopping"
    forgetting = "forgetting"
    starting = "starting"
    done = "done"
    refused = "refused"
    failed = "failed"

    @property
    def is_over(self) -> bool:
        return self in (Phase.done, Phase.refused, Phase.failed)

    @property
    def is_pause(self) -> bool:
        """Whether Dagster is away because of it."""
        return self in (Phase.stopping, Phase.forgetting, Phase.starting)


@dataclass(frozen=True)
class Wish:
    """What is to be forgotten, as the command `forget` takes it; `changed_at` is in seconds since 1970."""

    target: str
    is_bare: bool = False
    phase: Phase = Phase.asked
    detail: str = ""
    changed_at: float = field(default_factory=time.time)

    def at(self, phase: Phase, detail: str = "") -> "Wish":
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
    """For the web app: whether Dagster is away because something is being forgotten."""
    folder = pause_folder()
    wish = current(folder) if folder else None
    return wish is not None and wish.phase.is_pause


def refuse_while_paused() -> None:
    """For the web app: raise PausedError while something is being forgotten."""
    if is_paused():
        raise PausedError(PAUSED)


def last_change() -> float:
    """For the web app: when a forgetting was last asked for, begun or ended; what it knew before may name who went."""
    folder = pause_folder()
    wish = current(folder) if folder else None
    return wish.changed_at if wish else 0.0


def ask(folder: Path, wish: Wish) -> None:
    """Ask for it. Raises ConflictError while something is being forgotten."""
    now = current(folder)
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


def current(folder: Path) -> Wish | None:
    """What was asked for last, and how far it is; null when there was nothing lately."""
    return _read(folder / _ASKED) or _read(folder / _STATE)


def asked_for(folder: Path) -> Wish | None:
    """For `dev`: what was asked for and not begun."""
    return _read(folder / _ASKED)


def tell(folder: Path, wish: Wish) -> None:
    """For `dev`: how far it is now."""
    with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as file:
        json.dump(asdict(wish), file)
    os.replace(file.name, folder / _STATE)
    (folder / _ASKED).unlink(missing_ok=True)


def log_lines(folder: Path, most: int = 400) -> list[str]:
    """The last lines that the command said."""
    with suppress(FileNotFoundError):
        return (folder / LOG).read_text("utf-8", "replace").splitlines()[-most:]
    return []


def tidy(folder: Path) -> None:
    """For `dev`: take away what tells the name, a while after it ended."""
    state = _read(folder / _STATE)
    if state and state.phase.is_over and time.time() - state.changed_at > _KEPT_SECONDS:
        for path in _told(folder):
            path.unlink(missing_ok=True)


def _told(folder: Path) -> Iterator[Path]:
    yield from (folder / _STATE, folder / LOG, *folder.glob("forget.previous*"))


def _read(file: Path) -> Wish | None:
    try:
        found = json.loads(file.read_bytes())
    except FileNotFoundError:
        return None
    return Wish(found["target"], found["is_bare"], Phase(found["phase"]), found["detail"], found["changed_at"])
