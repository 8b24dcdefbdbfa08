"""Posts from one JSON file to Parquet: the landing zone against json + pandas.

`python -m benchmarks.ingest [--quick] [--json]`. 200,000 posts (20,000 with --quick), each side in a fresh
process. Both sides end with Parquet, sorted by account and day: the peer with one file, ours with one for posts and
one for reels.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Measured, Report, alternate, in_child, median_cpu_seconds, median_seconds, options
from benchmarks.posts import write_posts

_ACCOUNTS, _DAYS = 200, 500
_TWO_GIGABYTES = 390_000  # posts


def land_posts(file: str, folder: str) -> None:
    """Ours, in a child: the file into a landing zone below `folder`."""
    from upath import UPath

    from instagram_assets.ingest.landing import land
    from instagram_assets.settings import Settings

    land(Path(file), UPath(folder), settings=Settings())


def pandas_posts(file: str, folder: str) -> None:
    """The peer, in a child: everything in memory, then one Parquet file."""
    import json

    import pandas as pd

    with open(file, encoding="utf-8") as stream:
        posts = pd.DataFrame(json.load(stream))
    posts["account"] = posts["ownerUsername"].str.lower()
    posts["taken_at"] = pd.to_datetime(posts["timestamp"], utc=True)
    posts["day"] = posts["taken_at"].dt.tz_convert("Asia/Seoul").dt.date
    posts["caption"] = posts["caption"].str.normalize("NFC")
    posts = posts.drop_duplicates("id").sort_values(["account", "day"])
    posts["likesCount"] = posts["likesCount"].astype("Int64").replace(-1, pd.NA)
    names = {"id": "post_id", "likesCount": "likes", "commentsCount": "comments"}
    target = Path(folder, "landing", "posts")
    target.mkdir(parents=True)
    posts.rename(columns=names).to_parquet(target / "posts.parquet", compression="zstd", index=False)


def main() -> None:
    """Generate, measure, print."""
    chosen = options(__doc__ or "")
    report = Report("ingest", ["pyarrow", "pandas"])
    count = 20_000 if chosen.quick else 200_000
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "posts.json"
        write_posts(file, count, _ACCOUNTS, _DAYS)
        megabytes = file.stat().st_size / 1e6
        sides = {"ours": _side(land_posts, file), "pandas": _side(pandas_posts, file)}
        runs = alternate(sides)
    ours, peer = median_seconds(runs["ours"]), median_seconds(runs["pandas"])
    ours_cpu, peer_cpu = median_cpu_seconds(runs["ours"]), median_cpu_seconds(runs["pandas"])
    ours_mb, peer_mb = (max(run.extra_mb for run in runs[name]) for name in ("ours", "pandas"))
    report.note(f"{count:,} posts, {megabytes:.0f} MB of JSON")
    for name, seconds, cpu, extra in (("ours", ours, ours_cpu, ours_mb), ("pandas", peer, peer_cpu, peer_mb)):
        speed = f"{seconds:6.2f} s, {count / seconds:8,.0f} posts/s"
        report.note(f"{name:<6} {speed}, {cpu:6.2f} s of processor, {extra:6.0f} MB of memory")
    report.figures = {
        "ratio_vs_json_pandas": peer / ours,
        "cpu_ratio_vs_json_pandas": peer_cpu / ours_cpu,
        "posts_per_second": count / ours,
        "json_mb_per_second": megabytes / ours,
        "extra_mb": ours_mb,
        "extra_mb_json_pandas": peer_mb,
    }
    if not chosen.quick:
        report.figures["extra_mb_200k"] = ours_mb
        report.figures["extra_mb_2gb"] = _two_gigabytes()
    report.show(as_json=chosen.json)


def _two_gigabytes() -> float:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "posts.json"
        write_posts(file, _TWO_GIGABYTES, _ACCOUNTS, _DAYS)
        return _side(land_posts, file)().extra_mb


def _side(function: Callable[[str, str], None], file: Path) -> Callable[[], Measured]:
    def measure() -> Measured:
        with tempfile.TemporaryDirectory() as folder:
            measured = in_child(f"benchmarks.ingest:{function.__name__}", str(file), folder)
            return replace(measured, result=_what_was_written(Path(folder)))

    return measure


def _what_was_written(folder: Path) -> dict[str, int]:
    """What must be the same on both sides."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from instagram_assets.arrow import compute

    files = [file for kind in ("posts", "reels") for file in (folder / "landing" / kind).glob("*.parquet")]
    columns = ["post_id", "account", "day", "likes", "comments"]
    table = pa.concat_tables([pq.read_table(file, columns=columns) for file in files], promote_options="permissive")
    cells = table.group_by(["account", "day"]).aggregate([])
    return {
        "rows": table.num_rows,
        "posts": len(table["post_id"].unique()),
        "cells": cells.num_rows,
        "likes": compute.sum(table["likes"]).as_py(),
        "hidden_or_unknown": table["likes"].null_count,
        "comments": compute.sum(table["comments"]).as_py(),
    }


if __name__ == "__main__":
    os.environ.setdefault("INSTAGRAM_ASSETS_START_DAY", "2023-01-01")
    main()
