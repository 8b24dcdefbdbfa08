"""Masks personal data in texts: pseudonyms for names, `[e-mail]`, `[phone]`, `[link]` and `[id]` for contact data.

Every `@name` becomes a pseudonym, a name without an @ only if it is an account of the lake and no ordinary word. Real
names, prices, amounts and dates are kept, since datasets are analysed for them.
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
"""Matches candidates for an id of nine or more digits, or for a shortcode."""
SHORT_ID_PATTERN = re.compile(r'(?m)^\d{1,8}$|(?<=")\d{1,8}(?=")')
"""Matches candidates for a shorter id: a number that is a whole line or a whole quoted value."""
_MAY_BE_SHORT_ID = re.compile(r"\d(?:[\"\n]|\Z)")
_NAMED = ("name", "apart")
_PERHAPS_KNOWN = ("handle", "site")
_PIECE = re.compile(r"\S+")
_MOST_READINGS = 4
_SHORTEST = 3


def is_standalone_name(name: str) -> bool:
    """Whether an account name is recognised in a text without an @ before it.

    Names of one or two letters, and those of digits only, are not: in many texts they are words and numbers.
    """
    return len(name) >= _SHORTEST and not name.isdigit() and not name.startswith("#")


def mentioned_names(text: str) -> set[str]:
    """Returns the names after an @ in a text."""
    personal = pii_pattern_for(text)
    if personal is None:
        return set()
    return {found[found.lastgroup] for found in personal.finditer(text) if found.lastgroup in _NAMED}


def mask(text: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str] = frozenset()) -> str:
    """Returns a text with names and contact data masked, also if encoded (escapes, look-alike letters, base64).

    `pseudonym` maps a name to its replacement; `names` (lower case) are also replaced without an @ before them; `ids`
    of posts and persons are masked like URLs.
    """
    given = set[str]()

    def told(name: str) -> str:
        if name in given:  # which may appear after its sign in another decoding
            return name
        given.add(answer := pseudonym(name))
        return answer

    text = _plain(text, told, names, ids)
    for _ in range(_MOST_READINGS):
        if (shown := _without_hidden(text, told, names, ids)) == text:
            break
        text = _plain(shown, told, names, ids)  # a name may have been adjacent to removed text
    return text


def mask_names(text: str, pseudonym: Callable[[str], str], names: Collection[str]) -> str:
    """Returns a text with `names` (in lower case) replaced by pseudonyms where they are whole words."""
    if not names or whole_words(text).isdisjoint(names):
        return text
    return replace_known(text, lambda word: pseudonym(word) if word.casefold() in names else None)


def _plain(text: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str]) -> str:
    """Returns a text with readable names and contact data masked; those in encoded form are left to `mask`."""

    def instead(found: re.Match[str]) -> str:
        if found.lastgroup == "name":
            return found["sign"] + pseudonym(found["name"])
        if found.lastgroup == "apart":
            return found["spaced"] + pseudonym(found["apart"])
        if found.lastgroup in _PERHAPS_KNOWN and found[found.lastgroup].casefold() in names:
            return found[0]  # the pseudonym is more informative
        return _way(found)

    personal = pii_pattern_for(text)
    if personal:
        text = personal.sub(instead, text)
    text = _without_ids(text, ids)
    if personal and any(mark in text for mark in PLACEHOLDERS):
        # Removal exposes data that was adjacent to a number or URL, or the second of two separated by a slash.
        for _ in range(_MOST_READINGS):
            if (told := _without_ids(personal.sub(_way_beside, text), ids)) == text:
                break
            text = told
    return mask_names(text, pseudonym, names)


def _without_ids(text: str, ids: Collection[str]) -> str:
    """Returns a text in which `ids` of posts and persons are replaced by `[link]`."""
    if ids and not _codes(text).isdisjoint(ids):
        text = ID_PATTERN.sub(lambda found: LINK if found[0] in ids else found[0], text)
    if ids and _MAY_BE_SHORT_ID.search(text):
        text = SHORT_ID_PATTERN.sub(lambda found: LINK if found[0] in ids else found[0], text)
    return text


def _way(found: re.Match[str]) -> str:
    """Returns the placeholder for matched contact data: `[link]`, `[phone]` and so on."""
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
    """Returns the placeholder for contact data that contains a placeholder of earlier masking, which is kept."""
    if found.lastgroup in (*_NAMED, *_PERHAPS_KNOWN):
        return found[0]
    own = found[0].find("[") if found.lastgroup == "link" else -1
    if own <= 0:
        return _way(found)
    others = found[0][own:]
    return others if others.startswith(LINK[:-1]) else LINK + others


def _without_hidden(text: str, pseudonym: Callable[[str], str], names: Collection[str], ids: Collection[str]) -> str:
    """Returns a text in which names that are found only by decoding are masked."""

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
    """Returns a run of non-space characters, masked if any of its decodings contains a name; else unchanged."""
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
    """Returns the base64 runs whose decoded text contains a name, from pairs (run, decoded text)."""
    return [run for run, said in found if not (whole_words(said).isdisjoint(names) and _codes(said).isdisjoint(ids))]


def _codes(text: str) -> set[str]:
    return set(ID_PATTERN.findall(text))
