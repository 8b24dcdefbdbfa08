"""The page of a week as Chromium draws it: letters that the system has no font for come with the page."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from instagram_assets.reels.weekly_report_views import write_page
from instagram_assets.search.browser import open_browser
from instagram_assets_tests.reels.test_weekly_report import page_of
from instagram_assets_tests.reels.weeks import a_reel
from instagram_assets_tests.search.browsers import OPTIONS

if TYPE_CHECKING:
    from selenium.webdriver.chrome.webdriver import WebDriver

TEXTS = {
    "korean": "김치 먹는 고양이",
    "japanese": "かわいい猫",
    "mixed": "Sun 일기 – “at once” 3 − 1",
    "english": "A laugh at once",
}

LINES = """
return [...document.querySelectorAll(".facts")].flatMap(facts => {
  const left = facts.getBoundingClientRect().left, lines = new Map();
  for (const span of facts.querySelectorAll(".row span")) {
    const box = span.getBoundingClientRect(), em = parseFloat(getComputedStyle(span).fontSize);
    lines.set(box.top, [...(lines.get(box.top) || []), box.left + em - left - 0.5]);
  }
  return [...lines.values()];
});
"""
"""Of each line of numbers where each of them begins, from the left of what is shown, in pixels."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["WebDriver"]:
    """A browser with a page of a week open, each of whose reels has one of TEXTS as its hook."""
    reels = [
        a_reel(number, viral=True, of_analysis={"hook": text}) for number, text in enumerate(TEXTS.values(), start=1)
    ]
    path = write_page(page_of(reels), tmp_path_factory.mktemp("page"))
    with open_browser(OPTIONS) as opened:
        opened.get(path.as_uri())
        opened.execute_async_script("document.fonts.ready.then(() => arguments[0]())")
        yield opened  # pyright: ignore[reportReturnType]


def drawn(browser: "WebDriver", text: str) -> dict[bool, int]:
    """How many glyphs of an element come from the page's own fonts, and how many from the system's."""
    ask = browser.execute_cdp_cmd
    for domain in ("DOM", "CSS"):
        ask(f"{domain}.enable", {})
    ask("DOM.getDocument", {"depth": -1})
    found = ask("DOM.performSearch", {"query": f"//p[contains(., '{text}')]"})
    (node,) = ask("DOM.getSearchResults", {"searchId": found["searchId"], "fromIndex": 0, "toIndex": 1})["nodeIds"]
    glyphs: dict[bool, int] = {True: 0, False: 0}
    for font in ask("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]:
        glyphs[font["isCustomFont"]] += font["glyphCount"]
    return glyphs


@pytest.mark.parametrize("name", TEXTS)
def test_letters_of_east_asia_are_drawn_with_the_page_s_own_font_and_others_with_the_system_s(
    browser: "WebDriver", name: str
) -> None:
    text = TEXTS[name]
    own = sum(letter >= "\u3000" for letter in text)
    assert drawn(browser, text) == {True: own, False: len("Hook") + len(text) - own}


@pytest.mark.parametrize("width", [320, 400, 700, 1200])
def test_no_dot_between_numbers_is_seen_at_either_end_of_a_line(browser: "WebDriver", width: int) -> None:
    browser.set_window_size(width, 900)
    lines: list[list[float]] = browser.execute_script(LINES)
    assert len(lines) >= len(TEXTS)
    # A dot stands in the last em before its number: of the first in a line that is left of what is shown.
    assert all(start <= 0 for start, *_ in lines)
    assert all(gap > 0 for _, *gaps in lines for gap in gaps)
