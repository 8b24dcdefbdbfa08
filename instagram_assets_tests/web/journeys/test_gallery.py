"""Who looks for images finds, drops and exports them, in any language, width and theme, with few actions."""

import csv
import io
import json
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from instagram_assets_tests.web.clients import served
from instagram_assets_tests.web.journeys.gallery_lake import ACCOUNTS, Stored, write_gallery_lake
from instagram_assets_tests.web.journeys.person import Person

OCTOBER = "first=2026-10-01&last=2026-10-31"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gallery")


@pytest.fixture(scope="module")
def lake(data: Path) -> Iterator[tuple[str, list[Stored]]]:
    images = write_gallery_lake(data)
    with served(data) as url:
        yield url, images


def fetched(address: str) -> bytes:
    with urllib.request.urlopen(address) as answer:
        return answer.read()


def tiles(person: Person, count: int) -> list[str]:
    """Wait until the grid has so many images and shows the first of them; the names of all."""
    person.until(lambda: json.loads(person.sees("#gallery").get_attribute("data-texts") or "{}"), "the words")
    says = person.t("gallery.script.count", count=count)
    person.until(lambda: person.sees("#gallery-count").text == says, says)
    loaded = "return [...document.querySelectorAll('.grid-tile img')].some(each => each.naturalWidth > 0)"
    person.until(lambda: not count or person.browser.execute_script(loaded), "a picture")
    return [tile.get_attribute("aria-label") or "" for tile in person.all(".grid-tile")]


class Actions:
    """Keys and clicks of a person, counted; to type a word and to press Enter are two."""

    def __init__(self, person: Person) -> None:
        self.person, self.count = person, 0

    def clicks(self, selector: str, *held: str) -> None:
        self.count += 1
        found = self.person.sees(selector)
        chain = ActionChains(self.person.browser, duration=0)
        for key in held:
            chain.key_down(key)
        chain.click(found)
        for key in held:
            chain.key_up(key)
        chain.perform()

    def types(self, selector: str, text: str) -> None:
        self.count += 1
        self.person.sees(selector).send_keys(text)

    def presses(self, key: str) -> None:
        self.count += 1
        ActionChains(self.person.browser, duration=0).send_keys(key).perform()


@pytest.mark.parametrize(
    ("language", "width", "theme"),
    [("en", 1440, "light"), ("ko", 1440, "dark"), ("en", 380, "dark"), ("ko", 380, "light")],
)
def test_sharp_images_of_one_cluster_of_two_accounts_in_october_are_exported_but_for_three(
    browser: Chrome, data: Path, lake: tuple[str, list[Stored]], language: str, width: int, theme: str
) -> None:
    url, images = lake
    person, name = Person(browser, url, language, width), f"{language} {width}"
    browser.add_cookie({"name": "theme", "value": theme, "path": "/"})
    person.opens("/gallery")
    browser.execute_script("localStorage.setItem('gallery-list', arguments[0])", name)
    tiles(person, len(images))
    for account in ACCOUNTS[:2]:
        opens_filter(person)
        person.sees("input[name=account]:not([type=hidden])").send_keys(account, Keys.ENTER)
        person.reads(account, ".chips")
    opens_filter(person)
    for field, day in (("first", "2026-10-01"), ("last", "2026-10-31")):
        browser.execute_script("arguments[0].value = arguments[1]", person.sees(f"input[name={field}]"), day)
    Select(person.sees("select[name=cluster]")).select_by_value("all/3")
    person.reads("all/3", ".chips")
    opens_filter(person)
    Select(person.sees("select[name=quality]")).select_by_value("passed")
    person.reads(person.t("filter.values.quality_passed"), ".chips")
    wanted = [
        image
        for image in images
        if image.is_sharp and image.cluster == 3 and image.account in ACCOUNTS[:2] and image.day.month == 10
    ]
    tiles(person, len(wanted))
    assert OCTOBER in browser.current_url

    person.sees(".menu summary").click()
    person.presses(person.t("gallery.keep_found"), ".menu")
    person.until(lambda: person.sees("#kept").text == str(len(wanted)), "all are kept")
    person.sees(".menu summary").click()
    dropped = []
    for number in (0, 2, 3):
        tile = person.sees(f"#tile-{number}")
        browser.execute_script("arguments[0].focus()", tile)
        dropped.append((person.sees(f"#tile-{number} img").get_attribute("src") or "").rsplit("/", 1)[1])
        ActionChains(browser, duration=0).send_keys("d").perform()
        person.sees(f"#tile-{number}[data-decision=drop]")
    person.until(lambda: person.sees("#dropped").text == "3", "three are dropped")

    left = {image.image_id for image in wanted} - set(dropped)
    assert len(left) == len(wanted) - 3
    address = f"{url}/api/lists/{quote(name)}/export?form="
    rows = list(csv.DictReader(io.StringIO(fetched(f"{address}csv").decode("utf-8-sig"))))
    assert {row["image_id"] for row in rows} == left
    with zipfile.ZipFile(io.BytesIO(fetched(f"{address}zip"))) as archive:
        pictures = [archive.read(each) for each in archive.namelist() if each.endswith(".jpg")]
    kept = [(data / "media" / each[:2] / f"{each}.jpg").read_bytes() for each in left]
    assert sorted(pictures) == sorted(kept)
    assert person.overflows() <= 0
    assert not person.complaints()


