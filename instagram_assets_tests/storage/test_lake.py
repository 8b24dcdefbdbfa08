"""The lake's promises: whole files, exact cells, one contract for one cell or many."""

import os
import tempfile
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.errors import ContractError, StorageError
from instagram_assets.schemas import EMBEDDINGS, IMAGES, IMPRESSIONS, PROFILES_RAW
from instagram_assets.storage.lake import (
    files,
    months,
    read_batches,
    read_table,
)
from instagram_assets.storage.lake_writer import as_stored, write_asset, write_cells

ACCOUNTS = ["sea", "sun"]
DAYS = [date(2026, 10, 30), date(2026, 10, 31), date(2026, 11, 1)]
ALL = DAYS[0], DAYS[-1]
# Readers skip or change such names of folders, or take them for numbers.
ODD_ACCOUNTS = ["007", "2023", "_jane", ".hidden", "#육아일기", "con", "a=b", "100%"]


def rows(*posts: tuple[str, date, str]) -> pa.Table:
    """Impressions of (account, day, post_id)."""
    return IMPRESSIONS.table([{"account": a, "day": d, "post_id": p, "impression": 0.5} for a, d, p in posts])


def of_every_cell() -> list[tuple[str, date, str]]:
    return [(account, day, str(day.day)) for account in ACCOUNTS for day in DAYS]


def content(root: UPath) -> list[tuple[str, date, str]]:
    table = read_table(root, "impressions")
    return sorted((row["account"], row["day"], row["post_id"]) for row in table.to_pylist())


cell_rows = st.lists(
    st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(DAYS), st.text("abc", max_size=3)), unique=True
)


