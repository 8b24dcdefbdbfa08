"""Accounts and days, and boxes: how many cells become few runs.

A cell is one account on one day. Dagster runs many cells at once only as a box: a stretch of accounts, in the order
in which they were added, times a stretch of days.
"""

import heapq
from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

import dagster as dg

from instagram_assets.calendar import today
from instagram_assets.settings import settings

PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
LARGEST_BOX = 20_000
PLANNED_PER_TOUCHED = 4

accounts = dg.DynamicPartitionsDefinition(name="accounts")
days = dg.DailyPartitionsDefinition(
    start_date=settings().start_day.isoformat(), timezone=settings().time_zone, end_offset=1
)
searches = dg.DynamicPartitionsDefinition(name="searches")
account_days = dg.MultiPartitionsDefinition({"account": accounts, "day": days})


class Cell(NamedTuple):
    """One account on one day."""

    account: str
    day: date


class Box(NamedTuple):
    """Accounts `first_account` to `last_account` in insertion order, times days; both ends included."""

    first_account: str
    last_account: str
    first_day: date
    last_day: date

    @property
    def tags(self) -> dict[str, str]:
        """The run tags that make one Dagster run of the whole box."""
        return {
            RANGE_START: f"{self.first_account}|{self.first_day.isoformat()}",
            RANGE_END: f"{self.last_account}|{self.last_day.isoformat()}",
        }


def known_accounts(instance: dg.DagsterInstance) -> list[str]:
    """The registered accounts, in the order in which they were added."""
    return list(instance.get_dynamic_partitions("accounts"))


def register_accounts(instance: dg.DagsterInstance, names: Iterable[str]) -> list[str]:
    """Register accounts that are not known yet; returns those that were added."""
    known = set(known_accounts(instance))
    added = [name for name in dict.fromkeys(names) if name not in known]
    if added:
        instance.add_dynamic_partitions("accounts", added)
    return added


def register_search(instance: dg.DagsterInstance, name: str) -> None:
    """Register an image search that is not known yet."""
    if not instance.has_dynamic_partition("searches", name):
        instance.add_dynamic_partitions("searches", [name])


def window() -> tuple[date, date]:
    """First and last day of the lake: the start day and today."""
    return settings().start_day, today(settings().zone)


def box(order: Sequence[str], chosen: Iterable[str], first_day: date, last_day: date) -> Box:
    """The smallest box that holds the `chosen` accounts; `order` is the insertion order of all accounts.

    Raises ValueError for an account that is not registered, no account, or days outside the lake.
    """
    places = {name: place for place, name in enumerate(order)}
    wanted = list(chosen)
    if unknown := sorted(set(wanted) - places.keys()):
        raise ValueError(f"not a known account: {', '.join(unknown)}")
    if not wanted:
        raise ValueError("a box needs at least one account")
    start, end = window()
    if not start <= first_day <= last_day <= end:
        raise ValueError(f"days {first_day} to {last_day} are not inside {start} to {end}")
    taken = sorted(places[name] for name in wanted)
    return Box(order[taken[0]], order[taken[-1]], first_day, last_day)


def boxes(cells: Iterable[Cell], order: Sequence[str]) -> list[Box]:
    """Cut cells into few boxes: at most 4 planned cells per touched one in all, at most 20,000 in a box.

    Starts with the one box around everything and keeps cutting where the most empty cells fall away, until both
    limits hold. A guillotine cut: simple, deterministic, and near the fewest for the way accounts really post.
    """
    places = {name: place for place, name in enumerate(order)}
    points = sorted({(places[cell.account], cell.day.toordinal()) for cell in cells})
    if not points:
        return []
    whole = _Piece.around(points)
    heap = [(-whole.best_cut()[0], 0, whole)]
    planned, number = whole.planned, 0
    finished: list[_Piece] = []
    while heap:
        over_budget = planned > PLANNED_PER_TOUCHED * len(points)
        _, _, piece = heapq.heappop(heap)
        if not over_budget and piece.planned <= LARGEST_BOX:
            finished.append(piece)
            continue
        halves = piece.cut()
        planned += sum(half.planned for half in halves) - piece.planned
        for half in halves:
            number += 1
            if len(half.points) == half.planned <= LARGEST_BOX:
                finished.append(half)
            else:
                heapq.heappush(heap, (-half.best_cut()[0], number, half))
    return sorted((piece.box(order) for piece in finished), key=lambda b: (places[b.first_account], b.first_day))


