"""What an export costs from file to datasets: `instagram-assets ingest` beside the script that one writes instead.

`python -m benchmarks.pipeline [--quick] [--json] [--rounds N]`. An export of one post per account and day, 100 days of
20, 60 and 200 accounts, is ingested into an empty data folder with images and models switched off, each time by the
command that a user types, in its own process; `benchmarks/script.py` makes the same JSON and CSV. Figures are of
processor time of the whole process tree, unless they say otherwise. `--quick` leaves out 20,000 posts and the morning,
and measures in one round.
"""

import json
import math
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.measure import ROUNDS, Measured, Report, alternate, in_child, median_cpu_seconds, options, run_command
from benchmarks.posts import FIRST_DAY, write_days, write_posts, write_profiles

_ROOT = Path(__file__).parents[1]
_DAYS = 100
_QUICK, _FULL = (2000, 6000), (2000, 6000, 20_000)
_MORNING_ACCOUNTS, _TWO_YEARS = 200, 730
_OFF = ("DOWNLOAD__DOWNLOAD_IMAGES", "CAPTIONS__ENABLED", "EMBEDDINGS__ENABLED")


class Disk(NamedTuple):
    """What a folder takes on disk: files, and bytes in whole blocks."""

    files: int
    bytes: int


class Size(NamedTuple):
    """The medians of one size of export, and what ours left on disk."""

    posts: int
    ours: float
    script: float
    peak_mb: float
    disk: Disk


def main() -> None:
    """Check that both sides make the same, measure, print."""
    chosen = options(__doc__ or "", rounds=ROUNDS)
    report = Report("pipeline", ["dagster", "pyarrow", "pandas", "kiwipiepy"])
    rounds = 1 if chosen.quick else chosen.rounds
    _measure(200, report, 1)  # small, so that neither side is the first to read its libraries from disk
    base = _start(report)
    sizes = [_measure(posts, report, rounds) for posts in (_QUICK if chosen.quick else _FULL)]
    report.figures = _figures({size.posts: size for size in sizes}, base)
    if not chosen.quick:
        report.figures |= _morning(report, rounds)
    report.show(as_json=chosen.json)


def start_up() -> None:
    """In a child: what any ingest does before its first record, import everything and start Kiwi."""
    import instagram_assets.automation.shell_runs  # noqa: F401  # pyright: ignore[reportUnusedImport]
    from instagram_assets.settings import TextSettings
    from instagram_assets.text.tokens import find_tokenizer, tokenize

    tokenize(["아기"], find_tokenizer(TextSettings()))


def ours_made(data: str) -> dict[str, Any]:
    """In a child: what the lake and the datasets say, in figures that the other side has, too."""
    import duckdb

    def count(table: str, columns: str) -> Any:
        files = f"{data}/lake/{table}/**/*.parquet"
        query = f"select {columns} from read_parquet($files, union_by_name = true, hive_partitioning = false)"
        return duckdb.execute(query, {"files": files}).fetchone()

    cells, likes, comments = count("posts", "count(distinct (account, day)), sum(likes), sum(comments)")
    datasets = Path(data) / "datasets"
    return {
        "cells": cells,
        "likes": int(likes),
        "comments": int(comments),
        "captions": count("tokens", "count(*)")[0],
        "json": len(json.loads((datasets / "merged_dataset_all_with_images.json").read_bytes())),
        **_impressions([datasets / "post.csv", datasets / "reel.csv"]),
    }


def script_made(folder: str) -> dict[str, Any]:
    """In a child: the same of the script's two files."""
    import pandas as pd

    posts: Any = pd.DataFrame(json.loads(Path(folder, "posts.json").read_bytes()))
    return {
        "cells": len(posts[["ownerUsername", "day"]].drop_duplicates()),
        "likes": int(posts["likesCount"].sum()),
        "comments": int(posts["commentsCount"].sum()),
        "captions": int(posts["tokens"].map(len).gt(0).sum()),
        "json": len(posts),
        **_impressions([Path(folder, "posts.csv")]),
    }


def _impressions(files: Sequence[Path]) -> dict[str, Any]:
    import pandas as pd

    columns = [pd.read_csv(file, encoding="utf-8-sig", low_memory=False)["impression"] for file in files]
    known = pd.concat(columns).dropna()
    return {
        "csv": sum(map(len, columns)),
        "impressions": len(known),
        "sum of impressions": round(math.fsum(known), 6),
    }


def _start(report: Report) -> Measured:
    """What importing and Kiwi alone take."""
    command = [sys.executable, "-c", "from benchmarks.pipeline import start_up; start_up()"]
    base = run_command(command, _environment(Path()), _ROOT)
    report.note(f"imports and Kiwi: {base.cpu_seconds:.1f} s, {base.peak_mb:.0f} MB")
    return base


