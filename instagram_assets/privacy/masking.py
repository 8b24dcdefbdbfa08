"""Texts without persons: pseudonyms for names, `[e-mail]`, `[phone]` and `[link]` for what leads to somebody.

Every `@name` becomes a pseudonym. Names without a sign do where they are names of the lake that cannot be taken for
ordinary words. What others call somebody in words stays. `texts.scrub_text` takes any row of digits for a telephone
number; here prices, amounts and dates stay, which datasets are read for.
"""

import re
from collections.abc import Callable, Collection

from instagram_assets.privacy.names_in_text import replace_words
from instagram_assets.privacy.texts import EMAIL, PHONE

LINK = "[link]"
"""What stands in the place of a web address, and of an id that leads to a post or a profile."""

_NAME = r"[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*"
# An address ends where a hashtag in another script is glued to it, and never with what ends a sentence.
_IN_LINK = r"(?:(?!#[^!-~])[!-~])*(?<![.,;:!?)\]}'\"])"
_DOMAIN = r"(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,24}"
_GAP = r"[ \u00a0]?[-.)/\u2010-\u2015][ \u00a0]?|[ \u00a0]"
_PHONES = (
    r"\+\d(?:[ \u00a0().\-\u2010-\u2015]{0,3}\d){7,14}",  # +82 10-1234-5678, +1 (555) 123-4567
    rf"82(?:{_GAP})?\(?0?\)?(?:{_GAP})?1\d(?:{_GAP})?\d{{3,4}}(?:{_GAP})?\d{{4}}",
    rf"\(?0\d{{1,3}}\)?(?:{_GAP})?\d{{3,4}}(?:{_GAP})?\d{{4}}",  # 010-1234-5678, (02) 123 4567, 0505-123-4567
    r"0\d{3,4}[ \u00a0]\d{6}",  # 07911 123456
    rf"0\d(?:(?:{_GAP})\d\d){{4}}",  # 06 12 34 56 78
    rf"\(?\d{{3}}\)?(?:{_GAP})\d{{3}}(?:{_GAP})\d{{4}}",  # (555) 123-4567
    r"1[568]\d\d-\d{4}",  # 1588-1234
    r"[공영]일[공영일](?:[ .-]{0,3}[공영일이삼사오육칠팔구\d]){7,8}",  # 공일공 일이삼사 오육칠팔
)
_PERSONAL = re.compile(
    rf"(?P<link>(?<![A-Za-z0-9])(?:(?i:https?)://|(?i:www)\.){_IN_LINK}"
    rf"|(?<![A-Za-z0-9.@_-]){_DOMAIN}/{_IN_LINK})"
    # No run of letters is looked through more than once, so that a long one takes no long time.
    rf"|(?P<mail>(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+(?<!\.)[@＠]{_DOMAIN}(?![A-Za-z0-9_]))"
    rf"|(?P<spelled>(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]+ ?(?:\(at\)|\[at\]|골뱅이) ?[A-Za-z0-9-]+"
    r"(?: ?(?:\.|\(dot\)|\[dot\]) ?[A-Za-z0-9-]+)+)"
    r"|(?P<sign>(?:[@＠﹫]|%40|&#0*64;|&#[xX]0*40;|&commat;)[\u200b-\u200f\u2060\ufe0e\ufe0f]*)"
    rf"(?P<name>{_NAME})"
    rf"|(?P<phone>(?<![\d.,#])(?<!\d[-/])(?:{'|'.join(_PHONES)})(?![\d]|[-.]\d))"
)
_MAY_HOLD = re.compile(
    r"[@＠﹫]|%40|&#|&commat|[공영]일|골뱅이|\((?:at)\)|\[at\]|://|www\.|[A-Za-z]/|\d[ \u00a0().\u2010-\u2015-]{0,2}\d",
    re.IGNORECASE,
)
_WORD = re.compile(_NAME)
CODE = re.compile(r"[A-Za-z0-9_-]{9,}")
"""What an id of nine or more digits, or a shortcode, can be."""
_SHORTEST = 3


def stands_alone(name: str) -> bool:
    """Whether a name is known for one without an @ before it, of the accounts that are collected or post.

    Names of one or two letters, and of digits alone, are words and numbers of any text.
    """
    return len(name) >= _SHORTEST and not name.isdigit() and not name.startswith("#")


def is_distinctive(name: str) -> bool:
    """Whether a name of somebody who is only mentioned can be no ordinary word: it has a dot, a `_` or a digit."""
    return len(name) > _SHORTEST and not name.isalpha() and not name.isdigit() and not name.startswith("#")


def mask(text: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str] = frozenset()) -> str:
    """A text in which nobody is named or can be reached; all else of it is as it was.

    `pseudonym` gives what stands for a name; `names` are those, in lower case, that are replaced without an @ as well;
    `ids` lead to a post or a person as an address does.
    """

    def instead(found: re.Match[str]) -> str:
        if found["name"] is not None:
            return found["sign"] + pseudonym(found["name"])
        return LINK if found["link"] is not None else PHONE if found["phone"] is not None else EMAIL

    if _MAY_HOLD.search(text):
        text = _PERSONAL.sub(instead, text)
    if ids and not set(CODE.findall(text)).isdisjoint(ids):
        text = CODE.sub(lambda found: LINK if found[0] in ids else found[0], text)
    return mask_names(text, pseudonym, names)


def mask_names(text: str, pseudonym: Callable[[str], str], names: Collection[str]) -> str:
    """A text with pseudonyms for `names`, which are in lower case, where they stand as whole words."""
    if not names or not _may_name(text, names):
        return text
    return replace_words(text, lambda word: pseudonym(word) if word.casefold() in names else None)


def _may_name(text: str, names: Collection[str]) -> bool:
    words = _WORD.findall(text.casefold())
    return any(word in names or (word.rpartition(".")[0] in names if "." in word else False) for word in words)
