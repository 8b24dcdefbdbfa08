"""`instagram-assets formats` as a user types it."""

import json
import os
import subprocess
from pathlib import Path

from instagram_assets.ingest.formats.mapping import mapping
from instagram_assets_tests import commands


def run(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return commands.run(*words, cwd=cwd, environment=os.environ | {"COLUMNS": "160"})


def test_the_mapping_is_shown_for_people_and_for_programs(tmp_path: Path) -> None:
    shown = run("formats", "apify_posts", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "likesCount" in shown.stdout
    assert "videoPlayCount, igPlayCount" in shown.stdout
    told = json.loads(run("formats", "--json", cwd=tmp_path).stdout)["mapping"]
    assert len(told) == len(mapping())
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
