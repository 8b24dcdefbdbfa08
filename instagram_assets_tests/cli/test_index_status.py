"""An index that is not as the lake is, is told by `status` and `doctor` with the command that mends it."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from instagram_assets.cli import app
from instagram_assets.lake_index.index_files import INDEX_FOLDER, index_file
from instagram_assets.settings import Settings, load_settings
from instagram_assets.status.doctor import examine
from instagram_assets.storage.lake import lake_root
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.datasets.tables import post, posts

Shell = Callable[..., Result]
DAY = date(2026, 5, 1)


@pytest.fixture
def shell() -> Shell:
    return lambda *words: CliRunner().invoke(app, [*map(str, words)])


def written(data_dir: Path, post_id: str = "1") -> Settings:
    settings = load_settings(data_dir=data_dir)
    write_cells(lake_root(settings), "posts", ["mina.draws"], (DAY, DAY), posts(post(post_id, day=DAY)))
    return settings


def told(shell: Shell) -> tuple[str, str]:
    """What `status` says of the index for programs, and its line for people about it."""
    said = shell("status")
    assert said.exit_code == 0, said.output
    index = json.loads(shell("status", "--json").output)["index"]
    lines = [line for line in said.output.splitlines() if "gallery and the insights" in line]
    return index["how"], " ".join(lines)


def of_doctor(settings: Settings) -> tuple[str, bool, str]:
    [found] = [each for each in examine(settings) if each.what.startswith("index")]
    assert not found.needed
    return found.found, found.well, found.remedy


def test_an_empty_lake_needs_no_index(shell: Shell, data_dir: Path) -> None:
    assert told(shell) == ("none", "")
    assert of_doctor(load_settings(data_dir=data_dir))[1]


def test_an_index_that_was_never_made_or_is_behind_is_told_with_the_command(shell: Shell, data_dir: Path) -> None:
    settings = written(data_dir)
    how, line = told(shell)
    assert how == "missing"
    assert "instagram-assets index" in line
    assert of_doctor(settings)[1:] == (False, "Run `instagram-assets index`")
    assert shell("index").exit_code == 0
    assert told(shell) == ("current", "")
    assert of_doctor(settings)[1]
    written(data_dir, "2")
    how, line = told(shell)
    assert how == "behind"
    assert "is behind the lake; brought up to date by instagram-assets index" in line
    assert of_doctor(settings) == ("behind the lake", False, "Run `instagram-assets index`")


def test_the_doctor_tells_a_damaged_index_and_the_command_mends_it(shell: Shell, data_dir: Path) -> None:
    settings = written(data_dir)
    assert shell("index").exit_code == 0
    file = index_file(settings.folder(INDEX_FOLDER))
    file.write_bytes(b"no index" * 1_000)
    found, well, remedy = of_doctor(settings)
    assert str(file) in found
    assert not well
    assert "instagram-assets index --rebuild" in remedy
    assert shell("index", "--rebuild").exit_code == 0
    assert of_doctor(settings)[1]
