"""The web app without Dagster: it says so, all else goes on, and the page that is open recovers by itself."""

import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from selenium.webdriver import Chrome

from instagram_assets.demo import MODELS
from instagram_assets_tests.servers.dev import ROOT, kill_all
from instagram_assets_tests.servers.free_ports import free_port
from instagram_assets_tests.servers.searching_dev import CATS
from instagram_assets_tests.web.journeys.person import Person

NOTICE = ".notice.warning"
PATIENCE = 120


@contextmanager
def command(folder: Path, *arguments: str) -> Generator["subprocess.Popen[str]"]:
    """A command of `instagram-assets` that serves, and is killed at the end."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "instagram_assets.cli", *arguments],
        cwd=folder,
        env=environment | {"INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL": str(MODELS / "clip")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address(process: "subprocess.Popen[str]") -> str:
    """What it says when it serves."""
    assert process.stdout
    return next(line.split()[-1] for line in process.stdout if "http://" in line)


def answer(url: str, path: str) -> tuple[int, str]:
    connection = HTTPConnection(url.removeprefix("http://"), timeout=PATIENCE)
    connection.request("GET", path)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def test_a_page_says_that_dagster_is_away_and_recovers_when_it_comes(browser: Chrome, tmp_path: Path) -> None:
    port = free_port()
    with command(tmp_path, "web", "--port", "0", "--dagster", f"http://127.0.0.1:{port}") as app:
        url = address(app)
        person = Person(browser, url)
        person.opens("/collect")
        person.reads(person.t("job.dagster_down"), NOTICE)
        status, said = answer(url, "/api/jobs")
        assert (status, '"dagster_down"' in said) == (503, True)
        assert answer(url, "/accounts")[0] == 200
        assert answer(url, "/api/inbox")[0] == 200

        with command(tmp_path, "dagster-ui", "--port", str(port)) as dagster:
            address(dagster)
            person.until(lambda: person.t("job.dagster_down") not in person.text(), "no notice any more", PATIENCE)
            person.reads(person.t("collect.none"))
            # No daemon runs here: what is started would wait, and the page says that, too.
            person.reads(person.t("job.nothing_starts"))
            kill_all(dagster)

        person.fills(person.t("collect.search.query"), CATS)
        person.presses(person.t("collect.start"), "#search-form")
        person.reads("Dagster", "#search-form [role=alert]")
        person.opens("/jobs")
        person.reads(person.t("job.dagster_down"), NOTICE)
