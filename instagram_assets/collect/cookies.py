"""Cookies of the user's own login, read from a file that a browser extension exported; their values are never shown."""

import json
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from instagram_assets.collect.clock import utc_datetime
from instagram_assets.errors import FileError
from instagram_assets.sources.user_files import SmallFile, read_small_file

COOKIE_FILE_SETTING = "INSTAGRAM_ASSETS_COLLECTION__COOKIE_FILE"
_REQUIRED_COOKIES = ("sessionid", "csrftoken")
_MOST_BYTES = 5_000_000
_HOST = "instagram.com"
_HTTP_ONLY = "#HttpOnly_"
_MILLISECONDS = 100_000_000_000
"""Expiry times above this are in milliseconds; in seconds it would be the year 5138."""
_EXPORT = "Log in to Instagram with a browser and export its cookies as cookies.txt or JSON"
_FORMS = "It has to be a cookies.txt, or the JSON of a browser's extension"


@dataclass(frozen=True)
class Cookies:
    """Session cookies of a user's login; `warnings` are messages about the cookie file for the user."""

    user_id: str = field(repr=False)
    session: str = field(repr=False)
    token: str = field(repr=False)
    warnings: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """Name of this login in the collector's database, without secrets; the same for all sessions of an account."""
        return f"instagram:{sha256(f'instagram {self.user_id}'.encode()).hexdigest()[:16]}"

    @property
    def headers(self) -> dict[str, str]:
        """The HTTP request headers with the cookies (secret: not to be logged)."""
        pairs = {"sessionid": self.session, "csrftoken": self.token, "ds_user_id": self.user_id}
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in pairs.items()), "X-CSRFToken": self.token}


class _Cookie(NamedTuple):
    host: str
    name: str
    value: str
    expires: float = 0.0
    """Unix seconds; 0 for a session cookie, which ends with the browser."""


def read_cookies(file: str, now: float) -> Cookies:
    """Read the login from a cookie file: cookies.txt, a browser extension's JSON, or a JSON object of names and values.

    Raises FileError, which says what to do, if the file is missing, has another format, or contains no login that is
    valid at `now` (Unix seconds). No message contains the value of a cookie.
    """
    found = read_small_file(file, _MOST_BYTES, f"{_EXPORT}, and set {COOKIE_FILE_SETTING} to that file")
    path, cookies = found.path, _parsed(found)
    ours = [one for one in cookies if one.host == _HOST or one.host.endswith(f".{_HOST}")]
    if not ours:
        hosts = ", ".join(sorted({one.host for one in cookies})[:3])
        problem = f"holds cookies of {hosts} and none of {_HOST}" if hosts else "holds no cookies"
        raise FileError(str(path), problem, f"{_EXPORT} while {_HOST} is open")
    # A browser can have several cookies of a name; the one that expires last is the newest.
    newest = {one.name: one for one in sorted(ours, key=lambda one: one.expires) if one.value}
    if missing := [name for name in _REQUIRED_COOKIES if name not in newest]:
        problem = f"is of nobody who is logged in: it has no cookie {' and no '.join(missing)}"
        raise FileError(str(path), problem, _EXPORT)
    session = newest["sessionid"]
    if 0 < session.expires <= now:
        ended = utc_datetime(session.expires).date().isoformat()
        raise FileError(str(path), f"holds a login that ended on {ended}", _EXPORT)
    # The session begins with the account's number.
    own = newest.get("ds_user_id") or session._replace(value=session.value.partition("%")[0].partition(":")[0])
    if not (own.value.isascii() and own.value.isdigit()):
        raise FileError(str(path), "does not say which account is logged in: it has no cookie ds_user_id", _EXPORT)
    for one in (session, newest["csrftoken"]):
        if not one.value.isascii() or not one.value.isprintable() or set(one.value) & set(' ;,"\\'):
            raise FileError(str(path), f"has a cookie {one.name} with signs that are in no cookie", _EXPORT)
    return Cookies(own.value, session.value, newest["csrftoken"].value, _warnings(found))


def _warnings(found: SmallFile) -> tuple[str, ...]:
    """A warning if other users of this machine can read the file; else empty."""
    if not found.mode & (stat.S_IRWXG | stat.S_IRWXO):
        return ()
    path = found.path
    return (f"{path} is a login, and other users of this machine may read or change it: chmod 600 {path}",)


def _parsed(found: SmallFile) -> list[_Cookie]:
    path, data = found.path, found.data
    if data.startswith(b"\x80"):
        problem = "is a pickle, as Instaloader's sessions are, and a pickle is a program: it is not read here"
        raise FileError(str(path), problem, _EXPORT)
    if data.startswith(b"SQLite format 3"):
        raise FileError(str(path), "is a browser's own database of cookies, which is not read", _EXPORT)
    text = found.text(f"{_FORMS}. {_EXPORT}")
    if text.lstrip()[:1] in ("{", "["):
        try:
            return _of_json(json.loads(text))
        except (ValueError, RecursionError):
            raise FileError(str(path), "is no valid JSON", _EXPORT) from None
    cookies = _of_lines(text)
    if not cookies and any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines()):
        raise FileError(str(path), "is no file of cookies", f"{_FORMS}. {_EXPORT}")
    return cookies


def _of_lines(text: str) -> list[_Cookie]:
    """Parse the cookies of a cookies.txt: seven tab-separated fields per line."""
    found: list[_Cookie] = []
    for line in text.splitlines():
        fields = line.removeprefix(_HTTP_ONLY).split("\t")
        if len(fields) == 7 and not fields[0].startswith("#"):
            found.append(_Cookie(_host(fields[0]), fields[5].strip(), fields[6].strip(), _expiry(fields[4])))
    return found


def _of_json(value: Any) -> list[_Cookie]:
    """Extract the cookies from JSON: a list of cookies, a list under the key `cookies`, or an object {name: value}."""
    inner: Any = value.get("cookies", value) if isinstance(value, dict) else value
    if isinstance(inner, dict):
        pairs: Mapping[str, Any] = inner
        return [_Cookie(_HOST, name, text) for name, text in pairs.items() if isinstance(text, str)]
    items: Iterable[Any] = inner if isinstance(inner, list) else ()
    return [cookie for item in items if isinstance(item, dict) and (cookie := _of_object(item)) is not None]


def _of_object(item: Mapping[str, Any]) -> _Cookie | None:
    host, name, value = item.get("domain", item.get("host")), item.get("name"), item.get("value")
    if not (isinstance(host, str) and isinstance(name, str) and isinstance(value, str)):
        return None
    expires = next((item[key] for key in ("expirationDate", "expires", "expiry") if key in item), 0)
    return _Cookie(_host(host), name, value, _expiry(expires))


def _host(text: str) -> str:
    return text.strip().casefold().lstrip(".")


def _expiry(value: object) -> float:
    """A cookie's expiry in Unix seconds; 0 for a session cookie (0 or -1) or an invalid value."""
    try:
        seconds = float(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, ValueError):
        return 0.0
    if not 0 < seconds < _MILLISECONDS * 1_000:
        return 0.0
    return seconds / 1_000 if seconds > _MILLISECONDS else seconds
