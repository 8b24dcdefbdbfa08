"""Waits after failures grow as documented, are capped and random, and wrong numbers are refused at the start."""

import math
from random import Random
from statistics import mean
from typing import Any

import pytest

from instagram_assets.collect.backoff import Backoff


def test_geometric_waits_are_mult_times_a_power_of_exp() -> None:
    assert [Backoff(2, 3).longest(failure) for failure in range(5)] == [2, 6, 18, 54, 162]


def test_a_tower_raises_each_wait_to_the_power_of_exp_and_8_to_the_third_is_512() -> None:
    assert [Backoff(2, 3, "tower").longest(failure) for failure in range(3)] == [2, 8, 512]
    assert [Backoff(2, 3, "tower", cap=86_400).longest(failure) for failure in range(2, 5)] == [512, 86_400, 86_400]


@pytest.mark.parametrize("backoff", [Backoff(2, 3), Backoff(2, 3, "tower"), Backoff(3_600, 100, "tower", cap=1)])
def test_no_wait_is_above_the_cap_however_many_failures(backoff: Backoff) -> None:
    assert {backoff.longest(failure) for failure in (20, 1_000, 10**6)} == {backoff.cap}


def test_waits_are_spread_over_all_up_to_the_longest_and_the_same_for_a_seed() -> None:
    backoff, random = Backoff(2, 3), Random(7)
    waits = [backoff.waits(3, random) for _ in range(2_000)]
    assert min(waits) < 1
    assert 53 < max(waits) <= 54
    assert abs(mean(waits) - 27) < 1.5
    again = Random(7)
    assert waits[:5] == [backoff.waits(3, again) for _ in range(5)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mult": 0}, "backoff-mult is 0; it has to be above 0"),
        ({"mult": -1}, "backoff-mult is -1"),
        ({"mult": math.nan}, "backoff-mult is nan"),
        ({"mult": math.inf}, "backoff-mult is inf"),
        ({"exp": 1}, "backoff-exp is 1; it has to be above 1 (else waits do not grow)"),
        ({"exp": 0.5}, "backoff-exp is 0.5"),
        ({"exp": math.nan}, "backoff-exp is nan"),
        ({"cap": 0}, "the cap of backoff is 0"),
        ({"cap": math.inf}, "the cap of backoff is inf"),
        ({"mode": "tower", "mult": 1}, "with the mode tower it has to be above 1"),
        ({"mode": "linear"}, "the mode of backoff is 'linear'; it may be geometric or tower"),
    ],
)
def test_numbers_with_which_waits_would_not_grow_are_refused_by_name(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match="backoff") as caught:
        Backoff(**wrong)
    assert words in str(caught.value)
