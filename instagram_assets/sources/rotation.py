"""Round-robin rotation: a fixed number of a group's members per ISO week, none twice before all had their turn.

The turns are deterministic and not stored: a queue is replayed week by week from the rotation's first week. Members
that were never collected are at its front; collected members go to its end.

The members can change. A member with a first day joins on the first Monday on or after that day, ahead of all that had
their turn; a member with a last day leaves after it. Neither changes the turns of earlier weeks or the order of the
other members. A member added without a first day counts as present from the beginning, and a deleted one as never
present: then past turns are computed differently, and this week's turns shift by about one position per finished round.
"""

import hashlib
from collections import defaultdict, deque
from collections.abc import Collection
from datetime import date, timedelta
from typing import NamedTuple

_WEEK = timedelta(days=7)


class RotationMember(NamedTuple):
    """A member of a rotation, and the first and last day of its membership; None for no bound."""

    name: str
    begins: date | None = None
    ends: date | None = None


def members_in_turn(members: Collection[RotationMember], per_week: int, begins: date, week: date) -> tuple[str, ...]:
    """Returns the members whose turn it is in the ISO week of the day `week`, in queue order.

    The rotation's first week is that of the day `begins`; before it, the result is empty. `per_week` is the number of
    members per week. Members that join on the same day are ordered by a hash of their name, not by their order in
    `members`.
    """
    first = monday_of(begins)
    joining: dict[date, list[RotationMember]] = defaultdict(list)
    for member in sorted(members, key=_hash_key):
        joining[_joins(member, begins)].append(member)
    new, waiting, taken = deque[RotationMember](), deque[RotationMember](), list[RotationMember]()
    for number in range((monday_of(week) - first) // _WEEK + 1):  # the week after the last may exceed date.max
        monday = first + number * _WEEK
        new.extend(joining[monday])
        taken = _next(new, waiting, per_week, monday)
        waiting.extend(taken)
    return tuple(member.name for member in taken)


def monday_of(day: date) -> date:
    """Returns the Monday of a day's ISO week."""
    return day - timedelta(days=day.weekday())


def _joins(member: RotationMember, begins: date) -> date:
    """Returns the Monday from which a member takes part: the first one on or after its first day.

    At the earliest, that is the Monday of the rotation's first week, which contains the day `begins`.
    """
    if member.begins is None or member.begins <= begins:
        return monday_of(begins)
    ahead = timedelta(days=-member.begins.weekday() % 7)
    return member.begins + ahead if date.max - member.begins >= ahead else date.max


def _next(
    new: deque[RotationMember], waiting: deque[RotationMember], number: int, monday: date
) -> list[RotationMember]:
    """Takes the next `number` members, from the queue of `new` ones first, then from the `waiting` ones.

    Members whose last day is before `monday` are dropped.
    """
    taken: list[RotationMember] = []
    while len(taken) < number and (queue := new or waiting):
        member = queue.popleft()
        if member.ends is None or member.ends >= monday:
            taken.append(member)
    return taken


def _hash_key(member: RotationMember) -> tuple[str, str]:
    """Sort key of a member: the hash of its name, since alphabetical or file order would favour certain members."""
    return hashlib.sha256(member.name.encode()).hexdigest(), member.name
