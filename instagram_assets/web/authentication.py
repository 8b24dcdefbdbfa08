"""Authentication of the web app: the access token required beyond this machine, and the CSRF token of its pages.

Programs send the access token (`Authorization: Bearer`). A browser gets a session cookie with its expiry time, signed
with a key that is generated at each start: expired or ended sessions cannot be revived, and the cookie does not contain
the token.
"""

import hashlib
import hmac
import ipaddress
import os
import secrets
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from fastapi import Request

from instagram_assets.errors import SettingsError
from instagram_assets.settings.environment import read_secret

CSRF_HEADER = "x-csrf-token"
SESSION_SECONDS = 7 * 24 * 3_600
LEAST_TOKEN = 16
PAGE_TOKEN, SESSION = "instagram_assets.page_token", "instagram_assets.session"
"""Where the scope of a request has the token of its pages, and its session: nothing where there is none."""
_TRIES, _TRIES_SECONDS = 10, 60.0
_REMEMBERED = 10_000
_WHAT, _REMEDY = "the web app's token", "Make one: openssl rand -hex 32."


class TooManyTriesError(Exception):
    """Too many wrong tokens from one client; the next one is checked after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class Access:
    """What requests must prove: the access token if configured, else only that changes come from our own pages.

    `clock` gives Unix timestamps. `port` is part of the cookie's name, since the ports of a host share cookies.
    """

    def __init__(self, token: str = "", port: int = 0, clock: Callable[[], float] = time.time) -> None:
        self._token = token.encode()
        key = secrets.token_bytes(32)
        self._session_key, self._page_key = _derived(key, "session"), _derived(key, "page")
        self._clock = clock
        self._wrong: OrderedDict[str, deque[float]] = OrderedDict()
        self._ended: dict[str, int] = {}
        self.cookie = f"instagram_assets_{port}"

    @property
    def is_demanded(self) -> bool:
        """Whether an access token is required."""
        return bool(self._token)

    def is_token(self, token: str, client: str) -> bool:
        """Whether the token is right. Raises TooManyTriesError after too many recent wrong ones from this client."""
        now, network = self._clock(), _network_of(client)
        wrong = self._wrong.setdefault(network, deque(maxlen=_TRIES))
        self._wrong.move_to_end(network)
        while len(self._wrong) > _REMEMBERED:
            self._wrong.popitem(last=False)
        if len(wrong) == _TRIES and now - wrong[0] < _TRIES_SECONDS:
            raise TooManyTriesError(_TRIES_SECONDS - (now - wrong[0]))
        if hmac.compare_digest(token.encode("utf-8", "replace"), self._token):
            return True
        wrong.append(now)
        return False

    def new_session(self) -> str:
        """The cookie value of a new session, for a client that has given the token."""
        claim = f"{int(self._clock()) + SESSION_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{claim}.{_signed(self._session_key, claim)}"

    def session(self, cookie: str) -> str:
        """The cookie's value if its signature is valid and it has not expired; else an empty string."""
        claim, _, signature = cookie.rpartition(".")
        if not _same(_signed(self._session_key, claim), signature) or cookie in self._ended:
            return ""
        return cookie if int(claim.partition(".")[0]) > self._clock() else ""

    def end_session(self, cookie: str) -> None:
        """End a session: its cookie is no longer accepted, even from a copy."""
        if self.session(cookie):
            now = self._clock()
            self._ended = {ended: until for ended, until in self._ended.items() if until > now}
            self._ended[cookie] = int(cookie.partition(".")[0])

    def page_token(self, session: str) -> str:
        """The CSRF token of a session, which its pages send with every request that changes something."""
        return _signed(self._page_key, session)

    def is_page_token(self, token: str, session: str) -> bool:
        """Whether the given value is the CSRF token of this session; restarting the server invalidates it."""
        return _same(self.page_token(session), token)


def access_for(host: str, port: int, *, is_named: bool, variable: str) -> Access:
    """Access rules of a server: a token is required when others can reach it, it has a name, or a token is set.

    Raises SettingsError when a required token is missing from the environment variable, or is easy to guess.
    """
    if is_loopback(host) and not is_named and not os.environ.get(variable):
        return Access(port=port)
    token = read_secret(variable, _WHAT, _REMEDY)
    if len(token) < LEAST_TOKEN:
        raise SettingsError(f"{variable} is too short: a token needs at least {LEAST_TOKEN} characters. {_REMEDY}")
    return Access(token, port)


def is_loopback(host: str) -> bool:
    """Whether a host is a loopback address, reachable from this machine only."""
    return ipaddress.ip_address(host).is_loopback


def csrf_token(request: Request) -> str:
    """The CSRF token of the request's session."""
    return request.scope.get(PAGE_TOKEN, "")


def _network_of(client: str) -> str:
    """The client's network, for rate limits: the first 64 bits of an IPv6 address, since one client has the rest."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    return str(ipaddress.ip_network((address, 64), strict=False)) if address.version == 6 else client


def _derived(key: bytes, purpose: str) -> bytes:
    return hmac.digest(key, f"instagram_assets/web/{purpose}".encode(), hashlib.sha256)


def _signed(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _same(right: str, token: str) -> bool:
    """Compare two secrets in constant time, as bytes: texts with non-ASCII characters cannot be compared so."""
    return hmac.compare_digest(right.encode(), token.encode("utf-8", "replace"))
