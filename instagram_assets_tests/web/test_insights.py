"""The insights in the web app: pages, charts as parts, as JSON and as CSV, the filter in every link."""

import csv
import io
import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from starlette.testclient import TestClient
from upath import UPath

from instagram_assets.insights.chart_data import CHARTS_BY_NAME
from instagram_assets.insights.chart_definition import CHART_PAGES
from instagram_assets.lake_index.update import update_index
from instagram_assets.web.chart_rendering import MOST_TABLE_ROWS
from instagram_assets.web.words import words_in
from instagram_assets_tests.insights.lakes import ZONE, post, small
from instagram_assets_tests.insights.word_lake import TRAP, post_of, write_posts, write_words
from instagram_assets_tests.web.clients import app_of, client_of

FILTER = "account=bada&first=2025-10-07&last=2026-11-20&pos=foreign"
WORD_CHARTS = [name for name, chart in CHARTS_BY_NAME.items() if chart.page == "words"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("insights")
    write_words(UPath(folder / "lake"))
    update_index(UPath(folder / "lake"), folder / "index", "Asia/Seoul")
    return folder


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[TestClient]:
    with client_of(app_of(data)) as opened:
        yield opened


def part_of(client: TestClient, name: str, query: str = "", language: str = "en") -> str:
    answer = client.get(f"/insights/charts/{name}?{query}", headers={"Accept-Language": language})
    assert answer.status_code == 200, answer.text
    return answer.text


def numbers_of(client: TestClient, name: str, query: str = "") -> dict[str, Any]:
    answer = client.get(f"/api/insights/{name}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def links_in(page: str, path: str) -> list[str]:
    return [unescape(link) for link in re.findall(r'href="([^"]+)"', page) if unescape(link).startswith(path)]


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("page", CHART_PAGES)
def test_a_page_loads_each_of_its_charts_with_the_filter(client: TestClient, page: str, language: str) -> None:
    text = client.get(f"/insights/{page}?{FILTER}", headers={"Accept-Language": language}).text
    loaded = {unescape(address) for address in re.findall(r'hx-get="(/insights/charts/[^"]+)"', text)}
    assert loaded == {
        f"/insights/charts/{name}?{FILTER}" for name, chart in CHARTS_BY_NAME.items() if chart.page == page
    }
    t = words_in(language)
    assert all(
        t(f"insights.charts.{name}") in unescape(text) for name, chart in CHARTS_BY_NAME.items() if chart.page == page
    )


def test_the_first_page_is_that_of_words_and_others_keep_the_filter(client: TestClient) -> None:
    text = client.get(f"/insights?{FILTER}").text
    assert '<a href="/insights/words' in text
    assert links_in(text, "/insights/")[: len(CHART_PAGES)] == [f"/insights/{page}?{FILTER}" for page in CHART_PAGES]


def test_what_is_chosen_stands_in_the_form_and_can_be_taken_out(client: TestClient) -> None:
    text = client.get("/insights/words?account=bada&account=haneul&first=2026-01-01&hashtag=육아&pos=noun").text
    assert 'type="date" value="2026-01-01"' in text
    assert '<option value="noun" selected>' in text
    assert all(f'<input type="hidden" name="account" value="{name}">' in text for name in ("bada", "haneul"))
    assert '<input type="hidden" name="hashtag" value="육아">' in text
    without = [parse_qs(urlsplit(link).query) for link in links_in(text, "/insights/words?")]
    assert {"account": ["haneul"], "first": ["2026-01-01"], "hashtag": ["육아"], "pos": ["noun"]} in without
    assert {"account": ["bada", "haneul"], "first": ["2026-01-01"], "pos": ["noun"]} in without


def test_days_back_from_the_newest_post_can_be_chosen_at_once(client: TestClient, data: Path) -> None:
    text = client.get("/insights/words?account=bada").text
    asked = [parse_qs(urlsplit(link).query) for link in links_in(text, "/insights/words?")]
    newest = date(2027, 1, 11)
    assert {"account": ["bada"], "first": ["2027-01-05"], "last": [newest.isoformat()]} in asked


def test_a_form_that_is_sent_leaves_an_address_without_its_empty_fields(client: TestClient) -> None:
    answer = client.get("/insights/words?account=bada&account=&first=&last=&pos=noun", headers={"HX-Request": "true"})
    assert answer.headers["HX-Push-Url"] == "/insights/words?account=bada&pos=noun"


def test_accounts_are_suggested_for_what_is_typed(client: TestClient) -> None:
    assert re.findall(r'value="([^"]+)"', client.get("/insights/accounts?account=haneul&account=A").text) == [
        "bada",
        "haneul",
        "sol.garden",
    ]
    assert re.findall(r'value="([^"]+)"', client.get("/insights/accounts?account=GARD").text) == ["sol.garden"]
    assert client.get("/insights/accounts?account=%25").text.strip() == ""


def test_an_account_without_posts_is_named(client: TestClient) -> None:
    text = unescape(client.get(f"/insights/words?account=bada&account={'<b>nobody'}").text)
    assert words_in("en")("filter.unknown_account", account="<b>nobody") in text
    assert words_in("en")("filter.unknown_account", account="bada") not in text


@pytest.mark.parametrize("name", CHARTS_BY_NAME)
def test_a_chart_is_the_same_as_json_as_csv_and_as_a_table(client: TestClient, name: str) -> None:
    told = numbers_of(client, name, FILTER)
    answer = client.get(f"/api/insights/{name}.csv?{FILTER}")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.content.startswith(b"\xef\xbb\xbf")
    header, *lines = csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))
    assert header == told["columns"]
    assert len(lines) == len(told["rows"]) == len(told["links"])
    part = part_of(client, name, FILTER)
    assert part.count("<tr>") == (min(len(told["rows"]), MOST_TABLE_ROWS) + 1 if told["rows"] else 0)
    if name not in WORD_CHARTS:
        return
    for row, line in zip(told["rows"], lines, strict=True):
        assert ["" if value is None else str(value) for value in row] == [
            cell if isinstance(value, str) or value is None else str(type(value)(cell))
            for value, cell in zip(row, line, strict=True)
        ]
    assert set(links_in(part, "/posts?")) == set(told["links"])
    for script in re.findall(r'<script type="application/json">(.*?)</script>', part, re.DOTALL):
        drawn = json.loads(script)
        assert (drawn["columns"], drawn["rows"], drawn["links"]) == (told["columns"], told["rows"], told["links"])


