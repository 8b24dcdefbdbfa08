"""Datasets out of a large lake: JSON, CSV and Parquet, month by month, against pandas on the same files.

`python -m benchmarks.export [--quick] [--json]`. A lake of 10 accounts over 24 months with 50,000 posts, each with an
image and its caption; one in fifty is a collaboration that stands in two accounts. Each export runs in a fresh process.
The peer reads the columns that go out, joins them, and writes them with `to_json`, `to_csv` and `to_parquet`, all at
once and under the lake's own names. Without --quick also a lake of 200 accounts and 1,000,000 posts, by us alone.
"""

import csv
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.dataset as ds
from upath import UPath

from benchmarks.export_lake import ACCOUNTS, FILES_OF_ACCOUNT, ROWS_OF_FILE, write_lake
from benchmarks.measure import Measured, Report, alternate, in_child, median_cpu_seconds, median_seconds, options
from instagram_assets.datasets.csv import write_csv
from instagram_assets.datasets.json import write_json
from instagram_assets.datasets.merged_records import CAPTION_COLUMNS, RECORD_COLUMNS, merged_records
from instagram_assets.datasets.parquet import write_parquet
from instagram_assets.storage.lake import months

KINDS = ("json", "csv", "parquet")
_POSTS = (
    *("post_id", "kind", "type", "shortcode", "url", "account", "day", "taken_at", "observed_at", "owner", "owner_id"),
    *("owner_full_name", "caption", "hashtags", "mentions", "likes", "comments", "views", "plays", "duration", "width"),
    *("height", "location", "alt", "coauthors", "tagged", "followers", "follows", "biography", "verified"),
)


def main() -> None:
    """Write the lake, export it, print."""
    chosen = options(__doc__ or "")
    report = Report("export", ["pyarrow", "pandas"])
    _against_pandas(report)
    if not chosen.quick:
        _of_a_million(report)
    report.show(as_json=chosen.json)


def ours(lake: str, out: str, kind: str) -> None:
    """Our export, in a child."""
    parts, folder = partial(months, UPath(lake)), Path(out)
    if kind == "json":
        write_json(merged_records(parts, "all", "../media", captions=True), folder / "all.json")
    elif kind == "csv":
        names = [column.name for column in (*RECORD_COLUMNS, *CAPTION_COLUMNS)]
        records = merged_records(parts, "post", "../media", captions=True)
        write_csv(records, folder / "post.csv", kind="post", columns=names)
    else:
        write_parquet(parts, folder / "parquet")


def pandas(lake: str, out: str, kind: str) -> None:
    """The peer's, in a child."""
    import pandas as pd

    def read(name: str, columns: list[str]) -> Any:
        files = sorted(Path(lake).rglob(f"{name}/**/*.parquet"))
        return pd.concat([pd.read_parquet(file, columns=columns, partitioning=None) for file in files])

    posts = read("posts", list(_POSTS))
    posts = posts.assign(foreign=posts["account"] != posts["owner"]).sort_values(["post_id", "foreign", "account"])
    posts = posts.drop_duplicates("post_id").drop(columns="foreign").sort_values(["account", "taken_at", "post_id"])
    captions = read("captions", ["image_id", "caption"]).drop_duplicates("image_id")
    images = read("images", ["account", "post_id", "position", "image_id", "path"])
    images = images.merge(captions, on="image_id", how="left").sort_values("position")
    beside = images.groupby(["account", "post_id"])[["path", "caption"]].agg(list)
    beside = beside.rename(columns={"path": "images", "caption": "imageCaptions"}).reset_index()
    table = posts.merge(beside, on=["account", "post_id"], how="left")
    if kind == "json":
        table.to_json(Path(out, "all.json"), orient="records", lines=True, force_ascii=False, date_format="iso")
    elif kind == "csv":
        table[table["kind"] == "post"].to_csv(Path(out, "post.csv"), index=False)
    else:
        table.to_parquet(Path(out, "all.parquet"), compression="zstd", index=False)


