"""Up to when observations are gone is said by the lake itself, and never earlier than before."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.storage.retention_horizon import HORIZON_FILE, Horizon, move_horizon, read_horizon

JUNE, JULY, NOW = (datetime(2026, month, 1, tzinfo=UTC) for month in (6, 7, 9))


@pytest.fixture
def lake(tmp_path: Path) -> UPath:
    return UPath(tmp_path / "lake")


def test_a_lake_without_retention_has_no_horizon(lake: UPath) -> None:
    assert read_horizon(lake) == Horizon()


def test_a_horizon_moves_on_and_not_back(lake: UPath) -> None:
    assert move_horizon(lake, JULY, None, NOW) == Horizon(JULY, None, NOW)
    assert move_horizon(lake, JUNE, JUNE, NOW) == Horizon(JULY, JUNE, NOW)
    assert move_horizon(lake, None, JULY, NOW) == read_horizon(lake) == Horizon(JULY, JULY, NOW)


@pytest.mark.parametrize(
    "content", ["", "[]", '{"raw": "yesterday"}', '{"raw": "2026-07-01"}', '{"since": null, "x": 1}']
)
def test_a_damaged_horizon_is_an_error_that_names_it(lake: UPath, content: str) -> None:
    move_horizon(lake, JULY, None, NOW)
    Path((lake / HORIZON_FILE).path).write_text(content)
    with pytest.raises(StorageError, match=rf"{HORIZON_FILE}: damaged"):
        read_horizon(lake)
