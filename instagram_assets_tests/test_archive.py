"""A real archive of many years is in the tables after one command."""

import os
from pathlib import Path

from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets_tests import commands
from instagram_assets_tests.conftest import export, post, profile


def test_posts_of_2015_to_2022_are_in_the_tables_and_datasets_after_one_ingest(data_dir: Path) -> None:
    days = [f"{year}-06-01" for year in range(2015, 2023)]
    posts = export(data_dir.parent / "posts.json", [post(number, day=day) for number, day in enumerate(days)])
    profiles = export(data_dir.parent / "profiles.json", [profile()])
    done = commands.run("ingest", posts, profiles, cwd=data_dir.parent, environment=dict(os.environ))
    assert done.returncode == 0, done.stderr
    assert [str(day) for day in read_table(open_lake(settings()), "posts")["day"].to_pylist()] == days
    assert read_table(open_lake(settings()), "impressions")["impression"].null_count == 0
    assert len((data_dir / "datasets" / "post.csv").read_text("utf-8-sig").splitlines()) == 1 + len(days)
