"""Whatever breaks while Delta tables are written, merged and vacuumed, the next run completes them; no row is twice."""

import pytest

from benchmarks.faults.delta import DELTA
from benchmarks.faults.harness import KINDS, Kind
from instagram_assets_tests.campaigns import assert_ends_well


@pytest.mark.parametrize("kind", KINDS)
def test_at_every_fault_a_reader_sees_the_old_or_the_new_rows_or_is_told_of_damage(kind: Kind) -> None:
    assert_ends_well(DELTA, [kind], 2, seed=len(kind))
