"""Masks personal data in texts: pseudonyms for names, `[e-mail]`, `[phone]`, `[link]` and `[id]` for contact data.

Every `@name` becomes a pseudonym. Names without a sign do where they are known and cannot be taken for ordinary words.
What others call somebody in words stays, as do prices, amounts and dates, which datasets are read for.
"""

import re
from collections.abc import Callable, Collection, Iterable

from instagram_assets.privacy.names_in_text import replace_known, whole_words
from instagram_assets.privacy.pii_patterns import (
    EMAIL,
    HANDLE,
    LINK,
    PHONE,
    PLACEHOLDERS,
    is_personal_number,
    pii_pattern_for,
)
from instagram_assets.privacy.text_decodings import (
    decode_base64_runs,
    decode_wrapped_base64,
    decoded_variants,
    may_be_encoded,
    replace_encoded,
)

ID_PATTERN = re.compile(r"[A-Za-z0-9_-]{9,}")
"""What an id of nine or more digits, or a shortcode, can be."""
SHORT_ID_PATTERN = re.compile(r'(?m)^\d{1,8}$|(?<=")\d{1,8}(?=")')
"""Where a shorter number can be an id: as a whole line or value."""
_MAY_BE_SHORT_ID = re.compile(r"\d(?:[\"\n]|\Z)")
_NAMED = ("name", "apart")
_PERHAPS_KNOWN = ("handle", "site")
_PIECE = re.compile(r"\S+")
_MOST_READINGS = 4
_SHORTEST = 3


def is_standalone_name(name: str) -> bool:
    """Whether an account name is recognised in a text without an @ before it.

    Names of one or two letters, and of digits alone, are words and numbers of any text.
    """
    return len(name) >= _SHORTEST and not name.isdigit() and not name.startswith("#")


def mentioned_names(text: str) -> set[str]:
    """The names after an @ in a text."""
    personal = pii_pattern_for(text)
    if personal is None:
        return set()
    return {found[found.lastgroup] for found in personal.finditer(text) if found.lastgroup in _NAMED}


def mask(text: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str] = frozenset()) -> str:
    """A text without names and contact data, also in encoded form (escapes, look-alike letters, base64).

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
    for _ in range(_MOST_READINGS):
        if (shown := _without_hidden(text, told, names, ids)) == text:
            break
        text = _plain(shown, told, names, ids)  # a name may have been glued to what is gone
    return text


def mask_names(text: str, pseudonym: Callable[[str], str], names: Collection[str]) -> str:
    """A text with pseudonyms for `names` (in lower case) where they are whole words."""
    if not names or whole_words(text).isdisjoint(names):
        return text
    return replace_known(text, lambda word: pseudonym(word) if word.casefold() in names else None)


def _plain(text: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str]) -> str:
    """As `mask`, of a text as it stands."""

    def instead(found: re.Match[str]) -> str:
        if found.lastgroup == "name":
            return found["sign"] + pseudonym(found["name"])
        if found.lastgroup == "apart":
            return found["spaced"] + pseudonym(found["apart"])
        if found.lastgroup in _PERHAPS_KNOWN and found[found.lastgroup].casefold() in names:
            return found[0]  # the pseudonym says more
        return _way(found)

    personal = pii_pattern_for(text)
    if personal:
        text = personal.sub(instead, text)
    text = _without_ids(text, ids)
    if personal and any(mark in text for mark in PLACEHOLDERS):
        # What is glued to a number or an address, and the second of two with a stroke between, is known for one now.
        for _ in range(_MOST_READINGS):
            if (told := _without_ids(personal.sub(_way_beside, text), ids)) == text:
                break
            text = told
    return mask_names(text, pseudonym, names)


def _without_ids(text: str, ids: Collection[str]) -> str:
    """A text in which ids that lead to a post or a person are links."""
    if ids and not _codes(text).isdisjoint(ids):
        text = ID_PATTERN.sub(lambda found: LINK if found[0] in ids else found[0], text)
    if ids and _MAY_BE_SHORT_ID.search(text):
        text = SHORT_ID_PATTERN.sub(lambda found: LINK if found[0] in ids else found[0], text)
    return text


def _way(found: re.Match[str]) -> str:
    """The placeholder of contact data: an address or a number."""
    match found.lastgroup:
        case "link" | "site":
            return LINK
        case "handle":
            return found["messenger"] + HANDLE
        case "mail":
            return EMAIL
        case _:
            return PHONE if is_personal_number(found) else found[0]


def _way_beside(found: re.Match[str]) -> str:
    """As `_way`, where others have been taken out: they stay, as names do."""
    if found.lastgroup in (*_NAMED, *_PERHAPS_KNOWN):
        return found[0]
    own = found[0].find("[") if found.lastgroup == "link" else -1
    if own <= 0:
        return _way(found)
    others = found[0][own:]
    return others if others.startswith(LINK[:-1]) else LINK + others


def _without_hidden(text: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str]) -> str:
    """A text with the names masked that appear once it is decoded."""

    def undisguised(piece: str) -> str:
        return _undisguised(piece, pseudonym, names, ids)

    if _naming(decode_base64_runs(text), names, ids):
        text = _PIECE.sub(lambda found: undisguised(found[0]), text)
    else:
        text = replace_encoded(text, undisguised)
    for run in _naming(decode_wrapped_base64(text), names, ids):
        text = text.replace(run, LINK)
    return text


def _undisguised(piece: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str]) -> str:
    """A run of signs without spaces: as it was, unless somebody is named in it once it is read otherwise."""
    if may_be_encoded(piece):
        for _ in range(_MOST_READINGS):
            readings = ((reading, _plain(reading, pseudonym, names, ids)) for reading in decoded_variants(piece))
            told = next((masked for reading, masked in readings if masked != reading), None)
            if told is None:
                break
            piece = told
        else:
            return LINK
    for run in _naming(decode_base64_runs(piece), names, ids):
        piece = piece.replace(run, LINK)
    return piece


def _naming(found: Iterable[tuple[str, str]], names: Collection[str], ids: Collection[str]) -> list[str]:
    """The runs of base64 that name somebody, of runs with what they say."""
    return [run for run, said in found if not (whole_words(said).isdisjoint(names) and _codes(said).isdisjoint(ids))]


def _codes(text: str) -> set[str]:
    return set(ID_PATTERN.findall(text))
