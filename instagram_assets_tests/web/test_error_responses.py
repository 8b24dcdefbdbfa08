"""What cannot be done is answered in words, with a fitting status: JSON to programs, a page to people."""

import re
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import APIRouter, Body
from starlette.testclient import TestClient

from instagram_assets import errors
from instagram_assets.web.dagster_queries import DagsterDownError, DagsterRefusedError
from instagram_assets.web.uploads import NotTakenError, TooLargeError
from instagram_assets.web.words import words_in
from instagram_assets_tests.web.clients import app_of, client_of

RAISED = {
    "not_found": (errors.NotFoundError("no job 7"), 404),
    "conflict": (errors.ConflictError("it runs"), 409),
    "too_large": (TooLargeError("3 GB"), 413),
    "not_taken": (NotTakenError("a program"), 415),
    "search_request": (errors.SearchRequestError("no word"), 422),
    "file": (errors.FileError("posts.json", "is cut off", "Get it again"), 422),
    "settings": (errors.SettingsError("no token"), 409),
    "damaged": (errors.DamagedError("posts"), 409),
    "disk_full": (errors.DiskFullError("full"), 507),
    "dagster_down": (DagsterDownError("nobody there"), 503),
    "dagster_refused": (DagsterRefusedError("no such job"), 502),
    "bug": (ZeroDivisionError("secret"), 500),
}


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    app = app_of(tmp_path)
    tried = APIRouter()

    def fail(name: str) -> None:
        raise RAISED[name][0]

    def take(limit: Annotated[int, Body(ge=1)], query: Annotated[str, Body(min_length=1)]) -> str:
        return f"{query} {limit}"

    tried.add_api_route("/api/raise/{name}", fail)
    tried.add_api_route("/raise/{name}", fail)
    tried.add_api_route("/api/take", take, methods=["POST"])
    app.include_router(tried)
    return client_of(app)


@pytest.mark.parametrize("name", RAISED)
def test_each_error_has_its_status_and_its_name(client: TestClient, name: str) -> None:
    error, status = RAISED[name]
    answer = client.get(f"/api/raise/{name}")
    detail = words_in("en")("errors.bug") if name == "bug" else str(error)
    assert (answer.status_code, answer.json()) == (status, {"detail": detail, "error": name})
    page = client.get(f"/raise/{name}", headers={"Accept-Language": "ko"})
    assert (page.status_code, page.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert words_in("ko")("errors.to_start") in page.text
    assert "secret" not in page.text + answer.text
    assert "Traceback" not in page.text + answer.text


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b'{"limit": 0, "query": "a"}', "limit: has to be 1 or more."),
        (b'{"limit": "many", "query": ""}', "limit: give a whole number. query: needs at least 1 characters."),
        (b'{"limit": 1.5, "query": 1}', "limit: give a whole number. query: has to be text."),
        (b"{}", "limit: is missing. query: is missing."),
        (b'{"limit": 1, "query": "\\ud800"}', "query: holds something that is not a character."),
        (b'{"limit": 1', "The body is not JSON: Expecting ',' delimiter."),
        (b"[]", "limit: is missing. query: is missing."),
        (b"", "limit: is missing. query: is missing."),
    ],
)
def test_what_is_wrong_with_a_field_is_said_with_its_name(client: TestClient, body: bytes, detail: str) -> None:
    answer = client.post("/api/take", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()) == (422, {"detail": detail, "error": "invalid"})


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b"\xff\xfe", b'{"limit": 1e400, "query": "a"}'])
def test_a_body_that_is_no_json_is_a_fault_of_who_sends_it(client: TestClient, body: bytes) -> None:
    answer = client.post("/api/take", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.json().keys() == {"detail", "error"}


@pytest.mark.parametrize("language", ["en", "ko"])
def test_what_is_not_there_is_said_in_the_readers_language(client: TestClient, language: str) -> None:
    detail = words_in(language)("errors.not_found")
    for path in ("/nothing", "/%00", "/static/..%2fapp.py", "/%ff"):
        page = client.get(path, headers={"Accept-Language": language})
        assert page.status_code == 404
        assert detail in page.text


@pytest.mark.parametrize("language", ["en", "ko"])
def test_programs_read_english_whatever_they_prefer(client: TestClient, language: str) -> None:
    headers = {"Accept-Language": language, "Cookie": f"language={language}", "Content-Type": "application/json"}
    words = words_in("en")
    answer = client.get("/api/nothing", headers=headers)
    assert (answer.status_code, answer.json()) == (404, {"detail": words("errors.not_found"), "error": "not_found"})
    assert client.get("/api/raise/not_found", headers=headers).json()["detail"] == "no job 7"
    assert client.get("/api/raise/bug", headers=headers).json()["detail"] == words("errors.bug")
    del headers["Cookie"]  # with it no script asks for a change
    answer = client.delete("/api/take", headers=headers)
    detail = words("errors.method_not_allowed")
    assert (answer.status_code, answer.json()) == (405, {"detail": detail, "error": "method_not_allowed"})
    answer = client.post("/api/take", json={"limit": 0, "query": "a"}, headers=headers)
    assert answer.json()["detail"] == "limit: has to be 1 or more."


def test_our_own_pages_are_answered_in_the_readers_language(client: TestClient) -> None:
    client.cookies.set("language", "ko")
    token = re.search(r'name="csrf-token" content="(\w+)"', client.get("/login-is-not-here").text)
    assert token
    headers = {"X-CSRF-Token": token[1]}
    answer = client.post("/api/take", json={"limit": 0, "query": "a"}, headers=headers)
    assert answer.json()["detail"] == "limit: 1 이상이어야 합니다."


@pytest.mark.parametrize("name", ["not_found", "conflict", "too_large", "dagster_down", "dagster_refused"])
def test_in_another_language_it_is_still_said_what_it_is_about(client: TestClient, name: str) -> None:
    error, _ = RAISED[name]
    text = client.get(f"/raise/{name}", headers={"Accept-Language": "ko"}).text
    assert f"{words_in('ko')(f'errors.{name}').rstrip('.')}. {error}" in text
    assert words_in("en")(f"errors.{name}") not in text
    assert str(error) in client.get(f"/raise/{name}", headers={"Accept-Language": "en"}).text


def test_what_was_asked_is_shown_as_text(client: TestClient) -> None:
    page = client.get("/<img src=x onerror=alert(1)>")
    assert page.status_code == 404
    assert "<img src=x" not in page.text
