"""Forgetting from the web app: shown, confirmed by the name, done while all else is away, and proved."""

import json
import signal
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from threading import Event
from typing import Any, TypeVar
from urllib.parse import quote

import dagster as dg
import pytest
from starlette.testclient import TestClient
from upath import UPath

from instagram_assets.automation import forget_requests
from instagram_assets.automation.dev_processes import active_run_names, run_forget_command
from instagram_assets.automation.forget_requests import PAUSE_FOLDER, ForgetPhase, ForgetRequest
from instagram_assets.errors import BusyError, ConflictError, ForgetError
from instagram_assets.forget import erasure, erasure_journal
from instagram_assets.ingest.landing import land_file
from instagram_assets.settings import settings
from instagram_assets.web.app import create_app
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.forgetting import canonical, preview, progress, unfinished
from instagram_assets.web.status import cached_status
from instagram_assets.web.words import words_in
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.folder_hashes import digests
from instagram_assets_tests.servers.dev import Dev, end, start_dev, wait_until_it_says

PATIENCE = 300
TAG = "#육아일기"
NAME = "sun_diary"
ENVIRONMENT = {
    "INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS": "0",
    "INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES": "false",
    "INSTAGRAM_ASSETS_CAPTIONS__ENABLED": "false",
    "INSTAGRAM_ASSETS_EMBEDDINGS__ENABLED": "false",
}
Found = TypeVar("Found")


@dg.op
def _nothing() -> None:
    return


@dg.job
def _waits() -> None:
    _nothing()


def asked(dev: Dev, path: str, body: object = None) -> tuple[int, Any]:
    """The status and the answer of the web app of a `dev`: JSON, or the text of a page."""
    connection = HTTPConnection("127.0.0.1", dev.web_port, timeout=PATIENCE)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request("POST" if sent else "GET", path, sent, {"Content-Type": "application/json"} if sent else {})
        answer = connection.getresponse()
        text = answer.read().decode()
        return answer.status, json.loads(text) if "json" in answer.headers["content-type"] else text
    finally:
        connection.close()


def eventually(look: Callable[[], Found | None]) -> Found:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if found := look():
            return found
        time.sleep(1)  # each look is a question to the server that is waited for
    raise AssertionError("it did not come about in time")


def ui_answers(dev: Dev) -> bool:
    connection = HTTPConnection("127.0.0.1", dev.port, timeout=10)
    try:
        connection.request("GET", "/server_info")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def holds(folder: Path, word: str) -> list[Path]:
    """What below a folder is called so or holds it, but the folder of the keys."""
    found = [path for path in folder.rglob("*") if (folder / "privacy") not in (path, *path.parents)]
    return [path for path in found if word in path.name or (path.is_file() and word.encode() in path.read_bytes())]


def test_forgotten_from_the_app_nothing_is_left_and_dev_works_on(tmp_path: Path) -> None:
    inbox = tmp_path / "data" / "inbox"
    inbox.mkdir(parents=True)
    export(inbox / "both.json", [post(1, NAME), post(2, "moon_cooks", caption=f"mit @{NAME}")])
    with start_dev(tmp_path, **ENVIRONMENT) as dev:
        wait_until_it_says(dev, "Dagster UI")
        forget = f"/api/accounts/{NAME}/forget"
        assert asked(dev, forget, {"confirm": "moon_cooks"})[0] == 422
        eventually(lambda: asked(dev, f"/api/accounts/{NAME}")[0] == 200 and (tmp_path / "data/lake/posts").exists())
        status, told = asked(dev, forget)
        assert (status, told["posts"], told["phase"]) == (200, 1, None)
        # Refused as long as the runs go on that the file started.
        eventually(lambda: asked(dev, forget, {"confirm": NAME})[0] == 202 and gone_on(dev))
        wait_until_it_says(dev, "Dagster is there again")
        done = eventually(lambda: asked(dev, forget)[1]["phase"] == "done" and asked(dev, forget)[1])
        assert Path(done["detail"]).is_file()
        assert not done["known"]
        assert holds(tmp_path / "data", NAME) == []
        assert ui_answers(dev)
        export(inbox / "later.json", [post(3, "star_walks")])
        eventually(lambda: asked(dev, "/api/accounts/star_walks")[0] == 200)
        assert asked(dev, f"/api/accounts/{NAME}")[0] == 404
        assert end(dev, signal.SIGTERM)[0] == 0
    assert holds(tmp_path / "data", NAME) == []


