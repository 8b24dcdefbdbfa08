"""What pip installs runs without a checkout: the demo of a wheel makes everything, once."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from instagram_assets_tests import commands
from instagram_assets_tests.cli.test_commands import digests
from instagram_assets_tests.servers.free_ports import free_port

ROOT = Path(__file__).parents[2]


def run(*words: object, cwd: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return commands.run_anew(*words, cwd=cwd, environment=os.environ | {"COLUMNS": "160", "PYTHONPATH": str(site)})


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """The package as a wheel brings it, in a folder of its own."""
    source, site = tmp_path / "source", tmp_path / "site"
    shutil.copytree(
        ROOT / "instagram_assets", source / "instagram_assets", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--no-compile", "--target"]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(site), str(source)], check=True)
    return site


def test_the_demo_of_an_installed_wheel_makes_everything_once_and_the_second_time_nothing_new(
    tmp_path: Path, wheel: Path
) -> None:
    assert not list(wheel.rglob("training"))  # what only retrains the demo's models
    port = free_port()  # the second time has the same addresses
    first = run("demo", "--port", port, cwd=tmp_path, site=wheel)
    assert first.returncode == 0, first.stderr
    assert "asked for 546 pictures and videos" in first.stdout
    paths = {word.rstrip(",.") for word in first.stdout.split() if word.startswith("data/")}
    assert {"data/lake", "data/media", "data/datasets/post.csv", "data/datasets/parquet"} <= paths
    assert all((tmp_path / path).exists() for path in paths)
    folders = [tmp_path / "data" / name for name in ("lake", "media", "datasets", "age")]
    before = digests(*folders)
    second = run("demo", "--port", port, cwd=tmp_path, site=wheel)
    assert "asked for 0 pictures and videos" in second.stdout
    assert digests(*folders) == before
    assert_ages_are_learned_and_parents_found_to_be_grown_up(tmp_path / "data")


def assert_ages_are_learned_and_parents_found_to_be_grown_up(data: Path) -> None:
    told = json.loads((data / "age" / "age" / "age_config.json").read_text("utf-8"))["metrics"]
    assert told["accuracy, low"] > told["accuracy of the larger class"] + 0.05, told
    predicted = pa.concat_tables(pq.read_table(path) for path in (data / "lake" / "age_predictions").rglob("*.parquet"))
    assert predicted.num_rows >= 6
    with_posts = predicted.filter(pc.field("n_posts") > 0)
    assert with_posts.num_rows == 6
    assert all(with_posts["at_least_cutoff"].to_pylist()), with_posts.to_pylist()
