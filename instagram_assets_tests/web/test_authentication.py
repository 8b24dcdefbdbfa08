"""Beyond this machine the web app demands a token; changes come from its own pages and from scripts, nobody else."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from instagram_assets.cli import app as commands
from instagram_assets.errors import SettingsError
from instagram_assets.settings import load_settings
from instagram_assets.web.app import protected_app
from instagram_assets.web.authentication import SESSION_SECONDS, Access, TooManyTriesError, access_for
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.http_server import listen
from instagram_assets.web.words import words_in
from instagram_assets_tests.web.clients import NOBODY

TOKEN = "correct-horse-battery-staple"
NAME = "app.example.org"
VARIABLE = "WEB_APP_TOKEN"
LINK = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document", "Sec-Fetch-Site": "none"}


@contextmanager
def served(folder: Path, *names: str, host: str = "127.0.0.1", base: str = "") -> Generator[TestClient]:
    """The app as it is served at a port, asked without a network."""
    with listen(host, 0) as listener:
        services = Services(load_settings(data_dir=folder), DagsterApi(NOBODY), NOBODY)
        application = protected_app(listener, services, names)
        address = base or f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield TestClient(application, base_url=address, raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def local(tmp_path: Path) -> Iterator[TestClient]:
    """As on this machine, where no token is demanded."""
    with served(tmp_path) as client:
        yield client


@pytest.fixture
def remote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TestClient]:
    """As behind a reverse proxy that has a certificate."""
    monkeypatch.setenv(VARIABLE, TOKEN)
    with served(tmp_path, NAME, base=f"https://{NAME}") as client:
        yield client


def sent(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers may hold what is not ASCII."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


def page_token(client: TestClient, path: str = "/") -> str:
    page = client.get(path, headers=LINK)
    assert page.status_code == 200
    return page.text.partition('name="csrf-token" content="')[2].partition('"')[0]


def log_in(client: TestClient, token: str = TOKEN) -> int:
    headers = {"Origin": f"https://{NAME}", "X-CSRF-Token": page_token(client, "/login")}
    return client.post("/api/login", json={"token": token}, headers=headers).status_code


@pytest.mark.parametrize("path", ["/", "/jobs", "/jobs/../jobs", "/api-reference", "/jobs?state=failed"])
def test_without_the_token_pages_lead_to_the_login_page_and_back(remote: TestClient, path: str) -> None:
    answer = remote.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    assert log_in(remote) == 200
    assert remote.get(answer.headers["location"]).headers["location"] == remote.get(path).request.url.raw_path.decode()
    assert remote.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/api/jobs", "/api/status", "/openapi.json", "/api/nothing", "//api/jobs"])
def test_without_the_token_the_api_answers_nothing(remote: TestClient, path: str) -> None:
    answer = remote.get(path)
    assert answer.status_code in (401, 303)
    if answer.status_code == 401:
        assert answer.json()["error"] == "login_required"
        assert answer.headers["www-authenticate"] == "Bearer"


def test_a_part_of_a_page_that_is_fetched_after_the_session_ended_leads_to_the_login_page(remote: TestClient) -> None:
    asked = {"HX-Request": "true", "HX-Current-URL": f"https://{NAME}/jobs?state=done"}
    answer = remote.get("/jobs/part", headers=asked)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login?next=/jobs%3Fstate%3Ddone")
    foreign = remote.get("/jobs/part", headers=asked | {"HX-Current-URL": "https://evil.example//x"})
    assert foreign.headers["hx-redirect"] == "/login?next=//x"
    for broken in ("http://[", "http://a]b", "//[::1", "http://[v1.x]", ""):
        lost = remote.get("/jobs/part", headers=asked | {"HX-Current-URL": broken})
        assert (lost.status_code, lost.headers["hx-redirect"]) == (401, "/login"), broken
    assert log_in(remote) == 200
    assert remote.get("/login?next=//x").headers["location"] == "/"


def test_programs_send_the_token(remote: TestClient) -> None:
    for said in (f"Bearer {TOKEN}", f"bearer  {TOKEN}"):
        assert remote.get("/openapi.json", headers={"Authorization": said}).status_code == 200
        assert remote.post("/api/logout", headers={"Authorization": said}).status_code == 200
    for said in ("Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer \xe9"):
        answer = remote.get("/openapi.json", headers=sent({"Authorization": said}))
        assert (answer.status_code, answer.json()["error"]) == (401, "wrong_token")
    assert remote.get("/openapi.json", headers={"Authorization": f"Basic {TOKEN}"}).status_code == 401
    assert remote.get(f"/openapi.json?token={TOKEN}").status_code == 401


def test_a_browser_gets_a_cookie_that_no_script_reads_and_no_other_site_sends(remote: TestClient) -> None:
    headers = {"Origin": f"https://{NAME}", "X-CSRF-Token": page_token(remote, "/login")}
    answer = remote.post("/api/login", json={"token": TOKEN}, headers=headers)
    cookie = answer.headers["set-cookie"]
    for attribute in ("HttpOnly", "SameSite=strict", "Secure", "Path=/", f"Max-Age={SESSION_SECONDS}"):
        assert attribute in cookie
    assert TOKEN not in cookie
    assert remote.get("/").status_code == 200
    assert words_in("en")("login.out") in remote.get("/").text
    stolen = dict(remote.cookies)
    headers = {"Origin": f"https://{NAME}", "X-CSRF-Token": page_token(remote)}
    assert remote.post("/api/logout", headers=headers).status_code == 200
    assert remote.get("/").status_code == 303
    remote.cookies.update(stolen)
    assert remote.get("/").status_code == 303, "a session that was ended is over wherever its cookie went"


def test_wrong_tokens_slow_down(remote: TestClient) -> None:
    assert [log_in(remote, f"wrong {number}") for number in range(12)] == [401] * 10 + [429] * 2
    assert log_in(remote) == 429, "else one could go on guessing"
    answer = remote.get("/openapi.json", headers={"Authorization": f"Bearer {TOKEN}"})
    assert (answer.status_code, answer.json()["error"]) == (429, "too_many_tries")
    assert 0 < int(answer.headers["retry-after"]) <= 60


@pytest.mark.parametrize("next", ["//evil.example", "/\\evil.example", "https://evil.example", "/\t/evil.example", ""])
def test_the_login_page_leads_to_pages_of_this_app_only(remote: TestClient, next: str) -> None:
    assert log_in(remote) == 200
    assert remote.get("/login", params={"next": next}).headers["location"] == "/"


def test_the_token_stands_in_no_answer_and_no_log(remote: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    assert log_in(remote) == 200
    for path in ("/", "/login", "/openapi.json", "/status"):
        answer = remote.get(path)
        assert TOKEN not in answer.text + str(answer.headers)
    assert TOKEN not in caplog.text


@pytest.mark.parametrize("mark", [{"Origin": "{}"}, {"Sec-Fetch-Site": "same-origin"}, {"Cookie": "theme=dark"}])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_a_browser_changes_needs_the_token_of_its_page(
    local: TestClient, mark: dict[str, str], method: str
) -> None:
    marks = {name: value.format(str(local.base_url).rstrip("/")) for name, value in mark.items()}
    for said in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": "\xe9"}):
        answer = local.request(method, "/api/nothing", headers=sent(marks | said))
        assert (answer.status_code, answer.json()["error"]) == (403, "stale_page")
    right = marks | {"X-CSRF-Token": page_token(local)}
    assert local.request(method, "/api/nothing", headers=right).status_code == 404
    assert local.request(method, "/api/nothing").status_code == 404, "a script needs none"


def test_the_token_of_another_session_is_not_taken(remote: TestClient) -> None:
    assert log_in(remote) == 200
    first = page_token(remote)
    remote.cookies.clear()
    assert log_in(remote) == 200
    headers = {"Origin": f"https://{NAME}", "X-CSRF-Token": first}
    assert remote.post("/api/logout", headers=headers).json()["error"] == "stale_page"


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Forwarded-Host", "X-Real-IP", "Via"])
def test_what_a_proxy_sends_on_is_refused_where_no_token_is_demanded(local: TestClient, name: str) -> None:
    answer = local.get("/openapi.json", headers={name: "192.0.2.1"})
    assert (answer.status_code, answer.json()["error"]) == (403, "forwarded")
    assert "--name" in local.get("/", headers={name: "192.0.2.1"}).text


@pytest.mark.parametrize(
    ("host", "is_named", "set_to", "outcome"),
    [
        ("127.0.0.1", False, None, "open"),
        ("::1", False, "", "open"),
        ("127.0.0.1", False, TOKEN, "demanded"),
        ("127.0.0.1", True, TOKEN, "demanded"),
        ("127.0.0.1", True, None, "is not set"),
        ("0.0.0.0", False, None, "is not set"),
        ("192.168.0.7", False, "  ", "is empty"),
        ("::", False, "short", "is too short"),
        ("127.0.0.1", False, "short", "is too short"),
    ],
)
def test_where_a_token_is_demanded(
    host: str, is_named: bool, set_to: str | None, outcome: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIED", raising=False)
    if set_to is not None:
        monkeypatch.setenv("TRIED", set_to)
    if outcome in ("open", "demanded"):
        access = access_for(host, 3001, is_named=is_named, variable="TRIED")
        assert access.is_demanded == (outcome == "demanded")
    else:
        with pytest.raises(SettingsError, match=f"TRIED {outcome}"):
            access_for(host, 3001, is_named=is_named, variable="TRIED")


def test_a_missing_token_is_told_before_it_is_served(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    done = CliRunner().invoke(commands, ["web", "--host", "0.0.0.0", "--port", "0"])
    assert done.exit_code == 1
    assert VARIABLE in done.output
    assert "Web app" not in done.output


def test_sessions_end_in_time_and_with_a_restart_which_brings_no_ended_one_back() -> None:
    now = [1_000_000.0]
    access = Access(TOKEN, 3001, lambda: now[0])
    cookie, ended = access.new_session(), access.new_session()
    access.end_session(ended)
    assert (access.session(cookie), access.session(ended)) == (cookie, "")
    again = Access(TOKEN, 3001, lambda: now[0])
    assert (again.session(cookie), again.session(ended)) == ("", "")
    claim, _, signature = cookie.rpartition(".")
    later = str(int(claim.partition(".")[0]) + 1) + claim[claim.index(".") :]
    for forged in (f"{later}.{signature}", f"{claim}.", f"{claim}.é", claim, "", "..", f"{cookie}0"):
        assert access.session(forged) == ""
    now[0] += SESSION_SECONDS
    assert access.session(cookie) == ""


def test_one_client_that_guesses_keeps_no_other_out() -> None:
    now = [0.0]
    access = Access(TOKEN, 3001, lambda: now[0])
    assert not any(access.is_token("wrong", "192.0.2.1") for _ in range(10))
    with pytest.raises(TooManyTriesError):
        access.is_token(TOKEN, "192.0.2.1")
    assert access.is_token(TOKEN, "192.0.2.2")
    assert not any(access.is_token("wrong", f"2001:db8::{number}") for number in range(10))
    with pytest.raises(TooManyTriesError):
        access.is_token(TOKEN, "2001:db8::ffff")
    now[0] = 61.0
    assert access.is_token(TOKEN, "192.0.2.1")


def test_every_answer_says_what_browsers_may_do_with_it(local: TestClient) -> None:
    for path in ("/", "/openapi.json", "/nothing", "/api/nothing", "/static/app.css?1", "/static/nothing"):
        headers = local.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self'; ")
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        keeping = "public, max-age=31536000, immutable" if path.endswith("css?1") else "no-store"
        assert headers["cache-control"] == ("no-cache" if path == "/static/nothing" else keeping)
    assert local.get("/", headers={"Host": "evil.example"}).headers["content-security-policy"]


def test_refusals_of_the_guard_are_json_for_programs(local: TestClient) -> None:
    answer = local.get("/api/jobs", headers={"Host": "evil.example"})
    assert (answer.status_code, answer.json()["error"]) == (421, "wrong_host")
    answer = local.post("/api/run", headers={"Origin": "https://evil.example"}, json={})
    assert (answer.status_code, answer.json()["error"]) == (403, "foreign_page")
    answer = local.post("/api/nothing", content="query=a", headers={"Content-Type": "text/plain"})
    assert (answer.status_code, answer.json()["error"]) == (415, "not_json")
    assert local.post("/api/nothing").status_code == 404, "nothing needs no type"
    assert local.post("/api/nothing", content=b"a").status_code == 415
    assert local.put("/api/nothing", content=b"any file").status_code == 404
    assert local.request("DELETE", "/api/nothing", content=b"{}").status_code == 400


def test_a_body_that_is_too_large_is_not_read(local: TestClient) -> None:
    answer = local.post("/api/login", content=b'{"token": "' + b"a" * (1 << 20) + b'"}', headers=JSON)
    assert (answer.status_code, answer.json()["error"]) == (413, "body_too_large")
    assert local.post("/api/login", content=b'{"token": "' + b"a" * 999 + b'"}', headers=JSON).status_code == 409


def test_two_ports_of_a_host_have_cookies_of_their_own() -> None:
    assert Access(TOKEN, 3001).cookie != Access(TOKEN, 3002).cookie


def test_an_address_of_ipv6_is_one_of_its_own_names(tmp_path: Path) -> None:
    with listen("::1", 0) as listener:
        services = Services(load_settings(data_dir=tmp_path), DagsterApi(NOBODY), NOBODY)
        port = listener.getsockname()[1]
        assert (
            TestClient(protected_app(listener, services), base_url=f"http://[::1]:{port}").get("/").status_code == 200
        )


JSON = {"Content-Type": "application/json"}
