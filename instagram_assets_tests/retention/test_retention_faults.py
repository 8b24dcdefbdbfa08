"""Retention that was stopped anywhere takes no more than is past, and is finished by running it again."""

import pytest

from instagram_assets_tests.faults.assertions import TRIALS, assert_ends_well
from instagram_assets_tests.faults.harness import Kind
from instagram_assets_tests.faults.retention import RETENTION


@pytest.mark.parametrize(("kind", "trials"), [*{**TRIALS, "kill": 30}.items()])
def test_one_plain_retention_after_any_fault_ends_well(kind: Kind, trials: int) -> None:
    assert_ends_well(RETENTION, [kind], trials)
