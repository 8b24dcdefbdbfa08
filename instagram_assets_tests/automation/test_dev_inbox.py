"""A `dev` that ends while a file is about to land, and is started again, lands it all the same."""

import signal
import sqlite3
from contextlib import closing
from pathlib import Path

from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.servers.dev import Dev, end, start_dev, wait_until_it_says

ENVIRONMENT = {
    "INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS": "0",
    "INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES": "false",
    "NO_COLOR": "1",
}


def wait_for_landing(dev: Dev, *states: str) -> None:
    """Wait until a landing run is in one of these states."""
    while not set(states) & set(landing_states(dev.data)):
        assert dev.process.poll() is None


def landing_states(data: Path) -> list[str]:
    with closing(sqlite3.connect(data / "dagster" / "history" / "runs.db")) as runs:
        return [state for (state,) in runs.execute("SELECT status FROM runs WHERE pipeline_name = 'landing'")]


def test_a_file_whose_landing_was_killed_with_dev_lands_when_dev_is_there_again(tmp_path: Path) -> None:
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
    assert [path.name for path in (tmp_path / "data" / "inbox").iterdir()] == ["done"]
    assert landing_states(tmp_path / "data").count("SUCCESS") == 1


def wait_for_posts(dev: Dev) -> None:
    """Wait until the table of posts is made."""
    while not list((dev.data / "lake" / "posts").glob("*/*.parquet")):
        assert dev.process.poll() is None
