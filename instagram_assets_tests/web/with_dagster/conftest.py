"""A real Dagster webserver with its daemon, which the tests of this folder share."""

from collections.abc import Iterator

import pytest

from instagram_assets_tests.servers.dev import Dev
from instagram_assets_tests.servers.searching_dev import searching_dev


# It ends with the folder, which one worker runs: it would idle beside every later test, sensors and all.
@pytest.fixture(scope="package")
def collecting_dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    """Tests that use it look only at the jobs that they have started."""
    with searching_dev(tmp_path_factory.mktemp("collecting")) as dev:
        yield dev
