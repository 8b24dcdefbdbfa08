"""Every page fits the screen and speaks the reader's language, on a telephone and on a desk; no script stumbles."""

import re

import pytest
from selenium.webdriver import Chrome

from instagram_assets_tests.web.journeys.person import Person
from instagram_assets_tests.web.journeys.platforms import Platform

PAGES = ("/", "/collect", "/jobs", "/accounts", "/status", "/api-reference", "/jobs/no-such-job")
HANGUL = re.compile("[가-힣]")


@pytest.mark.parametrize("width", [380, 1440])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_pages_fit_the_screen_and_speak_one_language(
    platform: Platform, browser: Chrome, language: str, width: int
) -> None:
    person = Person(browser, platform.url, language, width)
    for path in PAGES:
        person.opens(path)
        assert person.sees("h1").text, path
        assert person.overflows() <= 0, path
        assert browser.find_element("tag name", "html").get_attribute("lang") == language
        title = person.sees("nav").text
        assert bool(HANGUL.search(title)) == (language == "ko"), path
        assert not person.complaints(), path
