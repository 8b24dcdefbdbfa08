"""Outputs that were stopped anywhere while they forgot lose nothing of others, and are finished by running again."""

import tempfile
from pathlib import Path

import pytest

from benchmarks.faults.campaign import campaign
from benchmarks.faults.harness import Kind, choose
from benchmarks.faults.outputs import OUTPUTS

PLACES: dict[Kind, int] = {"kill": 20, "power": 3, "torn": 3, "enospc": 3, "eio": 3}
MEMORY = Path("/dev/shm")


@pytest.mark.parametrize("kind", PLACES)
def test_one_plain_run_after_any_fault_ends_well(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    if MEMORY.is_dir():  # what is counted are operations, not seconds of a disk
        monkeypatch.setattr(tempfile, "tempdir", str(MEMORY))
    report = campaign(OUTPUTS, [kind], lambda count: choose(count, PLACES[kind], seed=7))
    assert report.points == PLACES[kind]
    assert report.failures == []
