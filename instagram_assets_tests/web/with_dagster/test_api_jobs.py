"""Collections by the REST API, as a script uses it: start, follow, read the log, cancel, delete; what is refused."""

import base64
import json
import math
from collections.abc import Iterator
from time import monotonic, sleep
from typing import Any
from uuid import uuid4

import pytest
from starlette.testclient import TestClient

from instagram_assets.web.app import create_app
from instagram_assets_tests.servers.dev import Dev
from instagram_assets_tests.servers.searching_dev import CATS, HANGING
from instagram_assets_tests.web.clients import client_of
from instagram_assets_tests.web.with_dagster.jobs_of import PATIENCE, POLL_SECONDS, services_for

NOBODY = "00000000-0000-4000-8000-000000000000"
ENDED = ("done", "failed", "cancelled")


@pytest.fixture
def client(collecting_dev: Dev) -> Iterator[TestClient]:
    with client_of(create_app(services_for(collecting_dev))) as client:
        yield client


def started(client: TestClient, word: str, **given: object) -> dict[str, Any]:
    answer = client.post("/api/run", json={"query": word, "folder": uuid4().hex, "limit": 12, **given})
    assert answer.status_code == 201, answer.text
    return answer.json()


def until(client: TestClient, job_id: str, *states: str) -> dict[str, Any]:
    give_up = monotonic() + PATIENCE
    while monotonic() < give_up:
        job = client.get(f"/api/jobs/{job_id}").json()
        if job["state"] in states:
            return job
        sleep(POLL_SECONDS)
    raise AssertionError(f"{job_id} does not come to {states}")


def test_a_script_starts_a_search_and_follows_it(client: TestClient) -> None:
    job = started(client, CATS)
    assert (job["state"], job["query"], job["kind"], job["kept"]) == ("queued", CATS, "search", None)
    done = until(client, job["job_id"], *ENDED)
    assert (done["state"], done["candidates"], done["error"]) == ("done", 12, "")
    log = client.get(f"/api/jobs/{job['job_id']}/log").json()
    assert any(line["message"].endswith(f"kept {done['kept']} of 12") for line in log["lines"])
    assert not log["has_more"]
    rest = client.get(f"/api/jobs/{job['job_id']}/log", params={"cursor": log["cursor"]}).json()
    assert rest["lines"] == []
    page = client.get("/api/jobs", params={"state": "done", "size": 100}).json()
    assert done in page["jobs"]
    removed = client.delete(f"/api/jobs/{job['job_id']}", params={"files": True})
    assert removed.json() == {"files": done["kept"] + 3, "left": []}
    assert client.get(f"/api/jobs/{job['job_id']}").status_code == 404


def test_a_script_cancels_and_clears(client: TestClient) -> None:
    job_id = started(client, HANGING)["job_id"]
    refused = client.delete(f"/api/jobs/{job_id}")
    assert (refused.status_code, refused.json()["error"]) == (409, "conflict")
    assert client.post(f"/api/jobs/{job_id}/cancel", json={}).status_code == 200
    assert until(client, job_id, *ENDED)["state"] == "cancelled"
    assert client.post(f"/api/jobs/{job_id}/cancel", json={}).status_code == 200  # it is as it was asked for
    assert client.post("/api/jobs/clear", json={"files": False}).json()["jobs"] >= 1
    ended = client.get("/api/jobs", params={"state": list(ENDED)}).json()
    assert ended == {"jobs": [], "before": None}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error"),
    [
        ("GET", f"/api/jobs/{NOBODY}", None, 404, "not_found"),
        ("GET", "/api/jobs/..%2F..%2Fetc", None, 404, "not_found"),
        ("GET", f"/api/jobs/{NOBODY}/log", None, 404, "not_found"),
        ("POST", f"/api/jobs/{NOBODY}/cancel", {}, 404, "not_found"),
        ("DELETE", f"/api/jobs/{NOBODY}", None, 404, "not_found"),
        ("GET", "/api/jobs?before=x", None, 404, "not_found"),
        ("GET", "/api/jobs?size=0", None, 422, "invalid"),
        ("GET", "/api/jobs?state=lost", None, 422, "invalid"),
        ("POST", "/api/run", {}, 422, "invalid"),
        ("POST", "/api/run", {"query": "cats", "querry": 1}, 422, "invalid"),
        ("POST", "/api/run", {"query": "cats", "subject": "best"}, 422, "invalid"),
        ("POST", "/api/run", {"query": " "}, 422, "search_request"),
        ("POST", "/api/run", {"query": "cats", "limit": 10**18}, 422, "search_request"),
        ("POST", "/api/run", {"query": "cats", "folder": "/etc"}, 422, "search_request"),
        ("POST", "/api/scrape", {"name": "../posts"}, 422, "scrape_request"),
        ("POST", "/api/scrape", {"name": "posts", "names": ["cat"]}, 409, "settings"),
        ("POST", "/api/collect", {"names": ["no account!"]}, 422, "collection_refused"),
        ("POST", "/api/collect", {"names": ["cat"], "posts": 0}, 422, "invalid"),
        ("POST", "/api/jobs/clear", {"file": True}, 422, "invalid"),
    ],
)
def test_what_cannot_be_is_told_as_json(
    client: TestClient, method: str, path: str, body: object, status: int, error: str
) -> None:
    answer = client.request(method, path, json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert answer.json()["detail"]


def test_a_cursor_that_is_none_is_told(client: TestClient) -> None:
    job_id = started(client, HANGING)["job_id"]
    client.post(f"/api/jobs/{job_id}/cancel", json={})
    places = [json.dumps({"type": "STORAGE_ID", "value": value}) for value in (-2, math.inf, 1.5, 1 << 63, "1", None)]
    for cursor in ("x", "", *(base64.b64encode(place.encode()).decode() for place in ("{}", "[]", "{", *places))):
        answer = client.get(f"/api/jobs/{job_id}/log", params={"cursor": cursor})
        assert (answer.status_code, answer.json().get("error")) == (404, "not_found"), cursor
