"""The status: each fact with what helps, whatever the lake, Dagster and the machine are like."""

import asyncio
import re
import socket
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from starlette.testclient import TestClient

from instagram_assets.automation.schedules import nightly_datasets
from instagram_assets.collect.clock import SystemClock
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.definitions import defs
from instagram_assets.ingest.inbox import land_files
from instagram_assets.ingest.manifests import manifest_path, pending_names
from instagram_assets.lake_index.index_files import INDEX_FOLDER
from instagram_assets.lake_index.update import update_index
from instagram_assets.settings import settings
from instagram_assets.status.data_status import read_data_status
from instagram_assets.storage.lake import open_lake
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets.web import status, status_facts
from instagram_assets.web.app import create_app
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.index_updater import IndexUpdater
from instagram_assets.web.words import LANGUAGES, words_in
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.datasets.tables import post as post_row
from instagram_assets_tests.datasets.tables import posts
from instagram_assets_tests.web.clients import NOBODY, client_of

ERROR_ITEM = {"error": "not_found", "errorDescription": "Post does not exist", "url": "https://www.instagram.com/gone/"}


@pytest.fixture
def client(data_dir: Path) -> TestClient:
    return client_of(create_app(Services(settings(), DagsterApi(NOBODY), "http://dagster.example")))


def state_of(client: TestClient) -> dict[str, Any]:
    answer = client.get("/api/status")
    assert answer.status_code == 200, answer.text
    return answer.json()


def facts(client: TestClient, name: str) -> list[dict[str, Any]]:
    state = state_of(client)
    every = [*state["needs"], *state["waits"], *state["to_know"]]
    assert all(fact["title"] for fact in every)
    return [fact for fact in every if fact["name"] == name]


def page_of(client: TestClient, language: str = "en") -> str:
    """The page when everything is counted."""
    state_of(client)
    return client.get("/status", headers={"Accept-Language": language}).text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_shows_at_once_and_an_empty_platform_says_what_to_do_first(client: TestClient, language: str) -> None:
    words = words_in(language)
    first = client.get("/status", headers={"Accept-Language": language}).text
    assert words("status.counting") in first
    assert 'hx-trigger="every 1s"' in first
    page = page_of(client, language)
    assert words("status.empty_help") in page
    assert words("status.counting") not in page


def test_what_waits_was_rejected_or_quarantined_is_told_with_what_helps(client: TestClient, data_dir: Path) -> None:
    export(data_dir / "inbox" / "posts.json", [post(1), ERROR_ITEM])
    (data_dir / "inbox" / "<img src=x onerror=alert(1)>.json").write_text("no records")
    land_files([], open_lake(settings()), settings())
    export(data_dir / "inbox" / "more.json", [post(2)])
    [rejected] = facts(client, "file_rejected")
    assert rejected["why"] == "<img src=x onerror=alert(1)>.json: this is plain text."
    assert rejected["remedy"]
    [quarantined] = facts(client, "quarantined")
    assert (quarantined["count"], quarantined["title"]) == (1, "1 record is in quarantine")
    assert "quarantine" in quarantined["remedy"]
    [waiting] = facts(client, "files_waiting")
    assert (waiting["subject"], waiting["level"]) == ("more.json", "busy")
    assert "instagram-assets ingest" in waiting["remedy"]
    [pending] = facts(client, "files_pending")
    assert pending["subject"] == "posts.json"
    page = page_of(client)
    assert "&lt;img src=x onerror" in page
    assert "<img src=x" not in page
    assert "more.json" in page


def test_many_rejected_files_are_a_few_lines(client: TestClient, data_dir: Path) -> None:
    for number in range(8):
        (data_dir / "inbox" / f"{number}.json").write_text(f"no records {number}")
    land_files([], open_lake(settings()), settings())
    assert len(facts(client, "file_rejected")) == 5
    [more] = facts(client, "more_rejected")
    assert (more["count"], bool(more["remedy"])) == (3, True)


def test_the_tables_are_those_of_status(client: TestClient, data_dir: Path) -> None:
    export(data_dir / "inbox" / "posts.json", [post(1), post(2, day="2009-01-01"), ERROR_ITEM])
    land_files([], open_lake(settings()), settings())
    said = read_data_status(open_lake(settings()), settings())
    assert [(table["name"], table["rows_in"], table["rows_out"]) for table in state_of(client)["tables"]] == [
        (stage.name, stage.rows_in, stage.rows_out) for stage in said.stages
    ]


