"""The Dagster UI and the web app of `dev` work for their own pages in a browser; pages of others start nothing."""

import json
import os
import signal
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webdriver import WebDriver
from selenium.webdriver.support import expected_conditions
from selenium.webdriver.support.wait import WebDriverWait

from instagram_assets.search.browser import open_browser
from instagram_assets_tests.search.browsers import OPTIONS, wait_until_ended
from instagram_assets_tests.servers.dev import Dev, end, start_dev, wait_until_it_says

PAGE, APP_PAGE = (Path(__file__).with_name(f"foreign_page{part}.html").read_text("utf-8") for part in ("", "_app"))
ENVIRONMENT = {"INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS": "0", "INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES": "false"}
PATIENCE = 240
LAUNCH = """mutation {launchRun(executionParams: {
  selector: {jobName: "landing", repositoryName: "__repository__", repositoryLocationName: "instagram_assets"}
}) {__typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message}}}"""
RUNS = "{runsOrError {... on Runs {results {jobName}}}}"
# How the UI itself asks: the mutation by HTTP, then the run's events by WebSocket until one says that it ended.
LAUNCH_AND_FOLLOW = """
const [mutation, done] = arguments;
const subscription = `subscription Events($run: ID!) {pipelineRunLogs(runId: $run, cursor: null) {
  ... on PipelineRunLogsSubscriptionSuccess {messages {__typename}}}}`;
fetch("/graphql", {
  method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify({query: mutation})
}).then(answer => answer.json()).then(({data: {launchRun: {run: {runId}}}}) => {
  const socket = new WebSocket(location.origin.replace("http", "ws") + "/graphql", "graphql-ws");
  const send = message => socket.send(JSON.stringify(message));
  socket.onopen = () => {
    send({type: "connection_init"});
    send({type: "start", id: "1", payload: {query: subscription, variables: {run: runId}}});
  };
  socket.onerror = () => done("the WebSocket failed");
  socket.onmessage = ({data}) => {
    const ended = /Run(Success|Failure|Canceled)Event/.exec(data);
    if (ended) { socket.close(); done(ended[0]); }
  };
}, error => done(String(error)));
"""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    with start_dev(tmp_path_factory.mktemp("dev"), **ENVIRONMENT) as started:
        wait_until_it_says(started, "Dagster UI")
        yield started


@pytest.fixture(scope="module")
def opened() -> Iterator[WebDriver]:
    """A browser in which evil.example is a name of this machine, as one that was rebound is."""
    rules = "--host-resolver-rules=MAP evil.example 127.0.0.1,MAP * ~NOTFOUND,EXCLUDE 127.0.0.1,EXCLUDE localhost"
    flags = f"--no-sandbox '{rules}'"
    options = OPTIONS.model_copy(update={"flags": flags, "page_timeout": PATIENCE})
    with open_browser(options) as opened:
        yield opened


@pytest.fixture
def browser(opened: WebDriver) -> Iterator[WebDriver]:
    """That browser; no page stays open, nor a cookie of the last one."""
    yield opened
    opened.delete_all_cookies()
    opened.get("about:blank")


@contextmanager
def foreign_site(target: str, page: str = PAGE) -> Generator[int]:
    """A site of somebody else on this machine; its port."""
    text = page.replace("TARGET", target).replace("MUTATION", json.dumps(LAUNCH))

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def asked(dev: Dev, query: str) -> Any:
    connection = HTTPConnection("127.0.0.1", dev.port, timeout=PATIENCE)
    connection.request("POST", "/graphql", json.dumps({"query": query}), {"Content-Type": "application/json"})
    answer = json.load(connection.getresponse())
    connection.close()
    return answer["data"]


def runs(dev: Dev) -> list[dict[str, str]]:
    return asked(dev, RUNS)["runsOrError"]["results"]


@pytest.mark.parametrize(
    ("host", "target"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("evil.example", "localhost")]
)
def test_a_page_of_another_origin_starts_nothing(dev: Dev, browser: WebDriver, host: str, target: str) -> None:
    with foreign_site(f"http://{target}:{dev.port}") as port:
        browser.get(f"http://{host}:{port}/")
        told = browser.execute_async_script("const done = arguments[0]; window.done.then(done);")
    # What no-cors requests and frames get is not told to the page; that the server was not moved is what counts.
    hidden = {"get": "opaque", "plain": "opaque", "disguised": "opaque", "in the address": "opaque"}
    blind = {"beacon": "true", "text form": "answered", "plain form": "answered", "file form": "answered"}
    refused = dict.fromkeys(("image", "script", "read", "json", "socket"), "refused")
    assert {name: told[name] for name in (*blind, *refused)} == blind | refused
    assert all(told[name] in (answer, "refused") for name, answer in hidden.items())
    assert runs(dev) == []


