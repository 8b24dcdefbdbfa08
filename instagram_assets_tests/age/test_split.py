"""No person and no text is in two parts, both labels are in each, and the seed alone decides who is where."""

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.age.labels import LABELLED_SCHEMA
from instagram_assets.age.split import Split, split_users
from instagram_assets.errors import TrainingDataError


def people(*groups: tuple[int, int], texts: dict[str, list[str]] | None = None) -> pa.Table:
    """So many people of each label, each with a text of their own unless `texts` says otherwise."""
    rows = [
        {"username": (name := f"u{label}_{number}"), "label": label, "texts": (texts or {}).get(name, [f"by {name}"])}
        for label, count in groups
        for number in range(count)
    ]
    return pa.Table.from_pylist(rows, schema=LABELLED_SCHEMA)


def split(table: pa.Table, seed: int = 2021) -> Split:
    return split_users(table, seed, validation_share=0.15, test_share=0.15)


def sizes(found: Split) -> dict[tuple[str, int], int]:
    labels = dict(zip(found.people["username"].to_pylist(), found.people["label"].to_pylist(), strict=True))
    counted: dict[tuple[str, int], int] = {}
    for name, part in found.parts.items():
        counted[part, labels[name]] = counted.get((part, labels[name]), 0) + 1
    return counted


def test_each_label_has_the_same_share_in_every_part() -> None:
    assert sizes(split(people((0, 400), (1, 60)))) == {
        ("test", 0): 60,
        ("validation", 0): 30,
        ("calibration", 0): 30,
        ("train", 0): 280,
        ("test", 1): 9,
        ("validation", 1): 5,
        ("calibration", 1): 4,
        ("train", 1): 42,
    }


@given(st.integers(4, 40), st.integers(4, 40), st.integers(0, 2**32), st.floats(0.01, 0.49), st.floats(0.01, 0.49))
def test_every_part_has_both_labels_and_every_user_one_part(
    below: int, above: int, seed: int, validation: float, test: float
) -> None:
    table = people((0, below), (1, above))
    found = split_users(table, seed, validation, test)
    assert len(sizes(found)) == 8
    assert found.parts.keys() == set(table["username"].to_pylist())
    assert found.people == table
    assert (found.shared, found.emptied) == (0, [])


def test_the_seed_and_not_the_order_of_the_rows_decides() -> None:
    table = people((0, 50), (1, 50))
    order = list(range(100))
    random.Random(1).shuffle(order)
    assert split(table.take(pa.array(order))).parts == split(table).parts
    assert split(table, seed=1).parts != split(table, seed=2).parts


def test_few_change_places_when_people_are_added() -> None:
    before, after = split(people((0, 200), (1, 200))).parts, split(people((0, 210), (1, 210))).parts
    assert sum(before[name] != after[name] for name in before) <= 12


def test_a_text_that_stands_in_several_parts_stays_in_the_one_that_judges() -> None:
    names = [f"u{label}_{number}" for label in (0, 1) for number in range(20)]
    parts = split(people((0, 20), (1, 20))).parts
    texts = {name: [f"by {name}", "Good  Morning" if parts[name] == "train" else "good morning"] for name in names}
    found = split(people((0, 20), (1, 20), texts=texts))
    assert found.parts == parts
    by_name = dict(zip(found.people["username"].to_pylist(), found.people["texts"].to_pylist(), strict=True))
    for name in names:
        assert by_name[name] == texts[name][: 2 if parts[name] == "test" else 1]
    assert found.shared == sum(part != "test" for part in parts.values())
    assert found.emptied == []


def test_people_whose_texts_are_all_in_another_part_are_left_out_and_named() -> None:
    parts = split(people((0, 20), (1, 20))).parts
    tested, learnt = (next(name for name in parts if parts[name] == part) for part in ("test", "train"))
    found = split(people((0, 20), (1, 20), texts={tested: ["same"], learnt: ["same", "SAME "]}))
    assert found.emptied == [learnt]
    assert found.shared == 2
    assert learnt not in found.parts
    assert learnt not in found.people["username"].to_pylist()


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ((), "There are 0 users with a label and texts"),
        (((1, 50),), r"0 of 50 users are below the cut-off age \(label 0\)"),
        (((0, 50),), r"0 of 50 users are of the cut-off age or older \(label 1\)"),
        (((0, 50), (1, 3)), "3 of 53 users are of the cut-off age or older .* at least 4 of each"),
    ],
)
def test_too_few_people_are_told_with_what_to_do(groups: tuple[tuple[int, int], ...], said: str) -> None:
    with pytest.raises(TrainingDataError, match=said):
        split(people(*groups))


def test_the_same_text_under_all_names_is_told() -> None:
    texts = {f"u{label}_{number}": ["same"] for label in (0, 1) for number in range(20)}
    with pytest.raises(TrainingDataError, match="Are the same texts under many names"):
        split(people((0, 20), (1, 20), texts=texts))
