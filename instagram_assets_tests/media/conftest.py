"""A server that behaves badly on request, and an empty store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from instagram_assets.media.store import MediaStore
from instagram_assets_tests.servers.hostile import HostileServer


@pytest.fixture
def server() -> Iterator[HostileServer]:
    with HostileServer() as server:
        yield server


@pytest.fixture
def store(tmp_path: Path) -> Iterator[MediaStore]:
    with MediaStore(tmp_path / "media") as store:
        yield store
