"""Accounts and hashtags are listed from the registry, the lake and the books, and each has its page."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.errors import NotFoundError
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import Settings, load_settings
from instagram_assets.storage.lake import lake_root
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets.web.account_list import Account, Sort, account_detail, find_account, list_accounts
from instagram_assets.web.account_summaries import account_lake
from instagram_assets.web.app import create_app
from instagram_assets.web.collect_methods import refresh_methods
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.job_requests import CollectionBody, ScrapeBody
from instagram_assets.web.svg_charts import line_of

TAG = "#육아일기"
FIRST = datetime(2026, 11, 1, 3, tzinfo=UTC)


def posts(account: str, days: int, **values: object) -> list[dict[str, object]]:
    return [
        {
            "post_id": f"{account}-{number}",
            "shortcode": f"C{number}",
            "account": account,
            "day": (FIRST + timedelta(number)).date(),
            "kind": "post",
            "owner": account,
            "taken_at": FIRST + timedelta(number),
            "observed_at": FIRST + timedelta(number, hours=2),
            "caption": f"day {number}",
            "likes": number,
        }
        | values
        for number in range(days)
    ]


def put(settings: Settings, table: str, account: str, rows: list[dict[str, object]]) -> None:
    days = [day for row in rows if isinstance(day := row.get("day"), date)]
    span = (min(days), max(days)) if days else None
    write_cells(lake_root(settings), table, [account], span, CONTRACTS[table].table(rows))


def profiles(account: str, *followers: int) -> list[dict[str, object]]:
    return [
        {"account": account, "profile_id": account, "followers": number, "observed_at": FIRST + timedelta(day)}
        for day, number in enumerate(followers)
    ]


@pytest.fixture
def services(tmp_path: Path) -> Services:
    """A lake with an account and a hashtag, a registry with two more accounts, and books that know one of them."""
    settings = load_settings(data_dir=str(tmp_path / "data"))
    put(settings, "posts", "sun_diary", posts("sun_diary", 40))
    put(settings, "raw_profiles", "sun_diary", profiles("sun_diary", 100, 130, 120))
    put(settings, "posts", TAG, posts(TAG, 3, owner="moon_cooks"))
    (settings.data_dir / "accounts.toml").write_text(
        '[[accounts]]\nname = "moon_cooks"\nsource = "apify"\n[[accounts]]\nname = "gone_cat"\nto = 2020-01-01\n',
        "utf-8",
    )
    with CollectorDatabase(settings.folder("collection")).writing() as connection:
        connection.execute(
            "INSERT INTO subjects (site, subject, state, reason, newest_post_at) VALUES (?, ?, ?, ?, ?)",
            (
                "instagram",
                "sun_diary",
                "private",
                "only its followers see it",
                datetime(2026, 12, 24, tzinfo=UTC).timestamp(),
            ),
        )
    return Services(settings, DagsterApi("http://127.0.0.1:9"), "http://127.0.0.1:9")


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(create_app(services), raise_server_exceptions=False)


def by_name(services: Services) -> dict[str, Account]:
    account_lake(services.settings).account("sun_diary")
    return {account.name: account for account in list_accounts(services).accounts}


def test_all_that_anybody_knows_are_one_list_the_newest_post_first(services: Services) -> None:
    found = list_accounts(services)
    assert [account.name for account in found.accounts] == ["sun_diary", TAG, "gone_cat", "moon_cooks"]
    assert found.total == 4
    assert not found.problems


def test_each_tells_what_the_lake_the_registry_and_the_books_know(services: Services) -> None:
    found = by_name(services)
    sun = found["sun_diary"]
    assert (sun.lake.posts, sun.newest_post, sun.state) == (40, date(2026, 12, 24), "private")
    assert sun.reason == "only its followers see it"
    assert sun.lake.followers
    assert sun.lake.followers.number == 120
    assert (found[TAG].state, found[TAG].newest_post, found[TAG].is_hashtag) == ("in_lake", date(2026, 11, 3), True)
    assert (found["moon_cooks"].state, found["moon_cooks"].lake.posts) == ("collected", 0)
    assert found["gone_cat"].state == "ended"


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        (Sort.alphabet, [TAG, "gone_cat", "moon_cooks", "sun_diary"]),
        (Sort.followers, ["sun_diary", TAG, "gone_cat", "moon_cooks"]),
    ],
)
def test_a_list_has_the_order_that_was_asked_for(services: Services, sort: Sort, names: list[str]) -> None:
    account_lake(services.settings).account("sun_diary")
    assert [account.name for account in list_accounts(services, sort=sort).accounts] == names


@pytest.mark.parametrize("query", ["MOON", "@moon", " moon_c "])
def test_a_name_is_found_by_a_part_of_it(services: Services, query: str) -> None:
    assert [account.name for account in list_accounts(services, query).accounts] == ["moon_cooks"]


def test_pages_hold_each_account_once_and_a_page_too_far_is_the_last_one(services: Services) -> None:
    pages = [list_accounts(services, sort=Sort.alphabet, page=page, size=3) for page in (1, 2, 9)]
    assert [len(page.accounts) for page in pages] == [3, 1, 1]
    assert pages[2].page == 2


def test_what_is_written_meanwhile_is_seen(services: Services) -> None:
    assert account_lake(services.settings).account("sun_diary").posts == 40
    put(services.settings, "posts", "sun_diary", posts("sun_diary", 45))
    assert account_lake(services.settings).account("sun_diary").posts == 45


def test_what_was_counted_is_not_read_again_until_it_changes(services: Services) -> None:
    lake = account_lake(services.settings)
    folder = Path(services.settings.lake_uri) / "posts" / "sun_diary"
    os.utime(folder, (1_000_000_000, 1_000_000_000))
    assert lake.account("sun_diary").posts == 40
    for file in folder.iterdir():
        file.write_bytes(b"not read")
    os.utime(folder, (1_000_000_000, 1_000_000_000))
    assert lake.account("sun_diary").posts == 40
    os.utime(folder, (1_000_000_060, 1_000_000_060))
    assert "damaged" in lake.account("sun_diary").problem


def test_a_damaged_file_is_the_state_of_its_account_alone(services: Services) -> None:
    next((Path(services.settings.lake_uri) / "posts" / "sun_diary").iterdir()).write_bytes(b"PAR1 broken")
    found = by_name(services)
    assert found["sun_diary"].state == "damaged"
    assert found[TAG].state == "in_lake"
    assert "damaged" in account_detail(services, "sun_diary").problem


def test_a_registry_that_cannot_be_read_is_told_and_the_rest_is_listed(services: Services) -> None:
    (services.settings.data_dir / "accounts.toml").write_text("[[accounts", "utf-8")
    found = list_accounts(services)
    assert [account.name for account in found.accounts] == ["sun_diary", TAG]
    assert "accounts.toml" in found.problems[0]


def test_whoever_was_forgotten_is_not_listed(services: Services) -> None:
    put(services.settings, "posts", "forgotten_8f86ebd8fc2be949", posts("forgotten_8f86ebd8fc2be949", 1))
    assert "forgotten_8f86ebd8fc2be949" not in by_name(services)
    with pytest.raises(NotFoundError):
        find_account(services, "forgotten_8f86ebd8fc2be949")


@pytest.mark.parametrize("name", ["nobody", "..", "../posts", "", "a" * 4_000, "sun_diary\0", "#", "posts/sun_diary"])
def test_nobody_is_found_under_other_names(services: Services, name: str) -> None:
    with pytest.raises(NotFoundError):
        find_account(services, name)


@pytest.mark.parametrize("name", ["sun_diary", "@sun_diary", "Sun_Diary"])
def test_one_is_found_by_its_name(services: Services, name: str) -> None:
    assert find_account(services, name).name == "sun_diary"


def test_an_empty_platform_has_an_empty_list(tmp_path: Path) -> None:
    settings = load_settings(data_dir=str(tmp_path / "data"))
    services = Services(settings, DagsterApi("http://127.0.0.1:9"), "http://127.0.0.1:9")
    assert list_accounts(services).accounts == []
    assert "No accounts yet" in TestClient(create_app(services)).get("/accounts").text
    assert not settings.data_dir.exists()


def test_the_api_lists_them_page_by_page(client: TestClient) -> None:
    answer = client.get("/api/accounts", params={"size": 1, "sort": "name", "page": 2}).json()
    assert (answer["total"], answer["page"], answer["pages"]) == (4, 2, 4)
    assert [account["name"] for account in answer["accounts"]] == ["gone_cat"]


@pytest.mark.parametrize(
    "wrong", [{"page": 0}, {"page": "x"}, {"size": 0}, {"size": 100_000}, {"sort": "up"}, {"query": "x" * 201}]
)
def test_the_api_refuses_what_no_list_has(client: TestClient, wrong: dict[str, str | int]) -> None:
    assert client.get("/api/accounts", params=wrong).status_code == 422


def test_the_api_has_the_followers_of_one_over_time(client: TestClient) -> None:
    answer = client.get("/api/accounts/sun_diary").json()
    assert [each["followers"] for each in answer["followers_over_time"]] == [100, 130, 120]
    assert (answer["posts"], answer["state"]) == (40, "private")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_hashtag_has_a_page_under_its_encoded_name(client: TestClient, language: str) -> None:
    answer = client.get("/accounts/%23%EC%9C%A1%EC%95%84%EC%9D%BC%EA%B8%B0", headers={"accept-language": language})
    assert answer.status_code == 200
    assert f"<h1>{TAG}</h1>" in answer.text
    assert "moon_cooks" in answer.text
    assert 'href="/accounts/%23%EC%9C%A1%EC%95%84%EC%9D%BC%EA%B8%B0"' in client.get("/accounts").text


def test_captions_stand_on_the_page_as_text(services: Services, client: TestClient) -> None:
    caption = "<img src=x onerror=alert(1)> ![](https://evil.example/x.png) {{ 7 * 7 }}"
    put(services.settings, "posts", "sun_diary", posts("sun_diary", 40, caption=caption))
    shown = client.get("/accounts/sun_diary").text
    assert "&lt;img src=x onerror=alert(1)&gt;" in shown
    assert "<img src=x" not in shown
    assert "{{ 7 * 7 }}" in shown


def test_followers_over_time_are_a_line_and_a_table(client: TestClient) -> None:
    shown = client.get("/accounts/sun_diary").text
    assert "<polyline points=" in shown
    assert "style=" not in shown
    assert shown.index(">120<") < shown.index(">130<")


def test_one_reading_of_followers_is_a_number(services: Services, client: TestClient) -> None:
    put(services.settings, "raw_profiles", "sun_diary", profiles("sun_diary", 1234))
    shown = client.get("/accounts/sun_diary").text
    assert "<strong>1,234</strong> <span" in shown
    assert "<polyline points=" not in shown


def test_a_line_goes_from_edge_to_edge_and_higher_is_up() -> None:
    line = line_of([(FIRST, 5), (FIRST + timedelta(1), 9), (FIRST + timedelta(2), 5)])
    assert line
    points = [tuple(map(float, point.split(","))) for point in line.points.split()]
    assert [across for across, _ in points] == [4.0, 320.0, 636.0]
    assert points[1][1] < points[0][1] == points[2][1]
    assert line_of([(FIRST, 5)]) is None
    assert line_of([(FIRST, 5), (FIRST, 5)])


def test_of_many_numbers_the_line_keeps_the_last(services: Services) -> None:
    line = line_of([(FIRST + timedelta(number), number) for number in range(5_001)])
    assert line
    assert len(line.points.split()) < 400
    assert line.points.endswith("636.0,4.0")


def test_a_way_that_is_not_set_up_names_what_to_set(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("INSTAGRAM_GRAPH_TOKEN", "APIFY_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    missing = {way.name: way.missing for way in refresh_methods(services.settings, "sun_diary")}
    assert missing == {
        "graph_api": "INSTAGRAM_GRAPH_TOKEN",
        "instagram": "INSTAGRAM_ASSETS_COLLECTION__PURPOSE",
        "apify": "APIFY_TOKEN",
    }


def test_ways_that_are_set_up_are_the_request_that_starts_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_GRAPH_TOKEN", "token")
    monkeypatch.setenv("APIFY_TOKEN", "token")
    settings = load_settings(
        data_dir=str(tmp_path),
        graph_api={"user_id": "17841400000000000"},
        collection={"purpose": "a study", "allowed": "sun_diary"},
    )
    assert all(way.is_ready for way in refresh_methods(settings, "sun_diary"))
    of_tag = {way.name: way.body for way in refresh_methods(settings, TAG)}
    assert of_tag == {
        "graph_api": {"names": [TAG], "site": "graph_api", "again": True},
        "apify": {"name": "hashtags", "names": ["육아일기"], "again": True},
    }
    models = {"/api/collect": CollectionBody, "/api/scrape": ScrapeBody}
    for way in [*refresh_methods(settings, "sun_diary"), *refresh_methods(settings, TAG)]:
        assert models[way.address].model_validate(way.body).start(settings).config
    refused = {way.name: way.refused for way in refresh_methods(settings, "moon_cooks")}
    assert "moon_cooks" in refused["instagram"]


def test_many_accounts_of_many_days_are_listed_quickly(tmp_path: Path) -> None:
    settings = load_settings(data_dir=str(tmp_path / "data"))
    put(settings, "posts", "a", posts("a", 60))
    folder = Path(settings.lake_uri) / "posts"
    files = {file.name: file.read_bytes() for file in (folder / "a").iterdir()}
    for number in range(60):
        (folder / f"account_{number}").mkdir()
        for name, data in files.items():
            (folder / f"account_{number}" / name).write_bytes(data)
    lake = account_lake(settings)
    assert all(each.posts == 60 for each in lake.accounts(60.0).values())
    assert len(lake.accounts(0.0)) == 61
