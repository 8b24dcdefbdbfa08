"""A grid that is higher than browsers can be scrolled reaches each of a million images.

The script of the grid is the real one, in Chromium; only the rows are made up, as no lake of that size is at hand.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from instagram_assets_tests.web.clients import served
from instagram_assets_tests.web.journeys.gallery_lake import write_gallery_lake
from instagram_assets_tests.web.journeys.person import Person

TOTAL = 1_000_000
# Each row says its number in the place of a picture.
ROWS = """
const really = window.fetch;
window.fetch = (address, ...more) => {
  const asked = new URL(address, location.href);
  if (asked.pathname !== "/api/gallery") return really(address, ...more);
  const offset = Number(asked.searchParams.get("offset")), limit = Number(asked.searchParams.get("limit"));
  const images = Array.from({ length: Math.min(limit, TOTAL - offset) }, (_, place) => (
    { image_id: null, reason: `no. ${offset + place}` }));
  return Promise.resolve(new Response(JSON.stringify({ total: TOTAL, offset, images, reads: true })));
};
""".replace("TOTAL", str(TOTAL))
# Numbers of the tiles that are in the window and say so themselves.
SEEN = """
return [...document.querySelectorAll(".grid-tile")].filter(tile => {
  const box = tile.getBoundingClientRect();
  const says = tile.querySelector(".tile-missing")?.textContent;
  return box.bottom > 0 && box.top < innerHeight && says === `no. ${tile.dataset.number}`;
}).map(tile => Number(tile.dataset.number)).sort((one, other) => one - other);
"""


@pytest.fixture
def person(browser: Chrome, tmp_path: Path) -> Iterator[Person]:
    write_gallery_lake(tmp_path)
    with served(tmp_path) as url:
        person = Person(browser, url)
        script = browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": ROWS})
        try:
            person.opens("/gallery")
            yield person
        finally:
            browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_each_of_a_million_images_can_be_reached(person: Person) -> None:
    page = person.browser
    person.until(lambda: 0 in seen(person), "the first image")
    assert page.execute_script("return document.documentElement.scrollHeight") < 17_000_000  # Firefox goes no higher
    whole = "const tile = document.querySelector('.grid-tile'); return tile.offsetHeight * TOTAL / 10"
    assert page.execute_script(whole.replace("TOTAL", str(TOTAL))) > 12_000_000

    page.execute_script("scrollTo({top: document.documentElement.scrollHeight, behavior: 'instant'})")
    person.until(lambda: TOTAL - 1 in seen(person), "the last image by the bar")
    page.execute_script("scrollTo({top: document.documentElement.scrollHeight / 2, behavior: 'instant'})")
    person.until(lambda: seen(person) and abs(seen(person)[0] - TOTAL / 2) < TOTAL / 1_000, "the middle")

    before = seen(person)[0]
    page.execute_script("scrollBy({top: 400, behavior: 'instant'})")
    person.until(lambda: 0 < seen(person)[0] - before < 100, "a little further on")

    page.execute_script("document.querySelector('.grid-tile').focus({preventScroll: true})")
    for key, number in ((Keys.END, TOTAL - 1), (Keys.HOME, 0)):
        person.browser.switch_to.active_element.send_keys(key)
        person.until(lambda number=number: number in seen(person), f"image {number} by its key")
    assert not person.complaints()


def seen(person: Person) -> list[int]:
    return person.browser.execute_script(SEEN)
