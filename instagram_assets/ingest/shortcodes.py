"""Instagram's ids as numbers and as short codes: both are one number, the code in base 64 (base64url's alphabet)."""

import string

_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
_DIGIT = {character: digit for digit, character in enumerate(_ALPHABET)}
_MOST = 2**63
# The codes of private accounts' posts carry a key of 28 characters after the number.
_KEY = 28


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
        code = _ALPHABET[digit] + code
    return code or _ALPHABET[0]
