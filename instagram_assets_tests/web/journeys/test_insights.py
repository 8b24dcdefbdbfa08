"""Charts in Chromium: drawn in both themes under the page's policy, and from a bar to the posts behind it."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from upath import UPath

from instagram_assets.insights.chart_data import CHARTS_BY_NAME
from instagram_assets.insights.chart_definition import CHART_PAGES
from instagram_assets.lake_index.update import update_index
from instagram_assets_tests.insights.lakes import ZONE, Row, image_id, random_posts, small
from instagram_assets_tests.insights.word_lake import write_words
from instagram_assets_tests.web.axe import faults, keyboard_faults
from instagram_assets_tests.web.clients import served
from instagram_assets_tests.web.journeys.person import Person

SECOND_HALF = "first=2026-10-26&last=2026-11-08"
"""Of the days of `everything`: words can rise against the first."""
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
# Where something is drawn that opens posts, from the middle of the drawing.
POINT = """const drawing = document.querySelector(`#chart-${arguments[0]} .drawing`);
const chart = echarts.getInstanceByDom(drawing), series = chart.getOption().series[0];
const {value} = series.data.find(each => each.record), middle = Array.isArray(value) ? value : [value / 2, 0];
const at = chart.convertToPixel({seriesIndex: 0}, middle);
drawing.scrollIntoView({block: "center"});
return [at[0] - drawing.clientWidth / 2, at[1] - drawing.clientHeight / 2];"""
# Charts without a picture in more than the colours of its text and lines.
EMPTY = """return [...document.querySelectorAll("figure.chart")].filter(figure => {
  const canvas = figure.querySelector("canvas"), {width, height} = canvas;
  const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer);
  return new Set(pixels).size < 20;
}).map(figure => figure.closest("section").id);"""


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A lake with something for every chart."""
    folder: Path = tmp_path_factory.mktemp("everything")
    posts = random_posts()
    small(folder, posts, **more_of(posts)).index.close()
    with served(folder, time_zone=ZONE) as address:
        yield address


def more_of(posts: list[Row]) -> dict[str, list[Row]]:
    keys = [{name: each[name] for name in ("account", "day", "post_id")} for each in posts]
    images: list[Row] = [
        {**key, "position": 0, "status": "ok", "image_id": image_id(str(place)), "path": f"aa/{place}.jpg"}
        for place, key in enumerate(keys)
    ]
    said = [
        [{"word": f"말{place % 7}", "pos": "noun"}, {"word": f"봄{place % 3}", "pos": "hashtag"}]
        for place in range(180)
    ]
    week = {
        "week": posts[0]["day"] - timedelta(posts[0]["day"].weekday()),
        "hypothesis": "A cat is in it.",
        "kind": "model",
    }
    return {
        "raw_posts": [
            {**each, "observed_at": each["taken_at"] + timedelta(hours=n)} for each in posts for n in (3, 30)
        ],
        "raw_profiles": [
            {"account": "anna", "observed_at": posts[0]["taken_at"] + timedelta(days=n), "followers": 1_000 + n}
            for n in range(3)
        ],
        "tokens": [
            {**key, "language": "ko", "tokenizer": "test", "tokens": each} for key, each in zip(keys, said, strict=True)
        ],
        "viral_labels": [
            {
                "kind": each["kind"],
                "account": each["account"],
                "id": each["post_id"],
                "viral": place % 3 == 0,
                "reason": "x",
            }
            for place, each in enumerate(posts)
        ],
        "viral_hypotheses": [week | {"supported_by": ["a", "b"], "contradicted_by": ["c"]}],
        "images": images,
        "clusters": [
            {"scope": "all", "image_id": each["image_id"], "cluster": place % 4} for place, each in enumerate(images)
        ],
        "topics": [
            {"source": "clusters", "scope": "all", "topic": number, "name": f"말{number}", "images": 45, "posts": 45}
            | {"words": [{"word": f"말{number}", "score": 1.0}], "image_ids": [images[number]["image_id"]]}
            for number in range(3)
        ],
    }


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
    person.reads("sol.garden", ".chips")
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


def test_every_chart_of_every_page_is_drawn_without_a_complaint(browser: Chrome, everything: str) -> None:
    person = Person(browser, everything)
    for page in CHART_PAGES:
        person.opens(f"/insights/{page}?{SECOND_HALF if page == 'words' else ''}")
        person.sees(".chart-card")
        person.until(lambda: not person.all(".loading"), "all charts")
        names = [name for name, chart in CHARTS_BY_NAME.items() if chart.page == page]
        drawn = person.all("figure.chart[data-drawn], .cloud li:first-child")
        assert len(drawn) == len(names), person.text()
        person.until(lambda: browser.execute_script(EMPTY) == [], f"something in each chart of {page}")
        assert person.complaints() == []


@pytest.mark.parametrize("name", ["posting_times", "posting_frequency", "post_likes_followers", "topics"])
def test_what_is_drawn_opens_its_posts(browser: Chrome, everything: str, name: str) -> None:
    person = Person(browser, everything)
    person.opens(f"/insights/{CHARTS_BY_NAME[name].page}?account=anna")
    person.sees(f"#chart-{name} figure[data-drawn]")
    person.until(lambda: not person.all(".loading"), "all charts")
    across, down = browser.execute_script(POINT, name)
    drawing = browser.find_element(By.CSS_SELECTOR, f"#chart-{name} .drawing")
    ActionChains(browser).move_to_element_with_offset(drawing, int(across), int(down)).click().perform()
    person.until(lambda: urlsplit(browser.current_url).path in ("/posts", "/gallery"), "the posts behind it")
    # Topics are counted over all accounts, and so are the images behind one.
    accounts = parse_qs(urlsplit(browser.current_url).query).get("account", [])
    assert accounts == ([] if name == "topics" else ["anna"])


@pytest.mark.parametrize(
    ("days", "labels"),
    [
        (["2026-09-17", "2026-10-01", "2026-11-01"], ["Sep 2026", "Oct 2026", "Nov 2026"]),
        (["2026-10-26", "2026-10-19", "2026-11-02"], ["Oct 19", "Oct 26", "Nov 2"]),
        (["2026-10-30", "2026-10-31", "2026-11-01"], None),
        (["2026-10-01"], None),
    ],
)
def test_months_and_weeks_are_labelled_where_they_begin_and_nowhere_else(
    browser: Chrome, url: str, days: list[str], labels: list[str] | None
) -> None:
    person = Person(browser, url)
    person.opens("/insights/words?account=bada")
    script = "const step = stepOf(arguments[0]); return step.customValues?.map(step.formatter) ?? null;"
    assert browser.execute_script(script, days) == labels


@pytest.mark.parametrize("width", [380, 900])
def test_a_sentence_stands_whole_above_its_bar(browser: Chrome, everything: str, width: int) -> None:
    sentence = "The surprise in the first second keeps the viewer from going on to the next reel."
    person = Person(browser, everything, "ko", width)
    person.opens("/insights/viral")
    person.sees("#chart-hypotheses figure[data-drawn]")
    script = """const figure = document.querySelector("#chart-hypotheses figure");
        const told = figure.querySelector("script");
        told.textContent = told.textContent.replace("A cat is in it.", arguments[0]);
        draw(figure);
        const [label] = echarts.getInstanceByDom(figure.querySelector(".drawing")).getOption().series;
        return label.data.map(data => label.label.formatter({ data }));"""
    assert [text.replace("\n", " ") for text in browser.execute_script(script, sentence)] == [sentence]
