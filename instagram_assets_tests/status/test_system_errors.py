"""Where the machine refuses, or a database of Dagster is damaged, commands say it in words with what to do."""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from instagram_assets.automation.shell_runs import open_instance
from instagram_assets.settings import settings
from instagram_assets.status.system_errors import add_remedy, explain_error
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.faults.cli_worker import IMPORTS
from instagram_assets_tests.faults.first_start import DATABASES
from instagram_assets_tests.faults.harness import Fault, Outcome, Worker, choose

NEWER = "ffffffffffff"


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker("instagram_assets_tests.faults.cli_worker:command", IMPORTS) as worker:
        yield worker


@pytest.fixture
def home() -> Iterator[Path]:
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield with_export(Path(folder))


def with_export(folder: Path) -> Path:
    export(folder / "posts.json", [post(1), post(2, "sea_diary")])
    return folder


def told(outcome: Outcome) -> str:
    """The words of a command that failed; a traceback is none."""
    assert outcome.exit == 0, outcome.output
    assert "Traceback" not in outcome.output
    assert outcome.output.endswith("exit status 1\n"), outcome.output
    [line] = [line for line in outcome.output.splitlines() if line.startswith("Error: ")]
    return line


@pytest.mark.parametrize("at", choose(5_000, trials=4, seed=7))
def test_a_full_disk_is_named_with_the_remedy(worker: Worker, home: Path, at: int) -> None:
    words = told(worker.run(home, [str(home), "ingest", "posts.json"], Fault("enospc", at)))
    assert str(home / "data") in words
    assert "Free space on that disk, " in words


def test_too_many_open_files_are_named_with_the_remedy(tmp_path: Path) -> None:
    with Worker("instagram_assets_tests.faults.cli_worker:command_with_few_files", IMPORTS) as worker:
        for more in (2, 4, 8):
            home = tmp_path / str(more)
            home.mkdir()
            words = told(worker.run(home, [str(with_export(home)), more, "ingest", "posts.json"]))
            assert "Allow more open files (`ulimit -n 4096`)" in words, f"{more} more: {words}"


@pytest.mark.parametrize("name", DATABASES[:2])
def test_a_database_damaged_within_is_found_and_named_with_what_is_lost(worker: Worker, home: Path, name: str) -> None:
    assert "exit status 0" in worker.run(home, [str(home), "finish"]).output
    path = home / "data" / "dagster" / name
    size = path.stat().st_size
    with path.open("r+b") as stream:
        stream.seek(size // 4)
        stream.write(b"\xa5" * (size - size // 4))
    words = told(worker.run(home, [str(home), "materialize", "posts"]))
    assert f"{path}: this database of Dagster is damaged" in words
    assert f"mv {path}* damaged/" in words
    assert "The lake and the datasets are whole" in words
    moved = home / "damaged"
    moved.mkdir()
    for part in path.parent.glob(f"{path.name}*"):
        part.rename(moved / part.name)
    assert "exit status 0" in worker.run(home, [str(home), "finish"]).output


def test_databases_of_a_newer_dagster_are_told_so(data_dir: Path) -> None:
    with open_instance():
        pass
    with closing(sqlite3.connect(data_dir / "dagster" / DATABASES[0])) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", [NEWER])
    with open_instance() as instance, pytest.raises(Exception, match=NEWER) as caught:
        instance.upgrade()
    words = explain_error(caught.value, settings())
    assert words.startswith(f"{data_dir / 'dagster'}: these databases were written by a newer Dagster")
    assert "Use the version that wrote them" in words


def test_the_failure_of_a_step_says_what_helps_too() -> None:
    said = "[Errno 28] No space left on device: 'lake/posts'"
    assert add_remedy(said, settings()) == f"{said}. Free space on that disk, then run again."
    assert add_remedy("nothing of the kind", settings()) == "nothing of the kind"
    other = "data/ledger/calls.sqlite: file is not a database. Take it away."
    assert add_remedy(other, settings()) == other


def test_a_bug_keeps_its_traceback() -> None:
    assert explain_error(KeyError("sun_diary"), settings()) == ""
    assert explain_error(FileNotFoundError(2, os.strerror(2), "posts.json"), settings()) == ""