def _against_pandas(report: Report) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = _lake(report, Path(folder), 10)
        for kind in KINDS:
            runs = alternate({"ours": _side(ours, lake, kind), "pandas": _side(pandas, lake, kind)})
            for name, side in runs.items():
                _tell(report, f"{kind}, {name}", side)
            mine, peer = runs["ours"], runs["pandas"]
            report.figures |= {
                f"{kind}_ratio_vs_pandas": median_seconds(peer) / median_seconds(mine),
                f"{kind}_cpu_ratio_vs_pandas": median_cpu_seconds(peer) / median_cpu_seconds(mine),
                f"{kind}_memory_ratio_vs_pandas": _extra_mb(peer) / _extra_mb(mine),
                f"{kind}_extra_mb": _extra_mb(mine),
            }


def _of_a_million(report: Report) -> None:
    """Ours alone, once for each kind, since it takes minutes: the peer would take 17 GB of memory."""
    with tempfile.TemporaryDirectory() as folder:
        lake = _lake(report, Path(folder), ACCOUNTS)
        runs = {kind: _side(ours, lake, kind)() for kind in KINDS}
    for kind, run in runs.items():
        _tell(report, kind, [run])
        report.figures |= {f"{kind}_seconds_1m": run.seconds, f"{kind}_cpu_seconds_1m": run.cpu_seconds}
        report.figures |= {f"{kind}_extra_mb_1m": run.extra_mb, f"{kind}_peak_mb_1m": run.peak_mb}
    report.figures["export_extra_mb_1m"] = max(run.extra_mb for run in runs.values())
    report.figures["export_seconds_1m"] = sum(run.seconds for run in runs.values())


def _lake(report: Report, folder: Path, accounts: int) -> Path:
    lake = folder / "lake"
    write_lake(UPath(lake), accounts)
    size = sum(file.stat().st_size for file in lake.rglob("*.parquet")) / 1e6
    posts = accounts * FILES_OF_ACCOUNT * ROWS_OF_FILE
    report.note(f"{posts:,} posts of {accounts} accounts: {size:,.0f} MB of Parquet")
    return lake


def _side(function: Callable[[str, str, str], None], lake: Path, kind: str) -> Callable[[], Measured]:
    def measure() -> Measured:
        with tempfile.TemporaryDirectory() as folder:
            measured = in_child(f"benchmarks.export:{function.__name__}", str(lake), folder, kind)
            return replace(measured, result=_what_was_written(Path(folder), kind))

    return measure


def _tell(report: Report, what: str, runs: Sequence[Measured]) -> None:
    seconds, cpu, peak = median_seconds(runs), median_cpu_seconds(runs), max(run.peak_mb for run in runs)
    memory = f"{_extra_mb(runs):6.0f} MB of memory beyond imports, {peak:6.0f} MB in all"
    report.note(f"{what:<16} {seconds:7.2f} s, {cpu:7.2f} s of processor, {memory}; {runs[-1].result}")


def _extra_mb(runs: Sequence[Measured]) -> float:
    return max(run.extra_mb for run in runs)


def _what_was_written(folder: Path, kind: str) -> dict[str, int]:
    """What must be the same on both sides."""
    rows = likes = pictures = 0
    for row in _rows(folder, kind):
        rows += 1
        likes += int(float(row.get("likes") or row.get("likesCount") or 0))
        pictures += str(row["images"]).count(".jpg")
    return {"rows": rows, "likes": likes, "pictures": pictures}


def _rows(folder: Path, kind: str) -> Iterator[dict[str, Any]]:
    if kind == "parquet":
        table = ds.dataset(folder, format="parquet")
        for batch in table.to_batches(columns=["likes", "images"]):
            yield from batch.to_pylist()
        return
    (path,) = folder.iterdir()
    with path.open(encoding="utf-8-sig", newline="") as stream:
        if kind == "csv":
            csv.field_size_limit(sys.maxsize)
            yield from csv.DictReader(stream)
        else:
            yield from (json.loads(line.strip().rstrip(",")) for line in stream if line[:1] == "{")


if __name__ == "__main__":
    main()
