"""Downloads one image or video over HTTP, with retries, exponential back-off, redirects and resumption."""

import asyncio
import errno
import random
import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from yarl import URL

from instagram_assets.errors import (
    MediaExpiredError,
    MediaFailedError,
    MediaRefusedError,
    MediaTransientError,
    MediaUnreachableError,
    StorageError,
)
from instagram_assets.media.download_options import DownloadOptions, SizeLimits, too_large
from instagram_assets.media.download_types import MediaKind
from instagram_assets.media.response_body import BodyReceiver, ReceivedMedia
from instagram_assets.media.url_checks import PrivateAddressError, check_url, guarded_socket_factory, host_of

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession
    from aiohttp.abc import AbstractResolver

MAX_REDIRECTS = 5
_REDIRECTS = {301, 302, 303, 307, 308}
_TRANSIENT_STATUSES = {408, 425, 429}
_SIGNATURE_EXPIRED = b"url signature expired"
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)$")
# The seconds of a `Retry-After` header; more digits are invalid.
_SECONDS = re.compile(r"\d{1,9}$")
_ACCEPT: dict[MediaKind, dict[str, str]] = {
    "image": {"Accept": "image/jpeg,image/png,image/webp,image/gif"},
    "video": {"Accept": "video/mp4,video/quicktime"},
}
_READ_BUFFER = 1_000_000
"""Size of aiohttp's read buffer in bytes, larger than most images: a full buffer pauses the connection."""


def open_session(options: DownloadOptions, resolver: "AbstractResolver | None" = None) -> "ClientSession":
    """Returns the HTTP client session of a download: keep-alive, one TLS context, no cookies, no proxy.

    Host names are resolved by `resolver`, by default the system's; each resolved IP address is checked before
    connecting.
    """
    import aiohttp

    connector = aiohttp.TCPConnector(
        limit=options.max_concurrent_requests,
        ssl=ssl.create_default_context(),
        socket_factory=guarded_socket_factory(options),
        resolver=resolver,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept-Encoding": "identity", "User-Agent": options.user_agent},
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=options.timeout, sock_read=options.timeout),
        read_bufsize=_READ_BUFFER,
        auto_decompress=False,
        trust_env=False,
    )


