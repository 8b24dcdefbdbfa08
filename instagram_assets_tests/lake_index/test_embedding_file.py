"""The file of embeddings: what is written is what the lake has, and damage is noticed."""

from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from upath import UPath

from instagram_assets.errors import DamagedError, StorageError
from instagram_assets.lake_index.embedding_file import (
    HEADER,
    VectorFile,
    from_bfloat16,
    to_bfloat16,
    write_vectors,
)
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.nearest_neighbours import Vectors
from instagram_assets.lake_index.update import update_index
from instagram_assets.schemas import CONTRACTS
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets_tests.lake_index.vector_lakes import (
    add_images,
    embedded,
    image_id,
    index_with,
    rows_of,
    unit_vectors,
)

WIDTH = 64


def opened(connection: duckdb.DuckDBPyConnection, folder: Path) -> Vectors:
    row = connection.execute("SELECT file, model, width, count FROM vector_file").fetchone()
    assert row
    return Vectors(folder, VectorFile(*row))


def never() -> list[object]:
    raise AssertionError("all embeddings of the lake are read again")


def test_each_different_image_has_one_row_which_is_its_embedding(tmp_path: Path) -> None:
    vectors = unit_vectors(5)
    parts = [embedded(range(5), vectors), embedded([1, 2], vectors[1:3])]
    with index_with(tmp_path / "index", [0, 1, 1, 2, 3, 4, 9]) as connection:
        name = write_vectors(connection, tmp_path, lambda: parts)
        rows, file = rows_of(connection), opened(connection, tmp_path)
    assert rows[image_id(9)] is None
    assert file.rows == 5
    assert file.model == "clip@1"
    assert (tmp_path / name).stat().st_size == HEADER + 5 * WIDTH * 2
    for number in range(5):
        row = rows[image_id(number)]
        assert row is not None
        np.testing.assert_allclose(file.of(row), vectors[number], rtol=2**-8)


def test_what_is_new_is_added_behind_what_is_there(tmp_path: Path) -> None:
    vectors = unit_vectors(6)
    with index_with(tmp_path / "index", range(4)) as connection:
        first = write_vectors(connection, tmp_path, lambda: [embedded(range(4), vectors[:4])])
        before = opened(connection, tmp_path)
        add_images(connection, [4, 5])
        changed = [embedded([3, 4, 5], vectors[3:])]
        again = write_vectors(connection, tmp_path, never, lambda: changed)  # type: ignore[arg-type]
        rows, after = rows_of(connection), opened(connection, tmp_path)
    assert again == first
    assert (before.rows, after.rows) == (4, 6)
    assert sorted(row for row in rows.values() if row is not None) == list(range(6))
    nearest = int(np.argmax(after.similarities(vectors[5])))
    assert nearest == rows[image_id(5)]
    # Who has the older index open finds what it found.
    assert len(before.similarities(vectors[5])) == 4


def test_what_an_update_without_end_has_added_is_written_over(tmp_path: Path) -> None:
    vectors = unit_vectors(6)
    with index_with(tmp_path / "index", range(4)) as connection:
        name = write_vectors(connection, tmp_path, lambda: [embedded(range(4), vectors[:4])])
        with (tmp_path / name).open("ab") as stream:
            stream.write(b"\x7f" * 1_000)
        add_images(connection, [4])
        write_vectors(connection, tmp_path, never, lambda: [embedded([4], vectors[4:5])])  # type: ignore[arg-type]
        file, row = opened(connection, tmp_path), rows_of(connection)[image_id(4)]
    assert row == 4
    np.testing.assert_allclose(file.of(row), vectors[4], rtol=2**-8)


def test_of_an_image_that_is_gone_nothing_stays(tmp_path: Path) -> None:
    vectors = unit_vectors(8)
    with index_with(tmp_path / "index", range(8)) as connection:
        name = write_vectors(connection, tmp_path, lambda: [embedded(range(8), vectors)])
        connection.execute("DELETE FROM images WHERE image_id = $1", [image_id(2)])
        write_vectors(connection, tmp_path, never, list)  # type: ignore[arg-type]
        left = connection.execute("SELECT count(*) FROM vectors").fetchone()
        file = opened(connection, tmp_path)
    assert left == (7,)
    assert to_bfloat16(vectors[2]).tobytes() not in (tmp_path / name).read_bytes()
    similarities = file.similarities(vectors[2])
    assert np.isfinite(similarities).all()
    assert similarities[2] == 0


def test_many_rows_without_images_are_left_behind(tmp_path: Path) -> None:
    vectors = unit_vectors(8)
    with index_with(tmp_path / "index", range(8)) as connection:
        first = write_vectors(connection, tmp_path, lambda: [embedded(range(8), vectors)])
        connection.executemany("DELETE FROM images WHERE image_id = $1", [(image_id(n),) for n in range(5)])
        again = write_vectors(connection, tmp_path, lambda: [embedded(range(5, 8), vectors[5:])], list)
        assert opened(connection, tmp_path).rows == 3
        assert sorted(row for row in rows_of(connection).values() if row is not None) == [0, 1, 2]
    assert again != first


