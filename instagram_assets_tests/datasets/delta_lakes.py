"""Small lakes for the tests of the Delta tables, and what stands in a table, read by delta-rs itself."""

from datetime import date
from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from upath import UPath

from instagram_assets import schemas
from instagram_assets.datasets.delta import write_delta
from instagram_assets.datasets.delta.write import ExportedTable
from instagram_assets.storage.lake_writer import write_asset, write_cells
from instagram_assets_tests.datasets.tables import post, posts

MAY, JUNE = date(2024, 5, 1), date(2024, 6, 1)
ACCOUNTS = [f"drawing.{number:02}" for number in range(20)]


def lake(root: Path, *rows: dict[str, object]) -> UPath:
    """A lake with these posts; without any, two for each of twenty accounts, in May and June, the second a reel."""
    if not rows:
        numbered = enumerate(((account, day) for account in ACCOUNTS for day in (MAY, JUNE)), start=1)
        rows = tuple(
            post(str(number), account, day=day, kind="reel" if day == JUNE else "post")
            for number, (account, day) in numbered
        )
    put(UPath(root), *rows)
    return UPath(root)


def put(root: UPath, *rows: dict[str, object], asset: str = "posts") -> None:
    """Write posts, or rows like them, as the cells of their accounts and days."""
    for account, day in sorted({(str(row["account"]), row["day"]) for row in rows}):
        assert isinstance(day, date)
        chosen = [row for row in rows if (row["account"], row["day"]) == (account, day)]
        write_cells(root, asset, [account], (day, day), schemas.CONTRACTS[asset].table(chosen))


def empty(root: UPath, account: str, day: date) -> None:
    """Take the posts of an account and day."""
    write_cells(root, "posts", [account], (day, day), posts())


def labels(root: UPath, *ids: str, viral: bool = True) -> None:
    """Replace the viral labels."""
    write_asset(root, "viral_labels", schemas.VIRAL_LABELS.table([_label(each, viral) for each in ids]))


def _label(post_id: str, viral: bool) -> dict[str, object]:
    return {"kind": "post", "account": "drawing.00", "id": post_id, "viral": viral, "rule": "top 10 %"}


def made(root: UPath, target: Path) -> dict[str, ExportedTable]:
    """Write the tables; warnings are errors."""
    return {each.table: each for each in write_delta(root, str(target), warn=_refuse)}


def rows(target: Path | str, table: str = "posts", **options: Any) -> list[dict[str, Any]]:
    """The rows of a table, as its newest version has them, in the order of their ids."""
    found = DeltaTable(f"{target}/{table}", **options).to_pyarrow_table().to_pylist()
    return sorted(found, key=lambda row: str(row.get("post_id") or row.get("id") or row.get("ad_id")))


def ids(target: Path | str, table: str = "posts", **options: Any) -> list[str]:
    """The posts of a table, each as often as it stands there."""
    return sorted((row["post_id"] for row in rows(target, table, **options)), key=int)


def _refuse(warning: str) -> None:
    raise AssertionError(warning)
