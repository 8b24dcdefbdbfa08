"""Charts in Chromium: drawn in both themes under the page's policy, and from a bar to the posts behind it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from upath import UPath

from instagram_assets.lake_index.update import update_index
from instagram_assets_tests.insights.word_lake import write_words
from instagram_assets_tests.web.axe import faults, keyboard_faults
from instagram_assets_tests.web.clients import served
from instagram_assets_tests.web.journeys.person import Person

DRAWN = "#chart-top_words figure[data-drawn]"
# Where the longest bar is in the drawing, and in which colour.
FIRST_BAR = """const drawing = document.querySelector("#chart-top_words .drawing");
const chart = echarts.getInstanceByDom(drawing), option = chart.getOption();
const value = option.series[0].data[0].value;
return {at: chart.convertToPixel({xAxisIndex: 0, yAxisIndex: 0}, [value / 2, 0]),
        size: [drawing.clientWidth, drawing.clientHeight], colour: option.series[0].itemStyle.color};"""
# How many colours the drawing has, by every 97th pixel.
COLOURS = """const canvas = document.querySelector("#chart-top_words canvas");
const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.buffer);
return new Set(pixels.filter((_, place) => place % 97 === 0)).size;"""


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("drawn")
    write_words(UPath(folder / "lake"))
    update_index(UPath(folder / "lake"), folder / "index", "Asia/Seoul")
    with served(folder) as address:
        yield address


def test_a_chart_is_drawn_in_both_themes_and_a_bar_opens_its_posts(browser: Chrome, url: str) -> None:
    person = Person(browser, url, "ko")
    person.opens("/insights/words?account=bada&pos=noun")
    person.sees(DRAWN)
    first: dict[str, Any] = browser.execute_script(FIRST_BAR)
    assert browser.execute_script(COLOURS) > 3
    before = person.sees(DRAWN).get_attribute("data-drawn")
    browser.find_element(By.CSS_SELECTOR, "[data-theme-toggle]").click()
    person.until(lambda: person.sees(DRAWN).get_attribute("data-drawn") != before, "the chart in the other theme")
    assert browser.execute_script(FIRST_BAR)["colour"] != first["colour"]
    assert browser.execute_script(COLOURS) > 3
    assert person.complaints() == []
    drawing = browser.find_element(By.CSS_SELECTOR, "#chart-top_words .drawing")
    across, down = (int(at - size / 2) for at, size in zip(first["at"], first["size"], strict=True))
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", drawing)
    ActionChains(browser).move_to_element_with_offset(drawing, across, down).click().perform()
    person.until(lambda: urlsplit(browser.current_url).path == "/posts", "the posts behind the bar")
    asked = parse_qs(urlsplit(browser.current_url).query)
    assert (asked["account"], asked["pos"]) == (["bada"], ["noun"])
    assert asked["word"] == ["명사0"]


def test_the_filter_is_changed_without_loading_the_page_and_stays_in_its_address(browser: Chrome, url: str) -> None:
    person = Person(browser, url)
    person.opens("/insights/words")
    person.sees(DRAWN)
    browser.execute_script("window.isSame = true")
    field = person.sees("#filter-account")
    field.send_keys("sol.garden\n")
    person.until(lambda: urlsplit(browser.current_url).query == "account=sol.garden", "the account in the address")
    person.reads("Account: sol.garden")
    person.sees(DRAWN)
    browser.find_element(By.CSS_SELECTOR, "#filter-pos option[value=hashtag]").click()
    person.until(
        lambda: parse_qs(urlsplit(browser.current_url).query) == {"account": ["sol.garden"], "pos": ["hashtag"]},
        "both in the address",
    )
    person.sees(DRAWN)
    assert browser.execute_script("return window.isSame")
    assert person.complaints() == []


@pytest.mark.parametrize("width", [380, 1440])
def test_nobody_is_kept_out(browser: Chrome, url: str, width: int) -> None:
    person = Person(browser, url, "ko", width)
    person.opens("/insights/words?account=bada&first=2026-01-07")
    person.sees(DRAWN)
    person.until(lambda: not person.all(".loading"), "all charts")
    assert faults(browser) == []
    assert keyboard_faults(browser) == []
    assert person.overflows() == 0
