"""Korean captions by the hundred thousand: words as often as people use them, hashtags, and what a tokenizer finds."""

import random
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from benchmarks.captions import WORDS_OF
from instagram_assets.arrow import compute
from instagram_assets.schemas import TEXTS, WORDS

WORDS_KNOWN, TAGS_KNOWN = 30_000, 3_000
_FORMS = ("", "을", "이", "은", "에", "에서", "도", "까지")
"""What follows a word in a caption: its particle, which the tokenizer takes off."""
_CLASSES = ("noun", "noun", "noun", "noun", "verb", "verb", "adjective", "adverb", "proper_noun", "interjection")
_COLUMNS = {
    "nouns": "noun",
    "proper_nouns": "proper_noun",
    "verbs": "verb",
    "adjectives": "adjective",
    "adverbs": "adverb",
    "interjections": "interjection",
}
_SHORTEST, _USUAL, _LONGEST = 8, 18, 70
"""Words of a caption: 30 to 300 characters, most of them near the lower end."""
_STEEP = 1.05
_OWN_SHARE = 0.15
"""Words that an account uses more than others do."""
_SYLLABLES = (
    "가나다라마바사아자차카타파하고노도로모보소오조호구누두루무부수우주기니디리미비시이지치해내대배새개달별봄꽃산강물길"
)


@dataclass(frozen=True)
class Vocabulary:
    """All words, most frequent first, with the part of speech of each, in each form, and hashtags."""

    words: pa.Array
    classes: NDArray[np.int64]
    forms: pa.Array
    tags: pa.Array


@lru_cache(maxsize=1)
def vocabulary() -> Vocabulary:
    """The same words in every process: those that people use first, then invented ones."""
    chance = random.Random(21)
    words = dict.fromkeys(word for text in WORDS_OF.values() for word in text.split("|") if " " not in word)
    tags = dict.fromkeys(WORDS_OF["tag"].split("|"))
    for known, many in ((words, WORDS_KNOWN), (tags, TAGS_KNOWN)):
        while len(known) < many:
            known.setdefault("".join(chance.choices(_SYLLABLES, k=chance.choice((2, 2, 3, 3, 4)))))
    classes = np.random.default_rng(21).integers(0, len(_CLASSES), len(words))
    return Vocabulary(
        pa.array(list(words)),
        classes,
        pa.array([word + form for word in words for form in _FORMS]),
        pa.array(list(tags)),
    )


def zipf(chance: np.random.Generator, count: int, many: int) -> NDArray[np.int64]:
    """Places in a list of `many` things, the first of which come most often, as words of a language do."""
    shares = np.cumsum(1 / np.arange(2, many + 2) ** _STEEP)
    return np.searchsorted(shares, chance.random(count) * shares[-1])


@dataclass(frozen=True)
class Captions:
    """Captions of one account with their hashtags; and the columns that the table `tokens` has of them."""

    captions: pa.Array
    hashtags: pa.Array
    tokens: dict[str, pa.Array]


def captions(chance: np.random.Generator, count: int) -> Captions:
    """So many captions of one account, which has words of its own."""
    known = vocabulary()
    lengths = chance.triangular(_SHORTEST, _USUAL, _LONGEST, count).astype(np.int64)
    words = zipf(chance, int(lengths.sum()), len(known.words))
    own = chance.random(len(words)) < _OWN_SHARE
    words[own] = (words[own] + chance.integers(len(known.words))) % len(known.words)
    forms = words * len(_FORMS) + chance.integers(0, len(_FORMS), len(words))
    many_tags = chance.integers(0, 10, count)
    tags = zipf(chance, int(many_tags.sum()), len(known.tags))
    texts = _joined(_lists(lengths, known.forms.take(pa.array(forms))), " ")
    hashtags = _lists(many_tags, known.tags.take(pa.array(tags)))
    marked = _joined(_lists(many_tags, compute.binary_join_element_wise("#", known.tags.take(pa.array(tags)), "")), " ")
    return Captions(compute.binary_join_element_wise(texts, marked, "\n"), hashtags, _tokens(words, lengths, hashtags))


def _tokens(words: NDArray[np.int64], lengths: NDArray[np.int64], hashtags: pa.Array) -> dict[str, pa.Array]:
    known, count = vocabulary(), len(lengths)
    classes = known.classes[words]
    texts = known.words.take(pa.array(words))
    parts = pa.array(_CLASSES).take(pa.array(classes))
    columns: dict[str, pa.Array] = {
        "language": pa.array(["ko"] * count),
        "tokens": _lists(lengths, pa.StructArray.from_arrays([texts, parts], fields=list(WORDS.value_type))),
    }
    owners = np.repeat(np.arange(count), lengths)
    for name, part in _COLUMNS.items():
        chosen = np.isin(classes, [place for place, each in enumerate(_CLASSES) if each == part])
        columns[name] = _lists(np.bincount(owners[chosen], minlength=count), texts.filter(pa.array(chosen)))
    nothing = pa.array([[]] * count, TEXTS)
    return {**columns, "emojis": nothing, "hashtags": hashtags, "mentions": nothing}


def _lists(lengths: NDArray[np.int64], values: pa.Array) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values)


def _joined(lists: pa.Array, between: str) -> pa.Array:
    return compute.binary_join(lists, between)
