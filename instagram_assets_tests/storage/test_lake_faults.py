"""A fault while the lake is written or migrated costs no row, and one more run completes it."""

import pytest

from instagram_assets_tests.faults.assertions import assert_ends_well
from instagram_assets_tests.faults.campaign import Scenario
from instagram_assets_tests.faults.harness import KINDS, Kind
from instagram_assets_tests.faults.lake import LAKE, MIGRATION


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scenario", [LAKE, MIGRATION], ids=lambda scenario: scenario.name)
def test_no_row_is_lost_at_any_fault_and_one_more_run_completes_the_lake(scenario: Scenario, kind: Kind) -> None:
    assert_ends_well(scenario, [kind], 4, seed=len(kind))
