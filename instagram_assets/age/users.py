"""People and their posts as numbers: each distinct text once, and which of them are whose."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.arrow import compute


class Users(NamedTuple):
    """People of one part of a split, by name: labels of 0 and 1, and of each the numbers of the texts written.

    A text that a user posted twice is there twice.
    """

    names: list[str]
    labels: NDArray[np.float32]
    posts: list[NDArray[np.int64]]


def read_users(people: pa.Table, parts: Mapping[str, str], wanted: Sequence[str]) -> tuple[pa.Array, dict[str, Users]]:
    """The distinct texts of the people (username, label, texts) of the `wanted` parts, and the people of each part.

    Who has no texts is left out. The order of the rows plays no part.
    """
    part = pa.array([parts.get(name) for name in people["username"].to_pylist()], pa.string())
    rows = people.append_column("part", part).sort_by("username")
    rows = rows.filter(compute.is_in(rows["part"], value_set=pa.array(wanted, pa.string())))
    rows = rows.filter(compute.greater(compute.list_value_length(rows["texts"]), 0))
    texts = rows["texts"].combine_chunks()
    distinct = texts.flatten().dictionary_encode()
    numbers = distinct.indices.to_numpy().astype(np.int64)
    borders = np.cumsum([0, *compute.list_value_length(texts).to_pylist()])
    names, labels = rows["username"].to_pylist(), rows["label"].to_numpy().astype(np.float32)
    part_of = np.array(rows["part"].to_pylist(), object)

    def of_part(name: str) -> Users:
        places = np.flatnonzero(part_of == name)
        own = [numbers[borders[place] : borders[place + 1]] for place in places]
        return Users([names[place] for place in places], labels[places], own)

    return distinct.dictionary, {name: of_part(name) for name in wanted}
