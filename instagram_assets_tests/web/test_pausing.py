"""While something is forgotten nothing is changed, and nobody opens Dagster's history."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from instagram_assets.automation import forget_requests
from instagram_assets.automation.forget_requests import PAUSE_FOLDER, PAUSED_MESSAGE, ForgetPhase, ForgetRequest
from instagram_assets.errors import PausedError
from instagram_assets.settings import load_settings
from instagram_assets.web.api_reference import operations
from instagram_assets.web.app import create_app
from instagram_assets.web.authentication import Access
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.job_actions import run_history
from instagram_assets.web.uploads import take
from instagram_assets.web.words import words_in
from instagram_assets_tests.web.clients import NOBODY, app_of, client_of

CHANGES = [(method, path) for method, path, _ in operations(app_of(Path("nowhere")).openapi()) if method != "GET"]
LOGINS = [each for each in CHANGES if each[1] in ("/api/login", "/api/logout")]
OTHERS = [each for each in CHANGES if each not in LOGINS]
ABOUT = "@sun_diary"


@pytest.fixture
def dev_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "dev"
    folder.mkdir()
    monkeypatch.setenv(PAUSE_FOLDER, str(folder))
    return folder


@pytest.mark.parametrize(("method", "path"), OTHERS, ids=[" ".join(each) for each in OTHERS])
@pytest.mark.parametrize("phase", [ForgetPhase.stopping, ForgetPhase.forgetting, ForgetPhase.starting])
def test_no_operation_changes_anything(
    tmp_path: Path, dev_folder: Path, method: str, path: str, phase: ForgetPhase
) -> None:
    forget_requests.write_state(dev_folder, ForgetRequest(ABOUT, phase=phase))
    answer = client_of(app_of(tmp_path / "data")).request(method, re.sub(r"\{\w+\}", "posts.json", path))
    assert (answer.status_code, answer.json()) == (409, {"detail": PAUSED_MESSAGE, "error": "paused"})
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("phase", [ForgetPhase.asked, ForgetPhase.done, ForgetPhase.refused, ForgetPhase.failed])
def test_before_and_after_it_things_change_as_ever(tmp_path: Path, dev_folder: Path, phase: ForgetPhase) -> None:
    forget_requests.write_state(dev_folder, ForgetRequest(ABOUT, phase=phase))
    assert client_of(app_of(tmp_path)).put("/api/inbox/posts.json", content=b"[]").status_code == 201


def test_logging_in_and_out_and_looking_go_on(tmp_path: Path, dev_folder: Path) -> None:
    forget_requests.write_state(dev_folder, ForgetRequest(ABOUT, phase=ForgetPhase.forgetting))
    services = Services(load_settings(data_dir=tmp_path), DagsterApi(NOBODY), NOBODY)
    client = client_of(create_app(services, Access("a token that is long enough")))
    token = {"token": "a token that is long enough"}
    assert client.post("/api/login", json=token).status_code == 200
    assert client.get("/accounts").status_code == 200


def test_it_is_said_in_both_languages() -> None:
    assert words_in("en")("errors.paused") == PAUSED_MESSAGE
    assert words_in("ko")("errors.paused") != PAUSED_MESSAGE


def test_nobody_opens_dagsters_history(tmp_path: Path, dev_folder: Path) -> None:
    forget_requests.write_state(dev_folder, ForgetRequest(ABOUT, phase=ForgetPhase.forgetting))
    with pytest.raises(PausedError), run_history(load_settings(data_dir=tmp_path)):
        pass


def test_a_file_that_is_being_sent_when_it_begins_does_not_arrive(tmp_path: Path, dev_folder: Path) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"[" + b" " * (1 << 21)
        forget_requests.write_state(dev_folder, ForgetRequest(ABOUT, phase=ForgetPhase.stopping))
        yield b"]"

    with pytest.raises(PausedError):
        asyncio.run(take("posts.json", chunks(), load_settings(data_dir=tmp_path / "data")))
    assert list((tmp_path / "data" / "inbox").iterdir()) == []
