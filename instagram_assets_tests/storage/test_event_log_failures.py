"""What a run did not make is shown as failed, and made by a re-execution; wherever the run ended, on both storages."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from instagram_assets_tests.servers.postgres import Cluster, postgres_cluster
from instagram_assets_tests.storage import event_log_failures as chain
from instagram_assets_tests.storage.test_event_log_postgres import instance_on

ROOT = Path(__file__).parents[2]
NOTHING: set[str] = set()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with postgres_cluster() as running:
        yield running


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FILES", str(tmp_path / "files"))
    return tmp_path / "files"


@pytest.fixture(params=["sqlite", "postgres"])
def instance(
    request: pytest.FixtureRequest, tmp_path: Path, files: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """An instance made from a dagster.yaml that is shipped; its batches hold 15 events."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(ROOT / "deploy" / request.param / "dagster.yaml", home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    if request.param == "postgres":
        with instance_on(request.getfixturevalue("cluster"), f"failures_{uuid4().hex}", home) as it:
            monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "15")
            yield it
        return
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "15")
    with dg.DagsterInstance.from_config(str(home)) as it:
        yield it


def cut_off(instance: dg.DagsterInstance, cut: str) -> dg.DagsterRun:
    """A run that ended there; one whose process died is closed as `close_dead_runs` does it."""
    environment = {**os.environ, "CUT": cut, "PYTHONPATH": str(ROOT)}
    module = "instagram_assets_tests.storage.event_log_failures"
    died = subprocess.run([sys.executable, "-m", module], env=environment, stderr=subprocess.DEVNULL, check=False)
    assert died.returncode == (0 if cut.endswith(":raise") else 9)
    run = instance.get_runs()[0]
    if not cut.endswith(":raise"):
        assert run.status == dg.DagsterRunStatus.STARTED
        assert chain.states(instance, "third")["in progress"] == chain.CELLS
        instance.report_run_failed(run, "The process of this run ended without a word; run it again.")
    return run


@pytest.mark.parametrize(
    ("cut", "made"), [("second:raise", 0), ("second:die", 0), ("second:write", 0), ("second:events", 15)]
)
def test_what_a_run_did_not_make_has_failed_and_is_made_by_a_reexecution(
    instance: dg.DagsterInstance, files: Path, cut: str, made: int
) -> None:
    run = cut_off(instance, cut)
    first, second, third = (chain.states(instance, name) for name in chain.NAMES)
    assert first == {"materialized": chain.CELLS, "failed": NOTHING, "in progress": NOTHING}
    assert len(second["materialized"]) == made
    assert second["failed"] == chain.CELLS - second["materialized"]
    assert third == {"materialized": NOTHING, "failed": chain.CELLS, "in progress": NOTHING}

    again = chain.reexecuted(instance, run)
    assert again.status == dg.DagsterRunStatus.SUCCESS
    assert again.asset_selection == {dg.AssetKey("second"), dg.AssetKey("third")}
    for name in chain.NAMES:
        assert chain.states(instance, name) == first
    assert {file.read_text() for file in (files / "first").iterdir()} == {"made\n"}
    assert len(list((files / "third").iterdir())) == len(chain.CELLS)


def test_a_cell_that_has_no_rows_does_not_fail_with_those_that_have(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT", "after_few:raise")
    chain.execute(instance, chain.start(instance, "few_job"))
    assert chain.states(instance, "few")["materialized"] == chain.WITH_ROWS
    assert chain.states(instance, "after_few") == {
        "materialized": NOTHING,
        "failed": chain.WITH_ROWS,
        "in progress": NOTHING,
    }


def test_a_cell_that_failed_and_then_had_no_rows_has_not_failed(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT", "few:raise")
    chain.execute(instance, chain.start(instance, "few_job"))
    assert chain.states(instance, "few")["failed"] == chain.CELLS
    monkeypatch.setenv("CUT", "")
    chain.execute(instance, chain.start(instance, "few_job"))
    instance.event_log_storage.wipe_asset_cached_status(dg.AssetKey("few"))
    assert chain.states(instance, "few")["failed"] == NOTHING


def test_a_run_is_in_progress_until_it_ends_and_a_canceled_one_has_not_failed(instance: dg.DagsterInstance) -> None:
    run = chain.start(instance)
    assert chain.states(instance, "second")["in progress"] == chain.CELLS
    instance.report_run_canceled(run)
    assert chain.states(instance, "second") == dict.fromkeys(("materialized", "failed", "in progress"), NOTHING)
    planned = instance.event_log_storage.get_latest_planned_materialization_info(
        dg.AssetKey("second"), min(chain.CELLS)
    )
    assert planned
    assert planned.run_id == run.run_id


def test_what_was_made_or_wiped_since_does_not_fail(instance: dg.DagsterInstance) -> None:
    run = chain.start(instance)
    cell = min(chain.WITH_ROWS)
    one = {
        "dagster/partition": cell,
        "dagster/partition/account": cell.split("|")[0],
        "dagster/partition/day": cell.split("|")[1],
    }
    chain.execute(instance, chain.start(instance, tags=one))
    instance.wipe_assets([dg.AssetKey("third")])
    instance.report_run_failed(run)
    failed = {"materialized": {cell}, "failed": chain.CELLS - {cell}, "in progress": NOTHING}
    assert chain.states(instance, "second") == failed
    assert not any(chain.states(instance, "third").values())


def test_one_cell_fails_alone_and_the_log_of_its_run_names_it(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell = min(chain.WITH_ROWS)
    monkeypatch.setenv("CUT", "second:raise")
    run = chain.start(instance, tags={"dagster/partition": cell})
    assert chain.states(instance, "first")["in progress"] == {cell}
    chain.execute(instance, run)
    assert chain.states(instance, "second")["failed"] == {cell}
    assert chain.states(instance, "third")["failed"] == {cell}
    made = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    assert [entry.get_dagster_event().partition for entry in made] == [cell]
    assert instance.get_asset_keys_for_run(run.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION) == {
        dg.AssetKey("first")
    }


def test_that_a_run_failed_is_stored_once_however_often_it_is_told(instance: dg.DagsterInstance) -> None:
    run = chain.start(instance)
    for _ in range(2):
        instance.report_run_failed(run)
    rows = instance.event_log_storage.get_event_records(
        dg.EventRecordsFilter(dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED, asset_key=dg.AssetKey("first"))
    )
    assert len(rows) == 1 + len(chain.CELLS)
