"""Landing that was stopped anywhere is finished by running it again, and no plan stumbles over what it left."""

import tempfile
from pathlib import Path

import pytest

from benchmarks.faults.campaign import campaign
from benchmarks.faults.harness import Kind, choose
from benchmarks.faults.landing import landing_of

PLACES: dict[Kind, int] = {"kill": 40, "power": 3, "torn": 3, "enospc": 3, "eio": 3}
FILES = 5  # each has the same operations; `make faults` lands twenty
MEMORY = Path("/dev/shm")


@pytest.mark.parametrize("kind", PLACES)
def test_one_plain_landing_and_plan_after_any_fault_end_well(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    if MEMORY.is_dir():  # what is counted are operations, not seconds of a disk
        monkeypatch.setattr(tempfile, "tempdir", str(MEMORY))
    report = campaign(landing_of(FILES), [kind], lambda count: choose(count, PLACES[kind], seed=7))
    assert report.points == PLACES[kind]
    assert report.failures == []
