"""Posts from one JSON file to Parquet: the landing zone against json + pandas and against DuckDB.

`python -m benchmarks.ingest [--quick] [--json]`. 200,000 posts (30,000 with --quick) with the fields that real
exports have, as an array and one per line, each side in a fresh process that may use all cores. All sides end with
Parquet, sorted by account and day: the peers with one file, ours with one for posts and one for reels. Ours alone
checks every value, hashes captions and finds hashtags, keeps bad records, and survives a crash at any moment.
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

    from instagram_assets.ingest.landing import land_file
    from instagram_assets.settings import Settings

    land_file(Path(file), UPath(folder), settings=Settings())


def pandas_posts(file: str, folder: str) -> None:
    """The peer, in a child: everything in memory, then one Parquet file."""
    import json

    with open(file, encoding="utf-8") as stream:
        _to_parquet(json.load(stream), folder)


def _to_parquet(records: list[dict[str, object]], folder: str) -> None:
    import pandas as pd

    posts = pd.DataFrame(records)
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


def duckdb_posts(file: str, folder: str) -> None:
    """The fastest peer, in a child: DuckDB from JSON to one Parquet file, on all cores."""
    import duckdb

    target = Path(folder, "landing", "posts")
    target.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'Asia/Seoul'")
        connection.execute(f"""
            COPY (
                SELECT * EXCLUDE (id, likesCount, commentsCount) REPLACE (nfc_normalize(caption) AS caption),
                    id AS post_id, nullif(likesCount, -1) AS likes, commentsCount AS comments,
                    lower(ownerUsername) AS account, "timestamp"::TIMESTAMPTZ AS taken_at,
                    ("timestamp"::TIMESTAMPTZ)::DATE AS day
                FROM read_json('{file}', maximum_object_size = 100000000)
                QUALIFY row_number() OVER (PARTITION BY id) = 1
                ORDER BY account, day
            ) TO '{target}/posts.parquet' (COMPRESSION zstd)""")


def pandas_lines(file: str, folder: str) -> None:
    """The peer for a record per line, in a child."""
    import json

    with open(file, encoding="utf-8") as stream:
        _to_parquet([json.loads(line) for line in stream], folder)


def main() -> None:
    """Generate, measure, print."""
    chosen = options(__doc__ or "")
    report = Report("ingest", ["pyarrow", "pandas", "duckdb", "msgspec"])
    count = 30_000 if chosen.quick else 200_000
    with tempfile.TemporaryDirectory() as folder:
        array, lines = Path(folder) / "posts.json", Path(folder) / "posts.ndjson"
        write_posts(array, count, _ACCOUNTS, _DAYS)
        _as_lines(array, lines)
        report.note(f"{count:,} posts, {array.stat().st_size / 1e6:.0f} MB of JSON")
        runs = alternate(
            {
                "ours": _side(land_posts, array),
                "json + pandas": _side(pandas_posts, array),
                "DuckDB": _side(duckdb_posts, array),
                "ours, lines": _side(land_posts, lines),
                "json + pandas, lines": _side(pandas_lines, lines),
            }
        )
    seconds = {name: median_seconds(found) for name, found in runs.items()}
    processor = {name: median_cpu_seconds(found) for name, found in runs.items()}
    memory = {name: max(run.extra_mb for run in found) for name, found in runs.items()}
    for name, took in seconds.items():
        speed = f"{took:6.2f} s, {count / took:8,.0f} posts/s"
        report.note(f"{name:<20} {speed}, {processor[name]:6.2f} s of processor, {memory[name]:6.0f} MB of memory")
    report.figures = {
        "ratio_vs_json_pandas": seconds["json + pandas"] / seconds["ours"],
        "ratio_vs_duckdb": seconds["DuckDB"] / seconds["ours"],
        "ratio_vs_json_pandas_ndjson": seconds["json + pandas, lines"] / seconds["ours, lines"],
        "cpu_ratio_vs_json_pandas": processor["json + pandas"] / processor["ours"],
        "cpu_ratio_vs_duckdb": processor["DuckDB"] / processor["ours"],
        "posts_per_second": count / seconds["ours"],
        "extra_mb": memory["ours"],
        "extra_mb_json_pandas": memory["json + pandas"],
        "extra_mb_duckdb": memory["DuckDB"],
    }
    if not chosen.quick:
        report.figures["extra_mb_200k"] = memory["ours"]
        report.figures["extra_mb_2gb"] = _two_gigabytes()
    report.show(as_json=chosen.json)


def _as_lines(array: Path, lines: Path) -> None:
    """The same posts, one per line: the array has a line for each, too."""
    with array.open(encoding="utf-8") as source, lines.open("w", encoding="utf-8") as target:
        for line in source:
            target.write(line.strip().removeprefix("[").removesuffix("]").rstrip(",") + "\n")


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
        "likes": int(compute.sum(table["likes"]).as_py()),
        "hidden_or_unknown": table["likes"].null_count,
        "comments": compute.sum(table["comments"]).as_py(),
    }


if __name__ == "__main__":
    os.environ.setdefault("INSTAGRAM_ASSETS_START_DAY", "2023-01-01")
    main()
