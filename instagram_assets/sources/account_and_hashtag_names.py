"""Normalises names of accounts and hashtags, for the registry, the command line and comparing scrape requests."""

import re
import unicodedata
from urllib.parse import quote, unquote

from instagram_assets.ingest.field_values import is_account_name, strip_at_sign
from instagram_assets.ingest.hashtags import HASHTAG_SIGNS, hashtags_in
from instagram_assets.schemas.account_names import NO_ACCOUNTS

INSTAGRAM_URL = "https://www.instagram.com/"

_ADDRESS = re.compile(r"(?:https?://)?(?:www\.|m\.)?instagram\.com(?:/|$)", re.IGNORECASE)
_TAGS = re.compile(r"explore/tags/([^/?#]+)/?(?:[?#].*)?", re.IGNORECASE)
_PROFILES = re.compile(r"(?:_u/)?([^/?#]+)/?(?:reels/?|tagged/?)?(?:[?#].*)?", re.IGNORECASE)


def parse_account_name(text: str) -> str:
    """Returns an account's name in lower case, from `@Name` or the URL of its profile.

    Raises ValueError, which says what to do, for an invalid name.
    """
    if address := _ADDRESS.match(text.strip()):
        found = _PROFILES.fullmatch(text.strip()[address.end() :])
        if not found or found[1].casefold() in NO_ACCOUNTS:
            raise ValueError("the address of no profile; give the account's name, such as sun_diary")
        text = found[1]
    name = strip_at_sign(text)
    if not name:
        raise ValueError("the name is empty; give an account's or, with #, a hashtag")
    if not is_account_name(name):
        if len(name.split()) > 1:
            raise ValueError("it holds a blank, which is in no account's name; give each account for itself")
        raise ValueError("no account has such a name: at most 30 letters, digits, _ and single dots; hashtags have a #")
    return name.casefold()


def parse_hashtag(text: str) -> str:
    """Returns a hashtag in lower case and without `#`, from `#Tag`, `Tag` or the URL of its page.

    Raises ValueError, which says what to do, for an invalid hashtag.
    """
    if address := _ADDRESS.match(text.strip()):
        found = _TAGS.fullmatch(text.strip()[address.end() :])
        if not found:
            raise ValueError("the address of no hashtag; give the hashtag, such as 육아일기")
        text = unquote(found[1])
    tag = unicodedata.normalize("NFC", text.strip().lstrip(HASHTAG_SIGNS))
    if not tag:
        raise ValueError("the hashtag is empty")
    if parts := tag.split()[1:]:
        joined = "".join([tag.split()[0], *parts])
        raise ValueError(f'it holds a blank, which ends a hashtag; write "#{joined}", or each for itself')
    if (found := hashtags_in(f"#{tag}")) != [tag]:
        end = f'it ends after "#{found[0]}"' if found else "none can begin so"
        raise ValueError(f"no hashtag: {end}; letters, digits, _ and emoji make one")
    return tag.casefold()


def page_url(text: str) -> str:
    """Returns the URL of a profile or hashtag page, given its name or URL; other Instagram URLs are returned unchanged.

    Raises ValueError, which says what to do, if `text` is neither a name nor an Instagram URL.
    """
    given = text.strip()
    address = _ADDRESS.match(given)
    if "/" in given and not address:
        raise ValueError("no address of Instagram's; give one such as https://www.instagram.com/sun_diary/")
    if is_hashtag(given) or (address and _TAGS.fullmatch(given[address.end() :])):
        return f"{INSTAGRAM_URL}explore/tags/{quote(parse_hashtag(given))}/"
    found = _PROFILES.fullmatch(given[address.end() :]) if address else None
    if address and (found is None or found[1].casefold() in NO_ACCOUNTS):
        return given
    return f"{INSTAGRAM_URL}{parse_account_name(given)}/"


def is_hashtag(text: str) -> bool:
    """Whether a name starts with `#`, so that it is a hashtag and not an account."""
    return text.strip().startswith(tuple(HASHTAG_SIGNS))
