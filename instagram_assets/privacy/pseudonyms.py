"""Pseudonyms: what stands in the place of a name, always the same for the same name and key."""

import hashlib
import hmac
import re
from functools import lru_cache

PERSON = "person_"
FORGOTTEN = "forgotten_"
_DIGITS = 16
_OF_FORGOTTEN = re.compile(rf"{FORGOTTEN}[0-9a-f]{{{_DIGITS}}}")


def pseudonym(key: bytes, name: str, prefix: str = PERSON) -> str:
    """A name's pseudonym, `prefix` and 16 hexadecimal digits: HMAC-SHA256 (RFC 2104) of the name in lower case.

    It is made of the letters that names of accounts are made of, so it can stand wherever a name does. With 64 bits
    two of a million names meet with a probability of 3 in 100 million.

    >>> pseudonym(bytes(32), "Sun_Diary") == pseudonym(bytes(32), "sun_diary")
    True
    """
    return prefix + _digits(key, name.casefold())


def is_forgotten_pseudonym(name: str) -> bool:
    """Whether a name is what stands in the place of a forgotten one: nobody may be asked about it.

    >>> is_forgotten_pseudonym("forgotten_8f86ebd8fc2be949")
    True
    """
    return _OF_FORGOTTEN.fullmatch(name.removeprefix("#")) is not None


@lru_cache(maxsize=65_536)
def _digits(key: bytes, name: str) -> str:
    return hmac.new(key, name.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:_DIGITS]
