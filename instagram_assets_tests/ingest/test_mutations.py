"""A file changed anywhere costs what was changed, and nothing else: no traceback, no other record, no other file."""

import random

import pytest

from instagram_assets_tests.faults.mutate import KINDS, Seed, mutate, seeds
from instagram_assets_tests.faults.mutations import MOST_MB, campaign


def test_every_record_that_a_change_left_alone_is_a_row_or_named_in_quarantine() -> None:
    done = campaign(trials=200, seed=7)
    assert done.failures == []
    assert (done.trials, set(done.kinds)) == (200, set(KINDS))
    assert done.units > 300
    assert done.most_mb < MOST_MB


@pytest.mark.parametrize("seed", seeds(), ids=lambda seed: seed.name)
def test_mutations_are_the_same_for_the_same_chance_and_leave_something_alone(seed: Seed) -> None:
    for kind in KINDS:
        made = [mutate(seed, kind, random.Random(3)) for _ in range(2)]
        assert made[0] == made[1]
        assert kind in ("delete", "rename") or made[0].content != seed.content
