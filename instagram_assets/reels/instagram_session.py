"""Reads Instaloader session files safely: only the user's own file, in a separate process, and only its cookies."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

from instagram_assets.errors import FileError, SettingsError
from instagram_assets.reels import session_unpickler

SESSION_FILE = "INSTAGRAM_ASSETS_REELS__SESSION_FILE"
SESSION_USER = "INSTAGRAM_ASSETS_REELS__SESSION_USER"
REQUIRED_COOKIES = ("sessionid", "csrftoken", "ds_user_id")
"""Cookies without which Instagram treats a request as not logged in."""

_MAKE = "Make one as yourself: `instaloader --login NAME --sessionfile FILE`"
_AGAIN = "Run again; if it stays, the Python of this environment cannot start by itself"
_SECONDS = 30


class InstagramSession:
    """An Instagram login: the account's name and its cookies, which are left out of its repr."""

    def __init__(self, user: str, cookies: dict[str, str]) -> None:
        self.user = user
        self.cookies = cookies

    def __repr__(self) -> str:
        return f"Session({self.user!r})"


def read_session(file: str, user: str = "") -> InstagramSession:
    """Returns the session in a file that Instaloader wrote; without `user` the name comes from `session-NAME`.

    Raises FileError for a file that is missing, that other users can write to, or that contains anything but cookies;
    SettingsError if neither `user` nor the file name gives the account's name.
    """
    path = Path(file).expanduser()
    _check_there(path)
    own_name = path.name.removeprefix("session-") if path.name.startswith("session-") else ""
    name = user.strip().lstrip("@") or own_name
    if not name:
        raise SettingsError(f"{SESSION_USER} is not set. Set it to the account that the session file belongs to.")
    cookies = _cookies(path, _bytes_of(path))
    if missing := [cookie for cookie in REQUIRED_COOKIES if not cookies.get(cookie)]:
        raise FileError(str(path), f"is no session that is logged in: it has no cookie {', '.join(missing)}", _MAKE)
    return InstagramSession(name, cookies)


def _check_there(path: Path) -> None:
    """Raises FileError if the session file is missing; other problems are reported when it is read."""
    try:
        path.lstat()
    except FileNotFoundError as error:
        remedy = f"{_MAKE}, or set {SESSION_FILE} to the one that is there"
        raise FileError(str(path), "does not exist", remedy) from error
    except OSError:
        return


def _bytes_of(path: Path) -> bytes:
    """Returns a file's content; raises FileError if other users can write to it. Checks the descriptor it reads."""
    try:
        folder = path.parent.resolve().stat()
        # Does not block on a pipe, and does not follow a link, which could be switched.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        remedy = "Name the file itself, no link to it" if path.is_symlink() else f"Set {SESSION_FILE} to one"
        raise FileError(str(path), f"cannot be read ({error.strerror})", remedy) from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileError(str(path), "is no file", f"Set {SESSION_FILE} to a session file")
        _check_owner(path, status, folder)
        data = os.read(descriptor, session_unpickler.MAX_SESSION_BYTES + 1)
    finally:
        os.close(descriptor)
    if not data or len(data) > session_unpickler.MAX_SESSION_BYTES:
        raise FileError(str(path), "is empty or far too large for a session", _MAKE)
    return data


def _check_owner(path: Path, status: os.stat_result, folder: os.stat_result) -> None:
    """Raises FileError if another user could have written the file, since loading a pickle can run code."""
    if status.st_uid != os.geteuid():
        raise FileError(str(path), "belongs to another user, and a session file is a program", _MAKE)
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        remedy = f"Make a new one, or if nobody else wrote it: chmod 600 {path}"
        raise FileError(str(path), "may be written by others, and a session file is a program", remedy)
    shared = folder.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not folder.st_mode & stat.S_ISVTX
    if shared or folder.st_uid not in (os.geteuid(), 0):
        remedy = "Put it into a folder of your own, such as ~/.config/instaloader"
        raise FileError(str(path), "lies in a folder in which others may exchange it", remedy)


def _cookies(path: Path, data: bytes) -> dict[str, str]:
    """Returns the cookies of a pickled session, loaded in a process without files, network and environment."""
    program = [sys.executable, "-I", "-S", session_unpickler.__file__]
    # Some Pythons need it to find their library.
    environment = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    try:
        done = subprocess.run(program, input=data, capture_output=True, env=environment, cwd="/", timeout=_SECONDS)
    except (subprocess.TimeoutExpired, OSError) as error:
        raise FileError(str(path), f"cannot be read in a process apart ({type(error).__name__})", _AGAIN) from None
    # A negative code means that a resource limit of the process was reached.
    if done.returncode < 0 or done.returncode == session_unpickler.EXIT_REFUSED:
        problem = "is no session of Instaloader: it holds more than names and values of cookies"
        raise FileError(str(path), problem, f"Do not use it. {_MAKE}")
    if done.returncode:
        raise FileError(str(path), f"cannot be read in a process apart (exit status {done.returncode})", _AGAIN)
    cookies: dict[str, Any] = json.loads(done.stdout)
    return {str(name): str(value) for name, value in cookies.items()}
