"""`instagram-assets formats` and `drift` as a user types it."""

import json
import os
import subprocess
from pathlib import Path

from upath import UPath

from instagram_assets.ingest.formats.mapping_table import mapping_table
from instagram_assets.ingest.landing import land_file
from instagram_assets.settings import load_settings
from instagram_assets_tests import commands
from instagram_assets_tests.conftest import export, post


def run(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return commands.run(*words, cwd=cwd, environment=os.environ | {"COLUMNS": "160"})


def test_the_mapping_is_shown_for_people_and_for_programs(tmp_path: Path) -> None:
    shown = run("formats", "apify_posts", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "likesCount" in shown.stdout
    assert "videoPlayCount, igPlayCount" in shown.stdout
    of_ads = run("formats", "ads", cwd=tmp_path).stdout
    assert "ads: ad" in of_ads
    assert "Post URL, Ad URL" in of_ads
    told = json.loads(run("formats", "--json", cwd=tmp_path).stdout)["mapping"]
    assert len(told) == len(mapping_table())
    (likes,) = [row for row in told if (row["format"], row["column"]) == ("apify_posts", "likes")]
    assert likes == {
        "format": "apify_posts",
        "kind": "post",
        "column": "likes",
        "fields": ["likesCount"],
        "type": "int64",
        "computed": False,
    }


def test_a_format_that_is_not_known_is_told_with_those_that_are(tmp_path: Path) -> None:
    done = run("formats", "apify", cwd=tmp_path)
    assert done.returncode == 1
    assert "apify: no such format. There are: apify_posts, " in done.stderr


def test_a_renamed_field_is_told_with_its_file_and_column(tmp_path: Path) -> None:
    lake = UPath(tmp_path / "data" / "lake")
    before, renamed = post(1), post(2, likes_count=10)
    del renamed["likesCount"]
    for name, record in {"a.json": before, "b.json": renamed}.items():
        land_file(export(tmp_path / name, [record]), lake, settings=load_settings(data_dir=tmp_path / "data"))
    done = run("drift", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "b.json, apify_posts post: missing likesCount (column likes)",
        "b.json, apify_posts post: new likes_count",
        "2 changes in 2 files",
    ]
    told = json.loads(run("drift", "--json", cwd=tmp_path).stdout)
    assert (told["files"], [change["field"] for change in told["drift"]]) == (2, ["likesCount", "likes_count"])


def test_without_files_nothing_has_changed(tmp_path: Path) -> None:
    done = run("drift", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "0 changes in 0 files\n")
