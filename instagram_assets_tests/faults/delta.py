"""Delta tables under faults: a lake that changed is written, merged and vacuumed; an account and a month are gone."""

import shutil
import tempfile
from collections import Counter
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from deltalake import DeltaTable
from upath import UPath

from instagram_assets.datasets import delta
from instagram_assets.errors import DamagedError
from instagram_assets.schemas import POSTS, VIRAL_LABELS
from instagram_assets.storage.lake_writer import write_asset, write_cells
from instagram_assets_tests.faults.campaign import Scenario

IMPORTS = ("pyarrow.parquet", "pyarrow.compute", "deltalake", "deltalake.transaction", "deltalake.exceptions")
_DAYS = (date(2026, 9, 1), date(2026, 10, 1))
_ACCOUNTS = tuple(f"drawing.{number:02}" for number in range(12))
_Likes = dict[tuple[str, str], int | None]


def write_tables(root: str) -> None:
    """Called in the worker: the changed lake into the tables that `prepare` made, then their upkeep."""
    lake, target = UPath(root) / "lake", f"{root}/delta"
    delta.write_delta(lake, target)
    delta.optimize(lake, target)
    delta.vacuum(lake, target, keep_hours=0)


def prepare(root: Path) -> None:
    """The state before: tables of a lake in which an account, a month and a post changed since."""
    shutil.copytree(_prepared(), root, dirs_exist_ok=True)


@cache
def _prepared() -> Path:
    root = Path(tempfile.mkdtemp(prefix="faults-delta-"))
    lake = UPath(root / "lake")
    for day in _DAYS:
        for account in _ACCOUNTS:
            _put(lake, account, day, likes=1)
    write_asset(lake, "viral_labels", VIRAL_LABELS.table([{"id": "1", "viral": True}]))
    delta.write_delta(lake, str(root / "delta"))
    # A second version, so that there is a log, and files that only an older version needs.
    _put(lake, _ACCOUNTS[3], _DAYS[0], likes=1, more=True)
    delta.write_delta(lake, str(root / "delta"))
    for account in _ACCOUNTS[::5]:
        _put(lake, account, _DAYS[1], likes=2)
    write_cells(lake, "posts", [_ACCOUNTS[1]], (_DAYS[0], _DAYS[1]), POSTS.empty())
    write_asset(lake, "viral_labels", VIRAL_LABELS.table([{"id": "1", "viral": False}]))
    return root


def _put(lake: UPath, account: str, day: date, *, likes: int, more: bool = False) -> None:
    rows: list[dict[str, object]] = [
        {
            "post_id": f"{account}-{day}-{number}",
            "account": account,
            "day": day,
            "kind": "reel" if number else "post",
            "taken_at": datetime(day.year, day.month, 1, 3, tzinfo=UTC),
            "likes": likes,
            "caption": "그림" * 300,
        }
        for number in range(2 + more)
    ]
    write_cells(lake, "posts", [account], (day, day), POSTS.table(rows))


def _expected() -> tuple[_Likes, _Likes]:
    """The likes of each post in the lake before and after it changed."""
    before: _Likes = {}
    for day in _DAYS:
        for account in _ACCOUNTS:
            some = 3 if (account, day) == (_ACCOUNTS[3], _DAYS[0]) else 2
            before |= {(account, f"{account}-{day}-{number}"): 1 for number in range(some)}
    after = {key: likes for key, likes in before.items() if key[0] != _ACCOUNTS[1]}
    after |= {key: 2 for key in after if key[0] in _ACCOUNTS[::5] and str(_DAYS[1]) in key[1]}
    return before, after


def _look(root: Path, *, damage_is_told: bool) -> str:
    before, after = _expected()
    for name in ("posts", "reels"):
        allowed = (before, after) if damage_is_told else (after,)
        if problem := _look_at(root / "delta", name, [_of_kind(rows, name) for rows in allowed], damage_is_told):
            return f"{name}: {problem}"
    return ""


def _look_at(target: Path, name: str, allowed: list[_Likes], damage_is_told: bool) -> str:
    try:
        delta.check(delta.table_location(str(target), name, {}, {}))
    except DamagedError as error:
        return "" if damage_is_told and "version" in str(error) else str(error)
    table = DeltaTable(target / name).to_pyarrow_table(columns=["account", "post_id", "likes"]).to_pylist()
    keys = Counter((row["account"], row["post_id"]) for row in table)
    if doubled := [key for key, count in keys.items() if count > 1]:
        return f"twice: {doubled}"
    found = {(row["account"], row["post_id"]): row["likes"] for row in table}
    return "" if found in allowed else f"these rows are there: {sorted(found.items())[:5]} … of {len(found)}"


def _of_kind(rows: _Likes, table: str) -> _Likes:
    return {key: likes for key, likes in rows.items() if table == "posts" or not key[1].endswith("-0")}


DELTA = Scenario(
    "Delta tables",
    "instagram_assets_tests.faults.delta:write_tables",
    prepare=prepare,
    arguments=lambda folder: [str(folder)],
    after_fault=lambda folder: _look(folder, damage_is_told=True),
    after_rerun=lambda folder: _look(folder, damage_is_told=False),
    imports=IMPORTS,
)
