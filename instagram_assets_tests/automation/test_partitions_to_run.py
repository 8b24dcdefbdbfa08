"""Which accounts a run is over."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.automation.partitions_to_run import exact_ranges
from instagram_assets.partitions import RANGE_END, RANGE_START

ORDER = [f"account{number}" for number in range(8)]


@given(st.sets(st.sampled_from([*ORDER, "unknown"])))
def test_exact_ranges_are_over_the_chosen_accounts_and_nobody_else(chosen: set[str]) -> None:
    runs = [(ORDER.index(tags[RANGE_START]), ORDER.index(tags[RANGE_END])) for tags in exact_ranges(ORDER, chosen)]
    covered = [name for first, last in runs for name in ORDER[first : last + 1]]
    assert covered == [name for name in ORDER if name in chosen]
    # As few as there can be: two that touch would be one.
    assert all(before[1] + 1 < after[0] for before, after in pairwise(runs))
