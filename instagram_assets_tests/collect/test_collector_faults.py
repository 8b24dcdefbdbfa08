"""Collecting that was stopped at any file operation is finished by the next run: files whole, no page asked in vain."""

import tempfile
from pathlib import Path

import pytest

from instagram_assets_tests.faults.campaign import campaign
from instagram_assets_tests.faults.collecting import COLLECTING, POSTS
from instagram_assets_tests.faults.harness import Fault, Kind, Worker, choose

PLACES: dict[Kind, int] = {"kill": 40, "power": 12, "torn": 12, "enospc": 8, "eio": 8}
MEMORY = Path("/dev/shm")


@pytest.mark.parametrize("kind", PLACES)
def test_one_plain_run_after_any_fault_ends_with_every_file_whole(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    if MEMORY.is_dir():  # what is counted are operations, not seconds of a disk
        monkeypatch.setattr(tempfile, "tempdir", str(MEMORY))
    report = campaign(COLLECTING, [kind], lambda count: choose(count, PLACES[kind], seed=7))
    assert report.points == PLACES[kind]
    assert report.failures == []


def test_a_full_disk_is_named_with_what_helps_and_nothing_that_was_stored_is_lost(tmp_path: Path) -> None:
    with Worker(COLLECTING.target, COLLECTING.imports) as worker:
        count = worker.run(tmp_path / "whole", [str(tmp_path / "whole")]).count
        for number in choose(count - 1, 12, seed=3):
            folder = tmp_path / str(number)
            folder.mkdir()
            outcome = worker.run(folder, [str(folder)], Fault("enospc", number))
            assert outcome.fired
            if outcome.exit:  # else it was full only when all was done
                assert "StorageError" in outcome.output, outcome.output
                assert "Free space" in outcome.output
                assert str(folder) in outcome.output
            assert worker.run(folder, [str(folder)]).exit == 0
            assert len(list((folder / "inbox").iterdir())) == len(POSTS)
