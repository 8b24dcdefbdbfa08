"""Everybody has a turn before anybody has a second, whatever the pool's size, and whoever joins or leaves."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.sources.rotation import RotationMember, members_in_turn, monday_of

FIRST = date(2026, 11, 2)
WEEKS = [FIRST + timedelta(weeks=number) for number in range(60)]

days = st.none() | st.dates(FIRST - timedelta(weeks=5), WEEKS[-1])
pools = st.lists(st.tuples(days, days), min_size=1, max_size=25).map(
    lambda found: [
        RotationMember(f"cat_{number}", *(sorted(dates) if None not in dates else dates))  # pyright: ignore[reportArgumentType]
        for number, dates in enumerate(found)
    ]
)


def pool(number: int) -> list[RotationMember]:
    return [RotationMember(f"cat_{place}") for place in range(number)]


def turns(members: Sequence[RotationMember], per_week: int, weeks: Sequence[date] = WEEKS) -> list[tuple[str, ...]]:
    return [members_in_turn(members, per_week, FIRST, week) for week in weeks]


@given(st.integers(1, 80), st.integers(1, 30))
def test_sixty_weeks_use_everybody_before_anybody_twice(size: int, per_week: int) -> None:
    weeks = turns(pool(size), per_week)
    assert all(len(set(week)) == len(week) == min(per_week, size) for week in weeks)
    names = [name for week in weeks for name in week]
    for place in range(0, len(names) - size + 1, size):
        assert len(set(names[place : place + size])) == size


@given(pools, st.integers(1, 8))
def test_between_two_turns_of_one_everybody_who_is_there_has_one(members: list[RotationMember], per_week: int) -> None:
    weeks = turns(members, per_week)
    last: dict[str, int] = {}
    for number, week in enumerate(weeks):
        for name in week:
            if (before := last.get(name)) is not None:
                between = {other for passed in weeks[before : number + 1] for other in passed}
                assert _there(members, WEEKS[before], WEEKS[number]) <= between
            last[name] = number


@given(pools, st.integers(1, 8))
def test_only_members_of_the_week_are_in_turn(members: list[RotationMember], per_week: int) -> None:
    known = {member.name: member for member in members}
    for monday, week in zip(WEEKS, turns(members, per_week), strict=True):
        assert len(set(week)) == len(week) <= per_week
        assert {known[name].name for name in week} <= _there(members, monday, monday)


@given(pools, st.integers(1, 8), st.integers(0, 59))
def test_who_joins_with_a_first_day_or_leaves_with_a_last_moves_no_earlier_turn(
    members: list[RotationMember], per_week: int, number: int
) -> None:
    day = WEEKS[number] + timedelta(days=2)
    there = [member for member in members if member.ends is None]
    changed = [member._replace(ends=day) if member in there[:1] else member for member in members]
    changed.append(RotationMember("newcomer", begins=day))
    passed = WEEKS[: number + 1]
    assert turns(changed, per_week, passed) == turns(members, per_week, passed)


def test_a_newcomer_is_next_and_the_others_keep_their_order() -> None:
    members = pool(9)
    before = [name for week in turns(members, 2, WEEKS[:12]) for name in week]
    day = WEEKS[3] + timedelta(days=1)
    after = turns([*members, RotationMember("newcomer", begins=day)], 2, WEEKS[:12])
    assert "newcomer" in after[4]
    others = [name for week in after for name in week if name != "newcomer"]
    assert others == before[: len(others)]


@given(st.permutations(pool(12)), st.integers(0, 59))
def test_the_order_of_the_file_does_not_matter(members: list[RotationMember], number: int) -> None:
    assert members_in_turn(members, 5, FIRST, WEEKS[number]) == members_in_turn(pool(12), 5, FIRST, WEEKS[number])


@given(st.integers(0, 29))
def test_a_member_that_is_added_without_a_day_moves_turns_by_a_place_for_each_round(number: int) -> None:
    first_round = [name for week in turns(pool(60), 2, WEEKS[:30]) for name in week]
    with_another = [name for week in turns(pool(61), 2, WEEKS[:30]) for name in week if name != "cat_60"]
    assert with_another == first_round[: len(with_another)]
    assert (
        len(
            {*members_in_turn(pool(60), 2, FIRST, WEEKS[number])}
            & {*members_in_turn(pool(61), 2, FIRST, WEEKS[number])}
        )
        >= 1
    )


def test_every_day_of_a_week_has_the_same_turn_and_weeks_before_the_first_have_none() -> None:
    assert len({members_in_turn(pool(9), 2, FIRST, WEEKS[5] + timedelta(days=day)) for day in range(7)}) == 1
    assert members_in_turn(pool(9), 2, FIRST, FIRST - timedelta(days=1)) == ()
    assert members_in_turn([], 2, FIRST, FIRST) == ()


@pytest.mark.parametrize("begins", [FIRST, FIRST + timedelta(days=3)])
def test_who_begins_with_the_rotation_is_in_its_first_week(begins: date) -> None:
    assert members_in_turn([RotationMember("sun", begins)], 1, begins, begins) == ("sun",)


LAST = date.max
LAST_WEEK = monday_of(LAST)


@pytest.mark.parametrize("begins", [date.min, FIRST, LAST_WEEK - timedelta(days=1), LAST_WEEK, LAST])
@pytest.mark.parametrize("ends", [None, date.min, FIRST, LAST])
def test_days_at_the_ends_of_the_calendar_are_days(begins: date, ends: date | None) -> None:
    member = RotationMember("sun", begins, ends)
    for week in (date.min, FIRST, FIRST + timedelta(weeks=1)):
        there = max(begins, FIRST) <= week and (ends is None or ends >= week)
        assert members_in_turn([member], 1, FIRST, week) == (("sun",) if there else ())


@pytest.mark.parametrize("first", [LAST_WEEK - timedelta(weeks=2), LAST_WEEK, LAST])
def test_a_rotation_may_reach_the_last_week_that_there_is(first: date) -> None:
    assert len(members_in_turn(pool(3), 2, first, LAST)) == 2
    assert members_in_turn([RotationMember("late", LAST)], 1, first, LAST) == (("late",) if first == LAST else ())


def test_a_rotation_that_has_not_begun_has_no_turn() -> None:
    assert members_in_turn(pool(3), 2, LAST, FIRST) == ()
    assert members_in_turn(pool(3), 2, FIRST, date.min) == ()


def _there(members: Sequence[RotationMember], first: date, last: date) -> set[str]:
    """Who is a member on the Mondays of all these weeks."""
    return {
        member.name
        for member in members
        if (member.begins is None or member.begins <= FIRST or member.begins <= first)
        and (member.ends is None or member.ends >= monday_of(last))
    }
