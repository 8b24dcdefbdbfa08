"""Whatever breaks while a search's folder is written, a person's files stay, and the next run completes it."""

import pytest

from instagram_assets_tests.faults.assertions import assert_ends_well
from instagram_assets_tests.faults.folders import FOLDERS
from instagram_assets_tests.faults.harness import KINDS, Kind


@pytest.mark.parametrize("kind", KINDS)
def test_a_persons_files_stay_at_every_fault_and_the_next_run_completes_the_folder(kind: Kind) -> None:
    assert_ends_well(FOLDERS, [kind], 3, seed=len(kind))
