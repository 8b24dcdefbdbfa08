"""What addresses on instagram.com are about, and the address of a post."""

import re
from functools import lru_cache
from urllib.parse import urlsplit

from instagram_assets.ingest import values
from instagram_assets.schemas.account_names import NO_ACCOUNTS

_SHORTCODE = re.compile(r"[A-Za-z0-9_-]{1,64}")


@lru_cache(maxsize=4096)
def _account_in(address: str) -> str | None:
    if values.is_account_name(address):
        return address.casefold()
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
    except ValueError:
        return None
    host, segments = (parts.hostname or "").casefold(), [part for part in parts.path.split("/") if part]
    if host != "instagram.com" and not host.endswith(".instagram.com"):
        return None
    on_profile = len(segments) == 1 or (len(segments) == 2 and segments[1] in ("reels", "tagged"))
    if not on_profile or segments[0].casefold() in NO_ACCOUNTS or not values.is_account_name(segments[0]):
        return None
    return segments[0].casefold()


def account_in(address: object) -> str | None:
    """The account that a profile's address or a bare name asks for; null for any other input."""
    if not isinstance(address, str) or len(address) > values.ADDRESS_LIMIT:
        return None
    return _account_in(values.bare_name(address))


def address_of(shortcode: object) -> str | None:
    """The address of a post, for the shapes that do not hold it."""
    if isinstance(shortcode, str) and _SHORTCODE.fullmatch(shortcode):
        return f"https://www.instagram.com/p/{shortcode}/"
    return None
