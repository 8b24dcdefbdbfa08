"""Which URLs can be requested, when their signatures expire, and a guard against connections to private addresses."""

import ipaddress
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import SplitResult, urlsplit

from instagram_assets.errors import MediaRefusedError
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.schemas.contract import ARCHIVE_SCHEME
from instagram_assets.storage.fingerprints import is_instagram_cdn, query_values
from instagram_assets.storage.fingerprints import url_identity as url_identity

_MAX_LENGTH = 8_000
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_OLD_EXPIRY = re.compile(r"/vp/[0-9a-f]{32}/([0-9A-Fa-f]{8})/")
_HOST_NAME = re.compile(r"^(?!-)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?$")
_NOT_IN_ADDRESSES = re.compile(r"[\x00-\x20\x7f-\x9f\ud800-\udfff\\]")
_ENDS_IN_NUMBER = re.compile(r"(^|\.)(\d+|0[xX][0-9a-fA-F]*)\.?$")

# Python 3.11 calls several of these networks global: its copy of IANA's lists is older.
_CLOSED = [
    ipaddress.ip_network(text)
    for text in (
        *(
            "0.0.0.0/8",
            "100.64.0.0/10",
            "192.0.0.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
        *("2001::/23", "2001:db8::/32", "3fff::/20"),
    )
]
# All IPv6 space that IANA has allocated; anything else, such as RFC 2765's `::ffff:0:7f00:1`, is not public.
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class PrivateAddressError(OSError):
    """Raised on an attempt to connect to an IP address that is not public."""


def check_url(url: str | None, options: DownloadOptions) -> str:
    """Returns the URL unchanged if the options allow to request it; else raises MediaRefusedError with the reason."""
    if not url or not url.strip():
        raise MediaRefusedError("empty address")
    if len(url) * 4 > _MAX_LENGTH and len(url.encode("utf-8", "surrogatepass")) > _MAX_LENGTH:
        raise MediaRefusedError("address longer than 8 kB")
    if _NOT_IN_ADDRESSES.search(url):
        raise MediaRefusedError("address with spaces or control characters")
    parts, host, port = _split(url)
    scheme = parts.scheme.lower()
    if not scheme and not parts.netloc:
        raise MediaRefusedError("not a complete address")
    if scheme not in ("http", "https"):
        raise MediaRefusedError(f"{scheme or 'missing'} scheme, only https is fetched")
    if not host:
        raise MediaRefusedError("address without a host")
    if "@" in parts.netloc:
        raise MediaRefusedError("address with a user name")
    _check_host(host, options.allow_loopback)
    if scheme == "http" and not options.allow_http:
        raise MediaRefusedError("http address, only https is fetched")
    if port not in (None, 80, 443) and not (options.allow_loopback and is_loopback(host)):
        raise MediaRefusedError(f"port {port}, only 80 and 443 are asked")
    return url


def is_in_archive(url: str | None) -> bool:
    """Whether a URL refers to a file of a user's own data archive (`archive://…`), which cannot be downloaded."""
    return url is not None and url.startswith(f"{ARCHIVE_SCHEME}://")


def signature_expiry(url: str) -> datetime | None:
    """Returns when the signature of an Instagram CDN URL expires (`oe`, hexadecimal Unix time); None if it has none."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not is_instagram_cdn(host) and not is_loopback(host):
        return None
    old = _OLD_EXPIRY.search(parts.path)
    text = old[1] if old else "".join(query_values(parts.query, "oe")[:1])
    if not re.fullmatch(r"[0-9A-Fa-f]{8}", text):
        return None
    timestamp = datetime.fromtimestamp(int(text, 16), UTC)
    return timestamp if timestamp.year >= 2010 else None


def host_of(url: str) -> str:
    """Returns the host and port of a URL in lower case."""
    return urlsplit(url).netloc.lower()


@lru_cache
def is_loopback(host: str) -> bool:
    """Whether a host name or IP address is this machine: localhost or a loopback address."""
    try:
        return _unwrapped(ipaddress.ip_address(host)).is_loopback
    except ValueError:
        name = host.lower().rstrip(".")
        return name == "localhost" or name.endswith(".localhost")


def is_public(ip: str | _Address) -> bool:
    """Whether an IP address is public; for an IPv6 address that embeds an IPv4 address, whether the IPv4 address is."""
    outer = ipaddress.ip_address(ip.partition("%")[0]) if isinstance(ip, str) else ip
    inner = _unwrapped(outer)
    if inner.version == 6 and inner not in _GLOBAL_UNICAST:
        return False
    # `in` is false for a network of the other IP version.
    return inner.is_global and not inner.is_multicast and not any(inner in network for network in _CLOSED)


def guarded_socket_factory(options: DownloadOptions) -> Callable[[Any], socket.socket]:
    """Returns a factory for aiohttp's TCPConnector that opens sockets to public addresses only.

    It checks the IP address of the connection, and so covers IP literals, host names, redirects and DNS rebinding.
    Loopback addresses are allowed if the options say so.
    """

    def open_socket(address_info: tuple[int, int, int, str, tuple[Any, ...]]) -> socket.socket:
        family, kind, protocol, _, target = address_info
        ip = ipaddress.ip_address(str(target[0]).partition("%")[0])
        if not is_public(ip) and not (options.allow_loopback and _unwrapped(ip).is_loopback):
            raise PrivateAddressError("address is not public")
        return socket.socket(family, kind, protocol)

    return open_socket


def _split(url: str) -> tuple[SplitResult, str, int | None]:
    try:
        parts = urlsplit(url)
        return parts, parts.hostname or "", parts.port
    except ValueError:
        raise MediaRefusedError("not a valid address") from None


@lru_cache
def _check_host(host: str, allow_loopback: bool) -> None:
    if not host.isascii():
        raise MediaRefusedError("host name with other letters than ASCII")
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        if not _HOST_NAME.match(host):
            raise MediaRefusedError("not a valid host name") from None
        if _ENDS_IN_NUMBER.search(host):
            raise MediaRefusedError("odd spelling of an address") from None
        public = not is_loopback(host)
    else:
        public = is_public(ip)
    if not public and not (allow_loopback and is_loopback(host)):
        raise MediaRefusedError("address is not public")


def _unwrapped(ip: _Address) -> _Address:
    """Returns the IPv4 address inside a mapped, 6to4 or NAT64 address; any other address unchanged."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
