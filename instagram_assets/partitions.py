"""Accounts and days, and boxes: how many cells become few runs.

A cell is one account on one day. Dagster runs many cells at once only as a box: a stretch of accounts, in the order
in which they were added, times a stretch of days. Days begin with the lake's first year, which landing lowers when an
older post comes; Dagster learns of it when the definitions load.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import dagster as dg

from instagram_assets.calendar import today
from instagram_assets.schemas.contract import BY_ACCOUNT, BY_CELL, BY_SEARCH, Contract
from instagram_assets.settings import settings
from instagram_assets.storage.lake import lake_root
from instagram_assets.storage.migration import first_year

PARTITION = "dagster/partition"
RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
PLAN = ".dagster/instagram_assets_plan"
"""The tag of a run that brings the lake up to date: only cells that have rows, or lost theirs, are told to Dagster."""
# Tags of runs that lists of runs show, so that no event or config of a run has to be read.
QUERY_TAG = "instagram_assets/query"
"""What a run collects: the search word, or whom."""
LIMIT_TAG = "instagram_assets/limit"
"""The number of images wanted."""
FOLDER_TAG = "instagram_assets/folder"
"""The name of its folder below `datasets/search`."""
KEPT_TAG, CANDIDATES_TAG = "instagram_assets/kept", "instagram_assets/candidates"
"""The number of images in its folder, and of those looked at."""
COUNTED_BY_TAG = "instagram_assets/counted_by"
"""The id of the run that counted: one that is made again has the tags of the first."""

HISTORY_TAG = "instagram_assets/history"
"""Of runs that collect: the history of the web app lists those that have it, which is SHOWN."""
SHOWN_IN_HISTORY = "shown"

IMPORTED_TAG = "instagram_assets/imported"
"""Of imported runs: the job's id in the earlier dashboard."""
ERROR_TAG, OUT_DIR_TAG = "instagram_assets/error", "instagram_assets/out_dir"
"""Of imported runs: why it failed, and the folder as the earlier dashboard had it."""

LARGEST_BOX = 20_000
RUN_SECONDS = 5.0
CELL_SECONDS = 0.002
LARGEST_LOCATION = 500_000


def first_day() -> date:
    """The lake's first day by what it says now, or the start day of the settings if that is later."""
    return max(
        date(first_year(lake_root(settings())) or today(settings().zone).year, 1, 1), settings().start_day or date.min
    )


FIRST_DAY = first_day()
accounts = dg.DynamicPartitionsDefinition(name="accounts")
days = dg.DailyPartitionsDefinition(start_date=FIRST_DAY.isoformat(), timezone=settings().time_zone, end_offset=1)
searches = dg.DynamicPartitionsDefinition(name="searches")
account_days = dg.MultiPartitionsDefinition(dict(zip(BY_CELL, (accounts, days), strict=True)))
_DEFINITIONS: dict[tuple[str, ...], dg.PartitionsDefinition] = {
    BY_CELL: account_days,
    BY_ACCOUNT: accounts,
    BY_SEARCH: searches,
}


def definition_of(contract: Contract) -> dg.PartitionsDefinition | None:
    """Dagster's partitions of a table, by the partition columns of its contract; null for one without partitions."""
    return _DEFINITIONS.get(contract.partitions)


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
    return _register(instance, "accounts", names)


def register_search(instance: dg.DagsterInstance, name: str) -> None:
    """Register an image search that is not known yet."""
    _register(instance, "searches", [name])


def _register(instance: dg.DagsterInstance, definition: str, names: Iterable[str]) -> list[str]:
    from sqlalchemy.exc import IntegrityError

    wanted = list(dict.fromkeys(names))
    while True:
        known = set(instance.get_dynamic_partitions(definition))
        added = [name for name in wanted if name not in known]
        try:
            if added:
                instance.add_dynamic_partitions(definition, added)
            return added
        except IntegrityError:  # SQLite's store looks, then adds: another process came between
            if not set(added) & set(instance.get_dynamic_partitions(definition)):
                raise


def window() -> tuple[date, date]:
    """First and last day of the lake as Dagster knows it: the day on which its days begin, and today."""
    return FIRST_DAY, today(settings().zone)


