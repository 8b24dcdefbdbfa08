"""People parted into those to train with, to stop and calibrate by, and to judge with: no one and no text in two."""

import hashlib
from typing import Literal, NamedTuple

import pyarrow as pa

from instagram_assets.age.labels import LABELLED
from instagram_assets.arrow import compute
from instagram_assets.errors import TrainingDataError
from instagram_assets.schemas import TEXTS

Part = Literal["train", "validation", "test"]

PARTS: tuple[Part, ...] = ("test", "validation", "train")
"""In the order in which they keep a text that people of several parts wrote: what judges stays as it was."""


class Split(NamedTuple):
    """Who is in which part, their texts, and what was taken out.

    `people` has the columns of `LABELLED`, without texts that stand in an earlier one of `PARTS`; `parts` says the
    part of each of its users; `shared` counts the texts taken out, and `emptied` are the users left without any.
    """

    people: pa.Table
    parts: dict[str, Part]
    shared: int
    emptied: list[str]


def split_users(labelled: pa.Table, seed: int, validation_share: float, test_share: float) -> Split:
    """Part people (the columns of `LABELLED`) at random, each label in the same shares, at least one in each part.

    Who is in which part follows from the seed and the names, not from the order of the rows, and few change places
    when people are added. Raises TrainingDataError when there are too few of a label.
    """
    names, labels = labelled["username"].to_pylist(), labelled["label"].to_pylist()
    parts: dict[str, Part] = {}
    for label in (0, 1):
        group = [name for name, own in zip(names, labels, strict=True) if own == label]
        _check_enough(len(group), label, len(names))
        # At least one for each part, however few there are.
        test = min(max(1, round(len(group) * test_share)), len(group) - 2)
        held_out = test + min(max(1, round(len(group) * validation_share)), len(group) - test - 1)
        for place, name in enumerate(sorted(group, key=lambda name: _lot(seed, name))):
            parts[name] = "test" if place < test else "validation" if place < held_out else "train"
    people, shared = _without_shared_texts(labelled, [parts[name] for name in names])
    left = people.filter(compute.greater(compute.list_value_length(people["texts"]), 0))
    emptied = sorted(set(names) - set(left["username"].to_pylist()))
    split = Split(left, {name: parts[name] for name in left["username"].to_pylist()}, shared, emptied)
    _check_parts(split)
    return split


def _lot(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def _check_enough(number: int, label: int, total: int) -> None:
    if not total:
        raise TrainingDataError("There are 0 users with a label and texts. Check that the names in both are the same.")
    if number >= len(PARTS):
        return
    who = "of the cut-off age or older (label 1)" if label else "below the cut-off age (label 0)"
    raise TrainingDataError(
        f"{number} of {total} users are {who}, and at least {len(PARTS)} of each label are needed: one to train, "
        "one to validate, one to test. Label more people, or choose another cut-off."
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


def _without_shared_texts(labelled: pa.Table, parts: list[Part]) -> tuple[pa.Table, int]:
    """The people with each text in the first of `PARTS` only that it occurs in, and how many texts went."""
    texts: list[list[str]] = labelled["texts"].to_pylist()
    keys = [[_sameness(text) for text in own] for own in texts]
    place_of: dict[str, int] = {}
    places = [PARTS.index(part) for part in parts]
    for place, own in zip(places, keys, strict=True):
        for key in own:
            place_of[key] = min(place, place_of.get(key, place))
    kept = [
        [text for text, key in zip(own, own_keys, strict=True) if place_of[key] == place]
        for own, own_keys, place in zip(texts, keys, places, strict=True)
    ]
    column = pa.array(kept, TEXTS)
    shared = sum(map(len, texts)) - sum(map(len, kept))
    return labelled.select(["username", "label"]).append_column("texts", column).cast(LABELLED), shared


def _sameness(text: str) -> str:
    """What is the same for texts that differ in upper case and white space only."""
    return " ".join(text.casefold().split())
