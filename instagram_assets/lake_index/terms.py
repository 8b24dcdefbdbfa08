"""How a caption is taken apart into what it is found by, and what somebody types is asked."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

TOKEN_MARK = "\x1f"
"""Stands between the word and the part of speech of a token."""
LONGEST = 60
"""Characters of a term; what is longer is cut."""
MOST_WISHES = 16
"""Words of a query that are looked for; more of them are passed over."""
_EMOJI = "[\U0001f1e6-\U0001faff\u2190-\u21ff\u2300-\u27bf\u2b00-\u2bff]"
# A word with its # or @, or an emoji with its skin tone and whatever is joined to it.
_PIECE = re.compile(rf"[#@]?[\w·.]+|{_EMOJI}(?:[\U0001f3fb-\U0001f3ff]|\u200d{_EMOJI})*", re.UNICODE)
_JOINTS = re.compile(r"[._·]+")
_CJK = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_LOOKS: dict[int, None] = dict.fromkeys((0xFE0E, 0xFE0F))


def folded_text(text: str) -> str:
    """Text as it is compared: in one form of Unicode, without the difference of upper and lower case, of wide and
    narrow letters, and of an emoji in colour or not.
    """
    once = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", once.encode("utf-8", "replace").decode()).translate(_LOOKS)


def terms_of(text: str, words: Iterable[str] = ()) -> set[str]:
    """The terms of a caption, with those of its tokens; a hashtag or mention is one without its sign, too.

    Of words joined by `_`, `.` or `·`, as in names of accounts, each part is one as well.

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
    """The term of a token as one part of speech, exactly as the view `token_counts` counts it; nobody can type it."""
    return f"{word}{TOKEN_MARK}{pos}"


@dataclass(frozen=True)
class QueryTerm:
    """One word that was asked for: found whole, or as the beginning of longer ones."""

    text: str
    whole: bool

    @property
    def is_inside(self) -> bool:
        """Whether it is found inside of longer words, too: where words are written without spaces between them."""
        return not self.whole and self.text[:1] not in ("#", "@") and bool(_CJK.search(self.text))


def query_terms(query: str) -> list[QueryTerm]:
    """What a query asks for, all of it at once: each word, and each of those in quotes whole.

    Signs beside words are passed over; a query of nothing else asks for the sign itself. Of words of which one begins
    the other the longer says it all.

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
    """Whether every row that has `other` has `wish`, too."""
    return not wish.whole and wish != other and other.text.startswith(wish.text)
