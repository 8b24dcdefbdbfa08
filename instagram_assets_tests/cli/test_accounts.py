"""`instagram-assets accounts` as a user types it."""

import json
import os
import subprocess
from datetime import date, timedelta
from pathlib import Path

import pytest
from upath import UPath

from instagram_assets.schemas import POSTS
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests import commands

REGISTRY = """
[[accounts]]
name = "sun_diary"
group = "cats"
tags = ["seoul"]

[[accounts]]
name = "moon_diary"
group = "cats"

[[accounts]]
name = "#육아일기"
from = 2026-12-07
source = "apify"

[rotation.cats]
per_week = 1
from = 2026-11-02
"""


def run(*words: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return commands.run("accounts", *words, cwd=cwd, environment=os.environ | {"COLUMNS": "160"} | environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "accounts.toml").write_text(REGISTRY, "utf-8")
    return tmp_path


def test_the_registry_is_shown_with_who_is_collected_this_week(folder: Path) -> None:
    done = run(cwd=folder)
    assert done.returncode == 0, done.stderr
    for word in ("sun_diary", "moon_diary", "#육아일기", "hashtag", "2026-12-07", "seoul", "apify", "waits"):
        assert word in done.stdout


def test_a_week_shows_only_who_is_collected_then_and_weeks_take_turns(folder: Path) -> None:
    weeks = [json.loads(run("--week", week, "--json", cwd=folder).stdout) for week in ("2026-W49", "2026-W50")]
    before, after = ({entry["name"]: entry for entry in week["accounts"]} for week in weeks)
    assert [week["week"] for week in weeks] == ["2026-W49", "2026-W50"]
    assert before.keys() | after.keys() == {"sun_diary", "moon_diary", "#육아일기"}
    assert len(before) == 1
    assert after["#육아일기"] == {
        "name": "#육아일기",
        "kind": "hashtag",
        "group": None,
        "tags": [],
        "from": "2026-12-07",
        "to": None,
        "source": "apify",
        "state": "collected",
    }


def test_another_file_is_named_by_the_setting(folder: Path) -> None:
    (folder / "cats.toml").write_text('[[accounts]]\nname = "paw"\n', "utf-8")
    done = run("--json", cwd=folder, INSTAGRAM_ASSETS_ACCOUNTS__FILE="cats.toml")
    assert [entry["name"] for entry in json.loads(done.stdout)["accounts"]] == ["paw"]


@pytest.mark.parametrize(
    ("registry", "words", "problem"),
    [
        (REGISTRY + '[[accounts]]\nname = "Sun_Diary"\n', (), "entry 4 (sun_diary): stands at entry 1 already"),
        ('[[accounts]]\nname = "#육아 일기"\n', (), 'write "#육아일기"'),
        (REGISTRY, ("--week", "2026-W60"), "2026-W60: not an ISO week"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_exit_1(
    folder: Path, registry: str, words: tuple[str, ...], problem: str
) -> None:
    (folder / "data" / "accounts.toml").write_text(registry, "utf-8")
    done = run(*words, cwd=folder)
    assert done.returncode == 1
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_registry_it_says_how_to_write_one(tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert done.returncode == 1
    assert "there is no registry of accounts. Write one" in done.stderr


def test_candidates_are_the_steadily_named_of_the_lake_without_those_of_the_registry(folder: Path) -> None:
    posts: list[dict[str, object]] = [
        {
            "post_id": str(number),
            "account": "sun_diary",
            "owner": "sun_diary",
            "day": date(2026, 9, 7) + timedelta(weeks=number),
            "kind": "post",
            "mentions": ["star", "moon_diary"],
            "tagged": ["once"] if number == 0 else [],
        }
        for number in range(3)
    ]
    days = (date(2026, 9, 1), date(2026, 10, 31))
    write_cells(UPath(folder / "data" / "lake"), "posts", ["sun_diary"], days, POSTS.table(posts))
    before = (folder / "data" / "accounts.toml").read_bytes()
    done = run("candidates", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "2 accounts are named in 3 posts" in done.stdout
    told = json.loads(run("candidates", "--top", "1", "--json", cwd=folder).stdout)
    ((row,), number) = told["candidates"], told["posts"]
    assert (row["account"], row["weeks"], row["mentioned"], row["first_day"], number) == (
        "star",
        3,
        3,
        "2026-09-07",
        3,
    )
    assert (folder / "data" / "accounts.toml").read_bytes() == before


def test_without_a_lake_or_a_registry_nobody_is_proposed(tmp_path: Path) -> None:
    done = run("candidates", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "0 accounts are named in 0 posts" in done.stdout


def test_the_longest_name_of_a_candidate_is_whole_on_a_narrow_terminal(folder: Path) -> None:
    name, day = "a" * 30, date(2026, 9, 7)
    posts: list[dict[str, object]] = [{"post_id": "1", "account": "sun", "day": day, "tagged": [name]}]
    write_cells(UPath(folder / "data" / "lake"), "posts", ["sun"], (day, day), POSTS.table(posts))
    assert f" {name} " in run("candidates", cwd=folder, COLUMNS="80").stdout
