"""Intervals hold the truth as often as they promise: in small, what `python -m benchmarks.age_coverage` simulates."""

import pytest

from instagram_assets.demo.age_simulation import AUDIENCES, SHIFTS, coverage, labels_of_single_people

MANY = 80
"""Audiences; with 95 % coverage, fewer than 70 are held once in 500 runs."""

BY_NAME = {kind.name: kind for kind in (*AUDIENCES, *SHIFTS)}


@pytest.mark.parametrize("name", ["1 post each", "300 posts each", "1 to 300 posts"])
def test_whatever_the_number_of_posts_the_interval_holds_the_share(name: str) -> None:
    found = coverage(BY_NAME[name], MANY)
    assert found["now"].held >= 0.9
    assert found["now"].unknown <= 0.05
    if name == "1 post each":
        assert found["before"].held < 0.7


def test_audiences_like_the_test_people_have_a_share() -> None:
    assert coverage(BY_NAME["10 to 50 posts"], 40)["now"].unknown <= 0.2


@pytest.mark.parametrize("name", ["moved by half a standard deviation", "half as wide"])
def test_in_another_audience_fifty_people_of_known_age_put_it_right(name: str) -> None:
    found = coverage(BY_NAME[name], MANY)
    assert found["labelled"].held >= 0.9
    assert found["now"].held < found["labelled"].held


def test_of_people_with_one_post_fewer_get_a_label_and_more_of_these_are_right() -> None:
    found = labels_of_single_people(1, 8)
    assert found["now"].slope > 2 * found["before"].slope
    assert found["now"].labelled < found["before"].labelled
    assert found["now"].right > found["before"].right + 0.05
