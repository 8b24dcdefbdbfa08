"""Somebody types a word, watches, cancels, starts again, keeps and drops images, runs again, and finds it all later.

In Korean, on a telephone, with the history in PostgreSQL; `with_dagster` and test_dev_inbox have it in SQLite.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome

from instagram_assets_tests.servers.searching_dev import HANGING
from instagram_assets_tests.web.journeys.conftest import BLURRED, GOOD, WORD
from instagram_assets_tests.web.journeys.person import Person
from instagram_assets_tests.web.journeys.platforms import Platform

FOLDER, WHY = "my_cats", "<b>꼬리</b> ![x](http://127.0.0.1/)"
OWN = "my own notes.txt"


def reader(platform: Platform, browser: Chrome) -> Person:
    return Person(browser, platform.url, "ko", 380)


@pytest.fixture
def person(platform: Platform, browser: Chrome) -> Person:
    return reader(platform, browser)


def starts(person: Person, word: str, folder: str = "") -> str:
    """Start a collection on the page for it; the id of the job, which appears at once."""
    person.opens("/collect")
    person.sees("#jobs .job, #jobs .empty")
    before = jobs(person)
    person.fills(person.t("collect.search.query"), word)
    person.fills(person.t("collect.search.folder"), folder)
    person.presses(person.t("collect.start"), "#search-form")
    return person.until(lambda: [job for job in jobs(person) if job not in before], f"a job for {word}")[0]


def jobs(person: Person) -> list[str]:
    """The jobs that the page lists, in its order."""
    return [str(job.get_attribute("data-job")) for job in person.all("#jobs [data-job]")]


def becomes(person: Person, job: str, *states: str) -> None:
    """Wait until the page that is open shows the job in one of these states; nobody loads it anew."""
    person.sees(", ".join(f"[data-job='{job}'][data-state='{state}']" for state in states), 90)


def folder_of(platform: Platform) -> Path:
    return platform.data / "datasets" / "search" / FOLDER


def in_folder(platform: Platform) -> set[str]:
    """The images that the manifest says are in the folder, by their hashes; each is there."""
    lines = (folder_of(platform) / "manifest.jsonl").read_text("utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    kept = [row for row in rows if row["kept"]]
    assert all((folder_of(platform) / row["file"]).is_file() for row in kept)
    assert len(list(folder_of(platform).glob("img_*"))) == len(kept)
    return {row["sha256"] for row in kept}


def images(person: Person, place: str) -> list[str]:
    """The hashes of the images that the page shows in a place: kept or left_out."""
    tiles = person.all(f".tile[data-place='{place}']")
    return [str(tile.get_attribute("id")).removeprefix("image-") for tile in tiles]


def decides(person: Person, image: str, decision: str) -> None:
    """Keep or drop an image, and see that it is said to be so by hand."""
    person.presses(person.t(f"images.{decision}"), f"#image-{image}")
    said = {"keep": "images.kept_by_hand", "drop": "images.dropped_by_hand"}[decision]
    person.reads(person.t(said), f"#image-{image}")


def test_a_collection_is_cancelled_started_again_and_sorted_by_hand(platform: Platform, person: Person) -> None:
    job = starts(person, HANGING)
    becomes(person, job, "running")
    person.presses(person.t("job.cancel"), f"[data-job='{job}']")
    person.agrees()
    becomes(person, job, "cancelled")

    job = starts(person, WORD, FOLDER)
    person.sees("#newest .tile", 90)  # as soon as there is one, on the same page
    becomes(person, job, "done")
    assert len(in_folder(platform)) == GOOD
    (folder_of(platform) / OWN).write_text("mine", "utf-8")
    person.opens(f"/jobs/{job}/log")
    person.reads(f"kept {GOOD} of {GOOD + BLURRED}")

    person.opens(f"/jobs/{job}")
    person.sees(".tile[data-place='left_out']")
    kept, left_out = images(person, "kept"), images(person, "left_out")
    assert (len(kept), len(left_out)) == (GOOD, BLURRED)
    dropped, wanted = kept[:2], left_out[0]
    for image in dropped:
        decides(person, image, "drop")
    person.fills(person.t("images.why"), WHY)
    decides(person, wanted, "keep")
    person.reads(person.t("images.pending_many", count=3))
    assert person.overflows() <= 0
    assert not person.complaints()

    # Twice, since both ways are there: the folder written again, and the whole collection.
    for way in ("images.apply", "job.again"):
        person.presses(person.t(way))
        person.until(lambda before=job: before not in browser_path(person), "the page of the new job")
        job = browser_path(person).rpartition("/")[2]
        becomes(person, job, "done")
        assert in_folder(platform) == {*kept, wanted} - {*dropped}
        assert (folder_of(platform) / OWN).read_text("utf-8") == "mine"
    person.reads(person.t("images.why_given", why=WHY), f"#image-{wanted}")


def test_the_history_survives_a_restart_of_everything_and_files_stay_when_it_is_cleared(
    platform: Platform, browser: Chrome
) -> None:
    person = reader(platform, browser)
    person.opens("/jobs")
    person.sees("#jobs [data-job]")
    before, files = jobs(person), in_folder(platform)
    assert len(before) >= 2
    platform.restart()

    person = reader(platform, browser)
    person.opens("/jobs")
    person.sees("#jobs [data-job]")
    assert jobs(person) == before
    assert person.overflows() <= 0

    person.presses(person.t("history.remove"), f"[data-job='{before[0]}']")
    person.presses(person.t("history.remove"), "#remove")
    person.until(lambda: jobs(person) == before[1:], "one job less")
    person.presses(person.t("history.clear"))
    person.presses(person.t("history.clear"), "#clear")
    person.reads(person.t("history.none"))
    assert in_folder(platform) == files
    assert (folder_of(platform) / OWN).read_text("utf-8") == "mine"


def browser_path(person: Person) -> str:
    return urlsplit(person.browser.current_url).path
