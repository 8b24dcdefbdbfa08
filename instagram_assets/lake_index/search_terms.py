"""Splits captions into search terms, and parses the text of a search query."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

TOKEN_MARK = "\x1f"
"""Separator between a token's word and its part of speech."""
LONGEST = 60
"""Maximum characters of a term; longer ones are cut."""
MOST_WISHES = 16
"""Maximum number of terms of a query; further ones are ignored."""
_EMOJI = "[\U0001f1e6-\U0001faff\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff]"
# A word with its # or @, or an emoji with its skin tone and whatever is joined to it.
_PIECE = re.compile(rf"[#@]?[\w·.]+|{_EMOJI}(?:[\U0001f3fb-\U0001f3ff]|\u200d{_EMOJI})*", re.UNICODE)
_JOINTS = re.compile(r"[._·]+")
_CJK = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_LOOKS: dict[int, None] = dict.fromkeys((0xFE0E, 0xFE0F))


def folded_text(text: str) -> str:
    """Returns text normalised for comparison: NFKC, case-folded, and without emoji presentation selectors."""
    once = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", once.encode("utf-8", "replace").decode()).translate(_LOOKS)


def terms_of(text: str, words: Iterable[str] = ()) -> set[str]:
    """Returns the search terms of a caption and its tokens; a hashtag or mention is also a term without its sign.

    Names joined by `_`, `.` or `·`, such as those of accounts, are split: each part is a term as well.

    >>> sorted(terms_of("Cats at #home"))
    ['#home', 'at', 'cats', 'home']
    >>> sorted(terms_of("@sun_diary"))
    ['@sun_diary', 'diary', 'sun', 'sun_diary']
    """
    found = _pieces(folded_text(text))
    found |= {term[1:] for term in found if term[:1] in ("#", "@")}
    found |= {part for term in found if term[:1] not in ("#", "@") for part in _JOINTS.split(term)}
    found |= {folded_text(word)[:LONGEST] for word in words}
    return found - {""}


def token_term(word: str, pos: str) -> str:
    """Returns the term for a token with a part of speech, as the view `token_counts` counts it; no user can type it."""
    return f"{word}{TOKEN_MARK}{pos}"


@dataclass(frozen=True)
class QueryTerm:
    """One term of a query, which matches a whole term or the beginning of longer ones."""

    text: str
    whole: bool

    @property
    def is_inside(self) -> bool:
        """Whether it also matches inside longer words: true for scripts written without spaces between words."""
        return not self.whole and self.text[:1] not in ("#", "@") and bool(_CJK.search(self.text))


def query_terms(query: str) -> list[QueryTerm]:
    """Parses a query into terms, all of which must match: each word is a prefix, each quoted text is matched whole.

    Punctuation beside words is ignored; a query of punctuation alone searches for it. A term that is a prefix of
    another one is dropped.

    >>> wishes('육아 "산책"')
    [Wish(text='육아', whole=False), Wish(text='산책', whole=True)]
    >>> wishes("cats & dogs"), wishes("!!")
    ([Wish(text='cats', whole=False), Wish(text='dogs', whole=False)], [Wish(text='!!', whole=True)])
    """
    found: dict[QueryTerm, None] = {}
    for quoted, bare in re.findall(r'"([^"]*)"|([^\s"]+)', _straight(query)):
        found |= {QueryTerm(piece, bool(quoted)): None for piece in sorted(_pieces(folded_text(quoted or bare)))}
    if not found:
        signs = folded_text(query).strip()
        return [QueryTerm(signs[:LONGEST], whole=True)] if signs else []
    needed = [wish for wish in found if not any(_says_more(other, wish) for other in found)]
    return sorted(needed, key=lambda wish: -len(wish.text))[:MOST_WISHES] if len(needed) > MOST_WISHES else needed


def _pieces(text: str) -> set[str]:
    return {piece.strip(".·")[:LONGEST] for piece in _PIECE.findall(text)} - {"", "#", "@"}


def _straight(query: str) -> str:
    return query.translate(dict.fromkeys(map(ord, "“”„＂«»"), '"'))


def _says_more(other: QueryTerm, wish: QueryTerm) -> bool:
    """Whether every row that matches `other` also matches `wish`."""
    return not wish.whole and wish != other and other.text.startswith(wish.text)
