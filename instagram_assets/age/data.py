"""What the age model learns from: people with a label and their texts."""

from typing import NamedTuple

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.schemas import TEXTS

LABELLED = pa.schema([("username", pa.string()), ("label", pa.int8()), ("texts", TEXTS)])
LEFT_OUT = pa.schema([("username", pa.string()), ("reason", pa.string())])
UNKNOWN = "nobody of this name is among the texts"


class Labelled(NamedTuple):
    """People with label and texts (the columns of `LABELLED`), and labels without use, each with its reason."""

    table: pa.Table
    left_out: pa.Table


def labelled(labels: pa.Table, texts: pa.Table) -> Labelled:
    """Labels (the columns of `LABELS`) joined with texts (those of `USER_TEXTS`), in the order of the labels."""
    names = texts["username"].to_pylist()
    reasons = dict(zip(names, texts["reason"].to_pylist(), strict=True))
    lengths = compute.list_value_length(texts["texts"]).to_pylist()
    rows = {name: row for row, (name, length) in enumerate(zip(names, lengths, strict=True)) if length}
    wanted = labels["username"].to_pylist()
    has_texts = pa.array([name in rows for name in wanted], pa.bool_())
    kept = labels.filter(has_texts).select(["username", "label"])
    found = texts["texts"].take(pa.array([rows[name] for name in kept["username"].to_pylist()], pa.int64()))
    missing = [{"username": name, "reason": reasons.get(name, UNKNOWN)} for name in wanted if name not in rows]
    return Labelled(kept.append_column("texts", found).cast(LABELLED), pa.Table.from_pylist(missing, schema=LEFT_OUT))
