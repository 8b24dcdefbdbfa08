"""Whatever breaks while Delta tables are written, merged and vacuumed, the next run completes them; no row is twice."""

import pytest

from instagram_assets_tests.faults.assertions import assert_ends_well
from instagram_assets_tests.faults.delta import DELTA
from instagram_assets_tests.faults.harness import KINDS, Kind


@pytest.mark.parametrize("kind", KINDS)
def test_at_every_fault_a_reader_sees_the_old_or_the_new_rows_or_is_told_of_damage(kind: Kind) -> None:
    assert_ends_well(DELTA, [kind], 2, seed=len(kind))