def test_each_chart_says_what_is_counted_and_where_its_numbers_are(client: TestClient) -> None:
    listed = client.get("/api/insights").json()["charts"]
    assert [chart["name"] for chart in listed] == list(CHARTS_BY_NAME)
    for chart in listed:
        part = unescape(part_of(client, chart["name"], FILTER))
        assert chart["title"] in part
        assert chart["about"] in part


def test_a_chart_says_what_of_the_filter_it_passes_over(client: TestClient) -> None:
    told = words_in("en")("insights.passed_over", fields="Posts or reels")
    assert told in unescape(part_of(client, "top_words", "kind=reel"))
    assert told not in unescape(part_of(client, "top_words", "account=bada"))
    assert numbers_of(client, "top_words", "kind=reel") == numbers_of(client, "top_words")


def test_cells_that_a_spreadsheet_would_run_are_guarded_where_settings_say_so(client: TestClient, data: Path) -> None:
    asked = "/api/insights/top_words.csv?pos=foreign"
    assert "\r\n=SUM(A1)," in client.get(asked).text
    with client_of(app_of(data, export={"spreadsheet_safe": True})) as safe:
        assert "\r\n'=SUM(A1)," in safe.get(asked).text


@pytest.mark.parametrize("name", WORD_CHARTS)
def test_words_of_captions_never_become_a_part_of_the_page(client: TestClient, name: str) -> None:
    part = part_of(client, name, "pos=foreign")
    assert "<img" not in part
    if name in ("top_words", "word_cloud"):
        assert TRAP in unescape(part) or json.dumps(TRAP)[1:-1] in part.replace("\\u003c", "<").replace("\\u003e", ">")


