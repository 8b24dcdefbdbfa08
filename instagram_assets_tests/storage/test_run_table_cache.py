"""What a run leaves behind in the memory of its process, which may make many more."""

import subprocess
import sys
from pathlib import Path

_RUN = """
import gc
from collections import Counter
from datetime import date, timedelta

import dagster as dg

from instagram_assets import partitions
from instagram_assets.automation import shell_runs

first, _ = partitions.window()
with shell_runs.open_instance() as instance:
    partitions.register_accounts(instance, ["sun"])
    tags = partitions.Box("sun", "sun", first, first + timedelta(days=20)).tags
    keys = [dg.AssetKey(name) for name in ("raw_posts", "posts", "impressions")]
    shell_runs.run_job(instance, "box", tags=tags, assets=keys)
gc.collect()
kept = Counter(type(each).__name__ for each in gc.get_objects())
print(kept["MultiPartitionKey"] > 20, kept["StepExecutionContext"], kept["ParquetTables"])
"""


def test_the_first_run_of_a_process_leaves_none_of_its_cells_in_memory(data_dir: Path) -> None:
    done = subprocess.run([sys.executable, "-c", _RUN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False 0 0"
