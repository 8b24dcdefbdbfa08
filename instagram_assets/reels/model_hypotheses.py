"""What a model that watched the reels supposes of them, with the reels for which it said so."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

Row = dict[str, object]

# Words that say nothing of what is supposed. "not", "no", "less" and their like do: without them opposites were equal.
_EMPTY = frozenset(
    """
    a an the this that these those it its is are was were be been being has have had do does did
    may might can could would should will probably likely perhaps possibly because since as
    of to in on at for with by and or very so
    reel reels video videos clip viewer viewers go goes going went gone viral
    """.split()  # noqa: SIM905  read as words
)


class ModelHypothesis(NamedTuple):
    """One sentence that the model said of one reel."""

    post_id: str
    viral: bool
    text: str


def group_hypotheses(week: date, said: Iterable[ModelHypothesis]) -> list[Row]:
    """Rows of `schemas.VIRAL_HYPOTHESES` of kind `model` of one week, those that most viral reels support first.

    Sentences are the same where they have the same words but for their order and for words that say nothing. No more:
    a measure of likeness also puts "fast cuts" and "slow cuts" together, which are opposites.
    """
    groups: dict[frozenset[str], list[ModelHypothesis]] = {}
    for each in said:
        if words := telling_words(each.text):
            groups.setdefault(words, []).append(each)
    rows = [_row(week, group) for group in groups.values()]
    return sorted(rows, key=_place)


def telling_words(text: str) -> frozenset[str]:
    """The words of a sentence that say what is supposed, in one case and number."""
    words = re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold().replace("n't", " not").replace("’", ""))
    telling = [word for word in words if word not in _EMPTY] or words
    return frozenset(_singular(word) for word in telling)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _row(week: date, group: list[ModelHypothesis]) -> Row:
    spellings = Counter(" ".join(each.text.split()) for each in group)
    return {
        "week": week,
        "kind": "model",
        "hypothesis": min(spellings, key=lambda text: (-spellings[text], text)),
        "supported_by": sorted({each.post_id for each in group if each.viral}),
        "contradicted_by": sorted({each.post_id for each in group if not each.viral}),
    }


def _place(row: Row) -> tuple[int, int, str]:
    supported, contradicted = row["supported_by"], row["contradicted_by"]
    assert isinstance(supported, list)
    assert isinstance(contradicted, list)
    return -len(supported), len(contradicted), str(row["hypothesis"])
