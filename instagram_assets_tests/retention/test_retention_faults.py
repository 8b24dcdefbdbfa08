"""Retention that was stopped anywhere takes no more than is past, and is finished by running it again."""

import pytest

from benchmarks.faults.harness import Kind
from benchmarks.faults.retention import RETENTION
from instagram_assets_tests.campaigns import TRIALS, assert_ends_well


@pytest.mark.parametrize(("kind", "trials"), [*{**TRIALS, "kill": 30}.items()])
def test_one_plain_retention_after_any_fault_ends_well(kind: Kind, trials: int) -> None:
    assert_ends_well(RETENTION, [kind], trials)
