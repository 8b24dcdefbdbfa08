"""Kiwi: Korean words without Java, on as many threads as wanted (https://github.com/bab2min/Kiwi)."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from instagram_assets.text.pos import KIWI, Token
from instagram_assets.text.words import Words

if TYPE_CHECKING:
    from kiwipiepy import Kiwi
    from kiwipiepy import Token as KiwiToken

_TAGS = {"noun": "NNG", "proper_noun": "NNP", "adverb": "MAG", "interjection": "IC", "verb": "VV", "adjective": "VA"}
_STEMS = ("VV", "VA", "XSV", "XSA")


def kiwi_version() -> str:
    """The name and version of the tokenizer."""
    from importlib.metadata import version

    return f"kiwi {version('kiwipiepy')}"


def kiwi_words(texts: Sequence[str], words: Words, workers: int) -> Iterator[list[Token]]:
    """The words of each text, in the order of the texts."""
    from kiwipiepy import Match

    # 행복 and 하다 as the adjective 행복하다; the noun of an action (산책하다) stays a noun.
    match = Match.ALL | Match.JOIN_ADJ_SUFFIX | Match.JOIN_ADV_SUFFIX
    analysed: Any = _kiwi(words.own, workers).tokenize(texts, match_options=match, compatible_jamo=True)
    for tokens in analysed:
        yield [(_word(token), pos) for token in tokens if (pos := KIWI.get(token.tag.partition("-")[0], "unknown"))]


@lru_cache(maxsize=1)
def _kiwi(own: tuple[tuple[str, str], ...], workers: int) -> "Kiwi":
    """One Kiwi for the process: it takes two seconds and 500 MB."""
    from kiwipiepy import Kiwi

    kiwi = Kiwi(num_workers=workers)
    for word, pos in own:
        form = word.removesuffix("다") if pos in ("verb", "adjective") else word
        kiwi.add_user_word(form, cast("Any", _TAGS[pos]))  # annotated as an enumeration, but the name is wanted
    return kiwi


def _word(token: "KiwiToken") -> str:
    """The token in its dictionary form."""
    if token.tag.startswith(_STEMS) and not token.lemma.endswith("다"):
        return f"{token.lemma}다"
    return token.lemma
