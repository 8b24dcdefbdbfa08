"""The first page says what there is, or how to begin, at once also on a big lake; and shows the weeks' reports."""

import os
import threading
from datetime import UTC, date, datetime
from pathlib import Path

import httpx2
import pytest
from starlette.testclient import TestClient
from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import Settings, load_settings
from instagram_assets.storage.lake import files, lake_root
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets.web.app import create_app
from instagram_assets.web.background_value import BackgroundValue
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.lake_counts import LakeCounts, lake_counts
from instagram_assets.web.pages.start import POLICY
from instagram_assets_tests.web.clients import served

DAY = date(2026, 11, 3)
NOON = datetime(2026, 11, 3, 3, tzinfo=UTC)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    nowhere = "http://127.0.0.1:1"
    return Services(load_settings(data_dir=str(tmp_path / "data")), DagsterApi(nowhere), nowhere)


@pytest.fixture
def client(services: Services) -> TestClient:
    return TestClient(create_app(services))


def put(settings: Settings, table: str, account: str, rows: list[dict[str, object]]) -> None:
    days = (DAY, DAY) if "day" in rows[0] else None
    write_cells(lake_root(settings), table, [account], days, CONTRACTS[table].table(rows))


def put_posts(settings: Settings, account: str, count: int) -> None:
    rows: list[dict[str, object]] = [
        {
            "post_id": f"{account}-{number}",
            "shortcode": f"C{number}",
            "account": account,
            "day": DAY,
            "kind": "post",
            "owner": account,
            "taken_at": NOON,
            "observed_at": NOON,
        }
        for number in range(count)
    ]
    put(settings, "raw_posts", account, rows)
    put(settings, "posts", account, rows)


def counted(root: UPath) -> LakeCounts:
    found = None
    while found is None:
        found = lake_counts(root)
    return found


def test_an_empty_platform_says_how_to_begin(client: TestClient) -> None:
    text = client.get("/").text
    assert "instagram-assets demo" in text
    assert 'href="/collect"' in text
    assert 'href="/collect?way=files"' in text


def test_the_numbers_are_those_of_the_lake(client: TestClient, services: Services) -> None:
    put_posts(services.settings, "sun_diary", 3)
    put_posts(services.settings, "#육아일기", 2)
    images: list[dict[str, object]] = [
        {
            "account": "sun_diary",
            "day": DAY,
            "post_id": "p",
            "position": position,
            "url": "https://x.example/a.jpg",
            "status": status,
        }
        for position, status in enumerate(("ok", "ok", "failed"))
    ]
    put(services.settings, "images", "sun_diary", images)
    assert counted(services.lake) == LakeCounts(accounts=1, hashtags=1, posts=5, images=2, searches=0)
    text = client.get("/start/overview").text
    assert "<strong>5</strong>" in text
    assert "every 1s" not in text


def test_a_damaged_table_is_left_out_of_the_numbers(services: Services) -> None:
    put_posts(services.settings, "sun_diary", 3)
    put_posts(services.settings, "moon_cooks", 4)
    [_, damaged] = files(services.lake, "posts")
    Path(damaged.path).write_bytes(b"PAR1 is all there is")
    assert counted(services.lake).posts == 4


def test_a_lake_of_a_later_program_is_said_on_the_page(client: TestClient, services: Services) -> None:
    folder = Path(services.lake.path)
    folder.mkdir(parents=True)
    (folder / "_layout.json").write_text('{"version": 99, "first_year": 2020}')
    answer = client.get("/")
    assert answer.status_code == 200
    assert "its layout has version 99" in answer.text


def test_a_lake_of_an_older_layout_is_said_with_what_to_do(client: TestClient, services: Services) -> None:
    (Path(services.lake.path) / "raw_posts" / "account=sun_diary" / "day=2026-11-03").mkdir(parents=True)
    assert "instagram-assets migrate" in client.get("/").text


def test_a_report_is_shown_and_nothing_in_it_runs(client: TestClient, services: Services) -> None:
    folder = services.settings.folder("reports")
    folder.mkdir(parents=True)
    for week in ("2026-W43", "2026-W44"):
        (folder / f"reels-{week}.html").write_text(f"<title>{week}</title><script>1</script>")
    text = client.get("/").text
    assert text.index("reels-2026-W44.html") < text.index("reels-2026-W43.html")
    with served(services.settings.data_dir) as url:
        shown = httpx2.get(f"{url}/reports/reels-2026-W44.html")
    assert "2026-W44" in shown.text
    assert shown.headers["content-security-policy"] == POLICY


@pytest.mark.parametrize(
    "name", ["..%2fsecret.html", "secret.html", "reels-2026-W45.html", "reels-2026-W46.html", "%00"]
)
def test_only_reports_are_shown(client: TestClient, services: Services, tmp_path: Path, name: str) -> None:
    folder = services.settings.folder("reports")
    folder.mkdir(parents=True)
    for place in (folder.parent / "secret.html", folder / "secret.html"):
        place.write_text("secret")
    os.symlink(folder / "secret.html", folder / "reels-2026-W46.html")
    answer = client.get(f"/reports/{name}")
    assert answer.status_code == 404
    assert "secret</" not in answer.text


def test_what_takes_time_is_asked_once_and_nobody_waits_for_it() -> None:
    may_end, calls = threading.Event(), list[int]()

    def find() -> str:
        calls.append(1)
        may_end.wait()
        return "found"

    fact = BackgroundValue(find, seconds=1_000)
    assert [fact.newest(), fact.newest()] == [None, None]
    may_end.set()
    assert fact.newest(patience=60) == "found"
    assert len(calls) == 1


def test_what_was_found_before_is_told_while_it_is_asked_anew() -> None:
    may_end, told = threading.Event(), list[int]()

    def find() -> int:
        if told:
            may_end.wait()
        told.append(1)
        return len(told)

    fact = BackgroundValue(find, seconds=0)
    assert fact.newest(patience=60) == 1
    assert fact.newest(patience=60) == 1
    may_end.set()


def test_an_error_is_told_until_it_is_mended() -> None:
    said = ["the disk is away"]

    def find() -> str:
        if said:
            raise StorageError(said.pop())
        return "there"

    fact = BackgroundValue(find, seconds=0)
    with pytest.raises(StorageError, match="the disk is away"):
        fact.newest(patience=60)
    while True:
        try:
            found = fact.newest(patience=60)
        except StorageError:
            continue
        assert found == "there"
        break
