"""Damaged files of the lake, and files that do not belong to it: rows of `docs/bad-inputs.md`."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.errors import ContractError, StorageError
from instagram_assets.schemas import IMPRESSIONS
from instagram_assets.storage.lake import files, read_table
from instagram_assets.storage.lake_writer import write_cells

ACCOUNT, DAY = "zoo.keeper", date(2024, 1, 2)


def lake(folder: Path) -> Path:
    """A lake with one cell; its file."""
    rows: list[dict[str, object]] = [
        {"post_id": f"{number}", "account": ACCOUNT, "day": DAY, "kind": "post"} for number in range(200)
    ]
    table: pa.Table = IMPRESSIONS.table(rows)
    write_cells(UPath(folder), "impressions", [ACCOUNT], (DAY, DAY), table)
    [path] = files(UPath(folder), "impressions")
    return Path(path.path)


def flipped(data: bytes, place: int, bit: int = 0x10) -> bytes:
    return data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]


DAMAGE = {
    "damaged Parquet file: zero bytes": lambda data: b"",
    "damaged Parquet file: truncated": lambda data: data[: len(data) // 2],
    "damaged Parquet file: footer damaged": lambda data: data[:-8] + b"\0\0\0\0PAR1",
    "damaged Parquet file: footer overwritten": lambda data: data[:-60] + bytes(60),
    "damaged Parquet file: bit flip in a page": lambda data: flipped(data, 60),
}


@pytest.mark.parametrize("row", DAMAGE)
def test_a_damaged_file_names_its_partition_and_the_remedy(tmp_path: Path, row: str) -> None:
    file = lake(tmp_path)
    file.write_bytes(DAMAGE[row](file.read_bytes()))
    with pytest.raises(StorageError) as error:
        read_table(UPath(tmp_path), "impressions")
    assert "impressions/zoo.keeper/2024-01.parquet" in str(error.value)
    assert "instagram-assets materialize impressions" in str(error.value)


def test_no_flipped_bit_gives_a_wrong_row(tmp_path: Path) -> None:
    file = lake(tmp_path)
    whole, rows = file.read_bytes(), read_table(UPath(tmp_path), "impressions")
    for place in range(len(whole)):
        file.write_bytes(flipped(whole, place, 1 << place % 8))
        try:
            assert read_table(UPath(tmp_path), "impressions").equals(rows)
        except (StorageError, ContractError):
            continue


@pytest.mark.bad_input("leftover of a killed process")
def test_leftovers_beside_a_file_are_not_read_and_the_next_write_sweeps_ours(tmp_path: Path) -> None:
    file = lake(tmp_path)
    rows = read_table(UPath(tmp_path), "impressions")
    strange = file.with_name("2024-01.parquet#1")
    ours = file.with_name(f".2024-01.parquet.{_host()}.999999999.{'0' * 32}.tmp")
    for leftover in (strange, ours):
        leftover.write_bytes(b"half a file")
    assert read_table(UPath(tmp_path), "impressions").equals(rows)
    write_cells(UPath(tmp_path), "impressions", [ACCOUNT], (DAY, DAY), rows)
    assert not ours.exists()
    assert read_table(UPath(tmp_path), "impressions").equals(rows)


def _host() -> str:
    import re
    import socket

    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
