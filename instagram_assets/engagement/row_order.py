"""What pandas gives, in the order of the rows that it was made of."""

from collections.abc import Mapping
from typing import Any

from instagram_assets.errors import ContractError


def in_order(given: Any, rows: int) -> Any:
    """A data frame, or a dict with series in it, sorted by an index that numbers the rows; anything else as it is.

    Raises ContractError for an index that does not: which row is meant cannot be told. A number of rows that does not
    fit is left to others.
    """
    if isinstance(given, Mapping):
        return {name: in_order(values, rows) for name, values in given.items()}  # pyright: ignore[reportUnknownVariableType]
    index: Any = getattr(given, "index", None)
    if not hasattr(index, "to_list") or len(given) != rows:  # no table of pandas
        return given
    places = index.to_list()
    if places == [*range(rows)]:
        return given
    if set(places) != set(range(rows)):
        shown = ", ".join(repr(place) for place in places[:3])
        raise ContractError(
            f"The rule's table has an index ({shown}, …) that is not that of its rows, 0 to {rows - 1}. "
            "Keep the index of items.to_pandas(), or drop it with reset_index(drop=True) where the order is the items'."
        )
    return given.sort_index()
