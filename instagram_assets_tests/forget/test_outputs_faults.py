"""Outputs that were stopped anywhere while they forgot lose nothing of others, and are finished by running again."""

import pytest

from benchmarks.faults.harness import Kind
from benchmarks.faults.outputs import OUTPUTS
from instagram_assets_tests.campaigns import TRIALS, assert_ends_well


@pytest.mark.parametrize(("kind", "trials"), TRIALS.items())
def test_one_plain_run_after_any_fault_ends_well(kind: Kind, trials: int) -> None:
    assert_ends_well(OUTPUTS, [kind], trials)