def _measure(posts: int, report: Report, rounds: int) -> Size:
    """Both sides on an export of one post per account and day."""
    with tempfile.TemporaryDirectory() as name:
        folder, days = Path(name), min(_DAYS, posts // 10)
        files = folder / "posts.json", folder / "profiles.json"
        write_posts(files[0], posts, posts // days, days)
        write_profiles(files[1], posts // days)
        disk: list[Disk] = []
        runs = alternate({"ours": _ours(files, disk), "script": _script(files)}, rounds)
        made = runs["ours"][0].result
        if made["cells"] != posts or made["csv"] != posts:
            raise AssertionError(f"not every post arrived: {made}")
    size = Size(
        posts,
        median_cpu_seconds(runs["ours"]),
        median_cpu_seconds(runs["script"]),
        statistics.median(run.peak_mb for run in runs["ours"]),
        disk[-1],
    )
    for side, measured in runs.items():
        run = measured[-1]
        spent = f"{median_cpu_seconds(measured):7.1f} s of processor, {run.seconds:7.1f} s in all"
        report.note(f"{posts:>6,} posts, {side:<6} {spent}, {run.peak_mb:6.0f} MB")
    report.note(f"{posts:>6,} posts, on disk {size.disk.files:,} files, {size.disk.bytes / 1e6:,.0f} MB")
    return size


def _figures(sizes: dict[int, Size], base: Measured) -> dict[str, float]:
    small, middle = sizes[2000], sizes[6000]
    figures = {
        "ms_per_post_2000": small.ours / 2,
        "ms_per_post_6000": middle.ours / 6,
        "script_ms_per_post_6000": middle.script / 6,
        "marginal_ms_per_post_2000_6000": (middle.ours - small.ours) / 4,
        "script_marginal_ms_2000_6000": (middle.script - small.script) / 4,
        "ratio_vs_script": middle.ours / middle.script,
        "kb_per_post": middle.disk.bytes / 6000 / 1e3,
        "files_per_post": middle.disk.files / 6000,
        "extra_mb_6000": middle.peak_mb - base.peak_mb,
        "start_seconds": base.cpu_seconds,
        "start_mb": base.peak_mb,
    }
    if large := sizes.get(20_000):
        figures["marginal_ms_per_post"] = (large.ours - middle.ours) / 14
        figures["script_marginal_ms"] = (large.script - middle.script) / 14
        figures["ratio_vs_script_20000"] = large.ours / large.script
        figures["extra_mb_20000"] = large.peak_mb - base.peak_mb
    return figures


def land_and_make(file: str) -> None:
    """In a child: what `dev` does with a file of the inbox, land it and make the tables of its cells."""
    from instagram_assets.automation import shell_runs

    with shell_runs.open_instance() as instance:
        shell_runs.land(instance, [Path(file)])
        shell_runs.bring_up_to_date(instance)


def _morning(report: Report, rounds: int) -> dict[str, float]:
    """Processor seconds of one morning: an export of one post of each of 200 accounts, on a lake of two years.

    In the lake each account has a post on the first four days of every month, about one a week; each round is the
    mornings of the next two days, one as `dev` takes it, which writes the datasets at night, and one by `ingest`, which
    writes them at once.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        posts, profiles, data = folder / "posts.json", folder / "profiles.json", folder / "data"
        first = date.fromisoformat(FIRST_DAY)
        write_days(posts, _MORNING_ACCOUNTS, [d for d in range(_TWO_YEARS) if (first + timedelta(days=d)).day <= 4])
        write_profiles(profiles, _MORNING_ACCOUNTS)
        built = _ingest((posts, profiles), data)
        report.note(f"a lake of two years: {built.cpu_seconds:.1f} s of processor")
        tables: list[Measured] = []
        whole: list[Measured] = []
        for day in range(_TWO_YEARS, _TWO_YEARS + 2 * rounds, 2):
            write_days(posts, _MORNING_ACCOUNTS, [day])
            tables.append(in_child("benchmarks.pipeline:land_and_make", str(posts), environment=_environment(data)))
            write_days(posts, _MORNING_ACCOUNTS, [day + 1])
            whole.append(_ingest((posts,), data))
    for what, measured in (("a morning, tables", tables), ("a morning, datasets, too", whole)):
        spent = f"{median_cpu_seconds(measured):.1f} s of processor, {measured[-1].seconds:.1f} s in all"
        report.note(f"{what}: {spent}, {measured[-1].peak_mb:.0f} MB")
    return {"daily_seconds": median_cpu_seconds(tables), "daily_seconds_with_datasets": median_cpu_seconds(whole)}


def _ours(files: Sequence[Path], disk: list[Disk]) -> Callable[[], Measured]:
    def measure() -> Measured:
        with tempfile.TemporaryDirectory() as data:
            measured = _ingest(files, Path(data))
            disk.append(_on_disk(Path(data)))
            return replace(measured, result=in_child("benchmarks.pipeline:ours_made", data).result)

    return measure


def _script(files: Sequence[Path]) -> Callable[[], Measured]:
    def measure() -> Measured:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, str(_ROOT / "benchmarks" / "script.py"), *map(str, files), folder]
            measured = run_command(command, _environment(Path(folder)), Path(folder))
            return replace(measured, result=in_child("benchmarks.pipeline:script_made", folder).result)

    return measure


def _ingest(files: Sequence[Path], data: Path) -> Measured:
    command = [str(Path(sys.executable).with_name("instagram-assets")), "ingest", *map(str, files)]
    return run_command(command, _environment(data), files[0].parent)


def _environment(data: Path) -> dict[str, str]:
    """This checkout with the default settings, but without images and models; Python keeps its compiled files."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("INSTAGRAM_ASSETS_")}
    switched_off = {f"INSTAGRAM_ASSETS_{name}": "false" for name in _OFF}
    own = {"INSTAGRAM_ASSETS_DATA_DIR": str(data), "PYTHONPATH": str(_ROOT), "PYTHONDONTWRITEBYTECODE": ""}
    return {**kept, **switched_off, **own}


def _on_disk(folder: Path) -> Disk:
    """All below `folder` but media."""
    found = [file for file in folder.rglob("*") if file.is_file() and file.relative_to(folder).parts[0] != "media"]
    return Disk(len(found), sum(file.stat().st_blocks * 512 for file in found))


if __name__ == "__main__":
    main()
