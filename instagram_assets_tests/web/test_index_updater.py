"""The web app keeps the index of the lake up to date, and says so while it is not there."""

import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from fastapi.testclient import TestClient
from upath import UPath

from instagram_assets.automation import forget_requests
from instagram_assets.errors import DamagedError, NotReadyError
from instagram_assets.lake_index.index_files import INDEX_FOLDER, index_file
from instagram_assets.lake_index.remove_derived_files import remove_index
from instagram_assets.lake_index.sorted_rows import shared_sorted_rows
from instagram_assets.lake_index.update import update_index
from instagram_assets.settings import load_settings
from instagram_assets.web import index_updater
from instagram_assets.web.app import create_app
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.index_service import index_of, index_state
from instagram_assets.web.index_updater import index_updates
from instagram_assets_tests.lake_index import small_lakes
from instagram_assets_tests.lake_index.small_lakes import ZONE
from instagram_assets_tests.web.clients import NOBODY, client_of


@pytest.fixture
def services(tmp_path: Path) -> Services:
    return Services(load_settings(data_dir=tmp_path, time_zone=ZONE), DagsterApi(NOBODY), NOBODY)


@pytest.fixture
def client(services: Services) -> TestClient:
    app = create_app(services)

    def needs_the_index() -> int:
        return index_of(services).query("SELECT * FROM posts").num_rows

    app.add_api_route("/api/needs_the_index", needs_the_index)
    app.add_api_route("/needs_the_index", needs_the_index)
    return client_of(app)


def test_the_index_follows_the_lake(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_updater, "_LOOK_SECONDS", 0.2)
    monkeypatch.setattr(index_updater, "_TIMES_AS_LONG", 0.1)
    monkeypatch.setattr(index_updater, "_FIRST_WAIT", 0.2)
    small_lakes.write_month(services.lake, "jane", 2026, 10, 3, Random(1))
    with pytest.raises(NotReadyError):
        index_of(services)
    with index_updates(services.settings):
        until(lambda: index_state(services).is_there)
        assert _posts(services) == 3
        small_lakes.write_month(services.lake, "jane", 2026, 10, 5, Random(1))
        until(lambda: _posts(services) == 5)
        until(lambda: not index_state(services).behind)
        _damage(services.lake)
        until(lambda: "2026-10.parquet" in index_state(services).problem)
        assert _posts(services) == 5
        (Path(services.lake.path) / "posts" / "jane" / "2026-10.parquet").unlink()
        until(lambda: not index_state(services).problem and _posts(services) == 0)
    state = index_state(services)
    assert not state.is_kept
    assert not state.is_updating


def test_nothing_is_updated_while_something_is_forgotten(
    services: Services, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path_factory.mktemp("pause")
    monkeypatch.setenv(forget_requests.PAUSE_FOLDER, str(folder))
    monkeypatch.setattr(index_updater, "_LOOK_SECONDS", 0.05)
    forget_requests.write_state(
        folder, forget_requests.ForgetRequest("@jane", phase=forget_requests.ForgetPhase.forgetting)
    )
    with index_updates(services.settings):
        time.sleep(0.5)
        assert not index_state(services).is_updating
        assert not index_state(services).is_there
        forget_requests.write_state(
            folder, forget_requests.ForgetRequest("@jane", phase=forget_requests.ForgetPhase.done)
        )
        until(lambda: index_state(services).is_there)


def test_a_damaged_index_is_made_anew_by_itself(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_updater, "_LOOK_SECONDS", 0.1)
    small_lakes.write_month(services.lake, "jane", 2026, 10, 3, Random(1))
    folder = services.settings.folder(INDEX_FOLDER)
    update_index(services.lake, folder, ZONE)
    path = index_file(folder)
    path.write_bytes(b"no index")
    with pytest.raises(DamagedError, match="index --rebuild"):  # nobody makes it anew
        index_of(services)
    with index_updates(services.settings):
        until(lambda: index_state(services).is_there)
        assert _posts(services) == 3
    assert index_file(folder) != path


def test_damage_that_a_question_meets_is_mended_while_pages_wait(
    client: TestClient, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_updater, "_LOOK_SECONDS", 0.1)
    folder = services.settings.folder(INDEX_FOLDER)
    small_lakes.write_month(services.lake, "jane", 2026, 10, 3, Random(1))
    update_index(services.lake, folder, ZONE)
    before, asked = index_file(folder), index_of(services)
    with index_updates(services.settings):
        asked.is_damaged = True
        assert client.get("/api/needs_the_index").json()["error"] == "not_ready"
        assert 'hx-get="/index/notice?waiting=true"' in client.get("/needs_the_index").text
        until(lambda: client.get("/needs_the_index").status_code == 200)
    assert index_file(folder) != before


def test_the_first_questions_to_a_new_index_are_answered_beforehand(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_updater, "_LOOK_SECONDS", 0.1)
    small_lakes.write_month(services.lake, "jane", 2026, 10, 3, Random(1))
    shared_sorted_rows.cache_clear()  # those of other tests' indexes may go at any time
    with index_updates(services.settings):
        until(lambda: len(shared_sorted_rows()) == 1)
        remove_index(services.settings.folder(INDEX_FOLDER))
        until(lambda: index_state(services).is_there)
        assert _posts(services) == 3


def test_programs_are_told_that_the_index_is_not_ready(client: TestClient) -> None:
    answer = client.get("/api/needs_the_index")
    assert answer.status_code == 409
    assert answer.json()["error"] == "not_ready"


def test_people_see_a_page_that_waits_for_the_index(client: TestClient, services: Services) -> None:
    page = client.get("/needs_the_index")
    assert page.status_code == 409
    assert 'hx-get="/index/notice?waiting=true"' in page.text
    part = client.get("/needs_the_index", headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "instagram-assets index" in part.text
    assert "<html" not in part.text
    assert "HX-Refresh" not in client.get("/index/notice?waiting=true").headers
    update_index(services.lake, services.settings.folder(INDEX_FOLDER), ZONE)
    assert client.get("/index/notice?waiting=true").headers["HX-Refresh"] == "true"
    assert client.get("/needs_the_index").status_code == 200
    assert "notice" not in client.get("/index/notice").text.replace("/index/notice", "")


def until(happens: Callable[[], bool], seconds: float = 180.0) -> None:
    """Wait until it happens."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)


def _posts(services: Services) -> int:
    return index_of(services).query("SELECT * FROM posts").num_rows


def _damage(lake: UPath) -> None:
    path = Path(lake.path) / "posts" / "jane" / "2026-10.parquet"
    new = path.with_name("new")
    new.write_bytes(b"PAR1 damaged PAR1")
    new.rename(path)
