"""The store is whole whatever goes wrong, and the same after one more run."""

import pytest

from instagram_assets_tests.faults.assertions import assert_ends_well
from instagram_assets_tests.faults.harness import KINDS, Kind
from instagram_assets_tests.faults.media import MEDIA


@pytest.mark.parametrize("kind", KINDS)
def test_the_store_is_whole_at_every_fault_and_complete_after_one_more_run(kind: Kind) -> None:
    assert_ends_well(MEDIA, [kind], 8, seed=len(kind))
