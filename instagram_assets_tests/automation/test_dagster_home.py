"""First starts that die, or that begin at once, leave a Dagster home that one plain start makes whole."""

import hashlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest

from instagram_assets.automation import shell_runs
from instagram_assets.automation.dagster_home import SHIPPED_CONFIG_HASHES, is_home_complete
from instagram_assets.automation.shell_runs import look_at_instance, open_instance, prepare_home
from instagram_assets.backups.database_copies import postgres_of
from instagram_assets.cli.materialize_assets import materialize_selection
from instagram_assets.errors import SettingsError, StorageError
from instagram_assets.homes import HOMES
from instagram_assets.storage.dagster_history.dagster_databases import dagster_databases
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.dagster_instances import STOCK_POSTGRES, settings_of
from instagram_assets_tests.faults.campaign import campaign
from instagram_assets_tests.faults.first_start import DATABASES, FIRST_START, IMPORTS, problem, two_at_once
from instagram_assets_tests.faults.harness import Fault, Kind, Worker, choose
from instagram_assets_tests.servers.postgres import Cluster

PLACES: dict[Kind, int] = {"kill": 20, "enospc": 2}  # `make faults` has more


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    if Path("/dev/shm").is_dir():  # what is counted are operations, not seconds of a disk
        monkeypatch.setattr(tempfile, "tempdir", "/dev/shm")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@pytest.mark.parametrize("kind", PLACES)
def test_one_plain_start_after_any_fault_in_the_first_one_ends_well(kind: Kind) -> None:
    report = campaign(FIRST_START, [kind], lambda count: choose(count, PLACES[kind], seed=7))
    assert report.points == PLACES[kind]
    assert report.failures == []


def test_what_dagster_left_half_made_when_it_was_killed_is_made_whole() -> None:
    with Worker("instagram_assets_tests.faults.first_start:start_or_leave_to_dagster", IMPORTS) as worker:
        with tempfile.TemporaryDirectory() as home:
            count = worker.run(Path(home), [home, False]).count
        for number in choose(count, trials=6, seed=11):
            with tempfile.TemporaryDirectory() as home:
                killed = worker.run(Path(home), [home, False], Fault("kill", number))
                assert killed.fired
                again = worker.run(Path(home), [home, True])
                assert again.exit == 0, f"operation {number}: {again.output[-800:]}"
                assert problem(Path(home), finished=True) == "", f"operation {number}"


def test_of_two_first_starts_at_once_one_waits_for_the_other(folder: Path) -> None:
    homes = [folder / str(number) for number in range(20)]
    for home in homes:
        home.mkdir()
    assert two_at_once(homes) == []


def test_two_versions_that_older_starts_wrote_at_once_are_one_again_and_nothing_is_lost(data_dir: Path) -> None:
    with open_instance() as instance:
        run = instance.create_run_for_job(one_job()).run_id
    with closing(sqlite3.connect(data_dir / "dagster" / DATABASES[0])) as database, database:
        database.execute("INSERT INTO alembic_version VALUES ('5771160a95ad')")
    with open_instance() as instance:
        assert instance.has_run(run)
    assert problem(data_dir, finished=True) == ""


def test_a_finished_home_is_opened_as_it_is(data_dir: Path) -> None:
    def numbers() -> dict[Path, int]:
        return {path: os.stat(path).st_ino for path in (data_dir / "dagster").rglob("*.db")}

    with open_instance():
        before = numbers()
    note = data_dir / "dagster" / "note.txt"
    note.write_text("of a person")
    with open_instance():
        assert numbers() == before
    assert note.exists()


def test_a_damaged_database_is_named_with_what_is_lost_and_moving_it_away_is_enough(data_dir: Path) -> None:
    export(data_dir / "inbox" / "posts.json", [post(1), post(2, "sea_diary")])
    with open_instance() as instance:
        shell_runs.land(instance, [])
        shell_runs.bring_up_to_date(instance)
    for name in DATABASES:
        path = data_dir / "dagster" / name
        path.write_bytes(b"not a database" * 1_000)
        with pytest.raises(StorageError, match=r"damaged.*move it away.*a new one is made") as caught, open_instance():
            pass
        assert f"{path}: " in str(caught.value)
        moved = data_dir / "moved"
        moved.mkdir(exist_ok=True)
        for part in path.parent.glob(f"{path.name}*"):
            part.rename(moved / part.name)
        with open_instance() as instance:
            assert set(instance.get_dynamic_partitions("accounts")) == {"sun_diary", "sea_diary"}
            assert len(list(materialize_selection(instance, "posts"))) == 1


@pytest.mark.parametrize("form", [settings_of("postgres"), STOCK_POSTGRES])
def test_a_home_with_postgresql_keeps_it_whatever_starts(
    form: str, data_dir: Path, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = data_dir / "dagster" / "dagster.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(form)
    for name, value in cluster.create(f"home {len(form)}").items():
        monkeypatch.setenv(name, value)
    for _ in range(2):
        with open_instance() as instance:
            instance.add_dynamic_partitions("accounts", ["sun_diary"])
    assert file.read_text() == form
    assert not list(file.parent.rglob("*.db"))
    with look_at_instance() as instance:
        assert instance is not None
        assert instance.get_dynamic_partitions("accounts") == ["sun_diary"]
    assert [database.name.partition(":")[0] for database in dagster_databases(file.parent, None)] == [
        "postgresql+psycopg2"
    ]
    assert postgres_of(file.parent, os.environ)


@pytest.mark.parametrize(
    "form",
    [
        settings_of("sqlite").replace("max_concurrent_runs: 2", "max_concurrent_runs: 8"),
        f"{settings_of('sqlite')}# of a person\n",
        "telemetry: {enabled: false}\n",
        "",
    ],
)
def test_a_dagster_yaml_that_somebody_wrote_or_changed_stays_and_its_databases_are_made(
    form: str, data_dir: Path
) -> None:
    file = data_dir / "dagster" / "dagster.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(form)
    prepare_home()
    assert file.read_text() == form
    assert is_home_complete(file.parent)


def test_an_older_form_of_ours_is_brought_up_to_date(data_dir: Path) -> None:
    file = data_dir / "dagster" / "dagster.yaml"
    file.parent.mkdir(parents=True)
    now = settings_of("sqlite")
    older = f"{now[: now.index('run_storage')]}{now[now.index('event_log_storage') :]}".replace(
        "  config: *home\n", "  config:\n    base_dir:\n      env: DAGSTER_HOME\n"
    )
    file.write_text(older)
    prepare_home()
    assert file.read_text() == now


def test_the_forms_of_ours_have_the_one_that_is_shipped() -> None:
    """Add the hash of the new one; those of older ones stay, since homes have them."""
    assert hashlib.sha256((HOMES / "sqlite" / "dagster.yaml").read_bytes()).hexdigest() in SHIPPED_CONFIG_HASHES


def test_a_dagster_yaml_that_is_no_yaml_is_named(data_dir: Path) -> None:
    file = data_dir / "dagster" / "dagster.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("telemetry: {enabled: false")
    with pytest.raises(SettingsError, match=r"dagster\.yaml: cannot be read as YAML \(.*Mend it"):
        prepare_home()


def one_job() -> dg.JobDefinition:
    from instagram_assets.definitions import defs

    return defs.resolve_job_def("landing")
