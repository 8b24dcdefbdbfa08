"""Whose turn it is: so many of a group an ISO week, nobody twice before all had their turn.

A queue, replayed week by week from the rotation's first: who was never collected stands at its front, whoever was
goes to its end. Nothing is stored, so that a week's answer is the same on every machine and at any time.

The pool may change. Who is added with a first day joins on the first Monday from that day on, before all who had their
turn; who ends with a last day leaves. Neither changes a turn of an earlier week, nor the order of the others. A member
that is added without a first day counts as there from the beginning, and one whose entry is deleted as never there:
then past turns read differently, and this week's move by about one place for each round that is over.
"""

import hashlib
from collections import defaultdict, deque
from collections.abc import Collection
from datetime import date, timedelta
from typing import NamedTuple

_WEEK = timedelta(days=7)


class Turn(NamedTuple):
    """A member of a rotation, and the days between which it is one; null for always."""

    name: str
    begins: date | None = None
    ends: date | None = None


def turn(members: Collection[Turn], per_week: int, begins: date, week: date) -> tuple[str, ...]:
    """The members that are in turn in the ISO week of a day, in the order of the queue; none before the first week.

    The rotation's first week is that of the day `begins`. Members of one day are queued in an order of their own,
    whatever theirs in `members` is.
    """
    first = monday_of(begins)
    joining: dict[date, list[Turn]] = defaultdict(list)
    for member in sorted(members, key=_place):
        joining[_joins(member, begins)].append(member)
    new, waiting, taken = deque[Turn](), deque[Turn](), list[Turn]()
    for number in range((monday_of(week) - first) // _WEEK + 1):  # the week after the last may be past all dates
        monday = first + number * _WEEK
        new.extend(joining[monday])
        taken = _next(new, waiting, per_week, monday)
        waiting.extend(taken)
    return tuple(member.name for member in taken)


def monday_of(day: date) -> date:
    """The Monday of a day's ISO week."""
    return day - timedelta(days=day.weekday())


def _joins(member: Turn, begins: date) -> date:
    """The first Monday on which a member is one: a week that has begun does not change any more."""
    if member.begins is None or member.begins <= begins:
        return monday_of(begins)
    ahead = timedelta(days=-member.begins.weekday() % 7)
    return member.begins + ahead if date.max - member.begins >= ahead else date.max


def _next(new: deque[Turn], waiting: deque[Turn], number: int, monday: date) -> list[Turn]:
    """Take the next members out of their queues; those that have ended are left out for good."""
    taken: list[Turn] = []
    while len(taken) < number and (queue := new or waiting):
        member = queue.popleft()
        if member.ends is None or member.ends >= monday:
            taken.append(member)
    return taken


def _place(member: Turn) -> tuple[str, str]:
    """An order that is nobody's choice: the alphabet would favour names, the file whoever was written first."""
    return hashlib.sha256(member.name.encode()).hexdigest(), member.name