class Fetch:
    """The download of one image or video; a retry resumes from the bytes received so far. Call `run` once."""

    def __init__(
        self, session: "ClientSession", receiver: BodyReceiver, url: str, limits: SizeLimits, options: DownloadOptions
    ) -> None:
        self.attempts = 0
        self._session = session
        self._receiver = receiver
        self._url = self._requested_url = url
        self._limits = limits
        self._options = options
        self._etag = ""
        self._until = 0.0

    async def run(self) -> ReceivedMedia:
        """Returns the complete body, after at most 1 + `retry_count` attempts within `deadline` seconds.

        Raises MediaError (MediaTransientError only after the last attempt), and StorageError on an I/O error or too
        many open files. On any error, no file is left.
        """
        self._until = asyncio.get_running_loop().time() + self._options.deadline
        try:
            async with asyncio.timeout_at(self._until):
                return await self._tries()
        except TimeoutError:
            self._receiver.abandon()
            raise MediaFailedError(f"not complete within {self._options.deadline:g} seconds") from None
        except BaseException:
            self._receiver.abandon()
            raise

    async def _tries(self) -> ReceivedMedia:
        while True:
            self.attempts += 1
            try:
                return await self._try()
            except MediaTransientError as problem:
                pause = self._pause(problem)
            await asyncio.sleep(pause)

    def _pause(self, problem: MediaTransientError) -> float:
        """Returns the seconds before the next attempt: `Retry-After`, else exponential back-off with full jitter.

        Raises `problem` if there are no attempts left, or no time before the deadline.
        """
        bound = min(self._options.max_retry_wait, self._options.retry_wait * 2 ** (self.attempts - 1))
        pause = random.uniform(0, bound) if problem.retry_after is None else problem.retry_after
        in_time = asyncio.get_running_loop().time() + pause < self._until
        dead = self._options.skip_dead_hosts and isinstance(problem, MediaUnreachableError)
        if self.attempts > self._options.retry_count or dead or not in_time:
            raise problem
        return pause

    async def _try(self) -> ReceivedMedia:
        import aiohttp

        try:
            return await self._follow()
        except aiohttp.ClientConnectorCertificateError:
            raise MediaFailedError("TLS certificate is not valid") from None
        except aiohttp.ClientConnectorDNSError:
            raise self._unreachable("host name not found") from None
        except aiohttp.ClientConnectorError as error:
            _check_local_cause(error.os_error)
            raise self._unreachable("cannot connect") from error
        except aiohttp.InvalidURL:
            raise MediaRefusedError("not a valid address") from None
        except aiohttp.ConnectionTimeoutError:
            raise self._unreachable("no answer in time") from None
        except TimeoutError as error:
            if not isinstance(error, aiohttp.ServerTimeoutError):
                raise
            raise MediaTransientError("no answer in time") from None
        except aiohttp.ClientResponseError:
            raise MediaTransientError("not a valid HTTP answer") from None
        except aiohttp.ClientError as error:
            if _caused_by_memory(error):
                raise MemoryError from error
            raise MediaTransientError("connection lost") from None

    async def _follow(self) -> ReceivedMedia:
        """Requests the URL and follows redirects; each URL is checked before it is requested."""
        url = self._url
        for _ in range(MAX_REDIRECTS + 1):
            self._requested_url = url
            async with self._session.get(
                URL(url, encoded=url.isascii()), headers=self._headers(), allow_redirects=False
            ) as response:
                if response.status not in _REDIRECTS:
                    return await self._take(response)
                target = response.headers.get("Location", "")
            if not target:
                raise MediaFailedError(f"HTTP {response.status} without a new address")
            try:
                url = check_url(urljoin(url, target), self._options)
            except (MediaRefusedError, ValueError) as refusal:
                raise MediaRefusedError(f"redirect refused: {refusal}") from None
        raise MediaFailedError(f"more than {MAX_REDIRECTS} redirects")

    def _unreachable(self, reason: str) -> MediaTransientError:
        """Returns the error for a failed connection: MediaUnreachableError, but not for another host (redirect)."""
        return (
            MediaUnreachableError(reason)
            if host_of(self._requested_url) == host_of(self._url)
            else MediaTransientError(reason)
        )

    def _headers(self) -> dict[str, str]:
        """Returns the request headers; with the missing range of an interrupted body if the server gave an ETag."""
        accept = _ACCEPT[self._limits.kind]
        if not self._receiver.received:
            return accept
        if not self._etag:
            self._receiver.restart()
            return accept
        return {**accept, "Range": f"bytes={self._receiver.received}-", "If-Range": self._etag}

    async def _take(self, response: "ClientResponse") -> ReceivedMedia:
        await self._check_status(response)
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise MediaRefusedError("compressed body that was not asked for")
        if self._options.honour_noai and _forbids_ai(response.headers.getall("X-Robots-Tag", [])):
            raise MediaRefusedError("X-Robots-Tag: noai")
        announced = response.content_length
        if announced is not None and self._receiver.received + announced > self._limits.max_bytes:
            raise MediaRefusedError(too_large(self._limits))
        etag = response.headers.get("ETag", "")
        self._etag = "" if etag.startswith("W/") else etag
        while piece := await response.content.readany():
            self._receiver.write(piece)
        return self._receiver.finish()

    async def _check_status(self, response: "ClientResponse") -> None:
        """Raise an error unless the response's status is 200, or 206 with the missing range.

        If the response does not continue the bytes received so far, these are discarded.
        """
        status = response.status
        if status == 206 and self._continues(response):
            return
        if self._receiver.received:
            self._receiver.restart()
        if status == 200:
            return
        if status == 403 and _SIGNATURE_EXPIRED in (await response.content.read(1024)).lower():
            raise MediaExpiredError("URL signature expired; collect the post again")
        if status in (206, 416):
            raise MediaTransientError(f"HTTP {status} that was not asked for")
        if status in _TRANSIENT_STATUSES or status >= 500:
            raise MediaTransientError(
                f"HTTP {status}", retry_after=_retry_after(response.headers.get("Retry-After", ""))
            )
        raise MediaFailedError(f"HTTP {status}")

    def _continues(self, response: "ClientResponse") -> bool:
        begun = self._receiver.received
        match = _CONTENT_RANGE.match(response.headers.get("Content-Range", ""))
        if not begun or match is None or response.headers.get("ETag", self._etag) != self._etag:
            return False
        first, last, total = (int(number) for number in match.groups())
        return first == begun and last == total - 1 and response.content_length in (None, total - first)


def _check_local_cause(error: OSError) -> None:
    """Raise MediaRefusedError if `error` is due to a private IP address, StorageError if to too many open files."""
    if isinstance(error, PrivateAddressError):
        raise MediaRefusedError("address is not public") from error
    if error.errno in (errno.EMFILE, errno.ENFILE):
        raise StorageError(
            "Too many open files. Raise the limit (ulimit -n) or lower max_concurrent_requests, then run again."
        ) from error


def _caused_by_memory(error: BaseException | None) -> bool:
    """Whether a connection ended because this process ran out of memory, which asyncio reports as another error."""
    while error is not None and not isinstance(error, MemoryError):
        error = error.__cause__ or error.__context__
    return error is not None


def _retry_after(text: str) -> float | None:
    """Returns the seconds to wait according to a `Retry-After` header (seconds or HTTP date); None if it is invalid."""
    text = text.strip()
    if _SECONDS.match(text):
        return float(text)
    try:
        timestamp = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # "-0000" leaves the time naive, but HTTP dates are always UTC.
    timestamp = timestamp.replace(tzinfo=timestamp.tzinfo or UTC)
    return max(0.0, (timestamp - datetime.now(UTC)).total_seconds())


def _forbids_ai(tags: list[str]) -> bool:
    words = {word.strip().lower() for tag in tags for word in tag.replace(":", ",").split(",")}
    return not words.isdisjoint({"noai", "noimageai"})
