"""A real archive of many years is in the tables after one command."""

import os
import subprocess
import sys
from pathlib import Path

from instagram_assets.storage.lake import lake, read_table
from instagram_assets_tests.conftest import export, post, profile


def test_posts_of_2015_to_2022_are_in_the_tables_and_datasets_after_one_ingest(data_dir: Path) -> None:
    days = [f"{year}-06-01" for year in range(2015, 2023)]
    posts = export(data_dir.parent / "posts.json", [post(number, day=day) for number, day in enumerate(days)])
    profiles = export(data_dir.parent / "profiles.json", [profile()])
    command = [sys.executable, "-m", "instagram_assets.cli", "ingest", str(posts), str(profiles)]
    done = subprocess.run(command, env=os.environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [str(day) for day in read_table(lake(), "posts")["day"].to_pylist()] == days
    assert read_table(lake(), "impressions")["impression"].null_count == 0
    assert len((data_dir / "datasets" / "post.csv").read_text("utf-8-sig").splitlines()) == 1 + len(days)
