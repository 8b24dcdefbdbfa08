"""Ids, shortcodes and URLs of posts, and the repair of ids that lost digits to floating-point rounding.

JavaScript and pandas keep 53 bits of a number, spreadsheets 15 digits. A rounded id is restored from the shortcode of
the same post, which encodes the same number as text. Ids below MIN_ROUNDED are never rounded, and so not restored.
"""

import binascii
import math
import re
import string
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.ingest import field_values
from instagram_assets.schemas.account_names import NO_ACCOUNTS

SHORTCODE_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
_DIGIT = {character: digit for digit, character in enumerate(SHORTCODE_ALPHABET)}
_MOST = 2**63
# Codes of private accounts' posts have a key of 28 characters after the number.
_KEY = 28
_ADDRESS = re.compile(r"(?:^|[./])instagram\.com/(?:[^/?#]+/)?(?:p|reels?|tv)/([A-Za-z0-9_-]{1,64})")


def post_id_of(code: str) -> int | None:
    """Return the id that a shortcode encodes, from 0 to 2^63 - 1; None for an invalid code."""
    if len(code) > _KEY:
        code = code[:-_KEY]
    if not code or len(code) > 11:
        return None
    number = 0
    for character in code:
        digit = _DIGIT.get(character)
        if digit is None:
            return None
        number = number * 64 + digit
    return number if number < _MOST else None


def shortcode_of(number: int) -> str:
    """Return the shortcode of a non-negative id, as in a post's URL: base 64 without leading zeros."""
    code = ""
    while number:
        number, digit = divmod(number, 64)
        code = SHORTCODE_ALPHABET[digit] + code
    return code or SHORTCODE_ALPHABET[0]


def shortcode_from_url(address: object) -> str | None:
    """Return the shortcode in the URL of a post or reel; None for any other URL."""
    found = _ADDRESS.search(address) if isinstance(address, str) else None
    return found[1] if found else None


def post_id_from_url(address: object) -> str | None:
    """Return the id, in digits, that the shortcode in the URL of a post or reel encodes; None if there is none."""
    code = shortcode_from_url(address)
    number = post_id_of(code) if code else None
    return None if number is None else str(number)


MIN_ROUNDED = 10**15
"""Smallest id that a program with limited number precision may have rounded."""
SPREADSHEET_DIGITS = 15
"""Number of leading digits of an id that every program preserves."""

_EXACT = 2.0**53
_FEWEST_ZEROS = 4
# Less than one post in a million has by chance so few digits before its trailing zeros.
_FEWEST_BY_CHANCE = 12
_OF_OWNER = re.compile(r"([0-9]+)_[0-9]+")
_FRACTION = re.compile(r"[0-9]{1,40}(?:[.,][0-9]{1,40})?(?:[eE]\+?[0-9]{1,2})?")
_TO_BASE64 = bytes.maketrans(b"-_", b"+/")
_WIDTH = 12


class RestoredIds(NamedTuple):
    """Result of comparing ids with their shortcodes.

    `others` has the corrected ids by row index, `untold` the indices of rows whose id cannot be verified.
    """

    others: dict[int, str]
    untold: Sequence[int]


def restore_ids(ids: Sequence[str | None], codes: Sequence[str | None]) -> RestoredIds:
    """Compare a column of ids with the shortcodes of the same posts, and return the corrections."""
    others: dict[int, str] = {}
    untold: list[int] = []
    for row in _to_look_at(ids, codes):
        code, found = codes[row], ids[row]
        number = post_id_of(code) if code else None
        if not code or number is None or number < MIN_ROUNDED or _lost_capitals(code, found):
            untold.append(row)
        elif found is not None and found != str(number):
            others[row] = str(number)
    return RestoredIds(others, untold)


def normalized_id(value: str) -> str:
    """Return a post's id as plain digits: without "_" and the owner's id after it, and without ".0" or "e+18".

    Any other text is returned unchanged.
    """
    if value.isdecimal():
        return value
    if both := _OF_OWNER.fullmatch(value):
        return both[1]
    number = _large(value)
    return str(int(number)) if number is not None and number == number.to_integral_value() else value


def unrounded_id(number: object, other: object) -> object:
    """Return a post's id: `number`, or the id in `other` ("<post>_<owner>") if `number` is null or rounded from it."""
    if not isinstance(other, str):
        return other if number is None else number
    post, behind, _ = other.partition("_")
    if number is None:
        return post
    return post if behind and _is_rounded(number, post) else number


