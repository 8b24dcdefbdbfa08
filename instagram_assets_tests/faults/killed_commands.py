"""The real command killed at random moments of its first run.

`python -m instagram_assets_tests.faults.killed_commands [--trials N]`. Each trial begins with an empty machine, kills
`instagram-assets ingest` with all its children, and runs it once more. That run must end well, with every row there
and no run left open.
"""

import argparse
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from instagram_assets_tests.faults.landing import post

_COMMAND = Path(sys.executable).with_name("instagram-assets")
_POSTS, _ACCOUNTS = 30, 6
_SECONDS = 600
_WITHOUT = ("DOWNLOAD__DOWNLOAD_IMAGES", "CAPTIONS__ENABLED", "EMBEDDINGS__ENABLED")


def trials(count: int, seed: int = 7) -> list[str]:
    """Kill so many first runs; what was wrong after the run that followed each, in words."""
    chance, problems = random.Random(seed), list[str]()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        said = _run(_fresh(Path(folder), "undisturbed"))
        seconds = time.perf_counter() - start
        if problem := _problem(Path(folder) / "undisturbed", said):
            raise AssertionError(f"it fails even undisturbed: {problem}")
        print(f"undisturbed: {seconds:.0f} s", flush=True)
        for number in range(count):
            home = _fresh(Path(folder), str(number))
            moment = chance.uniform(0.0, 0.95) * seconds
            killed = _run(home, kill_after=moment) is None
            problem = _problem(home, _run(home))
            how = "killed" if killed else "ended before it was killed"
            print(f"{how} after {moment:.1f} s: {problem or 'finished by the next run'}", flush=True)
            if problem:
                problems.append(problem)
    return problems


def _fresh(parent: Path, name: str) -> Path:
    """A machine on which nothing has run yet, with one export to ingest."""
    home = parent / name
    home.mkdir()
    records = [post(number) | {"ownerUsername": f"multi{number % _ACCOUNTS}"} for number in range(_POSTS)]
    (home / "posts.json").write_text(json.dumps([*records, {"no": "post"}]))
    return home


def _run(home: Path, kill_after: float | None = None) -> str | None:
    """What the command said, with its exit status when that is not 0; null when it was killed in its work."""
    environment = {**os.environ, "INSTAGRAM_ASSETS_DATA_DIR": str(home / "data")}
    environment.update({f"INSTAGRAM_ASSETS_{name}": "false" for name in _WITHOUT})
    output = home / "output.txt"
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [_COMMAND, "ingest", "posts.json"],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status = process.wait(_SECONDS if kill_after is None else kill_after)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return None
    said = output.read_text("utf-8", "replace")
    return f"{said}\nexit status {status}" if status else said


def _problem(home: Path, said: str | None) -> str:
    """What is wrong after a run that nothing disturbed."""
    if said is None or "exit status" in said or "Traceback" in said:
        return f"the run did not end well: {(said or '')[-800:]}"
    from upath import UPath

    from instagram_assets.storage.lake import read_table

    lake, wanted = UPath(home / "data" / "lake"), {str(post(number)["id"]) for number in range(_POSTS)}
    for table in ("raw_posts", "posts", "impressions"):
        rows = read_table(lake, table)["post_id"].to_pylist()
        if len(rows) != _POSTS or set(rows) != wanted:
            return f"{table} has {len(rows)} rows in the place of {_POSTS}"
    if (bad := read_table(lake, "quarantine").num_rows) != 1:
        return f"quarantine has {bad} rows in the place of 1"
    merged = json.loads((home / "data" / "datasets" / "merged_dataset_all_with_images.json").read_bytes())
    if len(merged) != _POSTS:
        return f"the dataset has {len(merged)} posts in the place of {_POSTS}"
    with closing(sqlite3.connect(home / "data" / "dagster" / "history" / "runs.db")) as database:
        left = database.execute("SELECT count(*) FROM runs WHERE status NOT IN ('SUCCESS', 'FAILURE')").fetchone()[0]
    return f"{left} runs are still open" if left else ""


def main() -> int:
    """Run the trials; exit code 1 when a killed command was not finished by the next one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=10)
    chosen = parser.parse_args()
    problems = trials(chosen.trials)
    print(f"{chosen.trials} trials, {len(problems)} failures")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
