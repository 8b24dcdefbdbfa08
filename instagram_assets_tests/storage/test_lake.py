"""The lake's promises: whole files, exact cells, one contract for one cell or many."""

import os
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.errors import ContractError, StorageError
from instagram_assets.schemas import IMPRESSIONS
from instagram_assets.storage.lake import (
    account_files,
    existing_cells,
    read_asset,
    read_batches,
    read_files,
    whole_asset,
    write_cells,
)

COLUMNS = ["account", "day"]
DAYS = ["2026-10-30", "2026-10-31", "2026-11-01"]
KEYS = [(account, day) for account in ("sea", "sun") for day in DAYS]


def rows(*posts: tuple[str, str, str]) -> pa.Table:
    """Impressions of (account, day, post_id)."""
    return IMPRESSIONS.table(
        [{"account": a, "day": date.fromisoformat(d), "post_id": p, "impression": 0.5} for a, d, p in posts]
    )


def content(root: UPath) -> list[tuple[str, str, str]]:
    table = read_asset(root, "impressions", COLUMNS)
    return sorted((row["account"], str(row["day"]), row["post_id"]) for row in table.to_pylist())


@pytest.fixture(params=["local", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    return UPath(tmp_path / "lake") if request.param == "local" else UPath(f"memory://{tmp_path.name}/lake")


cell_rows = st.lists(st.tuples(st.sampled_from(["sea", "sun"]), st.sampled_from(DAYS), st.text("abc", max_size=3)))


@settings(deadline=None, max_examples=25)
@given(cell_rows, cell_rows)
def test_writing_cells_replaces_exactly_them(
    first: list[tuple[str, str, str]], second: list[tuple[str, str, str]]
) -> None:
    root = UPath("memory://replace")
    write_cells(root, "impressions", COLUMNS, KEYS, rows(*first))
    some = [key for key in KEYS if key[1] != DAYS[0]]
    written = [row for row in second if row[1] != DAYS[0]]
    write_cells(root, "impressions", COLUMNS, some, rows(*written))
    assert content(root) == sorted([row for row in first if row[1] == DAYS[0]] + written)


def test_accounts_are_read_with_all_their_days_one_after_another(root: UPath) -> None:
    written = [(account, day, day[-2:]) for account, day in KEYS]
    write_cells(root, "impressions", COLUMNS, KEYS, rows(*written))
    paths = account_files(root, "impressions", COLUMNS, ["sun", "nobody", "sea"])
    assert read_batches(paths, "impressions").read_all()["account"].to_pylist() == ["sun"] * 3 + ["sea"] * 3
    assert account_files(root, "impressions", COLUMNS, ["nobody"]) == []


def test_a_cell_without_rows_has_no_file_and_reads_as_nothing(root: UPath) -> None:
    write_cells(root, "impressions", COLUMNS, KEYS, rows(("sea", DAYS[0], "1")))
    assert len(existing_cells(root, "impressions", COLUMNS, KEYS)) == 1
    empty = read_files(existing_cells(root, "impressions", COLUMNS, [("sun", DAYS[0])]), "impressions")
    assert (empty.num_rows, empty.schema) == (0, IMPRESSIONS.schema)


def test_a_cell_that_is_left_empty_loses_its_file(root: UPath) -> None:
    write_cells(root, "impressions", COLUMNS, KEYS, rows(("sea", DAYS[0], "1"), ("sea", DAYS[2], "2")))
    write_cells(root, "impressions", COLUMNS, [("sea", DAYS[0])], rows())
    assert content(root) == [("sea", DAYS[2], "2")]
    assert [path.name for path in whole_asset(root, "impressions", COLUMNS)] == ["month=2026-11.parquet"]


def test_rows_of_other_cells_are_refused(root: UPath) -> None:
    with pytest.raises(ContractError, match=r"outside the run's partitions.*sea.*2026-10-30"):
        write_cells(root, "impressions", COLUMNS, [("sun", DAYS[0])], rows(("sea", DAYS[0], "1")))


def test_a_missing_column_is_a_broken_contract(root: UPath) -> None:
    with pytest.raises(ContractError, match=r"columns missing \['likes'\]"):
        write_cells(root, "impressions", COLUMNS, KEYS, rows(("sea", DAYS[0], "1")).drop_columns(["likes"]))


def test_the_same_rows_are_the_same_bytes(root: UPath) -> None:
    table = rows(("sea", DAYS[0], "1"), ("sun", DAYS[1], "2"))
    write_cells(root, "impressions", COLUMNS, KEYS, table)
    before = [path.read_bytes() for path in whole_asset(root, "impressions", COLUMNS)]
    write_cells(root, "impressions", COLUMNS, KEYS, table)
    assert [path.read_bytes() for path in whole_asset(root, "impressions", COLUMNS)] == before


def test_a_reader_writes_the_same_cells_as_a_table(root: UPath) -> None:
    table = rows(*[(account, day, str(number)) for account, day in KEYS for number in range(5)])
    write_cells(root, "impressions", COLUMNS, KEYS, table.to_reader(max_chunksize=7))
    assert read_asset(root, "impressions", COLUMNS) == table
    batches = read_batches(whole_asset(root, "impressions", COLUMNS), "impressions")
    assert batches.read_all() == table


def test_a_reader_whose_accounts_are_mixed_is_refused(root: UPath) -> None:
    mixed = rows(("sea", DAYS[0], "1"), ("sun", DAYS[0], "2"), ("sea", DAYS[1], "3")).to_reader(max_chunksize=1)
    with pytest.raises(ContractError, match="do not stand together"):
        write_cells(root, "impressions", COLUMNS, KEYS, mixed)


def test_readers_of_the_whole_lake_open_one_file_per_account_and_month(root: UPath) -> None:
    write_cells(root, "impressions", COLUMNS, KEYS, rows(*[(account, day, "1") for account, day in KEYS]))
    assert len(whole_asset(root, "impressions", COLUMNS)) == 4


@pytest.mark.parametrize("damage", ["truncated", "empty", "footer", "bit flip in a page"])
def test_a_damaged_file_is_named_with_its_partition_and_remedy(tmp_path: Path, damage: str) -> None:
    root = UPath(tmp_path / "lake")
    write_cells(root, "impressions", COLUMNS, KEYS, rows(*[("sea", DAYS[0], str(number)) for number in range(500)]))
    path = Path(existing_cells(root, "impressions", COLUMNS, KEYS)[0].path)
    data = bytearray(path.read_bytes())
    start = pq.ParquetFile(path).metadata.row_group(0).column(0).data_page_offset
    if damage == "bit flip in a page":
        data[start + 60] ^= 1
    path.write_bytes({"truncated": data[:-40], "empty": b"", "footer": data[:-8] + b"\0" * 8}.get(damage, bytes(data)))
    with pytest.raises(
        StorageError, match=r"account=sea/day=2026-10-30.*Materialize impressions for this partition again"
    ):
        read_files([UPath(path)], "impressions")


def test_leftovers_of_dead_processes_are_swept_when_their_account_is_written(tmp_path: Path) -> None:
    from instagram_assets.storage.atomic import temporary_beside

    root = UPath(tmp_path / "lake")
    table = rows(("sea", DAYS[0], "1"))
    write_cells(root, "impressions", COLUMNS, KEYS, table)
    path = Path(existing_cells(root, "impressions", COLUMNS, KEYS)[0].path)
    mine = temporary_beside(path)
    dead = mine.with_name(mine.name.replace(f".{os.getpid()}.", ".4194304."))
    mine.write_bytes(b"half")
    dead.write_bytes(b"half")
    write_cells(root, "impressions", COLUMNS, KEYS, table)
    assert mine.exists()
    assert not dead.exists()
