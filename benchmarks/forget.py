"""What it costs to forget one account of many: `forget` beside the script that one writes instead.

`python -m benchmarks.forget [--quick] [--json]`. A data folder of one post per account and day, 1,000 accounts on 100
days, with 5,000 pictures; `--quick` has 100 accounts. The script reads each Parquet file of the lake, leaves out the
account's rows and writes it again; it neither looks for mentions, nor takes pictures away, nor proves anything.
"""

import tempfile
from pathlib import Path
from time import perf_counter

from benchmarks.forget_lake import write_data
from benchmarks.measure import Report, options
from benchmarks.posts import account_name
from instagram_assets.forget import erasure
from instagram_assets.forget.verification import search_all_data

_FULL, _QUICK = (1_000, 100, 5_000), (100, 100, 500)


def main() -> None:
    """Make the data, let both sides forget, check that nothing is left, print."""
    chosen = options(__doc__ or "")
    report = Report("forget", ["pyarrow", "pandas"])
    with tempfile.TemporaryDirectory(prefix="benchmark-forget-") as folder:
        report.note("the data folder is made, which takes longer than what is measured")
        accounts, days, images = _QUICK if chosen.quick else _FULL
        settings = write_data(Path(folder) / "data", accounts, days, images)
        files = [path for path in (Path(folder) / "data").rglob("*") if path.is_file()]
        size = sum(path.stat().st_size for path in files)
        name = account_name(accounts // 2)
        begun = perf_counter()
        subject = erasure.find_subject(settings, f"@{name}")
        found = perf_counter() - begun
        done = erasure.erase(settings, subject, erasure.planners_for(subject))
        seconds = perf_counter() - begun
        left = search_all_data(settings, subject.identifiers)
        assert not left.found, left.found[:5]
        script = _script(Path(folder) / "data" / "lake", account_name(accounts // 3))
        report.figures = {
            "forget_seconds": round(seconds, 2),
            "find_seconds": round(found, 2),
            "search_seconds": round(done.search_seconds, 2),
            "bytes_rewritten": sum(done.bytes_written.values()),
            "files_rewritten": sum(done.rewritten.values()),
            "files_removed": sum(done.removed.values()),
            "files": len(files),
            "data_mb": round(size / 1e6, 1),
            "script_seconds": round(script, 2),
            "ratio_vs_script": round(seconds / script, 3),
        }
    report.show(as_json=chosen.json)


def _script(lake: Path, account: str) -> float:
    """Seconds of the script: every file read and written, without a look at what is in it."""
    import pandas as pd

    begun = perf_counter()
    for path in lake.rglob("*.parquet"):
        rows = pd.read_parquet(path)
        if "account" in rows.columns:
            rows = rows[rows["account"] != account]
        rows.to_parquet(path, index=False)
    return perf_counter() - begun


if __name__ == "__main__":
    main()
