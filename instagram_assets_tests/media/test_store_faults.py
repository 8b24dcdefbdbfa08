"""The store is whole whatever goes wrong, and the same after one more run."""

import pytest

from benchmarks.faults.campaign import campaign
from benchmarks.faults.harness import KINDS, Kind, choose
from benchmarks.faults.media import MEDIA


@pytest.mark.parametrize("kind", KINDS)
def test_the_store_is_whole_at_every_fault_and_complete_after_one_more_run(kind: Kind) -> None:
    report = campaign(MEDIA, [kind], operations=lambda count: choose(count, trials=8, seed=len(kind)))
    assert report.points == 8
    assert report.failures == []