def test_an_older_lake_is_said_with_its_remedy(client: TestClient, data_dir: Path) -> None:
    cell = data_dir / "lake" / "raw_posts" / "account=sun_diary" / "day=2026-01-01"
    cell.mkdir(parents=True)
    (cell / "part.parquet").write_bytes(b"")
    state = state_of(client)
    assert state["needs"][0]["name"] == "layout_older", "nothing else can be told before"
    assert "Run instagram-assets migrate" in state["needs"][0]["remedy"]
    assert "instagram-assets migrate" in page_of(client)


def test_beside_a_damaged_table_the_others_are_told(client: TestClient, data_dir: Path) -> None:
    export(data_dir / "inbox" / "posts.json", [post(1)])
    [landed] = land_files([], open_lake(settings()), settings()).landed
    folder = data_dir / "lake" / "posts" / "sun_diary"
    folder.mkdir(parents=True)
    (folder / "2026-10.parquet").write_bytes(b"no parquet")
    [damaged] = facts(client, "table_damaged")
    assert damaged["subject"] == "posts"
    assert "2026-10.parquet" in damaged["why"]
    assert damaged["remedy"]
    assert [table["name"] for table in state_of(client)["tables"]] == ["records"]
    assert landed.records == 1


def test_a_damaged_landed_file_is_told_with_what_helps(client: TestClient, data_dir: Path) -> None:
    export(data_dir / "inbox" / "posts.json", [post(1)])
    [landed] = land_files([], open_lake(settings()), settings()).landed
    manifest_path(open_lake(settings()), landed.name).write_bytes(b"{")
    [damaged] = facts(client, "file_damaged")
    assert "instagram-assets ingest" in damaged["remedy"]
    assert pending_names(open_lake(settings())) == {landed.sha256}


def test_a_lake_that_no_file_system_knows_is_told(
    client: TestClient, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_LAKE", "nowhere://lake")
    settings.cache_clear()
    elsewhere = client_of(create_app(Services(settings(), DagsterApi(NOBODY), NOBODY)))
    [wrong] = facts(elsewhere, "settings_wrong")
    assert "INSTAGRAM_ASSETS_LAKE" in wrong["why"]
    assert elsewhere.get("/status").status_code == 200


def test_a_setting_that_cannot_work_is_told(client: TestClient, data_dir: Path) -> None:
    (data_dir / "media").write_text("a file in the folder's place")
    [wrong] = facts(client, "settings_wrong")
    assert wrong["why"] == f"{data_dir / 'media'} is not a folder."
    assert wrong["remedy"].startswith("Set INSTAGRAM_ASSETS_DATA_DIR to one")


def test_missing_models_are_told_with_how_to_have_them(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES", "true")
    settings.cache_clear()
    client = client_of(create_app(Services(settings(), DagsterApi(NOBODY), NOBODY)))
    skipped = facts(client, "stage_skipped")
    assert [fact["subject"] for fact in skipped] == ["captions", "embeddings"]
    assert all("instagram-assets models pull" in fact["remedy"] for fact in skipped)


def test_failed_runs_are_told_until_a_later_one_succeeds(client: TestClient, instance: dg.DagsterInstance) -> None:
    box, datasets = (defs.resolve_job_def(name) for name in ("box", "datasets"))
    failed = instance.create_run_for_job(box, status=dg.DagsterRunStatus.STARTED)
    instance.report_run_failed(failed, "The disk ended. Nothing more.")
    instance.report_run_failed(instance.create_run_for_job(datasets, status=dg.DagsterRunStatus.STARTED))
    instance.create_run_for_job(datasets, status=dg.DagsterRunStatus.SUCCESS)
    instance.create_run_for_job(box, status=dg.DagsterRunStatus.NOT_STARTED)
    [told] = facts(client, "run_failed")
    assert (told["subject"], told["run"], told["level"]) == ("box", failed.run_id, "bad")
    assert "The disk ended" in told["why"]
    assert told["remedy"]
    assert [fact["subject"] for fact in facts(client, "run_failed_before")] == ["datasets"]
    assert [(fact["subject"], fact["count"]) for fact in facts(client, "runs_queued")] == [("box", 1)]
    assert f'href="http://dagster.example/runs/{failed.run_id}"' in page_of(client)


def test_what_was_switched_off_is_told_apart_from_what_was_never_on(
    client: TestClient, instance: dg.DagsterInstance
) -> None:
    place = InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="instagram_assets.definitions"))
    origin = RemoteRepositoryOrigin(place, "__repository__").get_instigator_origin(nightly_datasets.name)
    when = ScheduleInstigatorData("0 3 * * *")
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SCHEDULE, InstigatorStatus.STOPPED, when))
    [off] = facts(client, "stopped_by_hand")
    assert (off["subject"], off["level"]) == ("nightly_datasets", "warning")
    assert off["remedy"]
    [never] = facts(client, "not_switched_on")
    assert "daily_scrape" in never["subject"]
    assert "nightly_datasets" not in never["subject"]


