"""Data folders and places for backups."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from instagram_assets.backups.backup_contents import BackupContents
from instagram_assets_tests.backups.folders import filled
from instagram_assets_tests.servers.object_store import object_store


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    """The address of an S3 server."""
    with object_store() as address:
        yield address


@pytest.fixture
def contents(tmp_path: Path) -> BackupContents:
    """What belongs to a backup of a small data folder."""
    return filled(tmp_path / "data")


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A privacy folder outside the data folder."""
    return tmp_path / "keys"
