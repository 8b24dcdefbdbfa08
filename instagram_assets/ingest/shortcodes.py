"""Instagram's ids as numbers and as short codes: both are one number, the code in base 64 (base64url's alphabet)."""

import re
import string

ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
_DIGIT = {character: digit for digit, character in enumerate(ALPHABET)}
_MOST = 2**63
# The codes of private accounts' posts carry a key of 28 characters after the number.
_KEY = 28
_ADDRESS = re.compile(r"(?:^|[./])instagram\.com/(?:[^/?#]+/)?(?:p|reels?|tv)/([A-Za-z0-9_-]{1,64})")


def media_id(code: str) -> int | None:
    """The id that a short code stands for, from 0 to 2^63 - 1; null for what is no code."""
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


def short_code(number: int) -> str:
    """The code that stands in a post's address: the id, not negative, in base 64 without leading zeros."""
    code = ""
    while number:
        number, digit = divmod(number, 64)
        code = ALPHABET[digit] + code
    return code or ALPHABET[0]


def code_in(address: object) -> str | None:
    """The code in the address of a post or reel; null for any other address."""
    found = _ADDRESS.search(address) if isinstance(address, str) else None
    return found[1] if found else None


def id_in(address: object) -> str | None:
    """The id that the code in the address of a post or reel stands for, in digits; null where there is none."""
    code = code_in(address)
    number = media_id(code) if code else None
    return None if number is None else str(number)
