"""The folder of a search, empty and with six images."""

from pathlib import Path

import pytest

from instagram_assets_tests.datasets.search_folder import Search


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path)


@pytest.fixture
def written(search: Search) -> Search:
    """A folder of the pictures 1 to 6, with one candidate left out."""
    search.write(range(1, 7), [90])
    return search
