"""Where a lake can lie: on a disk and in an object store."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from upath import UPath

from instagram_assets_tests.servers.object_store import object_store, store_path


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    """The address of an S3 server."""
    with object_store() as address:
        yield address


@pytest.fixture(params=["disk", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    """An empty lake."""
    if request.param == "disk":
        return UPath(tmp_path / "lake")
    return store_path(request.getfixturevalue("store"), uuid.uuid4().hex)
