"""The pages to collect and of the history show what Dagster knows, as text, and say so while it does not answer."""

import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from time import time
from typing import NamedTuple
from uuid import uuid4

import dagster as dg
import pytest
from dagster._core.execution.plan.objects import StepFailureData
from starlette.testclient import TestClient

from instagram_assets.partitions import FOLDER_TAG, HISTORY_TAG, LIMIT_TAG, QUERY_TAG, SHOWN_IN_HISTORY
from instagram_assets.settings import load_settings
from instagram_assets.web.app import create_app
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets_tests.servers.dev import ROOT
from instagram_assets_tests.web.clients import app_of, client_of
from instagram_assets_tests.web.searches import Search

STATUSES = {
    "queued": dg.DagsterRunStatus.NOT_STARTED,
    "running": dg.DagsterRunStatus.STARTED,
    "done": dg.DagsterRunStatus.SUCCESS,
    "failed": dg.DagsterRunStatus.FAILURE,
    "cancelled": dg.DagsterRunStatus.CANCELED,
}
TRAP = '<img src=x onerror="alert(1)"> **bold** ![x](http://127.0.0.1:1/x.png)'
LINES = 30
PATIENCE = 10
NO_RUN = "00000000-0000-4000-8000-000000000000"


class Told(NamedTuple):
    """The app beside a real webserver, without a daemon, and the runs of its history by their states."""

    client: TestClient
    runs: dict[str, str]
    trap: str
    data: Path

    def page(self, path: str) -> str:
        answer = self.client.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    data = tmp_path_factory.mktemp("pages") / "data"
    command = [sys.executable, "-m", "instagram_assets.cli", "dagster-ui", "--port", "0"]
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "INSTAGRAM_ASSETS_DATA_DIR": str(data),
    }
    with subprocess.Popen(command, cwd=data.parent, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            address = next(line for line in process.stdout if line.startswith("Dagster UI")).split()[-1]
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("DAGSTER_HOME", str(data / "dagster"))
                with dg.DagsterInstance.get() as instance:
                    runs = {state: add_run(instance, f"word {state}", status) for state, status in STATUSES.items()}
                    trap = add_run(instance, TRAP, dg.DagsterRunStatus.SUCCESS)
                    for number in range(LINES):
                        add_line(
                            instance,
                            trap,
                            f"line {number} {TRAP}",
                            logging.WARNING if number % 10 == 0 else logging.INFO,
                        )
            services = Services(load_settings(data_dir=data), DagsterApi(address), address)
            with client_of(create_app(services)) as client:
                # It answers only when it has loaded all definitions, which takes its time on a busy machine.
                assert any("data-job=" in client.get("/collect/jobs").text for _ in range(PATIENCE))
                yield Told(client, runs, trap, data)
        finally:
            process.terminate()


def add_run(
    instance: dg.DagsterInstance, query: str, status: dg.DagsterRunStatus, folder: str = "", *assets: str
) -> str:
    """A run of the job `search` as the history shows it; its id."""
    tags = {
        HISTORY_TAG: SHOWN_IN_HISTORY,
        QUERY_TAG: query,
        LIMIT_TAG: "20",
        FOLDER_TAG: folder or re.sub(r"\W+", "-", query).strip("-"),
    }
    chosen = frozenset(map(dg.AssetKey, assets)) or None
    run = dg.DagsterRun(job_name="search", run_id=str(uuid4()), status=status, tags=tags, asset_selection=chosen)
    return instance.add_run(run).run_id


@contextmanager
def history_of(told: Told) -> Generator[dg.DagsterInstance]:
    """The history that the app shows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(told.data / "dagster"))
        with dg.DagsterInstance.get() as instance:
            yield instance


def add_line(instance: dg.DagsterInstance, run_id: str, message: str, level: int) -> None:
    instance.store_event(
        dg.EventLogEntry(
            error_info=None,
            level=level,
            user_message=message,
            run_id=run_id,
            timestamp=time(),
            step_key="search_images",
            job_name="search",
        )
    )


def add_event(instance: dg.DagsterInstance, run_id: str, kind: dg.DagsterEventType) -> None:
    """Something that happened to the first step of a run."""
    failed = StepFailureData(error=None, user_failure_data=None) if kind is dg.DagsterEventType.STEP_FAILURE else None
    event = dg.DagsterEvent(kind.value, "search", step_key="search_results", event_specific_data=failed)
    entry = dg.EventLogEntry(
        error_info=None,
        level=logging.DEBUG,
        user_message="",
        run_id=run_id,
        timestamp=time(),
        step_key="search_results",
        job_name="search",
        dagster_event=event,
    )
    instance.store_event(entry)


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    """Of an app whose Dagster does not answer."""
    return client_of(app_of(tmp_path))


@pytest.mark.parametrize(("state", "said"), [("queued", "waiting"), ("running", "running"), ("failed", "failed")])
def test_each_job_is_listed_with_its_state(told: Told, state: str, said: str) -> None:
    for path in ("/collect", "/collect/jobs", "/jobs"):
        [row] = re.findall(rf'data-job="{told.runs[state]}".*?</(?:li|tr)>', told.page(path), re.DOTALL)
        assert f"word {state}" in row
        assert f">{said}</span>" in row
        assert (f"/api/jobs/{told.runs[state]}/cancel" in row) == (state in ("queued", "running"))


def test_a_list_follows_what_runs_and_leaves_ended_jobs_alone(told: Told) -> None:
    assert "every 3s" in told.page("/jobs")
    assert "every 3s" not in told.page("/jobs?state=done")
    assert "every 15s" in told.page("/jobs?state=done")  # somebody may start one elsewhere
    assert "every 2s" in told.page(f"/jobs/{told.runs['running']}")
    assert "every 2s" not in told.page(f"/jobs/{told.runs['done']}")


def test_the_history_shows_one_state_when_asked(told: Told) -> None:
    page = told.page("/jobs?state=cancelled")
    assert re.findall('data-job="(.*?)"', page) == [told.runs["cancelled"]]
    assert "word failed" not in page


def test_without_a_daemon_pages_say_that_runs_wait(told: Told) -> None:
    said = "Runs wait, since Dagster&#39;s daemon does not run."
    assert said in told.page("/collect")
    assert said in told.page("/jobs")
    assert said in told.page(f"/jobs/{told.runs['queued']}")
    assert said not in told.page(f"/jobs/{told.runs['done']}")


@pytest.mark.parametrize("path", ["/collect", "/jobs", "/jobs/{}", "/jobs/{}/log", "/jobs/{}/log?end=true"])
def test_what_somebody_searched_for_or_a_page_said_is_text(told: Told, path: str) -> None:
    page = told.page(path.format(told.trap))
    assert TRAP in unescape(page)
    assert not re.search(r"<img[^>]*onerror|<strong>bold|<img[^>]*127\.0\.0\.1:1/", page)


def test_a_log_is_read_whole_or_for_its_warnings_alone(told: Told) -> None:
    every = told.page(f"/jobs/{told.trap}/log")
    assert every.count('class="message">line ') == LINES
    assert "The end:" in every  # nothing follows
    assert "every 2s" not in every
    warnings = told.page(f"/jobs/{told.trap}/log?level=warnings")
    assert re.findall(r'class="message">line (\d+)', warnings) == ["0", "10", "20"]


def test_a_log_goes_on_behind_what_was_read_while_the_run_does(told: Told) -> None:
    page = told.page(f"/jobs/{told.runs['running']}/log")
    [more] = re.findall(r'hx-get="(/jobs/[^"]*/log/lines[^"]*)" hx-trigger="every 2s"', page)
    assert 'class="message"' not in told.page(unescape(more))


@pytest.mark.parametrize("cursor", ["no-cursor", "MQ==", "e30=", "%00", "..%2f"])
def test_a_place_that_no_log_has_is_not_found(told: Told, cursor: str) -> None:
    assert told.client.get(f"/jobs/{told.trap}/log/lines?cursor={cursor}").status_code == 404


def test_the_same_can_be_asked_for_again(told: Told) -> None:
    page = told.page(f"/jobs/{told.runs['failed']}")
    [wish] = re.findall(r"data-api=\"/api/run\" data-body='(.*?)'", page)
    assert json.loads(unescape(wish)) == {"query": "word failed", "folder": "word-failed", "limit": 20}


def test_images_of_another_collection_stay_when_an_older_one_is_deleted(told: Told) -> None:
    with history_of(told) as instance:
        older, newer = (add_run(instance, "Tigers", dg.DagsterRunStatus.SUCCESS, "tigers") for _ in range(2))
        failed = add_run(instance, "Tigers", dg.DagsterRunStatus.FAILURE, "tigers")
    tigers = Search(load_settings(data_dir=told.data), "tigers").whole()
    for each in (older, failed):
        refused = told.client.delete(f"/api/jobs/{each}?files=true")
        assert refused.status_code == 409
        assert "Tigers" in refused.json()["detail"]
        assert (tigers.folder / "img_0001.jpg").exists()
        part = told.page(f"/jobs/{each}/images")
        assert f"/jobs/{newer}" in part
        assert "These are the images of the folder now." in part
    assert "of the folder now" not in told.page(f"/jobs/{newer}/images")
    assert told.client.delete(f"/api/jobs/{older}").status_code == 200
    assert told.client.delete(f"/api/jobs/{newer}?files=true").json() == {"files": 9, "left": []}
    part = told.page(f"/jobs/{failed}/images")
    assert "the folder was deleted" in part
    assert "file deleted by you" not in part
    assert told.client.delete(f"/api/jobs/{failed}?files=true").status_code == 200


def test_a_path_is_to_copy_only_where_there_is_such_a_folder(told: Told) -> None:
    with history_of(told) as instance:
        run = add_run(instance, "Lions", dg.DagsterRunStatus.SUCCESS, "lions")
    folder = told.data / "datasets" / "search" / "lions"
    assert "data-copy" not in told.page(f"/jobs/{run}")
    folder.mkdir(parents=True)
    assert f'data-copy="{folder}"' in told.page(f"/jobs/{run}")


def test_a_job_has_the_steps_that_its_run_makes(told: Told) -> None:
    with history_of(told) as instance:
        run = add_run(instance, "Bears", dg.DagsterRunStatus.SUCCESS, "bears", "search_dataset")
    assert told.client.get(f"/api/jobs/{run}").json()["steps"] == 1
    assert told.client.get(f"/api/jobs/{told.runs['done']}").json()["steps"] == 5


def test_a_job_that_is_being_cancelled_says_so_and_is_not_cancelled_twice(told: Told) -> None:
    with history_of(told) as instance:
        run = add_run(instance, "Wolves", dg.DagsterRunStatus.CANCELING)
    for path in ("/jobs", "/collect", f"/jobs/{run}"):
        assert "cancelling …</span>" in told.page(path)
    assert re.search(rf"<button[^>]*{run}/cancel[^>]* disabled", told.page(f"/jobs/{run}"))
    assert told.client.post(f"/api/jobs/{run}/cancel", json={}).status_code == 200
    assert told.client.post(f"/api/jobs/{told.runs['cancelled']}/cancel", json={}).status_code == 200
    assert told.client.post(f"/api/jobs/{told.runs['done']}/cancel", json={}).status_code == 409


def test_what_was_cancelled_did_not_fail(told: Told) -> None:
    with history_of(told) as instance:
        run = add_run(instance, "Foxes", dg.DagsterRunStatus.CANCELED)
        for kind in (dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_FAILURE):
            add_event(instance, run, kind)
    [step] = re.findall(r"<li class=\"(.*?)\"><span>Searching\s*<small>(.*?)</small>", told.page(f"/jobs/{run}"))
    assert step == ("", "cancelled")


def test_a_job_that_waits_has_not_started(told: Told) -> None:
    [row] = re.findall(rf'data-job="{told.runs["queued"]}".*?</tr>', told.page("/jobs"), re.DOTALL)
    [started] = re.findall(r'data-label="Started">(.*?)</td>', row, re.DOTALL)
    assert started.strip() == "–"


def test_both_languages_have_every_page(told: Told) -> None:
    for path in ("/collect", "/jobs", f"/jobs/{told.runs['done']}", f"/jobs/{told.trap}/log"):
        answer = told.client.get(path, headers={"Accept-Language": "ko"})
        assert '<html lang="ko"' in answer.text
        assert "완료" in answer.text


@pytest.mark.parametrize("path", ["/jobs/{}", "/jobs/{}/log", "/jobs/{}/log/lines"])
@pytest.mark.parametrize("job_id", [NO_RUN, "no-run", "..%2f..%2fetc", "%00", "a" * 500])
def test_there_is_no_page_of_an_unknown_job(told: Told, path: str, job_id: str) -> None:
    assert told.client.get(path.format(job_id)).status_code == 404


@pytest.mark.parametrize(
    "asked",
    ["/jobs?state=%00", "/jobs?state=lost", "/jobs?before=no-run", "/jobs?before=%00&newer=,,%22", "/collect?way=../x"],
)
def test_what_makes_no_sense_in_an_address_breaks_nothing(told: Told, asked: str) -> None:
    assert told.client.get(asked).status_code < 500


@pytest.mark.parametrize("path", ["/collect", "/collect/jobs", "/jobs"])
def test_lists_say_that_dagster_does_not_answer_and_look_again(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert "Dagster does not answer." in answer.text
    assert re.search("every [23]s", answer.text)


@pytest.mark.parametrize("path", [f"/jobs/{NO_RUN}", f"/jobs/{NO_RUN}/log"])
def test_pages_of_a_job_come_by_themselves_when_dagster_answers(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 503
    assert "every 3s" in answer.text


def test_a_search_that_would_take_images_away_is_told_with_the_box_that_lets_it(
    client: TestClient, tmp_path: Path
) -> None:
    held = Search(load_settings(data_dir=tmp_path), "cats").whole()
    refused = client.post("/api/run", json={"query": "cat", "folder": held.name, "limit": 1})
    assert (refused.status_code, refused.json()["error"]) == (422, "images_would_go")
    assert "'Search anew, and replace what the folder holds'" in refused.json()["detail"]
    assert 'data-opens-on="images_would_go"' in client.get("/collect").text


def test_what_cannot_be_started_yet_says_what_to_set(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("APIFY_TOKEN", raising=False)
    monkeypatch.delenv("INSTAGRAM_GRAPH_TOKEN", raising=False)
    apify, collector = client.get("/collect?way=apify").text, client.get("/collect?way=collector").text
    assert "export APIFY_TOKEN=" in apify
    assert "<fieldset disabled>" in apify
    assert "INSTAGRAM_GRAPH_TOKEN is not set" in collector
    assert "INSTAGRAM_ASSETS_COLLECTION__PURPOSE is empty" in collector
    assert "<fieldset disabled>" in collector


def test_what_is_set_up_can_be_started(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APIFY_TOKEN", "token")
    page = client.get("/collect?way=apify").text
    assert "<fieldset disabled>" not in page
    assert re.findall(r'<option value="(\w+)"', page) == ["hashtags", "posts", "profiles", "reels"]


def test_an_input_that_is_broken_is_named_beside_those_that_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APIFY_TOKEN", "token")
    folder = tmp_path / "inputs"
    folder.mkdir()
    (folder / "good.json").write_text('{"actor": "apify/instagram-scraper", "input": {"directUrls": ["x"]}}', "utf-8")
    (folder / "<b>.json").write_text("{", "utf-8")
    page = client_of(app_of(tmp_path, apify={"inputs_dir": str(folder)})).get("/collect?way=apify").text
    assert re.findall(r'<option value="(\w+)"', page) == ["good"]
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
