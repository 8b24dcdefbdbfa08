"""The partition keys of erased accounts in Dagster's history, and partition ranges shrunk to the remaining keys."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"
_PARTITION = "dagster/partition"
_BETWEEN = "|"
"""The separator of the dimensions in a partition key, in Dagster 1.13."""


class ErasedCells:
    """The erased partition keys of each dynamic partitions definition, and all its keys in order of creation.

    A key has one dimension (`jane`) or several (`jane|2025-01-01`).
    """

    def __init__(self, gone: Mapping[str, Collection[str]], orders: Mapping[str, Sequence[str]]) -> None:
        self.by_definition = {definition: frozenset(keys) for definition, keys in gone.items()}
        self.gone = frozenset[str]().union(*self.by_definition.values())
        self._orders = orders

    def has(self, key: str) -> bool:
        """Whether a partition key, or one of its dimensions, is erased."""
        return key in self.gone or (_BETWEEN in key and not self.gone.isdisjoint(key.split(_BETWEEN)))

    def left_of(self, start: str, end: str) -> tuple[str, str] | None:
        """Returns the first and last key of a partition range without its erased keys; None if no key remains.

        A range contains partitions in order of creation, so an erased end moves inwards to the next key that is not
        erased.
        """
        if not self.has(start) and not self.has(end):
            return start, end
        firsts, lasts = start.split(_BETWEEN), end.split(_BETWEEN)
        if len(firsts) != len(lasts):
            return None
        for place, (first, last) in enumerate(zip(firsts, lasts, strict=True)):
            if first in self.gone or last in self.gone:
                left = self._left(first, last)
                if left is None:
                    return None
                firsts[place], lasts[place] = left
        return _BETWEEN.join(firsts), _BETWEEN.join(lasts)

    def _left(self, first: str, last: str) -> tuple[str, str] | None:
        for order in self._orders.values():
            if first in order and last in order:
                staying = [key for key in order[order.index(first) : order.index(last) + 1] if key not in self.gone]
                return (staying[0], staying[-1]) if staying else None
        # Dagster no longer knows one end, so the range is invalid: only the end that is known to stay remains.
        known = [key for key in (first, last) if key not in self.gone]
        return (known[0], known[0]) if known else None

    def are_all(self, tags: Mapping[str, str]) -> bool:
        """Whether the run with these tags materialized only partitions of erased accounts."""
        start, end = tags.get(RANGE_START), tags.get(RANGE_END)
        if start and end:
            return self.left_of(start, end) is None
        named = [value for name, value in tags.items() if name == _PARTITION or name.startswith(f"{_PARTITION}/")]
        return any(self.has(value) for value in named)

    def are_all_of(self, config: Any) -> bool:
        """Whether a list of accounts in a run's config, or in a nested value of it, has only erased accounts."""
        if isinstance(config, dict):
            return any(
                (name == "account" and value in self.gone) if isinstance(value, str) else self.are_all_of(value)
                for name, value in config.items()
            )
        if not isinstance(config, list) or not config:
            return False
        if all(isinstance(each, str) for each in config):
            return all(each in self.gone for each in config)
        return any(self.are_all_of(each) for each in config)
