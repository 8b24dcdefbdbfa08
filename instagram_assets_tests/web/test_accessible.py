"""Every page can be read and used by everybody: contrast, names, order, keyboard, and small screens."""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from selenium.webdriver.chrome.webdriver import WebDriver

from instagram_assets.datasets.lists import decide
from instagram_assets.lake_index.index_files import INDEX_FOLDER as FOLDER_OF_INDEX
from instagram_assets.lake_index.update import update_index
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import load_settings
from instagram_assets.storage.lake import lake_root
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets.web.collect_methods import CollectForm
from instagram_assets.web.rendering import WEB_FOLDER
from instagram_assets_tests.web.axe import faults, keyboard_faults, overflow
from instagram_assets_tests.web.clients import served
from instagram_assets_tests.web.screenshots import browser_with_korean, set_width, show

WAYS = tuple(f"/collect?way={way}" for way in CollectForm)
PAGES = (
    "/",
    "/gallery",
    "/posts",
    "/posts/sun_diary/1",
    *WAYS,
    "/jobs",
    "/accounts",
    "/accounts/sun_diary",
    "/status",
    "/age",
    "/morning",
    "/insights/words",
    "/lists",
    "/api-reference",
    "/nowhere",
)
# Pages that are others where nothing is.
EMPTY = ("/", "/gallery", "/posts", "/lists", "/collect", "/jobs", "/accounts", "/status")
DAY = date(2026, 11, 3)
NOON = datetime(2026, 11, 3, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def browser() -> Iterator[WebDriver]:
    with browser_with_korean() as opened:
        yield opened


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A data folder in which nothing is, and no Dagster that answers."""
    with served(tmp_path_factory.mktemp("empty")) as url:
        yield url


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An account with posts and followers, a file that waits, one that was rejected, and no Dagster that answers."""
    settings = load_settings(data_dir=tmp_path_factory.mktemp("filled"))
    post: dict[str, object] = {
        "post_id": "1",
        "shortcode": "C1",
        "account": "sun_diary",
        "day": DAY,
        "kind": "post",
        "owner": "sun_diary",
        "taken_at": NOON,
        "observed_at": NOON,
        "caption": "<b>" + "가나다라마바사" * 40,
        "likes": 12,
    }
    profiles: list[dict[str, object]] = [
        {"account": "sun_diary", "profile_id": "1", "followers": 100 + day, "observed_at": NOON.replace(day=day)}
        for day in (3, 4, 5)
    ]
    for table in ("raw_posts", "posts"):
        write_cells(lake_root(settings), table, ["sun_diary"], (DAY, DAY), CONTRACTS[table].table([post]))
    write_cells(lake_root(settings), "raw_profiles", ["sun_diary"], None, CONTRACTS["raw_profiles"].table(profiles))
    decide(lake_root(settings), "a_long_name_of_a_list_without_a_place_to_break_it", ["a" * 64], "keep", "", NOON)
    decide(lake_root(settings), "여행 2026", ["a" * 64], "drop", "", NOON)
    update_index(lake_root(settings), settings.folder(FOLDER_OF_INDEX), settings.time_zone)
    rejected = settings.folder("inbox") / "rejected"
    rejected.mkdir(parents=True)
    (rejected / "a_very_long_name_of_a_file_without_a_place_to_break_it.json").write_text("{")
    (rejected / "a_very_long_name_of_a_file_without_a_place_to_break_it.json.error.txt").write_text("line 1: not JSON")
    (settings.folder("inbox") / "posts.json").write_text("[]")
    with served(settings.data_dir) as url:
        yield url


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_a_serious_fault_in_any_size_and_theme(browser: WebDriver, filled: str, page: str) -> None:
    assert faults_at(browser, f"{filled}{page}", "ko") == []


@pytest.mark.parametrize("page", EMPTY)
def test_nor_has_one_where_nothing_is(browser: WebDriver, empty: str, page: str) -> None:
    assert faults_at(browser, f"{empty}{page}", "en") == []


@pytest.mark.parametrize("page", PAGES)
def test_the_tab_key_reaches_every_control_and_shows_where_it_is(browser: WebDriver, filled: str, page: str) -> None:
    show(browser, f"{filled}{page}", 380, "light", "en")
    assert keyboard_faults(browser) == []


def test_files_of_others_are_as_they_came() -> None:
    told = (WEB_FOLDER / "static" / "THIRD_PARTY.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\S+)` .* `([0-9a-f]{64})` \|$", told, re.MULTILINE)
    assert {name for name, _ in rows} == {path.name for path in (WEB_FOLDER / "static").glob("*.min.js")}
    for name, digest in rows:
        assert sha256(Path(WEB_FOLDER / "static" / name).read_bytes()).hexdigest() == digest


def faults_at(browser: WebDriver, address: str, language: str) -> list[str]:
    """Of a page that is loaded once: in wide and narrow windows, in the light and in the dark."""
    show(browser, address, 1440, "light", language)
    found = [f"wide: {fault}" for fault in (*faults(browser), *in_the_dark(browser))]
    set_width(browser, 380)
    found += [f"narrow, dark: {fault}" for fault in faults(browser)]
    wider = overflow(browser)
    return found + [f"{wider} px wider than a window of 380"] * (wider > 0)


def in_the_dark(browser: WebDriver) -> list[str]:
    """What of a page that is open cannot be read any more when it is dark."""
    browser.execute_script("document.documentElement.dataset.theme = 'dark'")
    return [f"dark: {fault}" for fault in faults(browser, "color-contrast", "link-in-text-block")]
