"""Landing that was stopped anywhere is finished by running it again, and no plan stumbles over what it left."""

import pytest

from instagram_assets_tests.faults.assertions import TRIALS, assert_ends_well
from instagram_assets_tests.faults.harness import Kind
from instagram_assets_tests.faults.landing import landing_of

FILES = 5  # each has the same operations; `make faults` lands twenty


@pytest.mark.parametrize(("kind", "trials"), [*{**TRIALS, "kill": 40}.items()])
def test_one_plain_landing_and_plan_after_any_fault_end_well(kind: Kind, trials: int) -> None:
    assert_ends_well(landing_of(FILES), [kind], trials)
