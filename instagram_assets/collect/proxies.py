"""HTTP proxies that a user configured: parsing of the list, and failover to the next when one fails.

A proxy is only a route to the site: rate limits, circuit breaker and suspensions belong to the identity (login, token
or anonymous client), whichever proxy is used. The proxy is switched only when it fails itself, never when the site
refuses a request: evading a rate limit from another IP address defeats that limit, and gets accounts locked.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from instagram_assets.collect.clock import Clock, utc_datetime
from instagram_assets.errors import FileError, ProxiesError
from instagram_assets.report.safe_text import printable
from instagram_assets.sources.user_files import read_small_file

FIRST_PROXY_PAUSE, MAX_PROXY_PAUSE = 60.0, 3_600.0
"""First and longest pause in seconds of a proxy that failed; doubled with each failure in a row."""
_MOST_BYTES = 1_000_000
_FAULTS_TOLD = 5
_HOST = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_EXAMPLE = "http://host:port or http://user:password@host:port"
_REMEDY = f"Write one on each line, as {_EXAMPLE}"


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy; its user name and password are never shown in messages."""

    host: str
    port: int
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def name(self) -> str:
        """The proxy's display name: `host:port`."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.name}"


class Proxies:
    """Selects the proxy for each request: the same one as long as it works, then the next one that is not paused.

    A proxy is paused for some time after it failed.
    """

    def __init__(self, proxies: Sequence[Proxy], clock: Clock, log: Callable[[str], object] = lambda _: None) -> None:
        if not proxies:
            raise ValueError("no proxies")
        self._proxies = list(proxies)
        self._clock = clock
        self._log = log
        self._current = 0
        self._rests: dict[Proxy, _Rest] = {}

    def choose(self) -> Proxy:
        """The proxy for the next request.

        Raises ProxiesError, with the time at which the next proxy can be tried, if all are paused.
        """
        now = self._clock.now()
        for step in range(len(self._proxies)):
            place = (self._current + step) % len(self._proxies)
            rest = self._rests.get(self._proxies[place])
            if rest is None or rest.until <= now:
                self._current = place
                return self._proxies[place]
        raise self._none_left()

    def worked(self, proxy: Proxy) -> None:
        """Record that a proxy works: it delivered a response of the site, with any HTTP status."""
        self._rests.pop(proxy, None)

    def failed(self, proxy: Proxy, reason: str) -> None:
        """Record that a proxy did not reach the site, and pause it; the pause grows with each failure in a row."""
        before = self._rests.get(proxy)
        seconds = FIRST_PROXY_PAUSE if before is None else min(before.seconds * 2, MAX_PROXY_PAUSE)
        self._rests[proxy] = _Rest(self._clock.now() + seconds, seconds, reason)
        self._log(f"The proxy {proxy.name} {reason}; it is set aside for {seconds / 60:.0f} min.")

    def _none_left(self) -> ProxiesError:
        until = min(rest.until for rest in self._rests.values())
        said = "; ".join(f"{proxy.name} {self._rests[proxy].reason}" for proxy in self._proxies[:_FAULTS_TOLD])
        if (more := len(self._proxies) - _FAULTS_TOLD) > 0:
            said = f"{said}; and {more} more"
        remedy = (
            f"Give others, or none, or run again after {utc_datetime(until):%H:%M} UTC, when the first is tried again."
        )
        return ProxiesError(f"None of the proxies works: {said}. {remedy}", until)


@dataclass(frozen=True)
class _Rest:
    until: float
    seconds: float
    reason: str


def read_proxies(file: str | Path) -> tuple[Proxy, ...]:
    """Read a file of proxies, one per line, in order and without duplicates; empty lines and `#` comments are skipped.

    Raises FileError that names each faulty line by its number and says what is wrong, never with a password in it.
    """
    opened = read_small_file(file, _MOST_BYTES, _REMEDY)
    path = opened.path
    found: dict[Proxy, None] = {}
    faults: list[str] = []
    for number, line in enumerate(opened.text(_REMEDY).splitlines(), 1):
        text = re.sub(r"(^|\s)#.*", "", line).strip()
        if not text:
            continue
        try:
            found[parse_proxy(text)] = None
        except ValueError as fault:
            faults.append(f"line {number}: {fault}")
    if faults:
        more = f"; and {len(faults) - _FAULTS_TOLD} more" if len(faults) > _FAULTS_TOLD else ""
        raise FileError(str(path), f"holds what is no proxy ({'; '.join(faults[:_FAULTS_TOLD])}{more})", _REMEDY)
    if not found:
        raise FileError(str(path), "holds no proxy", _REMEDY)
    return tuple(found)


def parse_proxy(text: str) -> Proxy:
    """Parse a line of a proxy list. Raises ValueError, which says what is wrong without the password."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    if scheme.casefold().startswith("socks"):
        raise ValueError("SOCKS proxies cannot be used; give one that speaks HTTP")
    if scheme.casefold() != "http":
        # The traffic with the site is encrypted in any case: the proxy only relays it.
        raise ValueError(f"a proxy's address begins with http://, and not with {printable(scheme, 10)}://")
    if not rest.isascii() or not rest.isprintable() or " " in rest:
        raise ValueError("it holds a blank or a sign that is in no address")
    if "@" not in rest and rest.count(":") == 3 and "[" not in rest:
        raise ValueError("write user and password before the host: http://user:password@host:port")
    return _proxy_of(rest)


def _proxy_of(rest: str) -> Proxy:
    try:
        parts = urlsplit(f"http://{rest}")
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError(f"it is no address; write {_EXAMPLE}") from None
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("a proxy's address ends with its port; a / # or ? in a password is written %2F %23 or %3F")
    if not _is_host(host):
        raise ValueError("it has no host, or one with a name that cannot be")
    if not port:
        raise ValueError("it has no port from 1 to 65535")
    if parts.username is None:
        return Proxy(host, port)
    user, password = unquote(parts.username), unquote(parts.password or "")
    if ":" in user or not f"{user}{password}".isprintable():
        raise ValueError("its user or password holds a sign that cannot be in it")
    return Proxy(host, port, (user, password))


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None
    return True
