"""Hypotheses that the model suggested when it analysed the reels: grouped, each with the reels that support it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

Row = dict[str, object]

# Stop words. "not", "no", "less" and the like are none: without them opposites would be equal.
_EMPTY = frozenset(
    """
    a an the this that these those it its is are was were be been being has have had do does did
    may might can could would should will probably likely perhaps possibly because since as
    of to in on at for with by and or very so
    reel reels video videos clip viewer viewers go goes going went gone viral
    """.split()  # noqa: SIM905  read as words
)


class ModelHypothesis(NamedTuple):
    """One hypothesis that the model stated about one reel, and whether the reel went viral."""

    post_id: str
    viral: bool
    text: str


def group_hypotheses(week: date, said: Iterable[ModelHypothesis]) -> list[Row]:
    """Returns the rows of `schemas.VIRAL_HYPOTHESES` of kind `model` for one week, sorted by number of viral reels.

    Sentences are grouped if they have the same words, apart from order and stop words. Embedding similarity is not
    used, since it also groups "fast cuts" with "slow cuts", which are opposites.
    """
    groups: dict[frozenset[str], list[ModelHypothesis]] = {}
    for each in said:
        if words := telling_words(each.text):
            groups.setdefault(words, []).append(each)
    rows = [_row(week, group) for group in groups.values()]
    return sorted(rows, key=_place)


def telling_words(text: str) -> frozenset[str]:
    """Returns the set of words of a sentence, lower-cased and in the singular, without stop words."""
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
