"""Outputs that were stopped anywhere while they forgot lose nothing of others, and are finished by running again."""

import pytest

from instagram_assets_tests.faults.assertions import TRIALS, assert_ends_well
from instagram_assets_tests.faults.harness import Kind
from instagram_assets_tests.faults.outputs import OUTPUTS


@pytest.mark.parametrize(("kind", "trials"), TRIALS.items())
def test_one_plain_run_after_any_fault_ends_well(kind: Kind, trials: int) -> None:
    assert_ends_well(OUTPUTS, [kind], trials)
