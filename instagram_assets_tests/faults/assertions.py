"""One way to ask of a fault scenario that it ends well: some of its operations broken, then one more plain run."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import pytest

from instagram_assets_tests.faults.campaign import Scenario, campaign
from instagram_assets_tests.faults.harness import Kind, choose

TRIALS: dict[Kind, int] = {"kill": 20, "power": 3, "torn": 3, "enospc": 3, "eio": 3}
"""How many operations are broken in each way, where a scenario has many: a kill can come anywhere."""
_MEMORY = Path("/dev/shm")


def assert_ends_well(scenario: Scenario, kinds: Iterable[Kind], trials: int, *, seed: int = 7) -> None:
    """Break `trials` of the scenario's operations in each of these ways; `seed` chooses which."""
    chosen = list(kinds)
    with pytest.MonkeyPatch.context() as patch:
        if _MEMORY.is_dir():  # what is counted are operations, not seconds of a disk
            patch.setattr(tempfile, "tempdir", str(_MEMORY))
        report = campaign(scenario, chosen, lambda count: choose(count, trials, seed=seed))
    assert report.points == trials * len(chosen)
    assert report.failures == []
