"""Boxes: few runs that cover every touched cell and plan little beside it."""

import random
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from instagram_assets.partitions import CELL_SECONDS, LARGEST_BOX, RUN_SECONDS, Box, Cell, box, boxes, window

FIRST = date(2023, 11, 1)
ORDER = [f"account_{number:03}" for number in range(200)]
PLACES = {name: place for place, name in enumerate(ORDER)}


def covered(parts: list[Box]) -> list[Cell]:
    """Every cell that the boxes plan, with repetitions."""
    return [
        Cell(account, part.first_day + timedelta(days=day))
        for part in parts
        for account in ORDER[PLACES[part.first_account] : PLACES[part.last_account] + 1]
        for day in range((part.last_day - part.first_day).days + 1)
    ]


def planned(part: Box) -> int:
    rows = PLACES[part.last_account] - PLACES[part.first_account] + 1
    return rows * ((part.last_day - part.first_day).days + 1)


cells = st.builds(
    lambda account, day: Cell(ORDER[account], FIRST + timedelta(days=day)),
    st.integers(0, len(ORDER) - 1),
    st.integers(0, 1094),
)


def cost(parts: list[Box]) -> float:
    return len(parts) * RUN_SECONDS + sum(map(planned, parts)) * CELL_SECONDS


def months_of(part: Box) -> set[tuple[str, int, int]]:
    """Each account and month of which a box may write the file."""
    return {(cell.account, cell.day.year, cell.day.month) for cell in covered([part])}


@settings(max_examples=60)
@given(st.lists(cells, min_size=1, max_size=120))
def test_boxes_hold_every_touched_cell_once_and_no_two_write_one_file(touched: list[Cell]) -> None:
    parts = boxes(touched, ORDER)
    held = covered(parts)
    assert len(held) == len(set(held))
    assert set(touched) <= set(held)
    assert all(planned(part) <= LARGEST_BOX for part in parts)
    files = [file for part in parts for file in months_of(part)]
    assert len(files) == len(set(files))


@settings(max_examples=60)
@given(st.lists(cells, min_size=1, max_size=40))
def test_boxes_cost_no_more_than_one_around_everything_nor_than_one_for_each_account(touched: list[Cell]) -> None:
    everything = box_around(touched)
    alone = [box_around([cell for cell in touched if cell.account == name]) for name in {c.account for c in touched}]
    assert cost(boxes(touched, ORDER)) <= (cost([everything]) if planned(everything) <= LARGEST_BOX else cost(alone))


def box_around(touched: list[Cell]) -> Box:
    places = [PLACES[cell.account] for cell in touched]
    days = [cell.day for cell in touched]
    return Box(ORDER[min(places)], ORDER[max(places)], min(days), max(days))


def test_two_far_accounts_are_two_runs_and_two_near_ones_are_one() -> None:
    year = [FIRST + timedelta(days=number) for number in range(365)]
    far = [Cell(ORDER[place], day) for place in (0, 199) for day in year[:90]]
    assert len(boxes(far, ORDER)) == 2
    near = [Cell(ORDER[place], day) for place in (0, 5) for day in year[:90]]
    assert len(boxes(near, ORDER)) == 1


def test_an_old_archive_and_a_new_post_do_not_plan_the_years_between() -> None:
    touched = [Cell(name, day) for name in ORDER for day in (date(2015, 3, 2), date(2026, 3, 2))]
    assert sum(map(planned, boxes(touched, ORDER))) == len(touched)


@pytest.mark.parametrize("spread", ["any day", "steady posting"])
def test_200_accounts_with_100_posts_over_three_years_stay_within_the_limit(spread: str) -> None:
    chance = random.Random(7)
    touched: set[Cell] = set()
    for account in ORDER:
        step = chance.choice([1, 2, 3, 5, 7, 10.9])
        for number in range(100):
            day = chance.randrange(1095) if spread == "any day" else 1094 - int(number * step)
            touched.add(Cell(account, FIRST + timedelta(days=day)))
    parts = boxes(touched, ORDER)
    assert max(planned(part) for part in parts) <= LARGEST_BOX
    assert touched <= set(covered(parts))


def test_a_full_rectangle_is_one_box() -> None:
    touched = [Cell(account, FIRST + timedelta(days=day)) for account in ORDER[3:40] for day in range(100)]
    assert boxes(touched, ORDER) == [Box(ORDER[3], ORDER[39], FIRST, FIRST + timedelta(days=99))]


def test_a_rectangle_over_the_size_limit_is_cut_at_the_ends_of_months() -> None:
    touched = [Cell(account, FIRST + timedelta(days=day)) for account in ORDER for day in range(300)]
    parts = boxes(touched, ORDER)
    assert all(planned(part) <= LARGEST_BOX for part in parts)
    assert len(parts) <= 5
    assert all(part.first_day.day == 1 for part in parts)


def test_no_cells_need_no_box() -> None:
    assert boxes([], ORDER) == []


def test_a_box_spans_its_accounts_in_insertion_order_not_by_name() -> None:
    order = ["beta", "alpha", "gamma"]
    day = window()[0]
    part = box(order, ["gamma", "alpha"], day, day)
    assert (part.first_account, part.last_account) == ("alpha", "gamma")
    assert part.tags["dagster/asset_partition_range_start"] == f"alpha|{day}"


@pytest.mark.parametrize(
    ("chosen", "first", "last", "problem"),
    [
        (["nobody"], 0, 0, "not a known account: nobody"),
        ([], 0, 0, "at least one account"),
        (["alpha"], -1, 0, "not inside"),
        (["alpha"], 1, 0, "not inside"),
    ],
)
def test_a_box_outside_the_lake_is_refused(chosen: list[str], first: int, last: int, problem: str) -> None:
    start = window()[0]
    with pytest.raises(ValueError, match=problem):
        box(["alpha"], chosen, start + timedelta(days=first), start + timedelta(days=last))


def test_today_is_part_of_the_lake() -> None:
    assert window()[1] >= date.today()
