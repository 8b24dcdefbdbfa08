"""Splits captions into search terms, and parses search queries."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

_TOKEN_SEPARATOR = "\x1f"
"""Separator between a token's word and its part of speech."""
LONGEST = 60
"""Maximum characters of a term; longer ones are cut."""
MOST_QUERY_TERMS = 16
"""Maximum number of terms of a query; further ones are ignored."""
_EMOJI = "[\U0001f1e6-\U0001faff\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff]"
# A word with its # or @, or an emoji with its skin tone and the emoji that are joined to it.
_PIECE = re.compile(rf"[#@]?[\w·.]+|{_EMOJI}(?:[\U0001f3fb-\U0001f3ff]|\u200d{_EMOJI})*", re.UNICODE)
_JOINTS = re.compile(r"[._·]+")
_CJK = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_LOOKS: dict[int, None] = dict.fromkeys((0xFE0E, 0xFE0F))


def folded_text(text: str) -> str:
    """Returns text normalised for comparison: NFKC, case-folded, and without emoji presentation selectors."""
    once = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", once.encode("utf-8", "replace").decode()).translate(_LOOKS)


def terms_of(text: str, words: Iterable[str] = ()) -> set[str]:
    """Returns the search terms of a caption and its tokens; a hashtag or mention is also a term without its `#` or `@`.

    Names joined by `_`, `.` or `·`, as in account names, are also split into their components.

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
    """Returns the search term for a token with its part of speech, as counted by the view `token_counts`.

    It contains a control character, so that it never equals a term that a user typed.
    """
    return f"{word}{_TOKEN_SEPARATOR}{pos}"


@dataclass(frozen=True)
class QueryTerm:
    """One term of a search query; it matches equal terms if `whole`, else all terms that begin with it."""

    text: str
    whole: bool

    @property
    def is_inside(self) -> bool:
        """Whether it also matches in the middle of terms: true for scripts without spaces between words (CJK)."""
        return not self.whole and self.text[:1] not in ("#", "@") and bool(_CJK.search(self.text))


def query_terms(query: str) -> list[QueryTerm]:
    """Parses a search query into terms, all of which must match: words match as prefixes, quoted text as whole words.

    Punctuation around words is ignored; a query of punctuation alone searches for that. A word that is a prefix of
    another one in the query is dropped, since it matches whenever the longer one does.

    >>> query_terms('육아 "산책"')
    [QueryTerm(text='육아', whole=False), QueryTerm(text='산책', whole=True)]
    >>> query_terms("cats & dogs"), query_terms("!!")
    ([QueryTerm(text='cats', whole=False), QueryTerm(text='dogs', whole=False)], [QueryTerm(text='!!', whole=True)])
    """
    found: dict[QueryTerm, None] = {}
    for quoted, bare in re.findall(r'"([^"]*)"|([^\s"]+)', _straight(query)):
        found |= {QueryTerm(piece, bool(quoted)): None for piece in sorted(_pieces(folded_text(quoted or bare)))}
    if not found:
        signs = folded_text(query).strip()
        return [QueryTerm(signs[:LONGEST], whole=True)] if signs else []
    needed = [term for term in found if not any(_implies(other, term) for other in found)]
    return (
        sorted(needed, key=lambda term: -len(term.text))[:MOST_QUERY_TERMS]
        if len(needed) > MOST_QUERY_TERMS
        else needed
    )


def _pieces(text: str) -> set[str]:
    return {piece.strip(".·")[:LONGEST] for piece in _PIECE.findall(text)} - {"", "#", "@"}


def _straight(query: str) -> str:
    return query.translate(dict.fromkeys(map(ord, "“”„＂«»"), '"'))


def _implies(other: QueryTerm, term: QueryTerm) -> bool:
    """Whether every row that matches `other` also matches `term`."""
    return not term.whole and term != other and other.text.startswith(term.text)
