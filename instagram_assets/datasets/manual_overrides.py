"""A user's decisions (overrides) about the images of a search or a list: keep or drop an image, until it is revoked."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import NamedTuple, get_args

import pyarrow as pa
from upath import UPath

from instagram_assets.arrow import compute
from instagram_assets.errors import SearchRequestError
from instagram_assets.report.safe_text import first_control_character
from instagram_assets.schemas import OVERRIDES
from instagram_assets.schemas.search import Decision, Override
from instagram_assets.storage.lake import read_table
from instagram_assets.storage.lake_writer import change_rows

TABLE = "overrides"
LONGEST_WHY = 1_000
"""Maximum characters of a reason."""


def read_overrides(root: UPath, search: str) -> dict[str, Override]:
    """Returns the user's decisions about a search's images, by image_id. Raises StorageError for a damaged file."""
    return overrides_of(read_table(root, TABLE, [search]))


def overrides_of(table: pa.Table) -> dict[str, Override]:
    """Returns decisions by image_id from `table`: the rows of `overrides` of one search or list."""
    return {
        row["image_id"]: Override(row["decision"], row["why"] or "", row["decided_at"]) for row in table.to_pylist()
    }


def decide(
    root: UPath, search: str, image_ids: Iterable[str], decision: Decision | None, why: str, at: datetime
) -> dict[str, Override]:
    """Keep or drop images of a search by hand, or revoke earlier decisions (`decision` None); returns all decisions.

    `at` is the timestamp of the decision (timezone-aware). Concurrent decisions about different images are both stored.
    Raises SearchRequestError for an unknown decision or a reason (`why`) that is too long.
    """
    chosen = set(image_ids)
    check_decision(decision, why)
    if not chosen:
        return read_overrides(root, search)
    override = Override(decision, why.strip(), at) if decision else None
    return overrides_of(decide_each(root, search, dict.fromkeys(chosen, override)).now)


class OverrideChange(NamedTuple):
    """The rows of a search or list in `overrides` before and after a change."""

    before: pa.Table
    now: pa.Table


def decide_each(root: UPath, search: str, decisions: Mapping[str, Override | None]) -> OverrideChange:
    """Store one decision per image (image_id → decision), all in one atomic step; None revokes the earlier decision."""
    said: list[dict[str, object]] = [
        {"search": search, "image_id": image_id, **asdict(override)}
        for image_id, override in decisions.items()
        if override
    ]
    chosen, rows = pa.array(decisions, pa.string()), OVERRIDES.table(said)
    return change_overrides(root, search, lambda old: pa.concat_tables([without(old, chosen), rows]))


def change_overrides(root: UPath, search: str, change: Callable[[pa.Table], pa.Table]) -> OverrideChange:
    """Replace the rows of a search or list by the result of `change`; concurrent changes are serialized."""
    decided: list[OverrideChange] = []

    def changed(old: pa.Table) -> pa.Table:
        decided.append(OverrideChange(old, change(old).sort_by("image_id")))
        return decided[-1].now

    change_rows(root, TABLE, search, changed)
    return decided[-1]


def without(rows: pa.Table, image_ids: pa.Array) -> pa.Table:
    """Returns `rows` without those of the images in `image_ids`."""
    return rows.filter(compute.invert(compute.is_in(rows["image_id"], value_set=image_ids)))


def check_decision(decision: str | None, why: str) -> None:
    """Raise SearchRequestError for an unknown decision, or a reason that is too long or has control characters."""
    if decision is not None and decision not in get_args(Decision):
        raise SearchRequestError(f"decision {decision!r}: it is keep, drop, or null to take it back.")
    if len(why) > LONGEST_WHY:
        raise SearchRequestError(f"why has {len(why)} characters; {LONGEST_WHY} are allowed.")
    if sign := first_control_character(why, "\n\r\t"):
        raise SearchRequestError(f"why holds the control character U+{ord(sign):04X}. Take it out.")