def is_outdated() -> bool:
    """True when older posts have landed since the definitions were loaded: Dagster does not know their days yet."""
    return first_day() < FIRST_DAY


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
    """Cut cells into the boxes that take least time: RUN_SECONDS a run, CELL_SECONDS a planned cell.

    Days are cut at the ends of months only, so that no two boxes write one file, and no box has more than 20,000 cells.
    Starts with the one box around everything; each is cut where the most empty cells fall away, as long as its parts
    are cheaper than it is; or else each account by itself. A guillotine cut: simple, deterministic, and near the best
    for the way accounts post.
    """
    places = {name: place for place, name in enumerate(order)}
    points = sorted({(places[cell.account], cell.day.toordinal()) for cell in cells})
    if not points:
        return []
    by_account = (list(group) for _, group in groupby(points, key=lambda point: point[0]))
    apart = [_cheapest(_Piece.around(group)) for group in by_account]
    each = sum(seconds for seconds, _ in apart), [piece for _, pieces in apart for piece in pieces]
    _, pieces = min(_cheapest(_Piece.around(points)), each, key=itemgetter(0))
    found = (piece.box(order) for piece in pieces)
    return sorted(found, key=lambda each: (places[each.first_account], each.first_day))


class _Piece(NamedTuple):
    """Touched cells and the box around them; points are (account place, day number), sorted."""

    points: list[tuple[int, int]]
    rows: tuple[int, int]
    columns: tuple[int, int]

    @classmethod
    def around(cls, points: list[tuple[int, int]]) -> "_Piece":
        numbers = [day for _, day in points]
        return cls(points, (points[0][0], points[-1][0]), (min(numbers), max(numbers)))

    @property
    def planned(self) -> int:
        return (self.rows[1] - self.rows[0] + 1) * (self.columns[1] - self.columns[0] + 1)

    def box(self, order: Sequence[str]) -> Box:
        first, last = (date.fromordinal(number) for number in self.columns)
        return Box(order[self.rows[0]], order[self.rows[1]], first, last)


def _cheapest(piece: _Piece) -> tuple[float, list[_Piece]]:
    """The seconds and the pieces of the cheapest way to run a piece, whole or cut."""
    cost = RUN_SECONDS + CELL_SECONDS * piece.planned
    too_large = piece.planned > LARGEST_BOX
    if not too_large and (piece.planned - len(piece.points)) * CELL_SECONDS <= RUN_SECONDS:
        return cost, [piece]  # not even a cut that left no empty cell would pay for its run
    cuts = [cut for axis in (0, 1) if (cut := _best_cut(piece, axis))]
    if not cuts:
        return cost, [piece]
    _, _, axis, value = max(cuts)
    parts = [[point for point in piece.points if (point[axis] <= value) == first] for first in (True, False)]
    halves = [_cheapest(_Piece.around(part)) for part in parts]
    seconds = sum(half[0] for half in halves)
    return (seconds, halves[0][1] + halves[1][1]) if too_large or seconds < cost else (cost, [piece])


def _best_cut(piece: _Piece, axis: int) -> tuple[int, int, int, int] | None:
    """(planned cells saved, nearness to the middle, axis, last value of the first half) of the best cut on one axis.

    None when it cannot be cut there. Of equal cuts the one nearest the middle keeps the cutting shallow.
    """
    along = sorted(piece.points, key=lambda point: point[axis])
    before = _running_areas(along, axis)
    after = _running_areas(along[::-1], axis)[::-1]
    middle = along[len(along) // 2][axis]
    return max(
        (
            (piece.planned - before[place] - after[place + 1], -abs(value - middle), axis, value)
            for place in range(len(along) - 1)
            if _is_border(value := along[place][axis], along[place + 1][axis], axis)
        ),
        default=None,
    )


def _is_border(value: int, following: int, axis: int) -> bool:
    """True between two accounts, and between two days of different months."""
    if axis == 0 or value == following:
        return value != following
    last, first = date.fromordinal(value), date.fromordinal(following)
    return (last.year, last.month) != (first.year, first.month)


def _running_areas(points: list[tuple[int, int]], axis: int) -> list[int]:
    """Area of the box around the first 1, 2, … points."""
    other = 1 - axis
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


def selection(keys: dg.PartitionKeyRange, order: Sequence[str]) -> Selection:
    """The accounts and days of an account × day run, whether it holds one cell or a box.

    `order` is the insertion order of all accounts. Dagster would list each cell of the box.
    """
    (first, first_day), (last, last_day) = (key.rsplit("|", 1) for key in (str(keys.start), str(keys.end)))
    chosen = order[order.index(first) : order.index(last) + 1]
    return Selection(list(chosen), date.fromisoformat(first_day), date.fromisoformat(last_day))


def search_tags(query: str, limit: int, folder: str) -> dict[str, str]:
    """The tags that say what a run searches for."""
    return {QUERY_TAG: query, LIMIT_TAG: str(limit), FOLDER_TAG: folder}
