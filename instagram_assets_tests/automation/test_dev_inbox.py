"""What lies in the inbox is in the tables: also after the `dev` that landed it was killed, and however old it is.

One `dev` for both, since starting it takes longer than either.
"""

import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from upath import UPath

from instagram_assets.storage.lake import read_table
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.servers.dev import Dev, end, start_dev, wait_until_it_says

ENVIRONMENT = {
    "INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS": "0",
    "INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES": "false",
    "NO_COLOR": "1",
}
PATIENCE = 240
PAUSE = 0.2  # between two looks, so that what is waited for has the processors


def wait_for_landing(dev: Dev, *states: str) -> None:
    """Wait until a landing run is in one of these states."""
    while not set(states) & set(landing_states(dev.data)):
        assert dev.process.poll() is None
        time.sleep(PAUSE)


def landing_states(data: Path) -> list[str]:
    with closing(sqlite3.connect(data / "dagster" / "history" / "runs.db")) as runs:
        return [state for (state,) in runs.execute("SELECT status FROM runs WHERE pipeline_name = 'landing'")]


def test_a_file_whose_landing_was_killed_with_dev_and_an_archive_of_2015_are_in_the_tables_of_the_next_dev(
    tmp_path: Path,
) -> None:
    with start_dev(tmp_path, **ENVIRONMENT) as dev:
        wait_until_it_says(dev, "Dagster UI")
        file = export(tmp_path / "data" / "inbox" / "posts.json", [post(1)])
        wait_for_landing(dev, "STARTING")
        end(dev, signal.SIGKILL)
    assert file.exists()
    with start_dev(tmp_path, **ENVIRONMENT) as dev:
        wait_until_it_says(dev, "Dagster UI")
        wait_for_landing(dev, "SUCCESS")
        wait_for_posts(dev)
        assert landing_states(tmp_path / "data").count("SUCCESS") == 1
        drop_archive(dev)
        wait_for_tokens(dev, 3)
        assert read_table(UPath(dev.data / "lake"), "posts")["post_id"].to_pylist() == ["10002", "10003", "10001"]
        assert read_table(UPath(dev.data / "lake"), "tokens").num_rows == 3
    assert [path.name for path in (tmp_path / "data" / "inbox").iterdir()] == ["done"]


def wait_for_posts(dev: Dev) -> None:
    """Wait until the table of posts is made."""
    while not list((dev.data / "lake" / "posts").glob("*/*.parquet")):
        assert dev.process.poll() is None
        time.sleep(PAUSE)


def drop_archive(dev: Dev) -> None:
    """Put a file whose posts are older than the first day of the lake into the inbox, whole at once."""
    path = export(dev.data.parent / "archive.json", [post(2, day="2015-06-01"), post(3, day="2022-06-01")])
    path.rename(dev.data / "inbox" / path.name)


def wait_for_tokens(dev: Dev, count: int) -> None:
    """Wait until the last table of a run has the rows of so many posts."""
    end = time.monotonic() + PATIENCE
    while read_table(UPath(dev.data / "lake"), "tokens").num_rows < count and time.monotonic() < end:
        assert dev.process.poll() is None
        time.sleep(PAUSE)
