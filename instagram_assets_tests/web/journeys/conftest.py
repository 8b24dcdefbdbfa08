"""What the journeys share: one browser, and one page to search on."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from instagram_assets.demo.search_site import Results, SearchPage, subject
from instagram_assets.search.browser import find_browser, find_driver
from instagram_assets_tests.search.browsers import OPTIONS
from instagram_assets_tests.servers.free_ports import free_port
from instagram_assets_tests.servers.searching_dev import WORDS

WORD, GOOD, BLURRED = "빨간 별", 10, 2
"""A word that finds so many good and so many blurred pictures."""
_FLAGS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1440,1000"),
    *("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--host-resolver-rules=MAP * ~NOTFOUND,EXCLUDE 127.0.0.1",
)


@pytest.fixture(scope="package")
def browser() -> Iterator[Chrome]:
    """A headless Chromium whose console can be read, which that of the searches cannot."""
    options = ChromeOptions()
    options.binary_location = find_browser(OPTIONS)
    for flag in _FLAGS:
        options.add_argument(flag)
    driver = ChromeService(find_driver(OPTIONS, options.binary_location), port=free_port())
    with Chrome(options, driver) as opened:
        yield opened


@pytest.fixture(scope="package")
def search_page() -> Iterator[SearchPage]:
    """A page on this machine, on which pictures come slowly enough to see a collection at work."""
    blurred = subject(BLURRED, blur=0.06, first_seed=100)
    with SearchPage(WORDS | {WORD: Results([*subject(GOOD), *blurred])}, delay=0.1) as page:
        yield page
