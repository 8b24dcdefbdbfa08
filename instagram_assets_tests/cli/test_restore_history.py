"""A history in PostgreSQL comes back into an empty database, with no run going on and nobody who was forgotten."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from instagram_assets.backups.database_copies import postgres_of
from instagram_assets.cli import app
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.tombstones import add_tombstones
from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.servers.postgres import Cluster
from instagram_assets_tests.storage.history_homes import tables
from instagram_assets_tests.storage.history_search import found_in_files, found_in_tables

EARLIER, LATER = "long_gone", "sun_diary"


def _run(*words: object, status: int = 0) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == status, done.output
    return " ".join(done.output.split())


def _forget(keys: Path, name: str) -> None:
    add_tombstones(keys, Identifiers(accounts={name: ""}), date(2026, 11, 27))


@pytest.fixture
def back(data_dir: Path, tmp_path: Path, open_home: OpenHome) -> Iterator[Path]:
    """A folder that a backup was brought back into: one was forgotten before it was made, one after it."""
    keys, home = data_dir / "privacy", tmp_path / "home"
    _forget(keys, EARLIER)
    (data_dir / "accounts.toml").write_text("# nobody\n")
    with open_home("postgres", home) as instance:
        instance.add_dynamic_partitions("accounts", [LATER, "_sea"])
        instance.report_runless_asset_event(dg.AssetMaterialization("landed", metadata={"of": LATER}))
        instance.add_run(dg.DagsterRun("box", status=dg.DagsterRunStatus.STARTED, tags={"account": LATER}))
        (home / "storage" / "run").mkdir(parents=True)
        (home / "storage" / "run" / "step.err").write_text(f"{LATER} was read\n")
        _run("backup", tmp_path / "backups")
        _forget(keys, LATER)
        told = _run("restore", tmp_path / "backups", "--into", tmp_path / "back", "--privacy", keys)
        assert f"instagram-assets restore-history {tmp_path}/back" in told
        yield tmp_path / "back"


@pytest.fixture
def other(back: Path, cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty database, which the variables name."""
    name = f"other_{tmp_path.name}"[-60:]
    for variable, value in cluster.create(name).items():
        monkeypatch.setenv(variable, value)
    return name


def _is_settled(back: Path) -> bool:
    with dg.DagsterInstance.from_config(str(back / "dagster")) as instance:
        assert instance.get_dynamic_partitions("accounts") == ["_sea"]
        assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.FAILURE]
        assert found_in_tables(tables(instance)[0], LATER) == []
    assert not list((back / "dagster").glob("postgres.dump*"))
    return found_in_files(back / "dagster", LATER) == []


def test_it_is_brought_back_closed_and_forgotten_in(back: Path, data_dir: Path, other: str) -> None:
    told = _run("restore-history", back, "--privacy", data_dir / "privacy")
    assert other in told
    assert "Runs that had not ended when the backup was made: 1, closed as failed." in told
    assert "Forgotten again: " in told
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(back / "dagster"))
        assert _is_settled(back)
    assert "is not there" in _run("restore-history", back, status=1)


def test_what_was_stopped_goes_on_in_the_same_database_and_in_no_other(back: Path, data_dir: Path, other: str) -> None:
    postgres = postgres_of(back / "dagster", os.environ)
    assert postgres
    postgres.fill(back / "dagster" / "postgres.dump")  # and then its process was killed
    _run("restore-history", back, "--privacy", data_dir / "privacy")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(back / "dagster"))
        assert _is_settled(back)


def test_a_database_that_has_something_is_left_as_it_is(back: Path, data_dir: Path) -> None:
    for _ in range(2):
        told = _run("restore-history", back, "--privacy", data_dir / "privacy", status=1)
        assert "this database is not empty" in told
    assert (back / "dagster" / "postgres.dump").exists()
    with dg.DagsterInstance.from_config(str(back.parent / "home")) as instance:
        assert set(instance.get_dynamic_partitions("accounts")) == {LATER, "_sea"}


def test_without_the_tombstones_of_the_backup_it_does_not_come_back(back: Path, tmp_path: Path, other: str) -> None:
    told = _run("restore-history", back, "--privacy", tmp_path / "none", status=1)
    assert "they are not all here" in told
    assert (back / "dagster" / "postgres.dump").exists()
    assert "is back" in _run("restore-history", back, "--without-tombstones")


def test_a_server_that_is_not_there_is_told(back: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTGRES_PORT", "1")
    assert "pg_restore failed" in _run("restore-history", back, "--privacy", data_dir / "privacy", status=1)
    monkeypatch.delenv("POSTGRES_PORT")
    assert "POSTGRES_PORT, which is not set" in _run(
        "restore-history", back, "--privacy", data_dir / "privacy", status=1
    )
