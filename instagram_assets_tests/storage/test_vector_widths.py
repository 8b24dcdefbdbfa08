"""Vectors are as wide as their model makes them, and never of two models at once."""

from pathlib import Path

import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.errors import ContractError
from instagram_assets.schemas import EMBEDDINGS
from instagram_assets.storage.lake import existing_cells, read_asset, read_batches, read_files, write_cells

COLUMNS = ["account", "day"]
CELLS = [("sun", "2026-11-01"), ("sun", "2026-11-02")]


def embeddings(day: str, width: int) -> pa.Table:
    table = EMBEDDINGS.table([{"image_id": day, "post_id": "1", "account": "sun", "position": 0, "status": "ok"}])
    vectors = pa.array([[1.0] + [0.0] * (width - 1)], pa.list_(pa.float32(), width))
    table = table.set_column(table.schema.get_field_index("embedding"), "embedding", vectors)
    days = pa.array([day]).cast(pa.date32())
    return table.set_column(table.schema.get_field_index("day"), "day", days)


def written(folder: Path, widths: tuple[int, int]) -> list[UPath]:
    root = UPath(folder)
    for cell, width in zip(CELLS, widths, strict=True):
        write_cells(root, "embeddings", COLUMNS, [cell], embeddings(cell[1], width))
    return existing_cells(root, "embeddings", COLUMNS, CELLS)


@pytest.mark.parametrize("width", [64, 512, 768])
def test_vectors_come_back_as_wide_as_they_were(tmp_path: Path, width: int) -> None:
    paths = written(tmp_path, (width, width))
    for table in (read_files(paths, "embeddings"), read_batches(paths, "embeddings").read_all()):
        assert table.num_rows == 2
        assert table.schema.field("embedding").type.list_size == width


def test_vectors_of_two_models_are_refused_with_what_to_do(tmp_path: Path) -> None:
    root = UPath(tmp_path)
    for number, width in enumerate((64, 512)):
        # Another account, whose month file does not hold the first one's rows.
        table = embeddings("2026-11-01", width)
        place = table.schema.get_field_index("account")
        table = table.set_column(place, "account", pa.array([f"sun{number}"]))
        write_cells(root, "embeddings", COLUMNS, [(f"sun{number}", "2026-11-01")], table)
    paths = existing_cells(root, "embeddings", COLUMNS, [("sun0", "2026-11-01"), ("sun1", "2026-11-01")])
    with pytest.raises(ContractError, match=r"another width.*again for all partitions"):
        read_files(paths, "embeddings")
    with pytest.raises(ContractError, match=r"another width.*again for all partitions"):
        read_batches(paths, "embeddings").read_all()


def test_no_files_are_no_rows(tmp_path: Path) -> None:
    assert read_batches([], "embeddings").read_all().num_rows == 0


def test_another_model_is_taken_into_use_day_by_day(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = UPath(tmp_path)
    written(tmp_path, (64, 64))
    write_cells(root, "embeddings", COLUMNS, [CELLS[0]], embeddings(CELLS[0][1], 512))
    assert "2026-11-02 hold vectors of another model" in caplog.text
    assert [row["day"].isoformat() for row in read_asset(root, "embeddings", COLUMNS).to_pylist()] == ["2026-11-01"]
    write_cells(root, "embeddings", COLUMNS, [CELLS[1]], embeddings(CELLS[1][1], 512))
    assert read_asset(root, "embeddings", COLUMNS).num_rows == 2
