"""Apify on this machine, with two actors, and what a scrape needs."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from instagram_assets.demo.apify_server import ApifyActor
from instagram_assets.settings import ApifySettings
from instagram_assets.sources.apify_api import Patience
from instagram_assets.sources.apify_inputs import load_scrape_request
from instagram_assets.sources.apify_scrape import Scraped, scrape
from instagram_assets_tests.conftest import post
from instagram_assets_tests.servers.apify import FaultyApify

REELS = "apify/instagram-reel-scraper"
TOKEN = "apify_api_test"
QUICK = Patience(tries=4, pause=timedelta(milliseconds=5), answer=timedelta())
SEOUL = ZoneInfo("Asia/Seoul")

Collect = Callable[..., Scraped]


@pytest.fixture
def apify(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyApify]:
    """Apify with an actor that has two reels."""
    monkeypatch.setenv("APIFY_TOKEN", TOKEN)
    with FaultyApify(TOKEN) as server:
        server.actors[REELS] = ApifyActor([post(number, type="Video", productType="clips") for number in (1, 2)])
        yield server


@pytest.fixture
def lines() -> list[str]:
    """What was told on the way."""
    return []


@pytest.fixture
def collect(apify: FaultyApify, tmp_path: Path, lines: list[str]) -> Collect:
    """A scrape of the reels of `sun`, into the inbox of the temporary folder."""

    def collect(
        *names: str,
        again: bool = False,
        newer_than: date | None = None,
        tell: Callable[[str], object] = lines.append,
        **options: object,
    ) -> Scraped:
        request = load_scrape_request("reels").of(names or ("sun",), newer_than, SEOUL)
        settings = ApifySettings.model_validate({"api_url": apify.url, **options})
        return scrape(request, settings, tmp_path / "inbox", tmp_path / "scrapes", tell, again=again, patience=QUICK)

    return collect