def test_nothing_to_show_is_said(client: TestClient) -> None:
    t = words_in("ko")
    for name in WORD_CHARTS:
        assert t("insights.no_data") in part_of(client, name, "account=nobody", "ko")


@pytest.mark.parametrize(
    "path", ["/insights/nowhere", "/insights/charts/nothing", "/api/insights/nothing", "/api/insights/nothing.csv"]
)
def test_what_is_not_there_is_named_with_what_is(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "There are:" in unescape(answer.text)


def test_a_filter_that_cannot_be_read_is_told(client: TestClient) -> None:
    page = client.get("/insights/words?first=yesterday")
    assert page.status_code == 422
    assert "first='yesterday'" in unescape(page.text)
    for path in ("/insights/charts/top_words", "/api/insights/top_words", "/api/insights/top_words.csv"):
        assert client.get(f"{path}?first=2026-02-02&last=2026-01-01").status_code == 422
        assert client.get(f"{path}?kind=story").status_code == 422


def test_an_empty_lake_says_how_posts_come(tmp_path: Path) -> None:
    update_index(UPath(tmp_path / "lake"), tmp_path / "index", "Asia/Seoul")
    with client_of(app_of(tmp_path)) as client:
        assert words_in("en")("insights.no_posts") in client.get("/insights").text
        assert words_in("en")("insights.no_data") in part_of(client, "top_words")
        assert client.get("/api/insights/pos_shares").json()["rows"] == []


def test_posts_without_words_have_no_chart(tmp_path: Path) -> None:
    post, tokens = post_of("bada", "1", date(2026, 5, 5), [])
    write_posts(UPath(tmp_path / "lake"), [post], [tokens])
    update_index(UPath(tmp_path / "lake"), tmp_path / "index", "Asia/Seoul")
    with client_of(app_of(tmp_path)) as client:
        for name in WORD_CHARTS:
            assert numbers_of(client, name)["rows"] == []


def test_a_long_table_is_cut_on_the_page_and_whole_in_the_csv(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("chart_rendering", "pages.insights"):
        monkeypatch.setattr(f"instagram_assets.web.{module}.MOST_TABLE_ROWS", 3)
    rows = len(numbers_of(client, "top_words")["rows"])
    part = unescape(part_of(client, "top_words"))
    assert part.count("<tr>") == 3 + 1
    assert words_in("en")("insights.left_out", count=rows - 3) in part


def test_the_age_page_is_a_tab_that_keeps_the_filter(client: TestClient) -> None:
    text = client.get(f"/age?{FILTER}").text
    assert links_in(text, "/insights/") == [f"/insights/{page}?{FILTER}" for page in CHART_PAGES]
    assert f"/age?{FILTER}" in links_in(client.get(f"/insights/words?{FILTER}").text, "/age")
    assert client.get("/age?first=nonsense").status_code == 200


@pytest.mark.parametrize("name", ["top_words", "best_hours", "word_cloud"])
def test_a_chart_without_an_index_asks_again_until_there_is_one(tmp_path: Path, name: str) -> None:
    client = client_of(app_of(tmp_path, time_zone=ZONE))
    address = f"/insights/charts/{name}?account=anna"
    waiting = client.get(address)
    assert waiting.status_code == 200  # htmx puts in nothing else
    assert f'hx-get="{address}" hx-trigger="load delay:2s" hx-swap="outerHTML"' in waiting.text
    small(tmp_path, [post("anna", 1, datetime(2026, 11, 3, 11, tzinfo=UTC))]).index.close()
    assert "load delay" not in client.get(address).text


def test_a_page_of_charts_without_an_index_asks_again_until_there_is_one(tmp_path: Path) -> None:
    client = client_of(app_of(tmp_path, time_zone=ZONE))
    assert 'hx-trigger="every 2s"' in client.get("/insights/words").text
    small(tmp_path, [post("anna", 1, datetime(2026, 11, 3, 11, tzinfo=UTC))]).index.close()
    page = client.get("/insights/words").text
    assert "every 2s" not in page
    assert 'id="chart-top_words"' in page
