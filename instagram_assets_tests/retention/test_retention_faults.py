"""Retention that was stopped anywhere takes no more than is past, and is finished by running it again."""

import tempfile
from pathlib import Path

import pytest

from benchmarks.faults.campaign import campaign
from benchmarks.faults.harness import Kind, choose
from benchmarks.faults.retention import RETENTION

PLACES: dict[Kind, int] = {"kill": 30, "power": 3, "torn": 3, "enospc": 3, "eio": 3}
MEMORY = Path("/dev/shm")


@pytest.mark.parametrize("kind", PLACES)
def test_one_plain_retention_after_any_fault_ends_well(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    if MEMORY.is_dir():  # what is counted are operations, not seconds of a disk
        monkeypatch.setattr(tempfile, "tempdir", str(MEMORY))
    report = campaign(RETENTION, [kind], lambda count: choose(count, PLACES[kind], seed=7))
    assert report.points == PLACES[kind]
    assert report.failures == []