def certain_digits(received: object) -> int | None:
    """Return how many leading digits of a post's id are exact; None if it shows no sign of rounding."""
    if isinstance(received, float):
        return _kept_of(str(int(received))) if received >= _EXACT else None
    text = str(received)
    if text.isdecimal():
        is_cut = len(text.rstrip("0")) <= SPREADSHEET_DIGITS <= len(text) - _FEWEST_ZEROS
        return _kept_of(text) if is_cut else None
    number = _large(text)
    if number is None:
        return None
    _, digits, exponent = number.as_tuple()
    return len(digits) if isinstance(exponent, int) and exponent > 0 else None


def _kept_of(digits: str) -> int:
    """Return how many leading digits of a rounded large number are exact: at most what programs preserve."""
    kept = len(digits.rstrip("0"))
    return kept if kept < _FEWEST_BY_CHANCE else SPREADSHEET_DIGITS


def _large(text: str) -> Decimal | None:
    """Parse a number with a fraction or an exponent, as in ids written by programs that treat them as numbers."""
    number = Decimal(text.replace(",", ".")) if _FRACTION.fullmatch(text) else None
    return number if number is not None and number >= MIN_ROUNDED else None


def _is_rounded(number: object, exact: str) -> bool:
    text = str(int(number)) if isinstance(number, float) and math.isfinite(number) else str(number)
    if text == exact or len(text) > 20 or not (text.isdecimal() and exact.isdecimal()):
        return False
    return int(exact) >= MIN_ROUNDED and abs(int(text) - int(exact)) < 10 ** (len(exact) - SPREADSHEET_DIGITS)


def _lost_capitals(code: str, found: str | None) -> bool:
    """True if `code` differs from the shortcode of the id `found` only in case, as in case-insensitive databases."""
    if found is None or not found.isdecimal() or len(found) > 20:
        return False
    own = shortcode_of(int(found))
    return own != code and own.casefold() == code.casefold()


def _to_look_at(ids: Sequence[str | None], codes: Sequence[str | None]) -> Sequence[int]:
    """Return the row indices whose ids must be checked one by one: all but large ids that match their shortcode."""
    everything = range(len(ids))
    texts = [code.rjust(_WIDTH, SHORTCODE_ALPHABET[0]) for code in codes if code]
    joined = "".join(texts).encode("ascii", "replace")
    if len(texts) < len(ids) or len(joined) != _WIDTH * len(ids) or joined.translate(None, SHORTCODE_ALPHABET.encode()):
        return everything
    # Twelve letters are nine bytes; the first byte is zero for every number that is an id.
    read = np.frombuffer(binascii.a2b_base64(joined.translate(_TO_BASE64)), np.uint8).reshape(-1, 9)
    numbers = np.ascontiguousarray(read[:, 1:]).view(">u8").ravel().astype(np.uint64)
    written: Any = compute.cast(pa.array(numbers), pa.string())
    agree: Any = compute.fill_null(compute.equal(written, pa.array(ids, pa.string())), False)
    usual = agree.to_numpy(zero_copy_only=False) & (numbers >= MIN_ROUNDED) & (read[:, 0] == 0)
    return np.flatnonzero(~usual).tolist()


_SHORTCODE = re.compile(r"[A-Za-z0-9_-]{1,64}")


@lru_cache(maxsize=4096)
def _account_in(address: str) -> str | None:
    if field_values.is_account_name(address):
        return address.casefold()
    try:
        parts = urlsplit(address if "//" in address else f"//{address}")
    except ValueError:
        return None
    host, segments = (parts.hostname or "").casefold(), [part for part in parts.path.split("/") if part]
    if host != "instagram.com" and not host.endswith(".instagram.com"):
        return None
    on_profile = len(segments) == 1 or (len(segments) == 2 and segments[1] in ("reels", "tagged"))
    if not on_profile or segments[0].casefold() in NO_ACCOUNTS or not field_values.is_account_name(segments[0]):
        return None
    return segments[0].casefold()


def account_from_url(address: object) -> str | None:
    """Return the account that a profile URL or a bare name refers to; None for any other input."""
    if not isinstance(address, str) or len(address) > field_values.URL_LIMIT:
        return None
    return _account_in(field_values.strip_at_sign(address))


def post_url(shortcode: object) -> str | None:
    """Return the URL of a post from its shortcode, for formats without a URL."""
    if isinstance(shortcode, str) and _SHORTCODE.fullmatch(shortcode):
        return f"https://www.instagram.com/p/{shortcode}/"
    return None
