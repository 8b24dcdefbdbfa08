"""The lake month by month: every row once, in order, and folders that no reader misreads."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.errors import StorageError
from instagram_assets.schemas import IMAGES, IMPRESSIONS
from instagram_assets.storage.lake import files, months
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets.storage.layout import folder_name, value_of

CELLS = [("zoe", "2026-11-30"), ("zoe", "2026-12-01"), ("007", "2026-11-02"), ("#비", "2025-01-01")]


def rows(cells: list[tuple[str, str]]) -> pa.Table:
    return IMPRESSIONS.table(
        [
            {"post_id": str(number), "account": account, "day": date.fromisoformat(day), "kind": "post"}
            for number, (account, day) in enumerate(cells)
        ]
    )


@pytest.fixture
def root(tmp_path: Path) -> UPath:
    lake = UPath(tmp_path)
    write_cells(lake, "impressions", ["zoe", "007", "#비"], (date(2025, 1, 1), date(2026, 12, 1)), rows(CELLS))
    return lake


def test_every_row_comes_once_by_account_and_month(root: UPath) -> None:
    found = [part["impressions"] for part in months(root, ["impressions"])]
    places = [list(zip(*(table[c].to_pylist() for c in ("account", "post_id")), strict=True)) for table in found]
    assert places == [[("#비", "3")], [("007", "2")], [("zoe", "0")], [("zoe", "1")]]
    assert all(table.schema == IMPRESSIONS.schema for table in found)


def test_an_asset_without_rows_in_a_month_has_none_and_its_columns(root: UPath) -> None:
    parts = list(months(root, ["images", "impressions"]))
    assert [part["images"].num_rows for part in parts] == [0, 0, 0, 0]
    assert parts[0]["images"].schema == IMAGES.schema
    assert list(months(root, ["images"])) == []


def test_only_the_columns_that_are_asked_for_are_read(root: UPath) -> None:
    columns = {"impressions": ["kind", "account"]}
    assert {tuple(part["impressions"].column_names) for part in months(root, ["impressions"], columns)} == {
        ("kind", "account")
    }


def test_a_damaged_month_is_named(root: UPath) -> None:
    file = files(root, "impressions", ["zoe"])[-1]
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(StorageError, match=r"2026-12.*materialize impressions"):
        list(months(root, ["impressions"]))


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_an_account_comes_back_from_its_folder(account: str) -> None:
    folder = folder_name(account)
    assert value_of(folder) == account
    assert not folder.startswith((".", "_"))
    assert not set(folder) & set("/=#\0*?[]\\ ")


def test_usual_names_stay_as_they_are() -> None:
    assert [folder_name(name) for name in ("sun.diary", "007", "육아_일기", "#육아일기", "_jane", "..", "50%")] == [
        *("sun.diary", "007", "육아_일기", "%23육아일기", "%5Fjane", "%2E.", "50%25")
    ]
