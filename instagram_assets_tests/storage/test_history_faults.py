"""Killed anywhere and repeated, Dagster's history forgets as if nothing had happened."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, event

from instagram_assets.storage.dagster_history.history_erasure import erase_from_history
from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.faults.harness import Fault, Kind, Worker, choose
from instagram_assets_tests.storage import event_log_chain as chain
from instagram_assets_tests.storage import history_homes as homes
from instagram_assets_tests.storage.history_search import found_in_files, found_in_tables

NAME = chain.ACCOUNTS[0]
TARGET = f"{__name__}:forget"
IMPORTS = ("sqlalchemy.dialects.sqlite", "dagster._core.storage.legacy_storage")


class Killed(BaseException):
    """The process is gone before a statement."""


def forget(home: str) -> None:
    """Called in the worker, too."""
    os.environ["DAGSTER_HOME"] = home
    _, tag, *ids = homes.texts_of(NAME)
    erase_from_history(Path(home), {NAME: "forgotten_1a2b3c4d5e6f", tag: "forgotten_0123456789ab"}, ids)


@pytest.fixture(scope="module")
def lived(open_home: OpenHome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home on SQLite with names in all that Dagster keeps, to be copied."""
    home = tmp_path_factory.mktemp("lived") / "home"
    with open_home("sqlite", home) as it:
        homes.lived(it)
    return home


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    """A process that dies where it is told."""
    with Worker(TARGET, IMPORTS) as it:
        yield it


def state_of(home: Path) -> dict[str, Any]:
    """All rows and files of a home on SQLite."""
    databases = {f"sqlite:///{path}" for path in home.rglob("*.db")}
    files = {
        str(path.relative_to(home)): path.read_bytes()
        for path in home.rglob("*")
        if path.is_file() and ".db" not in path.name
    }
    return {"rows": homes.rows_of(sorted(databases)), "files": files}


@pytest.mark.parametrize("kind", ["kill", "torn", "power"])
def test_whatever_file_operation_it_dies_at_it_ends_as_if_undisturbed_when_repeated(
    kind: Kind, lived: Path, worker: Worker, tmp_path: Path
) -> None:
    whole = shutil.copytree(lived, tmp_path / "whole")
    undisturbed = worker.run(whole, [str(whole)])
    assert undisturbed.exit == 0, undisturbed.output
    expected = state_of(whole)
    for number in choose(undisturbed.count, trials=7, seed=len(kind)):
        home = shutil.copytree(lived, tmp_path / f"at {number}")
        assert worker.run(home, [str(home)], Fault(kind, number)).fired
        again = worker.run(home, [str(home)])
        assert again.exit == 0, again.output
        state = state_of(home)
        assert state["files"].keys() ^ expected["files"].keys() == set(), number
        assert state == expected, number
        assert found_in_files(home, *homes.texts_of(NAME)) == []
        shutil.rmtree(home)


def test_whatever_statement_it_dies_before_postgresql_ends_as_if_undisturbed_when_repeated(
    open_home: OpenHome, tmp_path: Path
) -> None:
    lived = tmp_path / "lived"
    with open_home("postgres", lived) as it:
        homes.lived(it)
    statements, expected = _ended(open_home, tmp_path / "whole", lived, None)
    for number in choose(statements, trials=4, seed=1):
        assert _ended(open_home, tmp_path / f"at{number}", lived, number)[1] == expected, number


def _ended(open_home: OpenHome, home: Path, lived: Path, at: int | None) -> tuple[int, Any]:
    """How many statements a forgetting made, and what a home says at the end, if it died before number `at`."""
    counted = [0]

    def count(*_: Any) -> None:
        counted[0] += 1
        if counted[0] == at:
            raise Killed

    with open_home("postgres", home, copy_of=lived) as instance:
        event.listen(Engine, "before_cursor_execute", count)
        try:
            forget(str(home))
        except Killed:
            assert at
        finally:
            event.remove(Engine, "before_cursor_execute", count)
        if at:
            forget(str(home))
        assert found_in_files(home, *homes.texts_of(NAME)) == []
        assert [place for url in homes.tables(instance) for place in found_in_tables(url, *homes.texts_of(NAME))] == []
        return counted[0], homes.all_rows(instance)


def test_databases_hold_nothing_on_disk_of_what_an_earlier_try_deleted(lived: Path, tmp_path: Path) -> None:
    """As when it was killed after the last commit: no row has the name, and pages that are free still do."""
    home = shutil.copytree(lived, tmp_path / "home")

    def kept(connection: Any, _: object) -> None:
        connection.execute("pragma secure_delete = off")  # as SQLite is by itself, not as Debian builds it

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "instagram_assets.storage.dagster_history.dagster_databases.DagsterDatabase.empty", lambda *_: None
        )
        event.listen(Engine, "connect", kept)
        forget(str(home))
        event.remove(Engine, "connect", kept)
    assert found_in_files(home, NAME)
    forget(str(home))
    assert found_in_files(home, *homes.texts_of(NAME)) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        with dg.DagsterInstance.from_config(str(home)) as instance:
            assert len(instance.get_runs()) == 2 + len(chain.ACCOUNTS) - 1
