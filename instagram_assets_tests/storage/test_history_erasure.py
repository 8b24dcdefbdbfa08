"""Dagster's history forgets a name and nothing else, on both storages."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._daemon.types import DaemonHeartbeat

from instagram_assets.errors import StorageError
from instagram_assets.storage.dagster_history.history_erasure import (
    HistoryErasure,
    erase_from_history,
    refuse_while_running,
)
from instagram_assets.storage.dagster_history.text_reader import read_all_texts
from instagram_assets.storage.locks import at_work_in
from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.folder_hashes import digests
from instagram_assets_tests.storage import event_log_chain as chain
from instagram_assets_tests.storage import history_homes as homes
from instagram_assets_tests.storage.history_search import found_in_files, found_in_tables

PSEUDONYM, TAGS_PSEUDONYM = "forgotten_1a2b3c4d5e6f", "forgotten_0123456789ab"
START, INSIDE, END = chain.ACCOUNTS[0], chain.ACCOUNTS[1], chain.ACCOUNTS[3]


# Of PostgreSQL no file lies in the home, and every table is written anew.
ON_SQLITE = pytest.mark.parametrize("kind", ["sqlite"], indirect=True, scope="module")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    """The storage of a home."""
    return request.param


@pytest.fixture(scope="module")
def lived(kind: str, open_home: OpenHome, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with names in all that Dagster keeps, to be copied."""
    home = tmp_path_factory.mktemp("lived") / "home"
    with open_home(kind, home) as it:
        homes.lived(it)
    return home


