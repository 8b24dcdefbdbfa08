"""The split of labelled users into four sets without shared users or shared texts.

`train` is for training, `validation` for selecting the best epoch, `calibration` for Platt scaling, `test` for
evaluation. Validation users are not used for calibration: the epoch was selected for them, so their logits are
optimistically biased (Cawley and Talbot 2010, JMLR 11: 2079-2107).
"""

import hashlib
from itertools import islice
from typing import Literal, NamedTuple

import pyarrow as pa

from instagram_assets.age.labels import LABELLED_SCHEMA
from instagram_assets.arrow import compute
from instagram_assets.errors import TrainingDataError
from instagram_assets.schemas import TEXTS

SplitPart = Literal["train", "validation", "calibration", "test"]

PARTS: tuple[SplitPart, ...] = ("test", "calibration", "validation", "train")
"""In order of precedence for a text that users of several sets wrote: the test set keeps it, to stay unchanged."""


class Split(NamedTuple):
    """The set of each user, the users with their texts, and how many texts were removed.

    `people` has the columns of `LABELLED_SCHEMA`, without texts that also occur in an earlier set (in the order of
    `PARTS`). `parts` maps each username to its set, `shared` counts the removed texts, and `emptied` lists the users
    without remaining texts.
    """

    people: pa.Table
    parts: dict[str, SplitPart]
    shared: int
    emptied: list[str]


def split_users(labelled: pa.Table, seed: int, validation_share: float, test_share: float) -> Split:
    """Stratified random split of users (the columns of `LABELLED_SCHEMA`), with both labels in each set.

    Half of `validation_share` is the validation set, the other half the calibration set.

    The split is deterministic for seed and usernames, independent of the order of rows, and nearly unchanged for the
    other users if users are added. Raises TrainingDataError when a label has too few users.
    """
    names, labels = labelled["username"].to_pylist(), labelled["label"].to_pylist()
    parts: dict[str, SplitPart] = {}
    for label in (0, 1):
        group = [name for name, own in zip(names, labels, strict=True) if own == label]
        _check_enough(len(group), label, len(names))
        # At least one for each set, even with few users.
        test = min(max(1, round(len(group) * test_share)), len(group) - 3)
        chosen = min(max(2, round(len(group) * validation_share)), len(group) - test - 1)
        sizes: dict[SplitPart, int] = {"test": test, "calibration": chosen // 2, "validation": chosen - chosen // 2}
        order = iter(sorted(group, key=lambda name: _random_key(seed, name)))
        for part in PARTS:
            parts.update(dict.fromkeys(islice(order, sizes.get(part)), part))
    people, shared = _without_shared_texts(labelled, [parts[name] for name in names])
    left = people.filter(compute.greater(compute.list_value_length(people["texts"]), 0))
    emptied = sorted(set(names) - set(left["username"].to_pylist()))
    split = Split(left, {name: parts[name] for name in left["username"].to_pylist()}, shared, emptied)
    _check_parts(split)
    return split


def _random_key(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def _check_enough(number: int, label: int, total: int) -> None:
    if not total:
        raise TrainingDataError("There are 0 users with a label and texts. Check that the names in both are the same.")
    if number >= len(PARTS):
        return
    who = "of the cut-off age or older (label 1)" if label else "below the cut-off age (label 0)"
    raise TrainingDataError(
        f"{number} of {total} users are {who}, and at least {len(PARTS)} of each label are needed: one to train, "
        "one to validate, one to calibrate, one to test. Label more people, or choose another cut-off."
    )


def _check_parts(split: Split) -> None:
    labels = dict(zip(*(split.people[name].to_pylist() for name in ("username", "label")), strict=True))
    there = {(part, labels[name]) for name, part in split.parts.items()}
    for part in PARTS:
        if not {(part, 0), (part, 1)} <= there:
            raise TrainingDataError(
                f"After {split.shared} texts that people of several parts wrote were taken out of all but one, nobody "
                f"of one label has a text left for {part}. Are the same texts under many names?"
            )


def _without_shared_texts(labelled: pa.Table, parts: list[SplitPart]) -> tuple[pa.Table, int]:
    """The users, with each text kept only in the first set (in the order of `PARTS`) that contains it.

    Returns the table and the number of removed texts. `parts` is the set of each row.
    """
    texts: list[list[str]] = labelled["texts"].to_pylist()
    keys = [[_normalised(text) for text in own] for own in texts]
    first_part: dict[str, int] = {}
    places = [PARTS.index(part) for part in parts]
    for place, own in zip(places, keys, strict=True):
        for key in own:
            first_part[key] = min(place, first_part.get(key, place))
    kept = [
        [text for text, key in zip(own, own_keys, strict=True) if first_part[key] == place]
        for own, own_keys, place in zip(texts, keys, places, strict=True)
    ]
    column = pa.array(kept, TEXTS)
    shared = sum(map(len, texts)) - sum(map(len, kept))
    return labelled.select(["username", "label"]).append_column("texts", column).cast(LABELLED_SCHEMA), shared


def _normalised(text: str) -> str:
    """The comparison key of a text: case-folded, with runs of white space replaced by one space."""
    return " ".join(text.casefold().split())
