"""The platform that the journeys of this folder share."""

from collections.abc import Iterator

import pytest

from instagram_assets.demo.search_site import SearchPage
from instagram_assets_tests.web.journeys.platforms import Platform, open_platform


@pytest.fixture(scope="package")
def platform(search_page: SearchPage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """Everything that `dev` starts."""
    with open_platform(tmp_path_factory.mktemp("platform"), search_page) as opened:
        yield opened
