"""Killed at any file operation and run again, the pipeline makes the lake that nothing interrupted makes."""

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from instagram_assets.automation.shell_runs import prepare_home
from instagram_assets.storage.atomic import is_temporary
from instagram_assets_tests.commands import LIBRARIES
from instagram_assets_tests.conftest import export, post, profile
from instagram_assets_tests.faults.harness import Fault, Worker, choose
from instagram_assets_tests.folder_hashes import digests

# Where the fault strikes, and how often: mostly in the lake, which has the most files.
TRIALS = {"lake": 10, "datasets": 3}
SEED = 7
# Loaded once before the trials, which then cost a fork and no imports.
LOADED = ("instagram_assets.automation.shell_runs", *LIBRARIES)


def pipeline(home: str) -> None:
    """Everything from the export to the datasets, in the data folder `home`."""
    os.environ["INSTAGRAM_ASSETS_DATA_DIR"] = home
    os.environ["INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES"] = "false"
    os.chdir(Path(home).parent)
    from instagram_assets.settings import settings

    settings.cache_clear()
    from instagram_assets.automation import shell_runs

    files = [Path(home).parent / name for name in ("posts.json", "profiles.json")]
    with shell_runs.open_instance() as instance:
        shell_runs.land(instance, files, "2026-11-01T00:00:00+09:00")
        shell_runs.bring_up_to_date(instance)
        shell_runs.run_job(instance, "datasets")


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker("instagram_assets_tests.test_interrupted:pipeline", LOADED) as worker:
        yield worker


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: what is counted are operations, not seconds of a disk."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def dagster_home(memory_path: Path, data_dir: Path) -> Path:
    """A DAGSTER_HOME in which nothing happened yet: a first start is tested with `automation.dagster_home`."""
    return Path(shutil.move(prepare_home(), memory_path / "dagster"))


def data_folder(parent: Path, name: str, dagster_home: Path) -> Path:
    """A folder with an export beside a data folder that holds nothing but a DAGSTER_HOME."""
    folder = parent / name
    shutil.copytree(dagster_home, folder / "data" / "dagster")
    days = ["2026-10-20", "2026-10-21", "2026-10-31"]
    posts = [
        post(10 * place + number, account, day)
        for place, account in enumerate(("sun", "sea"))
        for number, day in enumerate(days)
    ]
    export(folder / "posts.json", [*posts, {"error": "not_found"}])
    export(folder / "profiles.json", [profile("sun"), profile("sea", 50)])
    return folder / "data"


def content(data: Path) -> dict[str, str]:
    """What the lake and the datasets hold, file by file; first-seen times differ by nature."""
    found = digests(data / "lake", data / "datasets")
    return {str(Path(path).relative_to(data)): value for path, value in found.items() if "landing/files" not in path}


def open_runs(data: Path) -> list[str]:
    """Runs that Dagster still calls running."""
    with closing(sqlite3.connect(data / "dagster" / "history" / "runs.db")) as database:
        return [job for (job,) in database.execute("select pipeline_name from runs where status = 'STARTED'")]


@pytest.mark.parametrize("part", TRIALS)
def test_a_kill_at_any_file_operation_and_one_more_run_give_the_same_lake(
    worker: Worker, memory_path: Path, dagster_home: Path, part: str
) -> None:
    reference = data_folder(memory_path, "undisturbed", dagster_home)
    undisturbed = worker.run(reference / part, [str(reference)])
    assert undisturbed.exit == 0, undisturbed.output
    expected = content(reference)
    assert expected
    for trial, at in enumerate(choose(undisturbed.count, TRIALS[part], SEED)):
        data = data_folder(memory_path, f"trial{trial}", dagster_home)
        killed = worker.run(data / part, [str(data)], Fault("kill", at))
        assert killed.fired, f"operation {at}"
        again = worker.run(data / part, [str(data)])
        assert again.exit == 0, f"operation {at}: {again.output[-2000:]}"
        assert content(data) == expected, f"operation {at}"
        left = [path.name for path in (data / "lake").rglob("*") if is_temporary(path.name)]
        assert left == [], f"operation {at}"
        assert open_runs(data) == [], f"operation {at}"
