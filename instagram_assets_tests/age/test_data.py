"""Every label is used or told why not."""

import pyarrow as pa

from instagram_assets.age.labels import LABELLED_SCHEMA, LABELS_SCHEMA, join_labels_and_texts
from instagram_assets.age.user_texts import UserTexts, texts_table


def labels(**ages: int) -> pa.Table:
    rows = [{"username": name, "label": int(age >= 21), "age": age} for name, age in ages.items()]
    return pa.Table.from_pylist(rows, schema=LABELS_SCHEMA)


def test_labels_meet_their_texts_and_each_without_texts_has_a_reason() -> None:
    texts = texts_table(
        [
            UserTexts("cho", ["c1", "c2"]),
            UserTexts("bob", [], 3, "none of its 3 posts has words"),
            UserTexts("ann", ["a"]),
            UserTexts("eve", ["e"]),
        ]
    )
    found = join_labels_and_texts(labels(ann=20, bob=30, cho=40, dan=50), texts)
    assert found.table.schema == LABELLED_SCHEMA
    assert found.table.to_pylist() == [
        {"username": "ann", "label": 0, "texts": ["a"]},
        {"username": "cho", "label": 1, "texts": ["c1", "c2"]},
    ]
    assert found.left_out.to_pylist() == [
        {"username": "bob", "reason": "none of its 3 posts has words"},
        {"username": "dan", "reason": "nobody of this name is among the texts"},
    ]


def test_no_labels_or_no_texts_are_empty_tables() -> None:
    assert join_labels_and_texts(labels(), texts_table([])).table.num_rows == 0
    found = join_labels_and_texts(labels(ann=20), texts_table([]))
    assert (found.table.num_rows, found.left_out["username"].to_pylist()) == (0, ["ann"])