class _Piece:
    """A set of touched cells and the box around them; points are (account place, day number)."""

    def __init__(self, points: list[tuple[int, int]], bounds: tuple[int, int, int, int]) -> None:
        self.points = points
        self.rows = bounds[0], bounds[1]
        self.columns = bounds[2], bounds[3]
        self.planned = (bounds[1] - bounds[0] + 1) * (bounds[3] - bounds[2] + 1)
        self._best: tuple[int, int, int] | None = None

    @classmethod
    def around(cls, points: list[tuple[int, int]]) -> "_Piece":
        day_numbers = [day for _, day in points]
        return cls(points, (points[0][0], points[-1][0], min(day_numbers), max(day_numbers)))

    def best_cut(self) -> tuple[int, int, int]:
        """(planned cells saved, axis, last value of the first half); an oversized box is worth cutting anyway."""
        if self._best is None:
            oversized = self.planned > LARGEST_BOX
            candidates = [self._best_on_axis(axis) for axis in (0, 1)]
            saved, axis, value = max(candidates)
            self._best = (saved + LARGEST_BOX * LARGEST_BOX if oversized else saved, axis, value)
        return self._best

    def cut(self) -> list["_Piece"]:
        _, axis, value = self.best_cut()
        first = [point for point in self.points if point[axis] <= value]
        second = [point for point in self.points if point[axis] > value]
        return [_Piece.around(half) for half in (first, second)]

    def box(self, order: Sequence[str]) -> Box:
        first, last = (date.fromordinal(number) for number in self.columns)
        return Box(order[self.rows[0]], order[self.rows[1]], first, last)

    def _best_on_axis(self, axis: int) -> tuple[int, int, int]:
        """Try every cut along one axis by sweeping the boxes of what lies before and after it."""
        along = sorted(self.points, key=lambda point: point[axis])
        other = 1 - axis
        before = _running_areas(along, axis, other)
        after = _running_areas(along[::-1], axis, other)[::-1]
        best = (-1, axis, along[0][axis])
        middle = along[len(along) // 2][axis]
        for place in range(len(along) - 1):
            value = along[place][axis]
            if value == along[place + 1][axis]:
                continue
            saved = self.planned - before[place] - after[place + 1]
            # Of equal cuts the one nearest the middle keeps the cutting shallow.
            if saved > best[0] or (saved == best[0] and abs(value - middle) < abs(best[2] - middle)):
                best = (saved, axis, value)
        return best


def _running_areas(points: list[tuple[int, int]], axis: int, other: int) -> list[int]:
    """Area of the box around the first 1, 2, … points."""
    areas: list[int] = []
    low = high = points[0][other]
    for point in points:
        low, high = min(low, point[other]), max(high, point[other])
        areas.append((abs(point[axis] - points[0][axis]) + 1) * (high - low + 1))
    return areas


class Selection(NamedTuple):
    """What a run works on: these accounts, and days from `first_day` to `last_day`."""

    accounts: list[str]
    first_day: date
    last_day: date


def selection(context: dg.AssetExecutionContext) -> Selection:
    """The accounts and days of an account × day run, whether it holds one cell or a box."""
    keys = [account_days.get_partition_key_from_str(key).keys_by_dimension for key in context.partition_keys]
    chosen = [date.fromisoformat(key["day"]) for key in keys]
    return Selection(list(dict.fromkeys(key["account"] for key in keys)), min(chosen), max(chosen))
