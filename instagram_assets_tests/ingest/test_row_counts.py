"""What a file's rows are counted to be does not depend on how many there are at a time."""

import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.ingest import row_counts as module
from instagram_assets.ingest.row_counts import count_rows
from instagram_assets.schemas import POSTS_RAW

ROWS = st.lists(
    st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 3), st.booleans()),
    max_size=20,
)


def row(post_id: str, day: int, warned: bool) -> dict[str, object]:
    return {
        "post_id": post_id,
        "account": "sun_diary",
        "day": date(2025, 7, day),
        "observed_at": datetime(2025, 8, 1, tzinfo=UTC),
        "warnings": ["odd"] if warned else [],
    }


@pytest.mark.parametrize("at_once", [1, 3, 1 << 18])
@given(rows=ROWS)
@settings(max_examples=100, deadline=None)
def test_counting_agrees_with_the_plain_loop(at_once: int, rows: list[Any]) -> None:
    before, module.SORTED_AT_ONCE = module.SORTED_AT_ONCE, at_once
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "posts.parquet"
            pq.write_table(POSTS_RAW.table([row(*drawn) for drawn in rows]), path, row_group_size=4)
            total = count_rows([path])
    finally:
        module.SORTED_AT_ONCE = before
    assert (total.rows, total.warned) == (len(rows), sum(warned for *_, warned in rows))
    assert total.doubled == len(rows) - len({post_id for post_id, *_ in rows})
    assert total.days == {date(2025, 7, n): k for n in (1, 2, 3) if (k := sum(day == n for _, day, _ in rows))}
