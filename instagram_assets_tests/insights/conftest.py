"""A lake of posts at any time, made once."""

import pytest

from instagram_assets_tests.insights.lakes import Small, random_posts, small


@pytest.fixture(scope="session")
def berlin(tmp_path_factory: pytest.TempPathFactory) -> Small:
    """Three accounts over four weeks, in which the clock is set back."""
    return small(tmp_path_factory.mktemp("berlin"), random_posts())
