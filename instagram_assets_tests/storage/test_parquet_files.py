"""What a table's file says of it beside its rows, and that few rows take few bytes."""

from pathlib import Path

import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.parquet_files import footer_counts, from_bytes, read_file, to_bytes, write_file


@pytest.mark.parametrize("rows", [0, 1, 199, 200, 500])
def test_a_file_tells_its_rows_their_statuses_and_the_notes_of_its_table_without_being_read(
    tmp_path: Path, rows: int
) -> None:
    statuses = ["ok" if number % 3 else "failed" for number in range(rows)]
    table = pa.table({"status": pa.array(statuses, pa.string())}).replace_schema_metadata({"folder": "사진/1"})
    path = UPath(tmp_path / "table.parquet")
    write_file(path, table)
    counted, by_status = footer_counts(path, "images")
    assert (counted, dict(by_status)) == (rows, {name: statuses.count(name) for name in set(statuses)})
    assert (read_file(path, "images").schema.metadata or {})[b"folder"] == "사진/1".encode()


def test_types_are_those_of_the_contracts_without_arrows_own_schema() -> None:
    for contract in CONTRACTS.values():
        assert from_bytes(to_bytes(contract.empty())).schema.equals(contract.schema)


def test_a_row_of_a_post_takes_few_kilobytes() -> None:
    post: dict[str, object] = {
        "post_id": "1",
        "account": "sun",
        "kind": "post",
        "caption": "가" * 300,
        "url": "https://" + "x" * 200,
    }
    assert len(to_bytes(CONTRACTS["posts"].table([post]))) < 12_000
