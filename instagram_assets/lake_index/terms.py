"""How a caption is taken apart into what it is found by, and what somebody types is asked."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

TOKEN_MARK = "\x1f"
"""Stands between the word and the part of speech of a token."""
LONGEST = 60
"""Characters of a term; what is longer is cut."""
_PIECE = re.compile(r"[#@]?[\w·.]+", re.UNICODE)


def folded(text: str) -> str:
    """Text as it is compared: in one form of Unicode, without the difference of upper and lower case."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", text).casefold())


def terms_of(text: str, words: Iterable[str] = ()) -> set[str]:
    """The terms of a caption, with those of its tokens; a hashtag is one with `#`, one without, too.

    >>> sorted(terms_of("Cats at #home"))
    ['#home', 'at', 'cats', 'home']
    """
    found = {piece.strip(".·")[:LONGEST] for piece in _PIECE.findall(folded(text))}
    found |= {term[1:] for term in found if term[:1] in ("#", "@")}
    found |= {folded(word)[:LONGEST] for word in words}
    return found - {""}


def token_term(word: str, pos: str) -> str:
    """The term of a token as one part of speech, exactly as the view `token_counts` counts it; nobody can type it."""
    return f"{word}{TOKEN_MARK}{pos}"


@dataclass(frozen=True)
class Wish:
    """One word that was asked for: found whole, or as the beginning of longer ones."""

    text: str
    whole: bool


def wishes(query: str) -> list[Wish]:
    """What a query asks for, all of it at once: each word, and each text in quotes whole.

    >>> wishes('육아 "산책"')
    [Wish(text='육아', whole=False), Wish(text='산책', whole=True)]
    """
    found: list[Wish] = []
    for quoted, bare in re.findall(r'"([^"]*)"|([^\s"]+)', query):
        pieces = [piece.strip(".·")[:LONGEST] for piece in _PIECE.findall(folded(quoted or bare))]
        found += [Wish(piece, bool(quoted)) for piece in pieces if piece]
    return found