@pytest.fixture
def instance(kind: str, lived: Path, open_home: OpenHome, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A home with names in all that Dagster keeps."""
    with open_home(kind, tmp_path / "home", copy_of=lived) as it:
        yield it


@pytest.fixture
def empty(kind: str, open_home: OpenHome, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """A home in which nothing has happened."""
    with open_home(kind, tmp_path / "home") as it:
        yield it


def forget(instance: dg.DagsterInstance, name: str) -> HistoryErasure:
    _, tag, *ids = homes.texts_of(name)
    return erase_from_history(Path(instance.root_directory), {name: PSEUDONYM, tag: TAGS_PSEUDONYM}, ids)


def run_of(instance: dg.DagsterInstance, tags: dict[str, str]) -> dg.DagsterRun:
    return instance.get_runs(dg.RunsFilter(job_name="chain", tags=tags))[0]


def what_is_left(instance: dg.DagsterInstance, *texts: str) -> list[str]:
    """Where the home or its databases still have one of the texts."""
    found = found_in_files(Path(instance.root_directory), *texts)
    return found + [place for url in homes.tables(instance) for place in found_in_tables(url, *texts)]


def without(cells: dict[str, set[str]], name: str) -> dict[str, set[str]]:
    return {state: {cell for cell in keys if not cell.startswith(f"{name}|")} for state, keys in cells.items()}


@pytest.mark.parametrize("name", [START, INSIDE, END])
def test_a_name_is_gone_from_all_that_dagster_keeps_and_the_other_accounts_stand_as_before(
    instance: dg.DagsterInstance, name: str
) -> None:
    texts = homes.texts_of(name)
    assert len(what_is_left(instance, *texts)) > 10
    before = {asset: chain.states(instance, asset) for asset in chain.NAMES}
    of_it = run_of(instance, homes.cell_of(name)).run_id
    logs = {run.run_id: len(instance.all_logs(run.run_id)) for run in instance.get_runs() if run.run_id != of_it}

    done = forget(instance, name)

    assert what_is_left(instance, *texts) == []
    assert (done.runs_deleted, done.runs_rewritten, done.elsewhere) == (1, 2, ())
    assert instance.get_dynamic_partitions("accounts") == [each for each in chain.ACCOUNTS if each != name]
    assert instance.get_dynamic_partitions("searches") == ["고양이"]
    assert {asset: chain.states(instance, asset) for asset in chain.NAMES} == {
        asset: without(states, name) for asset, states in before.items()
    }
    assert instance.get_run_by_id(of_it) is None
    assert {run.run_id: len(instance.all_logs(run.run_id)) for run in instance.get_runs()} == logs
    assert again_changes_nothing(instance, name)


def again_changes_nothing(instance: dg.DagsterInstance, name: str) -> bool:
    rows = homes.all_rows(instance)
    return forget(instance, name) == HistoryErasure() and homes.all_rows(instance) == rows


@pytest.mark.parametrize(
    ("name", "ends"),
    [
        (START, ("account1|2025-01-01", "account3|2025-01-06")),
        (INSIDE, ("account0|2025-01-01", "account3|2025-01-06")),
        (END, ("account0|2025-01-01", "account2|2025-01-06")),
    ],
)
def test_a_run_of_several_accounts_is_one_of_the_others_and_can_be_run_again(
    empty: dg.DagsterInstance, name: str, ends: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUT", "second:raise")
    instance = empty
    failed = chain.start(instance)
    chain.execute(instance, failed)
    monkeypatch.delenv("CUT")
    assert chain.states(instance, "second")["failed"] == chain.CELLS
    forget(instance, name)
    others = {cell for cell in chain.CELLS if not cell.startswith(name)}
    run = instance.get_run_by_id(failed.run_id)
    assert run
    assert (run.tags["dagster/asset_partition_range_start"], run.tags["dagster/asset_partition_range_end"]) == ends
    # Runs are found by the rows of tags.
    assert [each.run_id for each in instance.get_runs(dg.RunsFilter(tags={k: run.tags[k] for k in chain.BOX}))]
    assert run.execution_plan_snapshot_id
    assert run.job_snapshot_id
    assert instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    assert instance.get_historical_job(run.job_snapshot_id)
    assert chain.states(instance, "second") == {"materialized": set(), "failed": others, "in progress": set()}
    again = chain.reexecuted(instance, run)
    assert again.status == dg.DagsterRunStatus.SUCCESS
    assert chain.states(instance, "third") == {"materialized": others, "failed": set(), "in progress": set()}
    assert what_is_left(instance, name) == []


def test_what_each_asset_says_of_its_newest_event_is_what_its_events_say(instance: dg.DagsterInstance) -> None:
    latest = chain.start(instance, "chain", homes.cell_of(START))
    chain.execute(instance, latest)
    forget(instance, START)
    for asset in ("first", "found", "landed"):
        newest = instance.fetch_materializations(dg.AssetKey(asset), limit=1).records[0]
        assert instance.get_latest_materialization_event(dg.AssetKey(asset)) == newest.event_log_entry
        record = instance.get_asset_records([dg.AssetKey(asset)])[0]
        assert record.asset_entry.last_materialization_storage_id == newest.storage_id
        assert record.asset_entry.last_run_id != latest.run_id
    assert dg.AssetKey("only it") not in instance.all_asset_keys()
    check = dg.AssetCheckKey(dg.AssetKey("third"), "is_even")
    result = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check]
    assert instance.get_run_by_id(result.run_id)


def test_what_follows_the_log_by_numbers_sees_the_next_events(instance: dg.DagsterInstance) -> None:
    instance.report_runless_asset_event(dg.AssetMaterialization("found", partition=homes.TAG))
    seen = instance.fetch_materializations(dg.AssetKey("found"), limit=1).records[0].storage_id
    forget(instance, START)
    instance.report_runless_asset_event(dg.AssetMaterialization("found", partition="고양이"))
    newer = instance.fetch_materializations(dg.AssetRecordsFilter(dg.AssetKey("found"), after_storage_id=seen), limit=9)
    assert [record.partition_key for record in newer.records] == ["고양이"]


def test_sensors_backfills_and_cursors_are_read_as_before(instance: dg.DagsterInstance) -> None:
    forget(instance, START)
    sensor = homes.sensor_of(START)
    state = instance.get_instigator_state(sensor.get_id(), sensor.get_selector().get_id())
    assert state
    data = state.instigator_data
    assert isinstance(json.loads(getattr(data, "cursor", "")), dict)
    ticks = instance.get_ticks(sensor.get_id(), sensor.get_selector().get_id())
    assert [tick.run_keys for tick in ticks] == [[f"landing:{PSEUDONYM}"]]
    backfill = instance.get_backfill(f"backfill{START[-1]}")
    assert backfill
    assert backfill.partition_names == [f"{each}|2025-01-01" for each in chain.ACCOUNTS[1:]]
    assert (backfill.title, backfill.tags) == (f"for {PSEUDONYM}", {"of": PSEUDONYM})
    values = instance.run_storage.get_cursor_values({f"of {PSEUDONYM}"})
    assert json.loads(values[f"of {PSEUDONYM}"])["plain"] == PSEUDONYM


def test_a_file_that_never_had_the_name_stays_byte_by_byte(instance: dg.DagsterInstance) -> None:
    home = Path(instance.root_directory)
    os.utime(home / "dev" / "daemon.log", (1_000_000, 1_000_000))
    before = (home / "dev" / "code.log").read_bytes(), (home / "dev" / "code.log").stat().st_mtime_ns
    done = forget(instance, START)
    assert ((home / "dev" / "code.log").read_bytes(), (home / "dev" / "code.log").stat().st_mtime_ns) == before
    assert (home / "dev" / "daemon.log").stat().st_mtime == 1_000_000  # by it old files are known
    assert (home / "dev" / "daemon.log").read_text("utf-8").startswith(f"{PSEUDONYM} of {TAGS_PSEUDONYM}: ")
    assert not (home / "storage" / "first").joinpath(f"{START}|2025-01-01").exists()
    assert done.files_rewritten == 1 + len(chain.ACCOUNTS)


def test_an_account_that_is_called_as_an_asset_takes_no_asset_with_it(empty: dg.DagsterInstance) -> None:
    instance = empty
    instance.add_dynamic_partitions("accounts", ["first", "zoe"])
    for account in ("first", "zoe"):
        run = instance.create_run_for_job(
            chain.definitions.resolve_job_def("chain"), tags=chain.of_cell(f"{account}|2025-01-03")
        )
        chain.execute(instance, run)
    assert erase_from_history(Path(instance.root_directory), {"first": PSEUDONYM}).common == ("first",)
    assert what_is_left(instance, "first|2025", PSEUDONYM) == []
    for asset in chain.NAMES:
        assert chain.states(instance, asset)["materialized"] == {"zoe|2025-01-03"}
    assert [run.tags["dagster/partition"] for run in instance.get_runs()] == ["zoe|2025-01-03"]


def test_snapshots_that_say_a_name_get_new_names_and_runs_follow(empty: dg.DagsterInstance) -> None:
    instance = empty

    @dg.job(description=f"For {START} alone.", metadata={"who": START})
    def told() -> None:
        looked()

    run = told.execute_in_process(instance=instance, tags={"for": "anybody"}).dagster_run
    erase_from_history(Path(instance.root_directory), {START: PSEUDONYM})
    assert what_is_left(instance, START) == []
    now = instance.get_run_by_id(run.run_id)
    assert now
    assert now.job_snapshot_id
    assert now.execution_plan_snapshot_id
    assert now.job_snapshot_id != run.job_snapshot_id
    snapshot = instance.get_job_snapshot(now.job_snapshot_id)
    assert snapshot.description == f"For {PSEUDONYM} alone."
    assert snapshot.snapshot_id == now.job_snapshot_id
    plan = instance.get_execution_plan_snapshot(now.execution_plan_snapshot_id)
    assert plan.job_snapshot_id == now.job_snapshot_id
    assert [each.run_id for each in instance.get_runs(dg.RunsFilter(snapshot_id=now.job_snapshot_id))] == [run.run_id]


@dg.op
def looked() -> None:
    return None


def test_tables_of_a_newer_dagster_are_rewritten_and_those_of_others_are_named(empty: dg.DagsterInstance) -> None:
    log = empty.event_log_storage
    assert isinstance(log, SqlEventLogStorage)
    with log.index_connection() as connection:
        connection.execute(sa.text("create table newer (body text, packed text)"))
        connection.execute(sa.text("insert into newer values (:body, 'nothing')"), {"body": json.dumps([START])})
    done = forget(empty, START)
    with log.index_connection() as connection:
        body = connection.execute(sa.text("select body from newer")).scalar_one()
    # In PostgreSQL a table that this Dagster does not know may be anybody's.
    expected = ([PSEUDONYM], ()) if log.is_run_sharded else ([START], ("newer.body",))
    assert (json.loads(body), done.elsewhere) == expected


def test_it_is_refused_while_a_run_goes_on_and_nothing_has_changed(instance: dg.DagsterInstance) -> None:
    chain.start(instance)
    before = homes.all_rows(instance)
    refused = pytest.raises(StorageError, match=r"home: runs go on or wait \(1 of chain\).* repeat the command")
    with refused:
        refuse_while_running(Path(instance.root_directory))
    with refused:
        forget(instance, START)
    assert homes.all_rows(instance) == before


def test_it_is_refused_while_dev_or_a_daemon_works_there(empty: dg.DagsterInstance) -> None:
    instance = empty
    home = Path(instance.root_directory)
    instance.add_dynamic_partitions("accounts", [START])
    with at_work_in(home), pytest.raises(StorageError, match="`instagram-assets dev` or its UI runs"):
        forget(instance, START)
    heartbeat: Any = DaemonHeartbeat(datetime.now(UTC).timestamp(), "SENSOR", "1", [])
    instance.add_daemon_heartbeat(heartbeat)
    for refused in (lambda: forget(instance, START), lambda: refuse_while_running(home)):
        with pytest.raises(StorageError, match="a daemon of Dagster was at work"):
            refused()
    instance.wipe_daemon_heartbeats()
    refuse_while_running(home)
    assert forget(instance, START).deleted == {"dynamic_partitions": 1}


def test_partitions_that_are_named_go_and_other_names_are_only_replaced(instance: dg.DagsterInstance) -> None:
    names = {START: PSEUDONYM, homes.TAG: TAGS_PSEUDONYM}
    erase_from_history(Path(instance.root_directory), names, partitions={"accounts": [START]})
    assert instance.get_dynamic_partitions("searches") == [TAGS_PSEUDONYM, "고양이"]
    assert START not in instance.get_dynamic_partitions("accounts")
    assert what_is_left(instance, START, homes.TAG) == []


def test_a_history_that_moved_to_postgresql_is_forgotten_in_both(open_home: OpenHome, tmp_path: Path) -> None:
    home = tmp_path / "home"
    with open_home("sqlite", home) as before:  # nobody will ever end these runs
        box = chain.start(before)
        chain.start(before, tags=homes.cell_of(START))
    with open_home("postgres", tmp_path / "other") as after:
        after.add_dynamic_partitions("accounts", chain.ACCOUNTS)
        url = homes.tables(after)[0].replace("postgresql+psycopg2:", "postgresql:")
        done = erase_from_history(home, {START: PSEUDONYM, homes.TAG: TAGS_PSEUDONYM}, url=url)
        assert after.get_dynamic_partitions("accounts") == chain.ACCOUNTS[1:]
    assert done.runs_deleted == 1
    assert found_in_files(home, START, homes.TAG) == []
    with open_home("sqlite", home) as before:
        assert [run.run_id for run in before.get_runs()] == [box.run_id]


def test_a_home_that_is_not_there_has_nothing_to_forget(tmp_path: Path) -> None:
    assert erase_from_history(tmp_path / "home", {START: PSEUDONYM}) == HistoryErasure()
    assert not (tmp_path / "home").exists()


@ON_SQLITE
@pytest.mark.parametrize("name", ["#일상", "#육아", "never_here"])
def test_databases_that_never_had_a_name_stay_byte_by_byte(lived: Path, tmp_path: Path, name: str) -> None:
    home = Path(shutil.copytree(lived, tmp_path / "home"))
    before = digests(home)
    ids = ["C9zz_y-Nevr"]
    assert erase_from_history(home, {name: PSEUDONYM}, ids, may_show=lambda _: True) == HistoryErasure()
    after = digests(home)
    assert {path for path in before if after.get(path) != before[path]} == set()


@ON_SQLITE
def test_a_database_whose_free_places_hold_a_name_is_written_anew_and_its_neighbours_are_not(
    empty: dg.DagsterInstance,
) -> None:
    home = Path(empty.root_directory)
    files = sorted(home.rglob("*.db"))
    for path, text in zip(files, (f"by {START} " * 900, "nobody " * 900, "nobody " * 900), strict=False):
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA secure_delete = OFF")  # as SQLite is by itself, not as Debian builds it
            with database:
                database.execute("CREATE TABLE more (body TEXT)")
                database.execute("INSERT INTO more VALUES (?)", (text,))
            with database:
                database.execute("DROP TABLE more")
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = digests(home)
    assert START.encode() in files[0].read_bytes()
    assert erase_from_history(home, {START: PSEUDONYM}) == HistoryErasure()
    after = digests(home)
    assert [path for path in before if path.endswith(".db") and after[path] != before[path]] == [str(files[0])]
    assert START.encode() not in files[0].read_bytes()


@ON_SQLITE
def test_every_text_is_read_out_without_knowing_what_to_look_for(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    said = "stands in the log of events alone"
    for description in (said, "stands beside the asset's key, too"):
        instance.report_runless_asset_event(dg.AssetMaterialization("first", description=description))
    heard: list[str] = []
    read_all_texts(tmp_path / "home", heard.append)
    assert said in heard
    everything = "\n".join(heard)
    assert [text for name in chain.ACCOUNTS for text in homes.texts_of(name) if text not in everything] == []
