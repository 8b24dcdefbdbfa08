"""Dagster's databases in SQLite are what stock storage makes of them, though no migration is read to open one."""

import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.sql import get_alembic_config

from instagram_assets.storage.event_log import BatchSqliteEventLogStorage
from instagram_assets.storage.sqlite_databases import ALEMBIC_HEAD, SqliteRuns, SqliteSchedules
from instagram_assets_tests.conftest import OpenHome


@dg.op
def work() -> None:
    pass


@dg.job
def one_step() -> None:
    work()


def test_the_version_that_new_logs_are_marked_with_is_the_newest_of_this_dagster() -> None:
    scripts = ScriptDirectory.from_config(get_alembic_config(sqlite_event_log.__file__))
    assert scripts.as_revision_number("head") == ALEMBIC_HEAD


def test_the_log_of_a_run_is_made_as_stock_storage_makes_it(tmp_path: Path) -> None:
    made: list[tuple[set[tuple[str, str]], list[tuple[str]], tuple[str]]] = []
    for storage in (SqliteEventLogStorage, BatchSqliteEventLogStorage):
        folder = tmp_path / storage.__name__
        with storage(str(folder)).run_connection("a_run"):
            pass
        with closing(sqlite3.connect(folder / "a_run.db")) as database:
            tables = {(name, sql) for name, sql in database.execute("SELECT name, sql FROM sqlite_master")}
            version = database.execute("SELECT version_num FROM alembic_version").fetchall()
            made.append((tables, version, database.execute("PRAGMA journal_mode").fetchone()))
    assert made[0] == made[1]


def test_a_home_is_opened_and_a_run_logged_without_reading_migrations(
    data_dir: Path, open_home: OpenHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_home("sqlite", data_dir / "dagster"):
        pass

    def read(config: object) -> ScriptDirectory:
        raise AssertionError("migrations are read")

    monkeypatch.setattr(ScriptDirectory, "from_config", staticmethod(read))
    with open_home("sqlite", data_dir / "dagster") as instance:
        assert one_step.execute_in_process(instance=instance).success
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]


def test_a_database_without_a_version_is_mended_as_stock_storage_mends_it(data_dir: Path, open_home: OpenHome) -> None:
    home = data_dir / "dagster"
    with open_home("sqlite", home) as instance:
        assert one_step.execute_in_process(instance=instance).success
    names = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
    for name in names:
        with closing(sqlite3.connect(home / name)) as database, database:
            database.execute("DROP TABLE alembic_version")
    with open_home("sqlite", home) as instance:
        assert isinstance(instance.run_storage, SqliteRuns)
        assert isinstance(instance.schedule_storage, SqliteSchedules)
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.SUCCESS]
        assert not instance.get_asset_keys()
    for name in names:
        with closing(sqlite3.connect(home / name)) as database:
            assert database.execute("SELECT count(*) FROM alembic_version").fetchone() == (1,)
