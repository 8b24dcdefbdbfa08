"""Whatever breaks while a search's folder is written, a person's files stay, and the next run completes it."""

import pytest

from benchmarks.faults.campaign import campaign
from benchmarks.faults.folders import FOLDERS
from benchmarks.faults.harness import KINDS, Kind, choose


@pytest.mark.parametrize("kind", KINDS)
def test_a_persons_files_stay_at_every_fault_and_the_next_run_completes_the_folder(kind: Kind) -> None:
    report = campaign(FOLDERS, [kind], operations=lambda count: choose(count, trials=3, seed=len(kind)))
    assert report.points == 3
    assert report.failures == []
