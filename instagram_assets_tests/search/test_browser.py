"""A driver that is missing is fetched only when a setting allows it; otherwise the error names the setting."""

import json
import shutil
from pathlib import Path

import pytest

from instagram_assets.errors import BrowserMissingError
from instagram_assets.search.browser import find_browser, find_driver, open_browser
from instagram_assets.settings import load_settings
from instagram_assets.status.doctor import DoctorFinding, examine
from instagram_assets_tests.search.browsers import OPTIONS

FETCHING = OPTIONS.model_copy(update={"fetch_driver": True})


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where is told what Selenium Manager was asked, which has a driver, while PATH has but a browser."""
    browser, driver = find_browser(OPTIONS), find_driver(OPTIONS, "")
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("chromium", "sh", "cat"):
        (programs / name).symlink_to(browser if name == "chromium" else str(shutil.which(name)))
    (tmp_path / "answer").write_text(
        json.dumps({"logs": [], "result": {"code": 0, "message": "", "driver_path": driver, "browser_path": browser}})
    )
    manager(tmp_path, f"cat {tmp_path / 'answer'}")
    monkeypatch.setenv("SE_MANAGER_PATH", str(tmp_path / "manager"))
    monkeypatch.setenv("PATH", str(programs))
    return tmp_path / "asked"


def manager(folder: Path, does: str) -> None:
    (folder / "manager").write_text(f'#!/bin/sh\necho "$@" >>{folder / "asked"}\n{does}\n')
    (folder / "manager").chmod(0o755)


def driver_finding(**search: object) -> DoctorFinding:
    found = examine(load_settings(search=search))
    return next(finding for finding in found if finding.what == "chromedriver")


def test_a_missing_driver_is_not_fetched_and_the_setting_that_would_is_named(asked: Path) -> None:
    with pytest.raises(BrowserMissingError, match="INSTAGRAM_ASSETS_SEARCH__FETCH_DRIVER=true"), open_browser(OPTIONS):
        pass
    assert not asked.exists()
    assert "INSTAGRAM_ASSETS_SEARCH__FETCH_DRIVER=true" in driver_finding().remedy


def test_with_the_setting_the_browser_runs_with_the_driver_that_was_fetched_for_it(asked: Path) -> None:
    with open_browser(FETCHING) as browser:
        browser.get("data:text/html,<title>here</title>")
        assert browser.title == "here"
    assert f"--browser chrome --browser-path {find_browser(FETCHING)}" in asked.read_text()
    assert driver_finding(fetch_driver=True).well


@pytest.mark.parametrize(
    ("does", "problem"),
    [
        ('echo \'{"logs": [], "result": {"message": "no network"}}\'; exit 65', "no network"),
        ("echo no JSON", "Unsuccessful command"),
        ('echo \'{"logs": [], "result": {"driver_path": "/nowhere/chromedriver"}}\'', "/nowhere/chromedriver"),
    ],
    ids=["no network", "no answer", "no program"],
)
def test_a_fetch_that_fails_says_why_and_what_to_do(asked: Path, does: str, problem: str) -> None:
    manager(asked.parent, does)
    with pytest.raises(BrowserMissingError, match="INSTAGRAM_ASSETS_SEARCH__DRIVER") as told, open_browser(FETCHING):
        pass
    assert problem in str(told.value)


def test_a_driver_that_is_named_or_there_is_not_fetched(asked: Path, tmp_path: Path) -> None:
    named = FETCHING.model_copy(update={"driver": "/nowhere/chromedriver"})
    with pytest.raises(BrowserMissingError, match="/nowhere/chromedriver is no program"):
        find_driver(named, "chromium")
    (tmp_path / "programs" / "chromedriver").symlink_to("sh")
    assert find_driver(FETCHING, "chromium") == str(tmp_path / "programs" / "chromedriver")
    assert not asked.exists()


@pytest.mark.parametrize("refusals", [1, 3])
def test_a_driver_whose_port_another_program_has_is_started_again(tmp_path: Path, refusals: int) -> None:
    driver = tmp_path / "driver"
    taken = f"""#!/bin/sh
echo >>{tmp_path / "starts"}
if [ $(wc -l <{tmp_path / "starts"}) -le {refusals} ]; then echo 'IPv4 port not available. Exiting...'; exit 1; fi
exec {find_driver(OPTIONS, "")} "$@"
"""
    driver.write_text(taken)
    driver.chmod(0o755)
    with open_browser(OPTIONS.model_copy(update={"driver": str(driver)})) as browser:
        browser.get("data:text/html,<title>here</title>")
        assert browser.title == "here"
    assert len((tmp_path / "starts").read_text()) == refusals + 1


def test_a_driver_that_never_gets_a_port_is_told_with_what_it_said(tmp_path: Path) -> None:
    driver = tmp_path / "driver"
    driver.write_text("#!/bin/sh\necho 'IPv4 port not available. Exiting...'\n")
    driver.chmod(0o755)
    options = OPTIONS.model_copy(update={"driver": str(driver)})
    with pytest.raises(BrowserMissingError, match=r"port not available\. Exiting"), open_browser(options):
        pass
