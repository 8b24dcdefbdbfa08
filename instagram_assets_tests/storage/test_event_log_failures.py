"""What a run did not make is shown as failed, and made by a re-execution; wherever the run ended, on both storages."""

import multiprocessing
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.storage import event_log_chain as chain

NOTHING: set[str] = set()
ENDED_WELL = {"materialized": chain.CELLS, "failed": NOTHING, "in progress": NOTHING}


@pytest.fixture(params=["sqlite", "postgres"])
def instance(request: pytest.FixtureRequest, open_home: OpenHome, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance made from a dagster.yaml that is shipped; its batches hold 15 events."""
    with open_home(request.param, tmp_path / "home") as it:
        yield it


def died(instance: dg.DagsterInstance, cut: str) -> dg.DagsterRun:
    """A run whose process died there, closed as `close_dead_runs` does it."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([chain.__name__])
    process = context.Process(target=chain.run_until_it_dies, args=({**os.environ, "CUT": cut},))
    process.start()
    process.join()
    assert process.exitcode == 9
    run = instance.get_runs()[0]
    assert run.status == dg.DagsterRunStatus.STARTED
    assert chain.states(instance, "third")["in progress"] == chain.CELLS
    instance.report_run_failed(run, "The process of this run ended without a word; run it again.")
    return run


def raised(instance: dg.DagsterInstance, cut: str) -> dg.DagsterRun:
    """A run of which one asset failed."""
    run = chain.start(instance)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CUT", cut)
        chain.execute(instance, run)
    return run


@pytest.mark.parametrize(
    ("cut", "made"), [("second:raise", 0), ("second:die", 0), ("second:write", 0), ("second:events", 15)]
)
def test_what_a_run_did_not_make_has_failed_and_is_made_by_a_reexecution(
    instance: dg.DagsterInstance, tmp_path: Path, cut: str, made: int
) -> None:
    run = raised(instance, cut) if cut.endswith(":raise") else died(instance, cut)
    first, second, third = (chain.states(instance, name) for name in chain.NAMES)
    assert first == ENDED_WELL
    assert len(second["materialized"]) == made
    assert second["failed"] == chain.CELLS - second["materialized"]
    assert third == {"materialized": NOTHING, "failed": chain.CELLS, "in progress": NOTHING}

    again = chain.reexecuted(instance, run)
    assert again.status == dg.DagsterRunStatus.SUCCESS
    assert again.asset_selection == {dg.AssetKey("second"), dg.AssetKey("third")}
    for name in chain.NAMES:
        assert chain.states(instance, name) == ENDED_WELL
    files = tmp_path / "home" / "files"
    assert {file.read_text() for file in (files / "first").iterdir()} == {"made\n"}
    assert {file.name for file in (files / "third").iterdir()} == chain.CELLS


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
    chain.execute(instance, chain.start(instance, tags=chain.of_cell(cell)))
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