def test_the_model_of_most_images_counts(tmp_path: Path) -> None:
    old, new = unit_vectors(5), unit_vectors(5, 32)
    with index_with(tmp_path / "index", range(5)) as connection:
        parts = [embedded(range(5), old), embedded(range(2), new[:2], "clip@2")]
        write_vectors(connection, tmp_path, lambda: parts)
        assert opened(connection, tmp_path).model == "clip@1"
        whole = [embedded(range(5), new, "clip@2")]
        write_vectors(connection, tmp_path, lambda: whole, lambda: whole)
        file, rows = opened(connection, tmp_path), rows_of(connection)
    assert (file.model, file.width, file.rows) == ("clip@2", 32, 5)
    assert None not in rows.values()
    # Of the model that lost nothing was left behind; of the one before, what older indexes read.
    assert len(list(tmp_path.glob("vectors-*"))) == 2


@pytest.mark.parametrize("damage", ["cut", "gone", "other", "empty"])
def test_a_damaged_file_is_noticed_and_made_anew(tmp_path: Path, damage: str) -> None:
    vectors = unit_vectors(4)
    with index_with(tmp_path / "index", range(4)) as connection:
        path = tmp_path / write_vectors(connection, tmp_path, lambda: [embedded(range(4), vectors)])
        content = path.read_bytes()
        if damage == "gone":
            path.unlink()
        else:
            path.write_bytes({"cut": content[:-1], "other": b"x" * len(content), "empty": b""}[damage])
        with pytest.raises(DamagedError, match="index --rebuild"):
            opened(connection, tmp_path)
        again = write_vectors(connection, tmp_path, lambda: [embedded(range(4), vectors)], list)
        assert opened(connection, tmp_path).rows == 4
    assert again != path.name


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_the_next_update_makes_damaged_embeddings_anew(tmp_path: Path, damage: str) -> None:
    lake, folder = UPath(tmp_path / "lake"), tmp_path / "index"
    rows: list[dict[str, Any]] = [
        {"search": "cats", "image_id": image_id(row), "embedding": vector.tolist(), "model": "clip@1", "status": "ok"}
        for row, vector in enumerate(unit_vectors(3))
    ]
    images: list[dict[str, Any]] = [
        {"search": "cats", "rank": row, "image_id": each["image_id"], "status": "ok"} for row, each in enumerate(rows)
    ]
    write_cells(lake, "search_images", ["cats"], None, CONTRACTS["search_images"].table(images))
    write_cells(lake, "search_embeddings", ["cats"], None, CONTRACTS["search_embeddings"].table(rows))
    update_index(lake, folder, "Asia/Seoul")
    (path,) = folder.glob("vectors-*")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-2])
    else:
        path.unlink()
    update_index(lake, folder, "Asia/Seoul")
    index = LakeIndex(folder)
    found = Vectors.of_index(index)
    index.close()
    assert found
    assert found.rows == 3


def test_a_lake_without_embeddings_has_no_file(tmp_path: Path) -> None:
    nothing = embedded([], unit_vectors(0))
    with index_with(tmp_path / "index", [1]) as connection:
        assert write_vectors(connection, tmp_path, lambda: [nothing]) == ""
        assert rows_of(connection) == {image_id(1): None}
    assert not list(tmp_path.glob("vectors-*"))


def test_vectors_that_are_none_have_no_row(tmp_path: Path) -> None:
    vectors = unit_vectors(3)
    vectors[0], vectors[1] = 0, np.nan
    with index_with(tmp_path / "index", range(3)) as connection:
        write_vectors(connection, tmp_path, lambda: [embedded(range(3), vectors)])
        assert rows_of(connection) == {image_id(0): None, image_id(1): None, image_id(2): 0}


def test_a_failure_leaves_no_file_behind(tmp_path: Path) -> None:
    def parts() -> object:
        yield embedded(range(2), unit_vectors(2))
        raise StorageError("the next file is damaged")

    with index_with(tmp_path / "index", range(2)) as connection, pytest.raises(StorageError, match="next file"):
        write_vectors(connection, tmp_path, parts)  # type: ignore[arg-type]
    assert not list(tmp_path.glob("vectors-*"))


def test_bfloat16_is_the_nearest_one() -> None:
    torch = pytest.importorskip("torch")
    numbers = np.random.default_rng(4).normal(size=10_000).astype(np.float32)
    theirs = torch.from_numpy(numbers).to(torch.bfloat16)
    np.testing.assert_array_equal(from_bfloat16(to_bfloat16(numbers)), theirs.float().numpy())
