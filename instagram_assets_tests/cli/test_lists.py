"""Exports of a list from a shell hold exactly the images that it keeps, in every form, again and again."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from instagram_assets.cli import app
from instagram_assets.datasets.csv import read_csv
from instagram_assets.datasets.lists import decide, read_decisions
from instagram_assets.settings import load_settings, settings
from instagram_assets_tests.commands import ROOT
from instagram_assets_tests.datasets.listed import Listed

AT = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)
Shell = Callable[..., Result]


@pytest.fixture
def listed(data_dir: Path) -> Listed:
    return Listed(load_settings(data_dir=data_dir))


@pytest.fixture
def mine(listed: Listed) -> list[str]:
    """What the list `mine` keeps: one of two pictures of post 1, that of post 4, and one of the search."""
    kept = [listed.ids["1-1"], listed.ids["4-0"], listed.search.ids[1]]
    decide(listed.lake, "mine", kept, "keep", "", AT)
    decide(listed.lake, "mine", [listed.ids["1-0"]], "drop", "a dog", AT)
    return kept


@pytest.fixture
def shell(listed: Listed) -> Shell:
    return lambda *words: CliRunner().invoke(app, [*map(str, words)])


def done(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def held(folder: Path) -> set[str]:
    """The hashes that the images of a folder are known by in its manifest, of those that lie there."""
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]
    files = {line["file"]: line["sha256"] for line in lines if line["kept"]}
    assert sorted(files) == sorted(path.name for path in folder.glob("img_*"))
    return set(files.values())


def test_json_has_the_posts_of_the_list_with_only_its_images(
    shell: Shell, listed: Listed, mine: list[str], tmp_path: Path
) -> None:
    said = done(shell("export", "json", "--list", "mine", "--out", tmp_path / "out", "--columns", "id,images"))
    posts = json.loads((tmp_path / "out" / "posts.json").read_text("utf-8"))
    assert [(post["id"], [Path(file).stem for file in post["images"]]) for post in posts] == [
        ("1", [mine[0]]),
        ("4", [mine[1]]),
    ]
    assert "1 images of the list are in no post" in said


def test_csv_and_parquet_take_a_list_together_with_accounts_and_days(
    shell: Shell, listed: Listed, mine: list[str], tmp_path: Path
) -> None:
    chosen = ("--list", "mine", "--accounts", "mina.draws", "--days", "2026-05-01", "--out", tmp_path / "out")
    done(shell("export", "csv", *chosen))
    done(shell("export", "parquet", *chosen))
    [row] = read_csv(tmp_path / "out" / "post.csv")
    assert (row["id"], [Path(file).stem for file in row["images"]]) == ("1", [mine[0]])
    table = pd.read_parquet(tmp_path / "out" / "posts.parquet")
    assert table["post_id"].tolist() == ["1"]
    assert [each["image_id"] for each in table["images"][0]] == [mine[0]]


def test_a_pseudonymous_export_of_a_list_names_nobody(
    shell: Shell, listed: Listed, mine: list[str], tmp_path: Path
) -> None:
    done(shell("export", "json", "--list", "mine", "--pseudonymous", "--out", tmp_path / "out"))
    text = (tmp_path / "out" / "posts.json").read_text("utf-8")
    assert "mina" not in text
    assert sorted(Path(file).stem for post in json.loads(text) for file in post["images"]) == sorted(mine[:2])
    refused = shell("export", "folder", "--list", "mine", "--pseudonymous", "--out", tmp_path / "folder")
    assert refused.exit_code == 1
    assert "cannot be pseudonymous" in refused.output
    assert not (tmp_path / "folder").exists()


def test_a_folder_holds_exactly_the_kept_images_and_follows_the_list(
    shell: Shell, listed: Listed, mine: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    export = ("export", "folder", "--list", "mine", "--out", folder)
    assert f"{folder}: 3 images" in "".join(shell(*export).output.split("\n"))
    assert held(folder) == set(mine)
    assert {path.read_bytes() for path in folder.glob("img_*")} == {listed.bytes_of(each) for each in mine}
    (folder / "notes.txt").write_text("mine")
    (folder / "img_0500.jpg").write_bytes(b"a picture of my own")
    before = {path.name: path.read_bytes() for path in folder.glob("img_000*")}
    decide(listed.lake, "mine", [mine[0]], "drop", "", AT + timedelta(hours=1))
    decide(listed.lake, "mine", [listed.ids["2-0"]], "keep", "", AT + timedelta(hours=1))
    for _ in range(2):
        done(shell(*export))
        after = {path.name: path.read_bytes() for path in folder.glob("img_000*")}
        assert sorted(after.values()) == sorted(listed.bytes_of(each) for each in (*mine[1:], listed.ids["2-0"]))
        assert {name: data for name, data in after.items() if name in before} == {
            name: data for name, data in before.items() if data != listed.bytes_of(mine[0])
        }
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "img_0500.jpg").read_bytes() == b"a picture of my own"


def test_the_manifest_says_where_each_image_came_from(
    shell: Shell, listed: Listed, mine: list[str], tmp_path: Path
) -> None:
    done(shell("export", "folder", "--list", "mine", "--out", tmp_path / "out"))
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text("utf-8").splitlines()]
    of_post, of_search = lines[0], lines[-1]
    assert (of_post["account"], of_post["post_id"], of_post["day"]) == ("mina.draws", "1", "2026-05-01")
    assert (of_post["url"], of_post["sha256"]) == ("https://cdn.example/1-1.jpg", mine[0])
    assert (of_search["search"], of_search["rank"], of_search["cluster"]) == (listed.search.name, 1, 3)


def test_an_image_that_went_with_retention_is_named_and_stays_where_the_folder_has_it(
    shell: Shell, listed: Listed, mine: list[str], tmp_path: Path
) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    done(shell("export", "folder", "--list", "mine", "--out", old))
    gone = listed.path_of(mine[0])
    data = gone.read_bytes()
    gone.unlink()
    done(shell("export", "folder", "--list", "mine", "--out", old))
    assert held(old) == set(mine)
    assert "left out: 1, its file is not in the media store any more" in done(
        shell("export", "folder", "--list", "mine", "--out", new)
    )
    assert held(new) == set(mine[1:])
    gone.write_bytes(data)  # it was fetched again
    done(shell("export", "folder", "--list", "mine", "--out", new))
    assert held(new) == set(mine)


@pytest.mark.parametrize("moment", [1, 3, 5])
def test_an_export_of_a_folder_that_is_killed_is_finished_by_the_same_command(
    moment: int, shell: Shell, listed: Listed, mine: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    export = ("export", "folder", "--list", "mine", "--out", str(folder))
    killed(moment, *export)
    done(shell(*export))
    assert held(folder) == set(mine)
    numbers = {path.read_bytes(): path.name for path in folder.glob("img_*")}
    # Again, with one that goes and one that comes: files are removed as well now.
    (folder / "notes.txt").write_text("mine")
    decide(listed.lake, "mine", [mine[0]], "drop", "", AT + timedelta(hours=1))
    decide(listed.lake, "mine", [listed.ids["2-0"]], "keep", "", AT + timedelta(hours=1))
    killed(min(moment, 3), *export)
    done(shell(*export))
    assert held(folder) == {*mine[1:], listed.ids["2-0"]}
    for image_id in mine[1:]:
        assert (folder / numbers[listed.bytes_of(image_id)]).read_bytes() == listed.bytes_of(image_id)
    assert (folder / "notes.txt").read_text() == "mine"
    assert not [path for path in folder.rglob("*") if path.name.endswith(".tmp")]


def killed(moment: int, *words: str) -> None:
    """Run a command that is killed before its nth change of a file; fails where it comes to its end first."""
    module = "instagram_assets_tests.cli.killed_command"
    ended = subprocess.run([sys.executable, "-m", module, str(moment), *words], cwd=ROOT, env={**os.environ})
    assert ended.returncode == -signal.SIGKILL


def test_what_retention_takes_away_is_named_by_the_next_export(
    shell: Shell, listed: Listed, mine: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_PRIVACY__KEEP_MEDIA_DAYS", "30")
    settings.cache_clear()
    said = done(shell("retention", "--yes"))
    assert "images" in said
    assert not list((listed.media / mine[0][:2]).glob(f"{mine[0]}.*"))
    assert read_decisions(listed.lake, "mine")[mine[0]] == "keep"
    told = done(shell("export", "folder", "--list", "mine", "--out", tmp_path / "out"))
    assert "left out: 2, its file is not in the media store any more" in told
    assert held(tmp_path / "out") == {mine[2]}  # searches hold theirs
    lines = [json.loads(line) for line in (tmp_path / "out" / "manifest.jsonl").read_text("utf-8").splitlines()]
    gone = {line["sha256"]: line["reason"] for line in lines if not line["kept"]}
    assert gone.keys() == set(mine[:2])
    assert (lines[0]["account"], lines[0]["post_id"]) == ("mina.draws", "1")


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "folder"])
def test_a_list_that_is_not_there_or_keeps_nothing_is_an_error(
    form: str, shell: Shell, listed: Listed, mine: list[str], tmp_path: Path
) -> None:
    unknown = shell("export", form, "--list", "cats", "--out", tmp_path / "out")
    assert unknown.exit_code == 1
    assert "no list 'cats'. There are: mine." in " ".join(unknown.output.split())
    decide(listed.lake, "mine", mine, "drop", "", AT)
    nothing = shell("export", form, "--list", "mine", "--out", tmp_path / "out")
    assert nothing.exit_code != 0
    assert "keeps no image" in nothing.output
    assert not (tmp_path / "out").exists()


def test_lists_are_counted_shown_and_deleted(shell: Shell, listed: Listed) -> None:
    assert "No list yet" in done(shell("lists"))
    decide(listed.lake, "여행", [listed.ids["1-0"]], "drop", "a dog", AT)
    assert "여행: 0 kept, 1 dropped" in done(shell("lists"))
    assert f"drop {listed.ids['1-0']} 2026-11-27 09:30 a dog" in done(shell("lists", "show", "여행"))
    assert "여행 is gone" in done(shell("lists", "delete", "여행"))
    assert read_decisions(listed.lake, "여행") == {}
    for command in ("show", "delete"):
        assert shell("lists", command, "여행").exit_code == 1
