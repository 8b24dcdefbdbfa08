"""Texts without persons: pseudonyms for names, `[e-mail]`, `[phone]` and `[link]` for what leads to somebody.

Every `@name` becomes a pseudonym. Names without a sign do where they are known and cannot be taken for ordinary words.
What others call somebody in words stays, as do prices, amounts and dates, which datasets are read for.
"""

import re
from collections.abc import Callable, Collection

from instagram_assets.privacy.names_in_text import replace_known, whole_words
from instagram_assets.privacy.personal import EMAIL, LINK, MAY_HOLD, PERSONAL, PHONE, is_number_of_somebody
from instagram_assets.privacy.readings import from_base64, spellings

CODE = re.compile(r"[A-Za-z0-9_-]{9,}")
"""What an id of nine or more digits, or a shortcode, can be."""
SHORT_ID = re.compile(r'(?m)^\d{1,8}$|(?<=")\d{1,8}(?=")')
"""Where a shorter number can be an id: as a whole line or value."""
_DISGUISED = re.compile(r"[\\%&]|[^\x00-\x7f\uac00-\ud7a3\u3130-\u318f\u4e00-\u9fff]|[A-Za-z0-9+/_-]{6}")
_PIECE = re.compile(r"\S+")
_MOST_READINGS = 4
_SHORTEST = 3


def stands_alone(name: str) -> bool:
    """Whether a name is known for one without an @ before it, of the accounts that are collected or post.

    Names of one or two letters, and of digits alone, are words and numbers of any text.
    """
    return len(name) >= _SHORTEST and not name.isdigit() and not name.startswith("#")


def names_behind_signs(text: str) -> set[str]:
    """The names that stand behind an @ in a text."""
    if not MAY_HOLD.search(text):
        return set()
    return {name for found in PERSONAL.finditer(text) if (name := found["name"] or found["apart"])}


def mask(text: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str] = frozenset()) -> str:
    """A text in which nobody is named or can be reached, however it is read; all else of it is as it was.

    `pseudonym` gives what stands for a name; `names` are those, in lower case, that are replaced without an @ as well;
    `ids` lead to a post or a person as an address does.
    """
    given = set[str]()

    def told(name: str) -> str:
        if name in given:  # which another reading has behind its sign
            return name
        given.add(answer := pseudonym(name))
        return answer

    text = _plain(text, told, names, ids)
    if not _DISGUISED.search(text):
        return text
    return _PIECE.sub(lambda found: _undisguised(found[0], told, names, ids), text)


def mask_names(text: str, pseudonym: Callable[[str], str], names: Collection[str]) -> str:
    """A text with pseudonyms for `names`, which are in lower case, where they stand as whole words."""
    if not names or whole_words(text).isdisjoint(names):
        return text
    return replace_known(text, lambda word: pseudonym(word) if word.casefold() in names else None)


def _plain(text: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str]) -> str:
    """As `mask`, of a text as it stands."""

    def instead(found: re.Match[str]) -> str:
        if name := found["name"] or found["apart"]:
            return (found["sign"] or found["spaced"]) + pseudonym(name)
        if found["phone"] is not None:
            return PHONE if is_number_of_somebody(found) else found[0]
        return LINK if found["link"] is not None else EMAIL

    if MAY_HOLD.search(text):
        text = PERSONAL.sub(instead, text)
    if ids:
        for pattern in (CODE, SHORT_ID):
            text = pattern.sub(lambda found: LINK if found[0] in ids else found[0], text)
    return mask_names(text, pseudonym, names)


def _undisguised(piece: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str]) -> str:
    """A run of signs without spaces: as it was, unless somebody is named in it once it is read otherwise."""
    if not _DISGUISED.search(piece):
        return piece
    for _ in range(_MOST_READINGS):
        readings = ((reading, _plain(reading, pseudonym, names, ids)) for reading in spellings(piece))
        told = next((masked for reading, masked in readings if masked != reading), None)
        if told is None:
            break
        piece = told
    else:
        return LINK
    for run, said in from_base64(piece):
        if not (whole_words(said).isdisjoint(names) and set(CODE.findall(said)).isdisjoint(ids)):
            piece = piece.replace(run, LINK)
    return piece
