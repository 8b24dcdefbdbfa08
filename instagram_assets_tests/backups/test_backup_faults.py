"""Whatever goes wrong while a backup is made or brought back, none is half, and a repetition ends it."""

import pytest

from instagram_assets_tests.faults.assertions import assert_ends_well
from instagram_assets_tests.faults.backups import BACKUPS
from instagram_assets_tests.faults.campaign import Scenario
from instagram_assets_tests.faults.harness import KINDS


@pytest.mark.parametrize("scenario", BACKUPS, ids=lambda scenario: scenario.name)
def test_every_backup_that_is_listed_is_whole_at_every_fault_and_one_more_run_ends_it(scenario: Scenario) -> None:
    assert_ends_well(scenario, KINDS, 4, seed=len(scenario.name))
