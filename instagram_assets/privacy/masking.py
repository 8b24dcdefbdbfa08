"""Texts without persons: pseudonyms for names, `[e-mail]`, `[phone]` and `[link]` for what leads to somebody.

Every `@name` becomes a pseudonym. Names without a sign do where they are known and cannot be taken for ordinary words.
What others call somebody in words stays, as do prices, amounts and dates, which datasets are read for.
"""

import re
from collections.abc import Callable, Collection

from instagram_assets.privacy.names_in_text import replace_words
from instagram_assets.privacy.personal import EMAIL, LINK, MAY_HOLD, NAME, PERSONAL, PHONE, is_number_of_somebody

_WORD = re.compile(NAME)
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


def names_behind_signs(text: str) -> set[str]:
    """The names that stand behind an @ in a text."""
    if not MAY_HOLD.search(text):
        return set()
    return {name for found in PERSONAL.finditer(text) if (name := found["name"] or found["apart"])}


def mask(text: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str] = frozenset()) -> str:
    """A text in which nobody is named or can be reached; all else of it is as it was.

    `pseudonym` gives what stands for a name; `names` are those, in lower case, that are replaced without an @ as well;
    `ids` lead to a post or a person as an address does.
    """

    def instead(found: re.Match[str]) -> str:
        if name := found["name"] or found["apart"]:
            return (found["sign"] or found["spaced"]) + pseudonym(name)
        if found["phone"] is not None:
            return PHONE if is_number_of_somebody(found) else found[0]
        return LINK if found["link"] is not None else EMAIL

    if MAY_HOLD.search(text):
        text = PERSONAL.sub(instead, text)
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
