"""A fault while the lake is written or migrated costs no row, and one more run completes it."""

import pytest

from benchmarks.faults.campaign import Scenario, campaign
from benchmarks.faults.harness import KINDS, Kind, choose
from benchmarks.faults.lake import LAKE, MIGRATION


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenario", [LAKE, MIGRATION], ids=lambda scenario: scenario.name)
def test_no_row_is_lost_at_any_fault_and_one_more_run_completes_the_lake(scenario: Scenario, kind: Kind) -> None:
    report = campaign(scenario, [kind], operations=lambda count: choose(count, trials=4, seed=len(kind)))
    assert report.points == 4
    assert report.failures == []
