"""Somebody puts export files in by the browser: a good one lands and is listed, a bad one is listed with its reason."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.web.journeys.person import Person
from instagram_assets_tests.web.journeys.platforms import Platform

FILES = "/collect?way=files"
INPUT = "input[type=file]"


@pytest.mark.parametrize(("language", "width"), [("en", 1440), ("ko", 380)])
def test_a_file_that_was_chosen_lands_and_a_bad_one_says_why(
    platform: Platform, browser: Chrome, tmp_path: Path, language: str, width: int
) -> None:
    good = export(tmp_path / f"posts_{language}.json", [post(number, f"diary_{language}") for number in range(3)])
    bad = tmp_path / f"notes_{language}.json"
    bad.write_text(good.read_text("utf-8")[:-40], "utf-8")  # as a download that broke off
    person = Person(browser, platform.url, language, width)
    person.opens(FILES)
    person.chooses(INPUT, good, bad)
    person.reads(good.name, "#files-list")
    person.reads(person.t("files.posts", count=3), "#files-list")
    person.reads(bad.name, "#files-list")
    person.reads(person.t("files.is_rejected"), "#files-list")
    assert person.overflows() <= 0
