"""Authentication of the web app: an access token for clients on other machines, and CSRF tokens for its own pages.

Programs send the access token in a header (`Authorization: Bearer`). Browsers get a session cookie that contains its
expiry time and is signed with a key generated at each start, so that expired or ended sessions cannot be reused. The
cookie does not contain the access token.
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
"""Keys of the ASGI scope under which the CSRF token and the session are stored; the latter is "" without a session."""
_TRIES, _TRIES_SECONDS = 10, 60.0
_REMEMBERED = 10_000
_WHAT, _REMEDY = "the web app's token", "Make one: openssl rand -hex 32."


class TooManyTriesError(Exception):
    """A client sent too many wrong tokens; further ones are only checked after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


class Access:
    """Checks access tokens, sessions and CSRF tokens. Without a configured access token, only CSRF tokens are required.

    `clock` returns Unix timestamps. `port` is part of the cookie's name, since cookies are shared by all ports of a
    host.
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
        """Whether this is the access token. Raises TooManyTriesError after too many wrong tokens from this client.

        `client` is the client's IP address.
        """
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
        """Returns the cookie value of a new session; call it only for clients that sent the access token."""
        claim = f"{int(self._clock()) + SESSION_SECONDS}.{secrets.token_urlsafe(16)}"
        return f"{claim}.{_signed(self._session_key, claim)}"

    def session(self, cookie: str) -> str:
        """Returns the cookie value if it is a valid session: signed by this server, not expired, not ended; else ""."""
        claim, _, signature = cookie.rpartition(".")
        if not _same(_signed(self._session_key, claim), signature) or cookie in self._ended:
            return ""
        return cookie if int(claim.partition(".")[0]) > self._clock() else ""

    def end_session(self, cookie: str) -> None:
        """End a session: its cookie, and any copy of it, is no longer accepted."""
        if self.session(cookie):
            now = self._clock()
            self._ended = {ended: until for ended, until in self._ended.items() if until > now}
            self._ended[cookie] = int(cookie.partition(".")[0])

    def page_token(self, session: str) -> str:
        """Returns the CSRF token of a session, which pages send with every request that changes something."""
        return _signed(self._page_key, session)

    def is_page_token(self, token: str, session: str) -> bool:
        """Whether `token` is the CSRF token of this session; tokens become invalid when the server restarts."""
        return _same(self.page_token(session), token)


def access_for(host: str, port: int, *, is_named: bool, variable: str) -> Access:
    """Returns the access rules of a server.

    A token is required if other machines can reach the server, if it has a host name (`is_named`), or if the
    environment variable `variable` is set. Raises SettingsError if a required token is not set or too short.
    """
    if is_loopback(host) and not is_named and not os.environ.get(variable):
        return Access(port=port)
    token = read_secret(variable, _WHAT, _REMEDY)
    if len(token) < LEAST_TOKEN:
        raise SettingsError(f"{variable} is too short: a token needs at least {LEAST_TOKEN} characters. {_REMEDY}")
    return Access(token, port)


def is_loopback(host: str) -> bool:
    """Whether an IP address is a loopback address, which only this machine can reach."""
    return ipaddress.ip_address(host).is_loopback


def csrf_token(request: Request) -> str:
    """Returns the CSRF token of the request's session; empty if there is none."""
    return request.scope.get(PAGE_TOKEN, "")


def _network_of(client: str) -> str:
    """Returns the client's network for rate limits: the first 64 bits of an IPv6 address, else the address.

    A client usually has a whole /64 network of IPv6 addresses.
    """
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
    """Whether two secrets are equal, compared in constant time; as bytes, since `hmac` rejects non-ASCII text."""
    return hmac.compare_digest(right.encode(), token.encode("utf-8", "replace"))