def test_who_collects_and_waits_for_a_person_is_told(client: TestClient, data_dir: Path) -> None:
    now = SystemClock().now()
    with CollectorDatabase(data_dir / "collection").writing() as connection:
        connection.executemany(
            "INSERT INTO identities (identity, stopped, reason, open_until) VALUES (?, ?, ?, ?)",
            [
                ("web session sun", "checkpoint", "Instagram asks for a code", 0),
                ("graph api", "", "429", now + 900),
            ],
        )
    [stopped] = facts(client, "collector_stopped")
    assert (stopped["subject"], stopped["why"]) == ("web session sun", "Instagram asks for a code")
    assert stopped["remedy"] == "instagram-assets collect --cleared"
    [pausing] = facts(client, "collector_pauses")
    assert (pausing["subject"], pausing["level"]) == ("graph api", "busy")


def test_dagster_that_is_down_is_told_and_the_rest_stays(client: TestClient, data_dir: Path) -> None:
    export(data_dir / "inbox" / "more.json", [post(2)])
    [down] = facts(client, "dagster_down")
    assert "instagram-assets dev" in down["remedy"]
    assert "every 10s" in page_of(client), "it recovers by itself"
    assert "more.json" in page_of(client)


@pytest.fixture
def deaf(data_dir: Path) -> Iterator[str]:
    """An address that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_dagster_that_says_nothing_is_not_waited_for_long(deaf: str) -> None:
    services = Services(settings(), DagsterApi(deaf), deaf)
    begun = time.monotonic()
    [down] = asyncio.run(status.of_dagster(services, patience=0.2))
    assert (down.name, down.subject) == ("dagster_down", deaf)
    assert timedelta(seconds=time.monotonic() - begun) < timedelta(seconds=25)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_fact_has_words(language: str) -> None:
    names: set[str] = set()
    for module in (status, status_facts):
        names |= set(re.findall(r'Fact\(\s*"(\w+)"', Path(str(module.__file__)).read_text("utf-8")))
    names |= {"more_rejected", "more_damaged", "run_failed", "run_failed_before"}
    assert len(names) > 25
    assert {f"status.facts.{name}" for name in names} <= words_in(language).names()


def test_an_index_that_is_not_as_the_lake_is_told_with_what_helps(
    client: TestClient, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found() -> list[tuple[str, str]]:
        return [(fact.name, fact.level) for fact in status_facts.of_index(lake, settings())]

    lake, day = open_lake(settings()), date(2026, 5, 1)
    assert found() == []
    write_cells(lake, "posts", ["mina.draws"], (day, day), posts(post_row("1", day=day)))
    assert found() == [("index_missing", "info")]
    update_index(lake, settings().folder(INDEX_FOLDER), settings().time_zone)
    assert found() == []
    write_cells(lake, "posts", ["mina.draws"], (day, day), posts(post_row("2", day=day)))
    assert found() == [("index_behind", "warning")]
    [told] = facts(client, "index_behind")
    assert "instagram-assets index" in told["remedy"]
    # While the web app keeps it, it goes on by itself, unless that fails.
    updater = IndexUpdater(settings())
    monkeypatch.setattr(status_facts, "updater_of", lambda folder: updater)
    assert found() == [("index_behind", "busy")]
    updater.problem = "The disk is full. Free some room."
    [failed] = status_facts.of_index(lake, settings())
    assert (failed.name, failed.level) == ("index_failed", "bad")
    assert (failed.why, failed.remedy) == ("The disk is full.", "Free some room.")
    for language in LANGUAGES:
        assert failed.translated(words_in(language)).title
