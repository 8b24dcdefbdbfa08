"""Dagster partitions of the lake (account × day), and the grouping of many partitions into few runs.

A cell is one partition: one account on one day. Dagster runs many cells in one run only as a box: a contiguous range of
accounts, in insertion order, times a range of days. Daily partitions begin with the lake's first year. Importing an
older post moves that year back; Dagster knows the earlier days once the definitions are loaded again.
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
"""Tag of an incremental run: Dagster gets row counts only for partitions that have rows or whose rows were deleted."""
# Run tags that the lists of runs show, so that they need not read the events or config of each run.
QUERY_TAG = "instagram_assets/query"
"""The search word of an image search run, or the accounts and hashtags of a collection run."""
LIMIT_TAG = "instagram_assets/limit"
"""The requested number of images."""
FOLDER_TAG = "instagram_assets/folder"
"""The name of the search's output folder in `datasets/search`."""
KEPT_TAG, CANDIDATES_TAG = "instagram_assets/kept", "instagram_assets/candidates"
"""The number of images kept in the output folder, and the number of candidate images examined."""
COUNTED_BY_TAG = "instagram_assets/counted_by"
"""The id of the run that set KEPT_TAG and CANDIDATES_TAG: a re-executed run inherits the tags of the original run."""

HISTORY_TAG = "instagram_assets/history"
"""Tag of collection and search runs; with the value SHOWN_IN_HISTORY, the web app's history lists the run."""
SHOWN_IN_HISTORY = "shown"

IMPORTED_TAG = "instagram_assets/imported"
"""Tag of runs imported from the earlier dashboard: the id that the job had there."""
ERROR_TAG, OUT_DIR_TAG = "instagram_assets/error", "instagram_assets/out_dir"
"""Tags of imported runs: the error message, and the output folder as the earlier dashboard recorded it."""

LARGEST_BOX = 20_000
RUN_SECONDS = 5.0
CELL_SECONDS = 0.002
LARGEST_LOCATION = 500_000


def first_day() -> date:
    """Returns 1 January of the lake's earliest year (this year if it is empty), or the setting `start_day` if later."""
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
    """Returns the Dagster partitions definition for a table's partition columns; None for an unpartitioned table."""
    return _DEFINITIONS.get(contract.partitions)


class Cell(NamedTuple):
    """One partition of the lake: one account on one day."""

    account: str
    day: date


class Box(NamedTuple):
    """A range of accounts (in insertion order) × a range of days, ends included: what one Dagster run can cover."""

    first_account: str
    last_account: str
    first_day: date
    last_day: date

    @property
    def tags(self) -> dict[str, str]:
        """The run tags with which Dagster materializes all partitions of the box in one run."""
        return {
            RANGE_START: f"{self.first_account}|{self.first_day.isoformat()}",
            RANGE_END: f"{self.last_account}|{self.last_day.isoformat()}",
        }


def known_accounts(instance: dg.DagsterInstance) -> list[str]:
    """Returns the accounts registered as Dagster partitions, in insertion order."""
    return list(instance.get_dynamic_partitions("accounts"))


def register_accounts(instance: dg.DagsterInstance, names: Iterable[str]) -> list[str]:
    """Registers accounts as Dagster partitions, unless they exist; returns those that were added."""
    return _register(instance, "accounts", names)


def register_search(instance: dg.DagsterInstance, name: str) -> None:
    """Registers an image search as a dynamic partition, unless it is registered already."""
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
        except IntegrityError:  # another process added one between the check and the insert
            if not set(added) & set(instance.get_dynamic_partitions(definition)):
                raise


def window() -> tuple[date, date]:
    """Returns the first and last day of Dagster's daily partitions: FIRST_DAY and today."""
    return FIRST_DAY, today(settings().zone)


def is_outdated() -> bool:
    """True if older posts were imported since the definitions were loaded: Dagster lacks partitions of their days."""
    return first_day() < FIRST_DAY