def opens_filter(person: Person) -> None:
    person.until(lambda: person.browser.execute_script("return document.readyState") == "complete", "the page")
    box = person.browser.find_element(By.ID, "filter-box")
    if not box.get_attribute("open"):
        box.find_element(By.TAG_NAME, "summary").click()


def test_six_tasks_take_three_actions_each_at_most(browser: Chrome, lake: tuple[str, list[Stored]]) -> None:
    url, images = lake
    person = Person(browser, url)
    person.opens("/gallery")
    browser.execute_script("localStorage.setItem('gallery-list', 'tasks')")
    person.opens("/gallery")
    tiles(person, len(images))
    counted: dict[str, int] = {}

    act = Actions(person)
    act.types("input[name=q]", "고양이")
    act.presses(Keys.ENTER)
    person.reads("고양이", ".chips")
    found = [image for image in images if image.cluster == 5]
    tiles(person, len(found))
    counted["find by caption word"] = act.count

    act = Actions(person)
    act.clicks("#tile-0")
    person.reads("고양이", "#panel .caption-text")
    counted["open its post"] = act.count

    act = Actions(person)
    act.clicks("#panel a[href*='cluster=']")
    tiles(person, len(found))
    assert "cluster=all%2F5" in browser.current_url
    counted["neighbours"] = act.count

    act = Actions(person)
    act.clicks("#tile-2", Keys.SHIFT)
    person.until(lambda: len(person.all(".grid-tile[aria-selected=true]")) == 3, "three are selected")
    act.presses("d")
    person.until(lambda: person.sees("#dropped").text == "3", "three are dropped")
    counted["drop three"] = act.count

    act = Actions(person)
    act.presses("u")
    person.until(lambda: person.sees("#dropped").text == "0", "it was taken back")
    assert not person.all(".grid-tile[data-decision]")
    counted["undo"] = act.count

    act = Actions(person)
    act.presses("k")
    act.clicks(".menu summary")
    link = person.sees(".menu a[data-form=jsonl]").get_attribute("href") or ""
    assert link == f"{url}/api/lists/tasks/export?form=jsonl"
    act.count += 1  # the click on it
    person.until(lambda: person.sees("#kept").text == "1", "one is kept")
    assert len(fetched(link).splitlines()) == 1
    counted["export a list"] = act.count

    assert max(counted.values()) <= 3, counted
    assert not person.complaints()


def test_keys_move_through_the_grid_and_back_closes_the_panel(browser: Chrome, lake: tuple[str, list[Stored]]) -> None:
    url, images = lake
    person = Person(browser, url)
    person.opens("/gallery?sort=oldest")
    tiles(person, len(images))
    person.sees("#tile-0").send_keys(Keys.ARROW_RIGHT)
    assert browser.switch_to.active_element.get_attribute("id") == "tile-1"
    browser.switch_to.active_element.send_keys(Keys.END)
    person.until(lambda: browser.switch_to.active_element.get_attribute("id") == f"tile-{len(images) - 1}", "the last")
    assert len(person.all(".grid-tile[tabindex='0']")) == 1
    browser.switch_to.active_element.send_keys(Keys.ENTER)
    person.sees("#panel .post")
    ActionChains(browser, duration=0).send_keys(Keys.ARROW_LEFT).perform()
    person.until(lambda: browser.switch_to.active_element.get_attribute("id") == f"tile-{len(images) - 2}", "before it")
    browser.back()
    person.until(lambda: not person.browser.find_element(By.ID, "panel").is_displayed(), "the panel is closed")
    assert "/gallery?sort=oldest" in browser.current_url
    assert not person.complaints()


def test_a_part_of_speech_stands_as_a_chip_and_goes_with_a_click(
    browser: Chrome, lake: tuple[str, list[Stored]]
) -> None:
    person = Person(browser, lake[0], "ko")
    person.opens("/posts?word=산책&pos=noun")
    person.reads(person.t("filter.parts.noun"), ".chips")
    person.sees(".chips a[href='/posts?word=%EC%82%B0%EC%B1%85']").click()
    person.until(lambda: "pos=" not in browser.current_url, "without it")


@pytest.mark.parametrize("path", ["/posts?q=고양이", "/posts/sun_diary/sun_diary-00"])
@pytest.mark.parametrize("width", [380, 1440])
def test_posts_lead_to_their_images_and_are_text(
    browser: Chrome, lake: tuple[str, list[Stored]], path: str, width: int
) -> None:
    person = Person(browser, lake[0], "ko", width)
    person.opens(path)
    person.reads("<b>no markup</b>", "main")
    assert person.all("main img")
    assert person.overflows() <= 0
    assert not person.complaints()
