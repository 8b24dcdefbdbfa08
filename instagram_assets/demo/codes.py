"""Instagram's ids: one number that holds the time of upload, written in digits or as a short code."""

import string
from datetime import UTC, datetime, timedelta

_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"  # base64url
_EPOCH = datetime(2011, 8, 24, 21, 7, 1, 721000, tzinfo=UTC)
_LOW_BITS = 23


def media_id(uploaded_at: datetime, low_bits: int) -> int:
    """The id of something uploaded at `uploaded_at`; `low_bits` (23 bits) tells apart what came in one millisecond.

    The layout is the one that Instagram's engineers described in "Sharding & IDs at Instagram" (2012).
    """
    milliseconds = (uploaded_at - _EPOCH) // timedelta(milliseconds=1)
    return milliseconds << _LOW_BITS | low_bits


def short_code(number: int) -> str:
    """The code that stands in a post's address: the id in base 64, without leading zeros."""
    code = ""
    while number:
        number, digit = divmod(number, 64)
        code = _ALPHABET[digit] + code
    return code or _ALPHABET[0]


def number_of(code: str) -> int:
    """The id that a short code stands for. Raises ValueError for a character that no code has."""
    number = 0
    for character in code:
        number = number * 64 + _ALPHABET.index(character)
    return number