def gone_on(dev: Dev) -> bool:
    """Whether what was asked for is done, and was not refused since a run began at that moment."""
    shown = eventually(lambda: over(asked(dev, f"/accounts/{NAME}/forget/progress")[1]))
    return "Forgotten" in shown


def over(shown: str) -> str:
    """What the page shows once it need not be fetched again."""
    return "" if "every 2s" in shown else shown


@pytest.fixture
def filled(data_dir: Path, tmp_path: Path) -> Path:
    """A data folder in which two accounts have landed."""
    both = [post(1, NAME), post(2, "moon_cooks", caption=f"mit @{NAME}")]
    land_file(export(tmp_path / "both.json", both), UPath(settings().lake_uri), settings=settings())
    return data_dir


@pytest.fixture
def client(filled: Path) -> TestClient:
    services = Services(settings(), DagsterApi("http://127.0.0.1:9"), "http://127.0.0.1:9")
    return TestClient(create_app(services), raise_server_exceptions=False)


@pytest.fixture
def dev_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a `dev` shares with the app that it started."""
    folder = tmp_path / "dev"
    folder.mkdir()
    monkeypatch.setenv(PAUSE_FOLDER, str(folder))
    return folder


def test_a_preview_tells_what_would_go_and_changes_nothing(filled: Path) -> None:
    before = digests(filled)
    found = preview(settings(), NAME)
    assert (found.is_known, found.is_remembered, found.posts) == (True, False, 1)
    assert any(area.name == "landing" and area.rows for area in found.areas)
    assert digests(filled) == before


def test_of_two_previews_at_once_the_second_is_told_to_ask_again_and_the_first_ends_well(filled: Path) -> None:
    index = settings().folder("media") / "index.sqlite"
    index.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(index, isolation_level=None)) as holding, ThreadPoolExecutor(2) as pool:
        holding.execute("CREATE TABLE images (identity TEXT PRIMARY KEY, image_id TEXT)")
        holding.execute("BEGIN EXCLUSIVE")  # who previews waits for it
        both = [pool.submit(preview, settings(), NAME) for _ in range(2)]
        refused = next(as_completed(both, timeout=PATIENCE))
        assert isinstance(refused.exception(), BusyError)
        (other,) = set(both) - {refused}
        assert not other.done()
        holding.execute("ROLLBACK")
        assert other.result(PATIENCE).is_known
    assert preview(settings(), NAME).is_known


def test_of_somebody_who_is_not_here_it_says_so(filled: Path) -> None:
    assert not preview(settings(), "nobody_at_all").is_known


def test_a_name_that_is_a_word_tells_in_how_many_rows_of_others_it_stays(filled: Path, tmp_path: Path) -> None:
    file = export(tmp_path / "love.json", [post(5, "moon_cooks", caption="I love it")])
    land_file(file, UPath(settings().lake_uri), settings=settings())
    (word,) = preview(settings(), "love").words
    assert (word.name, word.can_go) == ("love", True)


@pytest.mark.parametrize(("name", "known"), [("@Sun_Diary", NAME), (TAG, TAG), ("＃육아일기", TAG)])
def test_a_name_is_taken_as_the_lake_has_it(name: str, known: str) -> None:
    assert canonical(name) == known


@pytest.mark.parametrize("name", ["", "..", "a b", "x" * 400, "sun/diary", "<b>", "forgotten_8f86ebd8fc2be949", "#"])
def test_nobody_is_called_so(client: TestClient, name: str) -> None:
    with pytest.raises(ForgetError):
        canonical(name)
    assert client.get(f"/api/accounts/{quote(name, safe='')}/forget").status_code in (404, 422)


def test_without_dev_the_page_gives_the_command_and_nothing_is_done(client: TestClient, filled: Path) -> None:
    before = digests(filled)
    assert "instagram-assets forget @sun_diary" in client.get(f"/accounts/{NAME}/forget").text
    answer = client.post(f"/api/accounts/{NAME}/forget", json={"confirm": NAME})
    assert answer.status_code == 409
    assert "instagram-assets forget @sun_diary" in answer.json()["detail"]
    assert digests(filled) == before


@pytest.mark.parametrize("confirm", ["", "moon_cooks", "sun_diar", "*"])
def test_it_is_confirmed_by_the_name_alone(client: TestClient, dev_folder: Path, confirm: str) -> None:
    assert client.post(f"/api/accounts/{NAME}/forget", json={"confirm": confirm}).status_code == 422
    assert forget_requests.current_request(dev_folder) is None


def test_what_was_confirmed_is_asked_of_dev_once(client: TestClient, dev_folder: Path) -> None:
    answer = client.post(f"/api/accounts/{NAME}/forget", json={"confirm": "@Sun_Diary", "bare": True})
    assert (answer.status_code, answer.json()) == (202, {"phase": "asked"})
    wish = forget_requests.pending_request(dev_folder)
    assert wish
    assert wish.command == ["forget", "--yes", "--bare", "--", "@sun_diary"]
    assert client.post("/api/accounts/moon_cooks/forget", json={"confirm": "moon_cooks"}).status_code == 409


def test_the_page_follows_it_to_its_end(client: TestClient, dev_folder: Path) -> None:
    page = f"/accounts/{NAME}/forget/progress"
    wish = ForgetRequest(f"@{NAME}")
    forget_requests.submit_request(dev_folder, wish)
    assert "every 2s" in client.get(page).text
    (dev_folder / forget_requests.FORGET_LOG).write_text("lake … (1 of about 9)\n<script>\n", "utf-8")
    forget_requests.write_state(dev_folder, wish.at(ForgetPhase.forgetting))
    shown = client.get(page).text
    assert "lake … (1 of about 9)\n&lt;script&gt;" in shown
    forget_requests.write_state(dev_folder, wish.at(ForgetPhase.done, "/data/privacy/proofs/proof.json"))
    shown = client.get(page).text
    assert "/data/privacy/proofs/proof.json" in shown
    assert "every 2s" not in shown
    assert "<form" not in shown


@pytest.mark.parametrize("phase", [ForgetPhase.refused, ForgetPhase.failed])
def test_what_did_not_come_to_its_end_says_why_and_can_be_asked_again(
    client: TestClient, dev_folder: Path, phase: ForgetPhase
) -> None:
    forget_requests.write_state(dev_folder, ForgetRequest(f"@{NAME}").at(phase, "because <of> it"))
    shown = client.get(f"/accounts/{NAME}/forget").text
    assert "because &lt;of&gt; it" in shown
    assert "<form" in shown
    assert client.post(f"/api/accounts/{NAME}/forget", json={"confirm": NAME}).status_code == 202


def test_of_another_account_its_page_tells_nothing(client: TestClient, dev_folder: Path) -> None:
    forget_requests.write_state(dev_folder, ForgetRequest("@moon_cooks").at(ForgetPhase.forgetting))
    (dev_folder / forget_requests.FORGET_LOG).write_text("@moon_cooks: 1 post", "utf-8")
    assert "moon_cooks" not in client.get(f"/accounts/{NAME}/forget").text


def test_what_was_stopped_in_the_middle_is_told_with_how_to_finish_it(client: TestClient, filled: Path) -> None:
    subject = erasure.find_subject(settings(), f"@{NAME}")
    erasure_journal.start_journal(filled / "privacy", "0123456789abcdef", subject)
    assert unfinished(settings()) == [NAME]
    assert progress(settings(), NAME).is_unfinished
    assert f'href="/accounts/{NAME}/forget"' in client.get("/accounts").text
    (filled / "privacy" / erasure_journal.JOURNAL_FOLDER / "broken.json").write_text("{", "utf-8")
    assert unfinished(settings()) == [NAME]


def test_the_words_of_what_ended_go_after_a_while(dev_folder: Path) -> None:
    wish = ForgetRequest(f"@{NAME}", phase=ForgetPhase.done, changed_at=time.time() - 10_000)
    (dev_folder / "forget.log").write_text(NAME, "utf-8")
    (dev_folder / "forget.previous.log").write_text(NAME, "utf-8")
    forget_requests.write_state(dev_folder, wish)
    forget_requests.delete_old_state(dev_folder)
    assert list(dev_folder.iterdir()) == []


def test_what_goes_on_is_not_tidied_away(dev_folder: Path) -> None:
    forget_requests.write_state(
        dev_folder, ForgetRequest(f"@{NAME}", phase=ForgetPhase.forgetting, changed_at=time.time() - 10_000)
    )
    forget_requests.delete_old_state(dev_folder)
    assert forget_requests.current_request(dev_folder)


def test_two_wishes_at_once_are_one(dev_folder: Path) -> None:
    forget_requests.submit_request(dev_folder, ForgetRequest(f"@{NAME}"))
    with pytest.raises(ConflictError):
        forget_requests.submit_request(dev_folder, ForgetRequest("@moon_cooks"))
    assert len(list(dev_folder.iterdir())) == 1


def test_a_signal_in_the_middle_ends_it_and_the_same_again_finishes_it(
    filled: Path, dev_folder: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", instance.root_directory)
    ended = Event()
    ended.set()
    wish = ForgetRequest(f"@{NAME}")
    assert run_forget_command(wish, dev_folder, ended).phase == ForgetPhase.failed
    done = run_forget_command(wish, dev_folder, Event())
    assert done.phase == ForgetPhase.done
    assert Path(done.detail).is_file()
    assert f"Proof: {done.detail}" in forget_requests.forget_log_lines(dev_folder)
    assert holds(filled, NAME) == []


def test_what_cannot_be_forgotten_says_why(
    filled: Path, dev_folder: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", instance.root_directory)
    (filled / "notes").mkdir()
    (filled / "notes" / "mine.md").write_text(f"ask {NAME}", "utf-8")
    failed = run_forget_command(ForgetRequest(f"@{NAME}"), dev_folder, Event())
    assert failed.phase == ForgetPhase.failed
    assert "mine.md" in failed.detail
    assert unfinished(settings()) == [NAME]


def test_runs_that_go_on_are_named(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", instance.root_directory)
    assert active_run_names() == []
    run = instance.create_run_for_job(_waits, status=dg.DagsterRunStatus.STARTED)
    instance.create_run_for_job(_waits, status=dg.DagsterRunStatus.SUCCESS)
    assert active_run_names() == [f"_waits {run.run_id[:8]}"]


def test_what_was_counted_before_is_counted_anew_after_a_forgetting(filled: Path, dev_folder: Path) -> None:
    services = Services(settings(), DagsterApi("http://127.0.0.1:9"), "http://127.0.0.1:9")
    before = cached_status(services)
    assert cached_status(services) is before
    forget_requests.write_state(dev_folder, ForgetRequest(f"@{NAME}", phase=ForgetPhase.done))
    assert cached_status(services) is not before


@pytest.mark.parametrize(
    ("phase", "is_away"),
    [
        (ForgetPhase.asked, False),
        (ForgetPhase.stopping, True),
        (ForgetPhase.forgetting, True),
        (ForgetPhase.starting, True),
        (ForgetPhase.done, False),
    ],
)
def test_every_page_says_why_dagster_is_away(
    client: TestClient, dev_folder: Path, phase: ForgetPhase, is_away: bool
) -> None:
    forget_requests.write_state(dev_folder, ForgetRequest(f"@{NAME}", phase=phase))
    shown = client.get("/accounts").text
    assert (words_in("en")("forget.paused") in shown) == is_away
