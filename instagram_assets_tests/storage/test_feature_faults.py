"""What was computed stays whatever goes wrong, and at most one batch is computed twice."""

import pytest

from instagram_assets_tests.faults.assertions import assert_ends_well
from instagram_assets_tests.faults.features import BATCH, FEATURES, IDS, fill, known
from instagram_assets_tests.faults.harness import KINDS, Fault, Kind, Worker


@pytest.mark.parametrize("kind", KINDS)
def test_no_row_is_lost_or_wrong_at_any_fault_and_one_more_run_completes_the_store(kind: Kind) -> None:
    assert_ends_well(FEATURES, [kind], 3, seed=len(kind))


def test_a_kill_costs_at_most_one_batch(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Worker(FEATURES.target, FEATURES.imports) as worker:
        for number in (2, 13, 24):
            root = tmp_path_factory.mktemp("store")
            fill(root)
            killed = worker.run(root, [str(root)], Fault("kill", number))
            assert killed.fired
            computed, kept = killed.output.split(), known(root)
            assert len(set(computed) - kept) <= BATCH
            again = worker.run(root, [str(root)])
            assert again.output.split() == [image_id for image_id in IDS if image_id not in kept]
