"""What people write about people: names, e-mail addresses and telephone numbers taken out of a text.

A name is what stands behind an @, or in the address of a profile. One that is written as a plain word is only found
where it is known who may be meant.
"""

import re
from collections.abc import Callable, Mapping

from instagram_assets.privacy.names_in_text import names_pattern, replace_names

EMAIL, PHONE = "[e-mail]", "[phone]"
"""What stands in the place of an e-mail address and of a telephone number."""

_AT = r"(?:[@＠﹫]|%40|&\#0*64;|&\#[xX]0*40;|&commat;)"
_UNSEEN = "[\u200b-\u200f\u2060\ufe0e\ufe0f]*"
_NAME = r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*"
_LOCAL = "A-Za-z0-9._%+\\-\u00c0-\u024f"
# The hosts at which people are known by the first part of the path.
_HOSTS = (
    r"(?:instagram\.com|instagr\.am|threads\.(?:net|com)|facebook\.com|fb\.(?:com|me)|m\.me|twitter\.com|x\.com"
    r"|t\.me|tiktok\.com|youtube\.com|linkedin\.com/in|pf\.kakao\.com|open\.kakao\.com/(?:o|me)|blog\.naver\.com"
    r"|ig\.me/m|line\.me/ti/p|linktr\.ee)"
)
_NO_PEOPLE = r"(?!(?:p|reels?|tv|explore|watch|hashtag|share|accounts|intent|shorts)(?![A-Za-z0-9_.]))"
_BETWEEN = r"[\s().\-–‐·/]"
_HANGUL = "공영일이삼사오육칠팔구"

_PEOPLE = re.compile(
    # No run of letters is looked through more than once, so that a long one takes no long time.
    # Behind a space an @ begins a name, unless one follows, too; and no address has a dot before it.
    rf"(?P<email>(?<![{_LOCAL}])[{_LOCAL}]+(?:(?<!\.)[@＠﹫]\s?|\s[@＠﹫]\s|\s?(?:[(\[]at[)\]]|골뱅이)\s?)"
    r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24})"
    rf"|(?P<sign>{_AT}{_UNSEEN})(?P<name>{_NAME}|\w+)"
    rf"|(?P<host>(?<![A-Za-z0-9-]){_HOSTS}/(?:stories/)?[@＠]?){_NO_PEOPLE}(?P<known>[A-Za-z0-9_.%\-]+|\w+)"
    rf"|(?P<phone>(?<!\d)(?:\+|\(\+?)?\d(?:{_BETWEEN}{{0,3}}\d){{6,}})"
    rf"|(?P<spelt>[공영]일[공영일](?:[\s.\-]{{0,3}}[{_HANGUL}\d]){{7,8}})",
    re.IGNORECASE,
)
_DATE = re.compile(r"(?:19|20)\d\d[-./년\s]{1,2}\d{1,2}[-./월\s]{1,2}\d{1,2}(?!\d)")
# 1588-1234 and 1588 1234, as companies have them.
_SHORT = re.compile(r"1[5-8]\d\d[\s\-]\d{4}")
_FEWEST_DIGITS, _FEWEST_OF_ANY = 7, 10


def scrub_text(text: str, replace: Callable[[str], str], known: Mapping[str, str] | None = None) -> str:
    """A text without e-mail addresses and telephone numbers, in which `replace` was asked for each name.

    `known` are names that may stand as plain words, in any case, each with what takes its place.

    >>> scrub_text("@jane call 010-1234-5678", str.upper)
    '@JANE call [phone]'
    """
    plain = _plain(text, known or {})
    pieces: list[str] = []
    end = 0
    for found in _PEOPLE.finditer(text):
        pieces += [plain(text[end : found.start()]), _instead(found, replace)]
        end = found.end()
    return "".join([*pieces, plain(text[end:])])


def _plain(text: str, known: Mapping[str, str]) -> Callable[[str], str]:
    """What takes known names out of a part of a text."""
    folded = text.casefold()
    there = {name.casefold(): instead for name, instead in known.items() if name and name.casefold() in folded}
    pattern = names_pattern(there)
    if pattern is None:
        return lambda part: part
    return lambda part: replace_names(part, pattern, lambda name: there.get(name.casefold(), name))


def _instead(found: re.Match[str], replace: Callable[[str], str]) -> str:
    if found["email"]:
        return EMAIL
    if name := found["name"]:
        return found["sign"] + replace(name)
    if name := found["known"]:
        bare = name.rstrip(".-")
        return found["host"] + replace(bare or name) + name[len(bare) :] if bare else found[0]
    return PHONE if found["spelt"] or _is_phone(found[0]) else found[0]


def _is_phone(written: str) -> bool:
    """True for digits that may be a telephone number, or one of an account; dates and small numbers are none."""
    if _DATE.match(written):
        return False
    digits = sum(map(str.isdecimal, written))
    if written[0] in "+(0" or written[0] == "\uff10":
        return digits >= _FEWEST_DIGITS
    return digits >= _FEWEST_OF_ANY or _SHORT.fullmatch(written) is not None
