"""Pictures and videos that were forgotten: never asked for, never stored."""

from instagram_assets.media.addresses import is_in_archive, url_identity
from instagram_assets.privacy.forgotten import FORGOTTEN_ADDRESS, Forgotten

WAS_FORGOTTEN = "was forgotten"
"""Why a picture is not there."""


def is_forgotten(url: str | None, forgotten: Forgotten) -> bool:
    """True for the address of what was forgotten, and for all in the archive of an account that was."""
    if url == FORGOTTEN_ADDRESS:
        return True
    if not url or not forgotten:
        return False
    if is_in_archive(url) and forgotten.has("account", url.partition("://")[2].partition("/")[0]):
        return True
    try:
        return forgotten.has("url", url_identity(url))
    except ValueError:  # no address at all, which others say better
        return False