def box(order: Sequence[str], chosen: Iterable[str], first_day: date, last_day: date) -> Box:
    """Returns the smallest box (account range × day range) that contains the `chosen` accounts.

    `order` lists all accounts in insertion order; accounts between the chosen ones are part of the range. Raises
    ValueError for an unregistered account, no account, or days outside the lake.
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
    """Groups cells (account, day) into boxes (account range × day range) with the lowest estimated total run time.

    The estimate is RUN_SECONDS per box plus CELL_SECONDS per cell in it, including cells without work. `order` lists
    all accounts in insertion order. Day ranges are cut only between months, so that no two boxes write the same file,
    and a box has at most 20,000 cells. The bounding box of all cells is cut recursively where that saves the most cells
    without work, as long as the halves cost less than the whole (a guillotine cut). The alternative is to plan each
    account alone; the cheaper plan is used. Deterministic, and close to the optimum for typical posting patterns.
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
    """Cells to materialize and their bounding box; `points` are sorted (account index, ordinal day) pairs.

    `rows` are the first and last account index, `columns` the first and last ordinal day.
    """

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
    """Returns the estimated seconds and the pieces of the cheapest plan for a piece: one run, or recursive cuts."""
    cost = RUN_SECONDS + CELL_SECONDS * piece.planned
    too_large = piece.planned > LARGEST_BOX
    if not too_large and (piece.planned - len(piece.points)) * CELL_SECONDS <= RUN_SECONDS:
        return cost, [piece]  # cutting cannot save more than the cost of another run
    cuts = [cut for axis in (0, 1) if (cut := _best_cut(piece, axis))]
    if not cuts:
        return cost, [piece]
    _, _, axis, value = max(cuts)
    parts = [[point for point in piece.points if (point[axis] <= value) == first] for first in (True, False)]
    halves = [_cheapest(_Piece.around(part)) for part in parts]
    seconds = sum(half[0] for half in halves)
    return (seconds, halves[0][1] + halves[1][1]) if too_large or seconds < cost else (cost, [piece])


def _best_cut(piece: _Piece, axis: int) -> tuple[int, int, int, int] | None:
    """Returns the best cut of a piece along one axis (0 accounts, 1 days); None if it cannot be cut there.

    The tuple is (cells without work that the cut avoids, negative distance from the middle, axis, last index of the
    first half). Of equally good cuts, the one nearest the middle keeps the recursion shallow.
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
    """True if a piece can be cut between two consecutive values: different accounts, or days of different months."""
    if axis == 0 or value == following:
        return value != following
    last, first = date.fromordinal(value), date.fromordinal(following)
    return (last.year, last.month) != (first.year, first.month)


def _running_areas(points: list[tuple[int, int]], axis: int) -> list[int]:
    """Returns, for n = 1, 2, …, the number of cells in the bounding box of the first n points along an axis."""
    other = 1 - axis
    areas: list[int] = []
    low = high = points[0][other]
    for point in points:
        low, high = min(low, point[other]), max(high, point[other])
        areas.append((abs(point[axis] - points[0][axis]) + 1) * (high - low + 1))
    return areas


class Selection(NamedTuple):
    """The accounts and days that a run works on; `first_day` and `last_day` are included."""

    accounts: list[str]
    first_day: date
    last_day: date


def selection(keys: dg.PartitionKeyRange, order: Sequence[str]) -> Selection:
    """Returns the accounts and days of a run from its partition key range, which can be one partition or a box.

    `order` lists all accounts in insertion order. Dagster's own API would enumerate every partition key of the box.
    """
    (first, first_day), (last, last_day) = (key.rsplit("|", 1) for key in (str(keys.start), str(keys.end)))
    chosen = order[order.index(first) : order.index(last) + 1]
    return Selection(list(chosen), date.fromisoformat(first_day), date.fromisoformat(last_day))


def search_tags(query: str, limit: int, folder: str) -> dict[str, str]:
    """Returns the run tags of an image search: its search word, requested number of images, and output folder."""
    return {QUERY_TAG: query, LIMIT_TAG: str(limit), FOLDER_TAG: folder}