def test_a_name_that_was_made_to_lead_here_shows_and_starts_nothing(dev: Dev, browser: WebDriver) -> None:
    browser.get(f"http://evil.example:{dev.port}/")
    assert "does not answer under the name 'evil.example" in browser.find_element(By.TAG_NAME, "body").text
    script = "const [query, done] = arguments; fetch('/graphql', {method: 'POST', body: JSON.stringify({query}), "
    script += "headers: {'Content-Type': 'application/json'}}).then(answer => done(answer.status), done);"
    assert browser.execute_async_script(script, LAUNCH) == 421
    assert runs(dev) == []


@pytest.mark.parametrize(
    ("host", "target"), [("127.0.0.1", "127.0.0.1"), ("localhost", "127.0.0.1"), ("evil.example", "localhost")]
)
def test_a_page_of_another_origin_reads_and_starts_nothing_in_the_web_app(
    dev: Dev, browser: WebDriver, host: str, target: str
) -> None:
    # Who uses the app has its cookies.
    browser.get(f"http://{target}:{dev.web_port}/")
    browser.add_cookie({"name": "theme", "value": "dark"})
    with foreign_site(f"http://{target}:{dev.web_port}", APP_PAGE) as port:
        browser.get(f"http://{host}:{port}/")
        told = browser.execute_async_script("const done = arguments[0]; window.done.then(done);")
    # As above: what no-cors requests and forms get is not told to the page.
    assert {name: told[name] for name in ("image", "script", "read", "json", "put", "delete")} == dict.fromkeys(
        ("image", "script", "read", "json", "put", "delete"), "refused"
    )
    assert all(told[name] in ("opaque", "refused") for name in ("get", "plain", "empty"))
    assert runs(dev) == []
    assert os.listdir(dev.data / "inbox") == []


def test_the_web_app_is_shown_under_its_own_names_only(dev: Dev, browser: WebDriver) -> None:
    browser.get(f"http://127.0.0.1:{dev.web_port}/")
    assert browser.find_element(By.TAG_NAME, "h1").text
    script = "const done = arguments[0]; fetch('/api/jobs/clear', {method: 'POST', body: '{}', "
    script += "headers: {'Content-Type': 'application/json'}}).then(answer => answer.json()).then(done, done);"
    assert browser.execute_async_script(script)["error"] == "stale_page", "without the token of the page"
    browser.get(f"http://evil.example:{dev.web_port}/")
    assert "does not answer under the name 'evil.example" in browser.find_element(By.TAG_NAME, "body").text


def test_the_ui_is_shown_and_starts_a_run_and_tells_its_end(dev: Dev, browser: WebDriver) -> None:
    browser.get(f"http://localhost:{dev.port}/assets")
    browser.get(f"http://127.0.0.1:{dev.port}/locations/instagram_assets/jobs")
    link = (By.PARTIAL_LINK_TEXT, "landing")
    WebDriverWait(browser, PATIENCE).until(expected_conditions.presence_of_element_located(link))
    assert browser.execute_async_script(LAUNCH_AND_FOLLOW, LAUNCH) == "RunSuccessEvent"
    assert [run["jobName"] for run in runs(dev)] == ["landing"]


def test_a_run_that_failed_is_told(dev: Dev) -> None:
    entry = {"job": "box", "run": "0123456789", "error": "the steps failed", "steps": {"images": "the disk is full"}}
    path = dev.data / "reports" / "failures.jsonl"
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")
    wait_until_it_says(dev, "The run 01234567 of box failed. images: the disk is full")


def test_on_sigterm_all_of_it_ends_and_nothing_is_left(dev: Dev) -> None:
    family = dev.family
    assert len(family) >= 5, family
    status, rest = end(dev, signal.SIGTERM)
    assert (status, rest) == (0, "")
    wait_until_ended(list(family), PATIENCE)
    assert not dev.family
    assert "daemon.log" in os.listdir(dev.data / "dagster" / "dev")
