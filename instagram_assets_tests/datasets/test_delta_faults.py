"""Whatever breaks while Delta tables are written, merged and vacuumed, the next run completes them; no row is twice."""

import pytest

from benchmarks.faults.campaign import campaign
from benchmarks.faults.delta import DELTA
from benchmarks.faults.harness import KINDS, Kind, choose


@pytest.mark.parametrize("kind", KINDS)
def test_at_every_fault_a_reader_sees_the_old_or_the_new_rows_or_is_told_of_damage(kind: Kind) -> None:
    report = campaign(DELTA, [kind], operations=lambda count: choose(count, trials=2, seed=len(kind)))
    assert report.points == 2
    assert report.failures == []
