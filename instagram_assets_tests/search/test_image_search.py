"""Image search with a real Chromium, against a page on this machine that behaves like Naver's."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from instagram_assets.demo.search_site import Oddity, Results, SearchPage, subject
from instagram_assets.errors import (
    BrowserDiedError,
    BrowserMissingError,
    ConsentPageError,
    FileError,
    NoResultsError,
    NothingMatchedError,
    PageError,
    SearchRequestError,
    SettingsError,
)
from instagram_assets.search.browser import open_browser
from instagram_assets.search.image_search import MOST_HITS, BrowserSearch, read_saved_results
from instagram_assets.search.scroll_results import collect_images
from instagram_assets.settings import load_settings
from instagram_assets_tests import commands
from instagram_assets_tests.search.browsers import OPTIONS, browser_process, processes, wait_until_ended

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

ROOT = Path(__file__).parent.parent.parent
PICTURES = subject(70, width=160, height=120)
WORDS = {
    "고양이": Results(PICTURES, advertisements=3),
    "고양이 옛날": Results(PICTURES[:30], markup="old"),
    "unknown": Results(PICTURES[:25], markup="unknown"),
    "strange": Results(PICTURES[:5], markup="strange"),
    "../../🐈/?&%": Results(PICTURES[:3]),
    "news": Results(PICTURES[:25], polls=True),
    **{oddity.name: oddity for oddity in Oddity},
}


@pytest.fixture(scope="module")
def server() -> Iterator[SearchPage]:
    with SearchPage(WORDS) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator["WebDriver"]:
    with open_browser(OPTIONS) as browser:
        yield browser


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for all temporary files, short because browsers put sockets there."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="b-"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert not processes(folder)
    assert not list(folder.iterdir())
    shutil.rmtree(folder)


def look(browser: "WebDriver", server: SearchPage, word: str, limit: int = MOST_HITS, **options: Any) -> list[str]:
    """The addresses that a visit gives."""
    site = server.site()
    found = collect_images(browser, site, site.address(word), limit, OPTIONS.model_copy(update=options))[1]
    return [hit.url for hit in found.hits(limit)]


def originals(server: SearchPage, word: str, count: int) -> list[str]:
    return [server.original(word, number) for number in range(count)]


@pytest.mark.parametrize("word", ["고양이", "고양이 옛날", "unknown", "../../🐈/?&%"])
def test_scrolling_finds_every_original_once_in_the_pages_order(
    browser: "WebDriver", server: SearchPage, word: str
) -> None:
    results = WORDS[word]
    assert isinstance(results, Results)
    assert look(browser, server, word) == originals(server, word, len(results.pictures))


def test_a_page_that_never_stops_talking_to_its_server_comes_to_an_end(
    browser: "WebDriver", server: SearchPage
) -> None:
    assert look(browser, server, "news", page_timeout=4.0) == originals(server, "news", 25)


def test_a_reached_limit_ends_the_scrolling(browser: "WebDriver", server: SearchPage) -> None:
    before = server.requests["/more"]
    found = look(browser, server, "고양이", limit=10)
    assert len(found) == 10
    assert set(found) <= set(originals(server, "고양이", 20))
    assert server.requests["/more"] - before < 4


def test_each_hit_says_where_it_comes_from(browser: "WebDriver", server: SearchPage) -> None:
    site = server.site()
    page, found = collect_images(browser, site, site.address("고양이"), 5, OPTIONS)
    hit = found.hits(5)[0]
    assert hit.rank == 1
    assert hit.fallback_url == server.thumbnail("고양이", 0)
    assert hit.selector == page.selector == site.selectors[0]
    assert hit.page_url == site.address("고양이")
    assert page.counts[site.selectors[1]] >= 20


@pytest.mark.parametrize(
    ("oddity", "error", "said"),
    [
        (Oddity.EMPTY, NoResultsError, "api_noresult_wrap"),
        (Oddity.CONSENT, ConsentPageError, "form[action*='consent']"),
        (Oddity.REDIRECT, ConsentPageError, "a redirect from 127.0.0.1"),
        (Oddity.REFUSED, ConsentPageError, "HTTP 403"),
        (Oddity.BROKEN, PageError, "HTTP 500"),
        (Oddity.HANGING, PageError, "did not finish loading within 1 s"),
        (Oddity.ENDLESS, PageError, "did not finish loading within 1 s"),
    ],
)
def test_a_page_without_images_says_why(
    browser: "WebDriver", server: SearchPage, oddity: Oddity, error: type[Exception], said: str
) -> None:
    slow = oddity in (Oddity.HANGING, Oddity.ENDLESS)
    with pytest.raises(error, match=re.escape(said)):
        look(browser, server, oddity.name, page_timeout=1.0 if slow else 20.0)


def test_new_markup_is_kept_and_can_be_mended_without_a_browser(
    server: SearchPage, tmp_path: Path, temporary: Path
) -> None:
    site = server.site()
    with pytest.raises(NothingMatchedError) as caught:
        BrowserSearch(site, OPTIONS, tmp_path / "reports").search("strange", 50)
    message = str(caught.value)
    assert all(selector in message for selector in site.image_selectors)
    kept = {path.suffix: path for path in (tmp_path / "reports").iterdir()}
    assert str(kept[".html"]) in message
    assert kept[".png"].read_bytes().startswith(b"\x89PNG")
    with pytest.raises(NothingMatchedError):
        read_saved_results(kept[".html"], site)
    mended = server.site(selectors=("img.x2", *site.selectors), attributes=("data-x1", *site.attributes))
    assert [hit.url for hit in read_saved_results(kept[".html"], mended).hits] == originals(server, "strange", 5)


def killing(folder: Path, times: int) -> tuple[list[int], Callable[[int, int], None]]:
    """Something to call on progress that kills the browser so many times, and the list of those killed."""
    killed: list[int] = []

    def kill(found: int, wanted: int) -> None:
        if len(killed) < times:
            killed.append(browser_process(folder))
            os.kill(killed[-1], signal.SIGKILL)
            wait_until_ended(killed, 10)

    return killed, kill


def test_a_browser_that_dies_once_is_replaced(server: SearchPage, tmp_path: Path, temporary: Path) -> None:
    killed, kill = killing(temporary, times=1)
    hits = BrowserSearch(server.site(), OPTIONS, tmp_path).search("고양이", 5, kill)
    assert len(hits) == 5
    assert len(killed) == 1


def test_a_browser_that_dies_twice_is_a_clear_failure(server: SearchPage, tmp_path: Path, temporary: Path) -> None:
    killed, kill = killing(temporary, times=3)
    with pytest.raises(BrowserDiedError, match="tried twice"):
        BrowserSearch(server.site(), OPTIONS, tmp_path).search("고양이", 70, kill)
    assert len(killed) == 2


def test_an_interrupt_leaves_no_browser_behind(server: SearchPage, tmp_path: Path, temporary: Path) -> None:
    def interrupt(found: int, wanted: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        BrowserSearch(server.site(), OPTIONS, tmp_path).search("고양이", 70, interrupt)


SEARCH_FOR_LONG = """
import sys
from pathlib import Path
from instagram_assets.search.image_search import BrowserSearch
from instagram_assets.search.search_sites import load_site
from instagram_assets.settings import SearchSettings
options = SearchSettings(flags="--no-sandbox", scroll_pause=60)
search = BrowserSearch(load_site("naver", sys.argv[1]), options, Path(sys.argv[2]))
search.search("고양이", 70, lambda found, wanted: print("found", flush=True))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_browser_ends_with_its_process_however_that_ends(
    server: SearchPage, tmp_path: Path, temporary: Path, number: signal.Signals
) -> None:
    searching = subprocess.Popen(
        [sys.executable, "-c", SEARCH_FOR_LONG, server.site_file(tmp_path), tmp_path],
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with searching:
        assert searching.stdout
        assert searching.stdout.readline() == "found\n"
        running = processes(temporary)
        assert len(running) >= 4
        searching.send_signal(number)
    wait_until_ended(list(running), 20)


def test_the_browser_speaks_to_the_page_and_to_nobody_else(
    server: SearchPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.getsockname()[1]}")
        log = tmp_path / "net.json"
        with open_browser(OPTIONS.model_copy(update={"flags": f"--no-sandbox --log-net-log={log}"})) as browser:
            look(browser, server, "고양이 옛날", limit=5)
            browser.quit()
    events = json.loads(log.read_text("utf-8", errors="replace"))
    kinds = {number: name for name, number in events["constants"]["logEventTypes"].items()}
    told = [(kinds[event["type"]], event.get("params", {})) for event in events["events"]]
    looked_up = {params["host"] for kind, params in told if kind == "HOST_RESOLVER_MANAGER_JOB" and "host" in params}
    connected = {params["address"] for kind, params in told if kind == "TCP_CONNECT_ATTEMPT" and "address" in params}
    assert looked_up == set()
    assert connected == {server.url.removeprefix("http://")}


def test_a_server_that_is_not_there_is_named(server: SearchPage, tmp_path: Path, temporary: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = server.site(url=f"http://127.0.0.1:{port}/?query={{query}}")
    with pytest.raises(PageError, match="ERR_CONNECTION_REFUSED"):
        BrowserSearch(site, OPTIONS, tmp_path).search("고양이", 5)


@pytest.mark.parametrize(
    ("missing", "advice"),
    [
        ({"browser": "/nowhere/chromium"}, "apt-get install chromium;"),
        ({"driver": "/nowhere/chromedriver"}, "INSTAGRAM_ASSETS_SEARCH__DRIVER"),
        ({"driver": "true"}, "this driver does not start"),
        ({"browser": "true"}, "INSTAGRAM_ASSETS_SEARCH__FLAGS"),
    ],
)
def test_a_missing_browser_comes_with_advice(
    server: SearchPage, tmp_path: Path, temporary: Path, missing: dict[str, str], advice: str
) -> None:
    with pytest.raises(BrowserMissingError, match=re.escape(advice)):
        BrowserSearch(server.site(), OPTIONS.model_copy(update=missing), tmp_path).search("고양이", 5)


@pytest.mark.parametrize("limit", [0, -1, MOST_HITS + 1, 10**6])
def test_a_limit_out_of_range_starts_no_browser(server: SearchPage, tmp_path: Path, limit: int) -> None:
    nowhere = OPTIONS.model_copy(update={"browser": "/nowhere"})
    with pytest.raises(SearchRequestError, match="allowed are 1 to"):
        BrowserSearch(server.site(), nowhere, tmp_path).search("고양이", limit)


@pytest.mark.parametrize(
    ("name", "value"), [("LIMIT", "0"), ("LIMIT", "501"), ("PAGE_TIMEOUT", "0"), ("SCROLL_PAUSE", "-1")]
)
def test_a_setting_out_of_range_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"INSTAGRAM_ASSETS_SEARCH__{name}", value)
    with pytest.raises(SettingsError, match=f"INSTAGRAM_ASSETS_SEARCH__{name}"):
        load_settings()


def check_search(*arguments: object, folder: Path, sites: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        "COLUMNS": "200",
        "INSTAGRAM_ASSETS_SEARCH__SITES_FILE": str(sites),
        "INSTAGRAM_ASSETS_SEARCH__FLAGS": "--no-sandbox",
    }
    return commands.run("check-search", *arguments, cwd=folder, environment=os.environ | environment)


def test_check_search_shows_what_each_selector_finds(server: SearchPage, tmp_path: Path) -> None:
    sites = server.site_file(tmp_path)
    found = check_search("고양이 옛날", folder=tmp_path, sites=sites)
    assert found.returncode == 0, found.stderr
    assert "image search: 30 images" in found.stdout
    assert re.search(r"img\._img +│ +30 +│ +" + re.escape(server.original("고양이 옛날", 0)), found.stdout)
    nothing = check_search("strange", folder=tmp_path, sites=sites)
    assert nothing.returncode == 1
    assert "check-search --html" in nothing.stderr
    kept = next((tmp_path / "data" / "reports").glob("*.html"))
    mended = server.site_file(tmp_path, selectors=["img.x2"], attributes=["data-x1"])
    again = check_search("--html", kept, folder=tmp_path, sites=mended)
    assert again.returncode == 0, again.stderr
    assert "5 images" in again.stdout


@pytest.mark.parametrize(
    ("content", "said"), [(b"", "is empty"), (b"\n", "is no HTML"), (b"\x89PNG\r\n\x1a\n\0\0", "is no HTML")]
)
def test_a_file_that_is_no_page_is_not_taken_for_new_markup(
    server: SearchPage, tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "page.html"
    file.write_bytes(content)
    with pytest.raises(FileError, match=said):
        read_saved_results(file, server.site())


def test_check_search_warns_of_a_last_resort(server: SearchPage, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<img data-lazy-src='https://a.example/x.jpg'>")
    found = check_search("--html", page, folder=tmp_path, sites=server.site_file(tmp_path))
    assert found.returncode == 0
    assert "Only a last resort matched" in found.stdout
