"""Invented people of two labels, who use the words of a small language model, some of them more than others."""

import random

import pyarrow as pa

from instagram_assets.age.labels import LABELLED_SCHEMA

YOUNG, OLD = ("school", "exam"), ("mortgage", "garden")
COMMON = ("오늘", "날씨", "좋다", "love", "a", "b", "c", "d")


def people(
    users: int, *, seed: int = 0, posts: tuple[int, int] = (3, 8), signal: float = 0.5, name: str = "user"
) -> pa.Table:
    """People of two labels in turn, whose names begin with `name`; a post holds a word of theirs as `signal` says."""
    chance = random.Random(seed)
    rows = [
        {
            "username": f"{name}{user:04}",
            "label": user % 2,
            "texts": [_post(chance, bool(user % 2), signal) for _ in range(chance.randint(*posts))],
        }
        for user in range(users)
    ]
    return pa.Table.from_pylist(rows, schema=LABELLED_SCHEMA)


def parts_of(table: pa.Table) -> dict[str, str]:
    """Of ten people, six to train, two to validate, two to test."""
    kinds = ("train",) * 6 + ("validation",) * 2 + ("test",) * 2
    return {name: kinds[place % 10] for place, name in enumerate(sorted(table["username"].to_pylist()))}


def _post(chance: random.Random, old: bool, signal: float) -> str:
    words = [chance.choice(COMMON) for _ in range(chance.randint(2, 9))]
    if chance.random() < signal:
        words[chance.randrange(len(words))] = chance.choice(OLD if old else YOUNG)
    return " ".join(words)
