"""HTTP client of the collector: one request at a time, sent once, to one site; failures are responses with status 0.

Neither cookies nor connections are kept between requests. No request is retried here, since each try has to be counted
by the rate limiter.
"""

import asyncio
import os
import ssl
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from instagram_assets.collect.proxies import Proxies, Proxy
from instagram_assets.collect.site_adapter import Request, Response
from instagram_assets.errors import MediaRefusedError
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.url_checks import check_url, guarded_socket_factory, is_loopback

if TYPE_CHECKING:
    from aiohttp import ClientHandlerType, ClientRequest, ClientResponse, ClientSession

MAX_RESPONSE_BYTES = 20_000_000
"""Maximum size of a response in bytes, compressed or decompressed; no page of posts is larger."""
_CONNECT_SECONDS = 20.0
_PACKED = zlib.MAX_WBITS | 16


class HttpClient:
    """An HTTP client for one site; `site` is its base URL, such as `https://www.instagram.com`.

    If the site did not respond, `send` returns a response with status 0 whose body says why. Only public IP addresses
    are connected to, and loopback addresses if `site` is one. Use a client from one thread only, and close it. Raises
    MediaRefusedError if `site` is not a permitted URL.
    """

    def __init__(
        self, site: str, *, timeout: float = 60, proxies: Proxies | None = None, most_bytes: int = MAX_RESPONSE_BYTES
    ) -> None:
        parts = urlsplit(site)
        local = is_loopback(parts.hostname or "")
        self._options = DownloadOptions(allow_http=local, allow_loopback=local)
        check_url(site, self._options)
        self._origin = (parts.scheme.lower(), parts.netloc.lower())
        self._timeout = timeout
        self._proxies = proxies
        self._most_bytes = most_bytes
        self._runner = asyncio.Runner()
        self._session: ClientSession | None = None

    def __enter__(self) -> Self:
        # Before the first request is granted, which then goes out at once.
        self._runner.run(self._opened())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the client; can be called more than once."""
        if (session := self._session) is not None:
            self._session = None
            self._runner.run(session.close())
        self._runner.close()

    def send(self, request: Request) -> Response:
        """Send one request and return its response; status 0 if there was none.

        Raises ProxiesError if none of the proxies works, and ValueError for a URL of another site, since credentials
        are never sent to another host.
        """
        parts = urlsplit(request.url)
        if (parts.scheme.lower(), parts.netloc.lower()) != self._origin:
            raise ValueError(f"asked for {parts.scheme}://{parts.hostname}, which is not the site of this client")
        try:
            check_url(request.url, self._options)
        except MediaRefusedError as refusal:
            return _none(f"the site may not be asked: {refusal}")
        return self._runner.run(self._send(request))

    async def _send(self, request: Request) -> Response:
        if self._proxies is None:
            try:
                return _named(await self._exchange(request, None), "the site")
            except _NotReachedError as failure:
                return _none(f"the site {failure}")
        while True:
            # A request that did not reach the site can be sent through another proxy at once.
            proxy = self._proxies.choose()
            try:
                response = await self._exchange(request, proxy)
            except _NotReachedError as failure:
                self._proxies.failed(proxy, str(failure))
                continue
            return self._classify_response(proxy, response, self._proxies)

    def _classify_response(self, proxy: Proxy, response: Response, proxies: Proxies) -> Response:
        """The site's response received through a proxy; status 0 if the proxy failed, or answered instead of the site.

        The result is recorded in `proxies`.
        """
        fault = response.body.decode("utf-8", "replace") if response.status == 0 else ""
        # Over TLS only the site itself can have responded.
        if self._origin[0] == "http" and _is_of_a_proxy(response):
            fault = f"answers itself in the place of the site (status {response.status})"
        if not fault:
            proxies.worked(proxy)
            return response
        proxies.failed(proxy, fault)
        return _none(f"the proxy {proxy.name} {fault}")

    async def _exchange(self, request: Request, proxy: Proxy | None) -> Response:
        """Send one request and read its response; status 0 with the reason if the response was not complete.

        Raises _NotReachedError if the request did not reach the site.
        """
        import aiohttp

        try:
            return await self._request(request, proxy)
        except aiohttp.ClientConnectorCertificateError:
            raise _NotReachedError("shows a TLS certificate that is not valid") from None
        except aiohttp.ClientConnectorSSLError:
            raise _NotReachedError("speaks no TLS that is safe") from None
        except aiohttp.ClientHttpProxyError as error:
            raise _NotReachedError(f"refuses to lead to the site (status {error.status})") from None
        except aiohttp.ClientConnectorDNSError:
            raise _NotReachedError("has a name that is not found") from None
        except aiohttp.ClientConnectorError as error:
            raise _NotReachedError(f"cannot be connected to ({_words(error.os_error)})") from None
        except aiohttp.ConnectionTimeoutError:
            raise _NotReachedError(f"cannot be connected to within {self._connect_seconds:g} seconds") from None
        except _LostError:
            return _none("ended the connection")
        except TimeoutError:
            return _none(f"gave no answer within {self._timeout:g} seconds")
        except aiohttp.ClientPayloadError:
            return _none("broke off its answer")
        except aiohttp.ClientResponseError:
            return _none("gave no valid HTTP answer")
        except (aiohttp.ClientError, OSError):
            return _none("ended the connection")
        except ValueError:
            return _none("has an address that cannot be asked")

    @property
    def _connect_seconds(self) -> float:
        return min(_CONNECT_SECONDS, self._timeout)

    async def _request(self, request: Request, proxy: Proxy | None) -> Response:
        session = await self._opened()
        headers, login = dict(request.headers), _login_of(proxy)
        is_tunnel = self._origin[0] == "https"
        async with session.request(
            "GET" if request.form is None else "POST",
            request.url,
            params=dict(request.params) or None,
            data=None if request.form is None else dict(request.form),
            # For HTTPS, the proxy's login is sent in the CONNECT request only, never to the site.
            headers=headers if is_tunnel else {**headers, **login},
            proxy_headers=login if is_tunnel else None,
            proxy=proxy.url if proxy else None,
            allow_redirects=False,
        ) as response:
            return await self._read(response)

    async def _opened(self) -> "ClientSession":
        self._session = self._session or self._open()
        return self._session

    def _open(self) -> "ClientSession":
        import aiohttp

        # A proxy's address is chosen by the user, so it is not checked; the proxy resolves the site's host name.
        factory: Callable[[Any], Any] | None = None if self._proxies else guarded_socket_factory(self._options)
        connector = aiohttp.TCPConnector(
            limit=1, force_close=True, ssl=ssl.create_default_context(), socket_factory=factory
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept-Encoding": "gzip"},
            timeout=aiohttp.ClientTimeout(
                total=self._timeout, sock_connect=self._connect_seconds, sock_read=self._timeout
            ),
            auto_decompress=False,
            trust_env=False,
            middlewares=(_once,),
        )

    async def _read(self, response: "ClientResponse") -> Response:
        body = bytearray()
        while piece := await response.content.readany():
            body += piece
            if len(body) > self._most_bytes:
                return _none(self._too_large())
        headers = {name.lower(): value for name, value in response.headers.items()}
        packing = headers.get("content-encoding", "identity").strip().lower()
        if packing == "gzip":
            return self._unpacked(response.status, headers, bytes(body))
        if packing not in ("identity", ""):
            return _none("packed its answer in a way that was not asked for")
        return Response(response.status, headers, bytes(body))

    def _unpacked(self, status: int, headers: Mapping[str, str], packed: bytes) -> Response:
        unpacking = zlib.decompressobj(_PACKED)
        body = b""
        with suppress(zlib.error):
            body = unpacking.decompress(packed, self._most_bytes + 1)
        if len(body) > self._most_bytes:
            return _none(self._too_large())
        if packed and not unpacking.eof:
            return _none("broke off its answer, or packed it wrongly")
        return Response(status, headers, body)

    def _too_large(self) -> str:
        return f"answered with more than {self._most_bytes / 1_000_000:g} MB"


class _NotReachedError(Exception):
    """The request did not reach the site; the message says why."""


class _LostError(Exception):
    """The connection was closed before a response arrived."""


async def _once(request: "ClientRequest", handler: "ClientHandlerType") -> "ClientResponse":
    """aiohttp middleware that sends a request only once; aiohttp would retry it uncounted if the connection closed."""
    import aiohttp

    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        raise _LostError from None


def _login_of(proxy: Proxy | None) -> dict[str, str]:
    """The Proxy-Authorization header for a proxy with a user name and password; else no headers."""
    from aiohttp import encode_basic_auth

    return {"Proxy-Authorization": encode_basic_auth(*proxy.login)} if proxy and proxy.login else {}


def _none(reason: str) -> Response:
    return Response(0, {}, reason.encode())


def _named(response: Response, who: str) -> Response:
    """The response; if its status is 0, `who` (the site or the proxy) is put in front of the reason in its body."""
    return response if response.status else _none(f"{who} {response.body.decode('utf-8', 'replace')}")


def _words(error: OSError) -> str:
    """The operating system's error message for a failed connection, without the IP address."""
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__


def _is_of_a_proxy(response: Response) -> bool:
    """Whether a response over plain HTTP was sent by the proxy itself rather than by the site."""
    if response.status == 407:
        return True
    if response.status in (401, 404, 429) or 300 <= response.status < 400 or not 200 <= response.status < 600:
        return False
    return (
        bool(response.body)
        and response.body.lstrip()[:1] not in (b"{", b"[")
        and not response.body.startswith(b"for (")
    )
