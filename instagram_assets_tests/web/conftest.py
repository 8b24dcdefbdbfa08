"""A real Dagster webserver with its daemon, which the tests of a file share."""

from collections.abc import Iterator

import pytest

from instagram_assets_tests.servers.dev import Dev
from instagram_assets_tests.servers.searching_dev import searching_dev


# One for all files would idle beside every later test of its process, sensors and all.
@pytest.fixture(scope="module")
def collecting_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """Tests that use it look only at the jobs that they have started."""
    with searching_dev(tmp_path_factory.mktemp("collecting")) as dev:
        yield dev
