"""Nearness of every image: the numbers of an exact search, by many threads at once."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from instagram_assets.errors import VectorsError
from instagram_assets.lake_index.embedding_file import VectorFile, write_vectors
from instagram_assets.lake_index.nearest_neighbours import Vectors, nearest_rows
from instagram_assets_tests.lake_index.vector_lakes import embedded, index_with, unit_vectors

COUNT, WIDTH = 120_000, 32
"""Rows enough that several threads share one scan."""


@pytest.fixture(scope="module")
def vectors(tmp_path_factory: pytest.TempPathFactory) -> Vectors:
    folder = tmp_path_factory.mktemp("nearest")
    with index_with(folder / "index", range(3)) as connection:
        name = write_vectors(connection, folder, lambda: [embedded(range(COUNT), unit_vectors(COUNT, WIDTH))])
    return Vectors(folder, VectorFile(name, "clip@1", WIDTH, COUNT))


def test_similarities_are_those_of_an_exact_search(vectors: Vectors) -> None:
    exact = unit_vectors(COUNT, WIDTH)
    for asked in unit_vectors(5, WIDTH, seed=9):
        found = vectors.similarities(asked * 7)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, exact @ asked, atol=2**-8)
        best = set(np.argsort(-(exact @ asked))[:100].tolist())
        assert len(best & set(nearest_rows(found, 100).tolist())) >= 95


def test_the_nearest_to_an_image_is_itself(vectors: Vectors) -> None:
    for row in (0, 1, 59_999, 60_000, COUNT - 1):
        found = vectors.similarities(vectors.of(row))
        assert nearest_rows(found, 1).tolist() == [row]
        assert found[row] == pytest.approx(1, abs=0.01)


def test_many_threads_get_what_one_gets(vectors: Vectors) -> None:
    asked = unit_vectors(16, WIDTH, seed=5)
    alone = [vectors.similarities(each) for each in asked]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(vectors.similarities, asked))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_file_of_fewer_rows_than_a_thread_takes_is_scanned(tmp_path: Path) -> None:
    some = unit_vectors(3, 5)
    with index_with(tmp_path / "index", range(3)) as connection:
        name = write_vectors(connection, tmp_path, lambda: [embedded(range(3), some)])
    few = Vectors(tmp_path, VectorFile(name, "clip@1", 5, 3))
    np.testing.assert_allclose(few.similarities(some[1]), some @ some[1], atol=2**-7)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (np.ones(WIDTH + 1, np.float32), "32 of each image"),
        (np.zeros(WIDTH, np.float32), "zero"),
        (np.full(WIDTH, np.nan, np.float32), "none"),
    ],
)
def test_what_nothing_can_be_near_is_refused(vectors: Vectors, asked: np.ndarray, said: str) -> None:
    with pytest.raises(VectorsError, match=said):
        vectors.similarities(asked)


def test_a_row_that_is_not_there_is_refused(vectors: Vectors) -> None:
    with pytest.raises(VectorsError, match=f"has {COUNT} embeddings"):
        vectors.of(COUNT)


def test_the_largest_come_first() -> None:
    assert nearest_rows(np.array([0.1, 0.9, -0.3, 0.5], np.float32), 3).tolist() == [1, 3, 0]
    assert nearest_rows(np.array([0.1, 0.9], np.float32), 10).tolist() == [1, 0]
    assert nearest_rows(np.empty(0, np.float32), 10).tolist() == []
