"""Posts to Delta tables, against pandas and a full overwrite; and the reels that end there watched, against one by one.

`python -m benchmarks.delta [--quick] [--json]`. A lake as people have it: 200 accounts with 42 posts in each of 24
months, so 201,600 rows in 4,800 files. Before each round the likes of one file in a hundred change, anywhere in it. The
peer reads the lake with pandas, in Arrow's types, and overwrites its table. Both then hold the same rows; each run is a
process of its own that has imported what it needs. Sizes of a quarter and a half say how both grow. `--quick` takes an
eighth. `benchmarks/reels.py` says how reels are watched.
"""

import os
import random
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable, write_deltalake
from upath import UPath

from benchmarks.export_lake import FILES_OF_ACCOUNT, write_lake
from benchmarks.measure import Measured, Report, alternate, in_child, median_cpu_seconds, median_seconds, options
from benchmarks.reels import PACKAGES, measure_reels
from instagram_assets.datasets.delta import write_delta
from instagram_assets.schemas import POSTS
from instagram_assets.storage.parquet_files import to_bytes

ACCOUNTS, ROWS_OF_FILE = 200, 42


def main() -> None:
    """Write each lake, watch the reels, measure, print."""
    chosen = options(__doc__ or "")
    report = Report("delta", ["deltalake", "pyarrow", "pandas", *PACKAGES])
    for accounts in (ACCOUNTS // 8,) if chosen.quick else (ACCOUNTS // 4, ACCOUNTS // 2, ACCOUNTS):
        with tempfile.TemporaryDirectory() as folder:
            _measure(report, Path(folder), accounts, sized=not chosen.quick)
    measure_reels(report, quick=chosen.quick)
    report.show(as_json=chosen.json)


def ours(lake: str, target: str) -> None:
    """Bring the tables up to date, in a child."""
    write_delta(UPath(lake), target)


def pandas(lake: str, target: str) -> None:
    """The peer, in a child: read all, write all; reels too, since ours are a table of their own."""
    frame = pd.read_parquet(f"{lake}/posts", dtype_backend="pyarrow", partitioning=None)
    for name, rows in (("posts", frame), ("reels", frame[frame["kind"] == "reel"])):
        # With the columns' types: those that are null everywhere would have none.
        table = pa.Table.from_pandas(rows, schema=POSTS.schema, preserve_index=False)
        write_deltalake(f"{target}/{name}", table, mode="overwrite")


def _measure(report: Report, folder: Path, accounts: int, *, sized: bool) -> None:
    lake, rows = folder / "lake", accounts * FILES_OF_ACCOUNT * ROWS_OF_FILE
    write_lake(UPath(lake), accounts, ROWS_OF_FILE, only="posts")
    sides = {"ours": _side(ours, lake, folder), "pandas": _side(pandas, lake, folder)}
    first = alternate(sides, rounds=1)
    chance = random.Random(accounts)

    def ours_after_a_change() -> Measured:
        _change(lake, chance)
        return sides["ours"]()

    again = alternate({**sides, "ours": ours_after_a_change})
    idle = alternate({"ours": sides["ours"]})
    _tell(report, rows, "written", first)
    _tell(report, rows, "1 % changed", again)
    _tell(report, rows, "nothing changed", idle)
    ratio = median_seconds(again["pandas"]) / median_seconds(again["ours"])
    # The last is the largest, and the one that counts.
    report.figures |= {
        "rewrite_ratio": ratio,
        "rewrite_cpu_ratio": median_cpu_seconds(again["pandas"]) / median_cpu_seconds(again["ours"]),
        "first_write_ratio": median_seconds(first["pandas"]) / median_seconds(first["ours"]),
        "rewrite_extra_mb": max(run.extra_mb for run in again["ours"]),
        "rewrite_extra_mb_pandas": max(run.extra_mb for run in again["pandas"]),
    }
    if sized:
        report.figures |= {f"rewrite_seconds_{rows}": median_seconds(again["ours"]), f"rewrite_ratio_{rows}": ratio}


def _change(lake: Path, chance: random.Random) -> None:
    """Give the posts of one file in a hundred more likes."""
    files = sorted((lake / "posts").rglob("*.parquet"))
    place = POSTS.schema.get_field_index("likes")
    for file in chance.sample(files, len(files) // 100):
        table = POSTS.conform(pq.ParquetFile(file).read(), str(file))
        likes = pa.array([likes + 1 for likes in table["likes"].to_pylist()], pa.int64())
        file.write_bytes(to_bytes(table.set_column(place, POSTS.schema.field(place), likes)))


def _side(function: Callable[[str, str], None], lake: Path, folder: Path) -> Callable[[], Measured]:
    def measure() -> Measured:
        os.sync()  # ours waits until its files are on disk, and would wait for what the peer left to be written, too
        target = folder / function.__name__
        measured = in_child(f"benchmarks.delta:{function.__name__}", str(lake), str(target))
        return replace(measured, result={name: _content(target / name) for name in ("posts", "reels")})

    return measure


def _content(path: Path) -> tuple[int, int, int]:
    """What must be the same on both sides: rows, different posts, and all likes together."""
    table = pa.table(DeltaTable(path).to_pyarrow_table(columns=["account", "post_id", "likes"]))
    likes = sum(table["likes"].to_pylist())
    return table.num_rows, table.group_by(["account", "post_id"]).aggregate([]).num_rows, likes


def _tell(report: Report, rows: int, what: str, runs: dict[str, list[Measured]]) -> None:
    for name, side in runs.items():
        seconds, cpu, extra = median_seconds(side), median_cpu_seconds(side), max(run.extra_mb for run in side)
        report.note(
            f"{rows:>7,} rows, {what:<15} {name:<6} {seconds:7.2f} s, {cpu:7.2f} s of processor, {extra:6.0f} MB"
        )


if __name__ == "__main__":
    main()