@settings(max_examples=25)
@given(cell_rows, cell_rows)
def test_writing_cells_replaces_exactly_them(
    first: list[tuple[str, date, str]], second: list[tuple[str, date, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = UPath(folder) / "lake"
        write_cells(root, "impressions", ACCOUNTS, ALL, rows(*first))
        new = [row for row in second if row[1] != DAYS[0]]
        written = write_cells(root, "impressions", ACCOUNTS, (DAYS[1], DAYS[2]), rows(*new))
        assert content(root) == sorted([row for row in first if row[1] == DAYS[0]] + new)
        before = {(account, str(day)) for account, day, _ in first if day != DAYS[0]}
        after = {(account, str(day)) for account, day, _ in new}
        assert (set(written.rows), written.emptied) == (after, before - after)


@settings(max_examples=25)
@given(cell_rows, st.permutations([*ACCOUNTS, "nobody"]))
def test_what_was_written_is_known_as_reading_gives_it(found: list[tuple[str, date, str]], order: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = UPath(folder) / "lake"
        write_cells(root, "impressions", order, ALL, rows(*found))
        assert as_stored("impressions", order, rows(*found)).equals(read_table(root, "impressions", order, ALL))


def test_accounts_are_read_with_all_their_days_one_after_another(root: UPath) -> None:
    write_cells(root, "impressions", ACCOUNTS, ALL, rows(*of_every_cell()))
    found = read_batches(root, "impressions", ["sun", "nobody", "sea"]).read_all()
    assert found["account"].to_pylist() == ["sun"] * 3 + ["sea"] * 3
    assert found["day"].to_pylist() == DAYS * 2


def test_only_the_days_and_columns_that_are_asked_for_are_read(root: UPath) -> None:
    write_cells(root, "impressions", ACCOUNTS, ALL, rows(*of_every_cell()))
    found = read_table(root, "impressions", ["sun"], (DAYS[1], DAYS[2]), ["post_id"])
    assert found.to_pydict() == {"post_id": ["31", "1"]}


def test_what_was_never_written_reads_as_no_rows(root: UPath) -> None:
    for found in (read_table(root, "impressions"), read_batches(root, "impressions", ["sun"]).read_all()):
        assert (found.num_rows, found.schema) == (0, IMPRESSIONS.schema)


def test_a_cell_that_is_left_empty_loses_its_rows_and_an_empty_month_its_file(tmp_path: Path) -> None:
    root = UPath(tmp_path / "lake")
    write_cells(root, "impressions", ACCOUNTS, ALL, rows(("sea", DAYS[0], "1"), ("sea", DAYS[2], "2")))
    written = write_cells(root, "impressions", ["sea"], (DAYS[0], DAYS[0]), rows())
    assert written.emptied == {("sea", "2026-10-30")}
    assert [path.name for path in files(root, "impressions")] == ["2026-11.parquet"]
    assert content(root) == [("sea", DAYS[2], "2")]


def test_an_emptied_month_in_an_object_store_reads_as_no_rows(root: UPath) -> None:
    write_cells(root, "impressions", ACCOUNTS, ALL, rows(("sea", DAYS[0], "1")))
    write_cells(root, "impressions", ACCOUNTS, ALL, rows())
    assert content(root) == []


@pytest.mark.parametrize(("account", "day"), [("sun", DAYS[0]), ("sea", DAYS[2])])
def test_rows_of_other_cells_are_refused(root: UPath, account: str, day: date) -> None:
    with pytest.raises(ContractError, match="outside the run's partitions.*" + account):
        write_cells(root, "impressions", ["sea"], (DAYS[0], DAYS[1]), rows((account, day, "1")))
    assert content(root) == []


@pytest.mark.bad_input("table of another shape")
def test_a_missing_column_is_a_broken_contract(root: UPath) -> None:
    with pytest.raises(ContractError, match=r"columns missing \['likes'\]"):
        write_cells(root, "impressions", ACCOUNTS, ALL, rows(("sea", DAYS[0], "1")).drop_columns(["likes"]))


def test_the_same_rows_are_the_same_bytes_in_whatever_order_their_days_were_written(root: UPath) -> None:
    write_cells(root, "impressions", ACCOUNTS, ALL, rows(*of_every_cell()))
    at_once = [path.read_bytes() for path in files(root, "impressions")]
    for day in reversed(DAYS):
        some = [row for row in of_every_cell() if row[1] == day]
        write_cells(root, "impressions", ACCOUNTS, (day, day), rows(*some))
    assert [path.read_bytes() for path in files(root, "impressions")] == at_once


def test_what_did_not_change_is_not_written_again(tmp_path: Path) -> None:
    root = UPath(tmp_path / "lake")
    write_cells(root, "impressions", ACCOUNTS, ALL, rows(*of_every_cell()))
    before = [path.stat().st_ino for path in files(root, "impressions")]
    write_cells(root, "impressions", ACCOUNTS, ALL, rows(*of_every_cell()))
    assert [path.stat().st_ino for path in files(root, "impressions")] == before


def test_a_reader_writes_the_same_cells_as_a_table(root: UPath) -> None:
    table = rows(*[(account, day, str(number)) for account, day, _ in of_every_cell() for number in range(5)])
    write_cells(root, "impressions", ACCOUNTS, ALL, table.to_reader(max_chunksize=7))
    assert read_table(root, "impressions") == table
    assert read_batches(root, "impressions").read_all() == table


def test_a_reader_whose_accounts_are_mixed_is_refused(root: UPath) -> None:
    mixed = rows(("sea", DAYS[0], "1"), ("sun", DAYS[0], "2"), ("sea", DAYS[1], "3")).to_reader(max_chunksize=1)
    with pytest.raises(ContractError, match=r"do not stand together|outside the run's"):
        write_cells(root, "impressions", ACCOUNTS, ALL, mixed)


def test_tables_without_days_are_one_file_per_account(root: UPath) -> None:
    table = PROFILES_RAW.table([{"account": "sun", "followers": 1}, {"account": "sea", "followers": 2}])
    write_cells(root, "raw_profiles", ACCOUNTS, None, table)
    written = write_cells(root, "raw_profiles", ["sun"], None, PROFILES_RAW.empty())
    assert read_table(root, "raw_profiles")["followers"].to_pylist() == [2]
    assert written.emptied == {("sun",)}


def test_months_bring_the_rows_of_several_tables_together(root: UPath) -> None:
    write_cells(root, "impressions", ACCOUNTS, ALL, rows(*of_every_cell()))
    image: dict[str, object] = {"account": "sun", "day": DAYS[0], "post_id": "30", "position": 0, "status": "ok"}
    write_cells(root, "images", ["sun"], ALL, IMAGES.table([image]))
    parts = list(months(root, ["impressions", "images"], {"impressions": ["account", "post_id"]}))
    assert [part["impressions"]["post_id"].to_pylist() for part in parts] == [["30", "31"], ["1"]] * 2
    assert [part["images"].num_rows for part in parts] == [0, 0, 1, 0]


def test_embeddings_of_two_models_are_read_together(root: UPath) -> None:
    for account, width in (("sea", 64), ("sun", 512)):
        table = EMBEDDINGS.table([{"account": account, "day": DAYS[0], "post_id": "1", "position": 0}])
        vectors = pa.array([[1.0] + [0.0] * (width - 1)], pa.list_(pa.float32(), width))
        table = table.set_column(table.schema.get_field_index("embedding"), "embedding", vectors)
        write_cells(root, "embeddings", [account], ALL, table)
    assert [len(vector) for vector in read_table(root, "embeddings")["embedding"].to_pylist()] == [64, 512]


@pytest.mark.parametrize("name", ["impressions", "embeddings"])
def test_pandas_arrow_polars_and_duckdb_read_a_table_in_one_line_with_account_as_text(
    tmp_path: Path, name: str
) -> None:
    import duckdb
    import pandas as pd
    import polars as pl
    import pyarrow.parquet as pq

    folder, contract = tmp_path / "lake" / name, {"impressions": IMPRESSIONS, "embeddings": EMBEDDINGS}[name]
    for account in ODD_ACCOUNTS:
        table = contract.table([{"account": account, "day": DAYS[0], "post_id": "1"}])
        write_cells(UPath(tmp_path / "lake"), name, [account], ALL, table)
    expected = sorted(ODD_ACCOUNTS)
    assert sorted(pd.read_parquet(folder)["account"]) == expected
    assert sorted(pq.read_table(folder)["account"].to_pylist()) == expected
    assert sorted(pl.read_parquet(f"{folder}/**/*.parquet")["account"]) == expected
    found = duckdb.read_parquet(f"{folder}/**/*.parquet").project("account").fetchall()
    assert sorted(account for (account,) in found) == expected
    assert read_table(UPath(tmp_path / "lake"), name)["account"].to_pylist() == expected


def test_leftovers_of_dead_processes_are_swept_when_their_account_is_written(tmp_path: Path) -> None:
    from instagram_assets.storage.atomic import temporary_beside

    root = UPath(tmp_path / "lake")
    write_cells(root, "impressions", ACCOUNTS, ALL, rows(("sea", DAYS[0], "1")))
    mine = temporary_beside(Path(files(root, "impressions")[0].path))
    dead = mine.with_name(mine.name.replace(f".{os.getpid()}.", ".4194304."))
    mine.write_bytes(b"half")
    dead.write_bytes(b"half")
    write_cells(root, "impressions", ACCOUNTS, ALL, rows(("sea", DAYS[0], "2")))
    assert mine.exists()
    assert not dead.exists()
    assert content(root) == [("sea", DAYS[0], "2")]


def test_a_store_without_conditional_writes_is_refused_before_anything_is_written() -> None:
    root = UPath("memory://no-conditions/lake")
    with pytest.raises(StorageError, match=r"keep two runs apart.*INSTAGRAM_ASSETS_LAKE"):
        write_asset(root, "impressions", rows())
    assert not root.exists()


def test_a_file_system_without_locks_is_refused_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import fcntl

    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StorageError, match=r"has no locks.*INSTAGRAM_ASSETS_LAKE"):
        write_cells(UPath(tmp_path / "lake"), "impressions", ACCOUNTS, ALL, rows(("sea", DAYS[0], "1")))
