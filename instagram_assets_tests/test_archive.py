"""A real archive of many years is in the tables after one command."""

import os
import threading
import time
from pathlib import Path

from upath import UPath

from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets_tests import commands
from instagram_assets_tests.conftest import export, post, profile
from instagram_assets_tests.servers.dev import start_dev, wait_until_it_says

PATIENCE = 240


def test_posts_of_2015_to_2022_are_in_the_tables_and_datasets_after_one_ingest(data_dir: Path) -> None:
    days = [f"{year}-06-01" for year in range(2015, 2023)]
    posts = export(data_dir.parent / "posts.json", [post(number, day=day) for number, day in enumerate(days)])
    profiles = export(data_dir.parent / "profiles.json", [profile()])
    done = commands.run("ingest", posts, profiles, cwd=data_dir.parent, environment=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert [str(day) for day in read_table(open_lake(settings()), "posts")["day"].to_pylist()] == days
    assert read_table(open_lake(settings()), "impressions")["impression"].null_count == 0
    assert len((data_dir / "datasets" / "post.csv").read_text("utf-8-sig").splitlines()) == 1 + len(days)


def test_posts_of_2015_dropped_into_the_inbox_of_a_running_dev_are_in_the_tables(tmp_path: Path) -> None:
    root, inbox = UPath(tmp_path / "data" / "lake"), tmp_path / "data" / "inbox"
    with start_dev(tmp_path, INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES="false") as dev:
        wait_until_it_says(dev, "Dagster UI")
        export(tmp_path / "archive.json", [post(1, day="2015-06-01"), post(2, day="2022-06-01")])
        (tmp_path / "archive.json").rename(inbox / "archive.json")
        end = time.monotonic() + PATIENCE
        while read_table(root, "tokens").num_rows < 2 and time.monotonic() < end:
            assert dev.process.poll() is None
            threading.Event().wait(1)  # the sensors look every ten seconds
        assert read_table(root, "posts")["post_id"].to_pylist() == ["10001", "10002"]
        assert read_table(root, "tokens").num_rows == 2
