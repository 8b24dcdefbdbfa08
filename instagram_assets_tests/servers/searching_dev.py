"""`instagram-assets dev` with a page to search on and the demo's models: collections end as they do elsewhere."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from instagram_assets.demo import MODELS
from instagram_assets.demo.search_site import Oddity, Results, SearchPage, subject
from instagram_assets_tests.servers.dev import Dev, start_dev, wait_until_it_says

CATS, NOTHING, HANGING = "고양이", "nothing", "hanging"
WORDS = {CATS: Results(subject(12)), NOTHING: Oddity.EMPTY, HANGING: Oddity.HANGING}
"""A word that finds 12 good pictures, one that finds none and fails, and one whose search takes two minutes."""


def search_environment(page: SearchPage, folder: Path) -> dict[str, str]:
    """Settings for the page and the models of the demo."""
    return {
        "INSTAGRAM_ASSETS_SEARCH__SITES_FILE": str(page.site_file(folder)),
        "INSTAGRAM_ASSETS_SEARCH__FLAGS": "--no-sandbox",
        "INSTAGRAM_ASSETS_SEARCH__SCROLL_PAUSE": "0",
        "INSTAGRAM_ASSETS_SEARCH__PAGE_TIMEOUT": "120",
        "INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_HTTP": "true",
        "INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_LOOPBACK": "true",
        "INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL": str(MODELS / "clip"),
    }


@contextmanager
def searching_dev(folder: Path) -> Generator[Dev]:
    """Start it with a data folder below `folder`, ready to search for WORDS."""
    with SearchPage(WORDS) as page, start_dev(folder, **search_environment(page, folder)) as dev:
        wait_until_it_says(dev, "Dagster UI")
        yield dev
