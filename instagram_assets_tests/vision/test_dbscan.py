"""DBSCAN gives scikit-learn's labels, whatever the data, the block size and the order of the rows."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from instagram_assets.errors import VectorsError
from instagram_assets.vision.dbscan import dbscan
from instagram_assets.vision.eps_neighbours import Precision

Vectors = NDArray[np.float32]


def sklearn_labels(vectors: Vectors, eps: float, min_samples: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The yardstick in float64: its labels, and which rows are border rows."""
    from sklearn.cluster import DBSCAN

    fitted = DBSCAN(eps=eps, min_samples=min_samples, metric="cosine").fit(vectors.astype(np.float64))
    core = np.zeros(len(vectors), bool)
    core[fitted.core_sample_indices_] = True
    return fitted.labels_, (fitted.labels_ >= 0) & ~core


def unit(rows: NDArray[np.floating]) -> Vectors:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def blobs(rng: np.random.Generator, n: int, width: int, centres: int, spread: float) -> Vectors:
    """Rows around a few directions, which may point anywhere: cosines of all signs."""
    middle = rng.standard_normal((centres, width))
    return unit(middle[rng.integers(0, centres, n)] + spread * rng.standard_normal((n, width)))


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 70),
    width=st.integers(2, 16),
    centres=st.integers(1, 5),
    spread=st.floats(0.05, 1),
    copies=st.integers(0, 40),
    eps=st.sampled_from([1e-9, 1e-6, 0.01, 0.05, 0.1, 0.18, 0.4, 1.0, 1.7, 2.0]),
    min_samples=st.integers(1, 8),
    block=st.sampled_from([7, 32, 300]),
    precision=st.sampled_from(["fp32", "bf16"]),
)
def test_labels_are_those_of_sklearn(
    seed: int,
    n: int,
    width: int,
    centres: int,
    spread: float,
    copies: int,
    eps: float,
    min_samples: int,
    block: int,
    precision: Precision,
) -> None:
    rng = np.random.default_rng(seed)
    vectors = blobs(rng, n, width, centres, spread)
    vectors[rng.integers(0, n, copies)] = vectors[rng.integers(0, n, copies)]
    expected, _ = sklearn_labels(vectors, eps, min_samples)
    assert dbscan(vectors, eps, min_samples, block=block, precision=precision).tolist() == expected.tolist()


def test_border_rows_join_the_first_cluster_that_reaches_them() -> None:
    borders = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        vectors = blobs(rng, 120, 3, 6, 0.25)
        expected, border = sklearn_labels(vectors, 0.01, 5)
        assert dbscan(vectors, 0.01, 5, block=16).tolist() == expected.tolist()
        borders += int(border.sum())
    assert borders > 200


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_512_wide_rows_of_several_blocks_match_sklearn(precision: Precision) -> None:
    rng = np.random.default_rng(5)
    crowd = unit(rng.standard_normal((1, 512)) + 0.4 * rng.standard_normal((1100, 512)))
    vectors = np.concatenate((crowd, blobs(rng, 900, 512, 60, 0.45)))[rng.permutation(2000)]
    expected, _ = sklearn_labels(vectors, 0.18, 3)
    assert expected.max() > 10
    for block in (256, 2048):
        assert dbscan(vectors, 0.18, 3, block=block, precision=precision).tolist() == expected.tolist()


@pytest.mark.parametrize("min_samples", [40, 130, 200])
def test_a_large_min_samples_is_counted_first_and_matches_sklearn(
    min_samples: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("instagram_assets.vision.dbscan._MAX_PENDING", 1000)
    vectors = blobs(np.random.default_rng(1), 600, 6, 4, 0.3)
    expected, _ = sklearn_labels(vectors, 0.1, min_samples)
    assert dbscan(vectors, 0.1, min_samples, block=64).tolist() == expected.tolist()


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_pairs_at_the_very_edge_of_eps_are_decided_in_float64(precision: Precision) -> None:
    """Distances that float32 cannot tell from eps: one row for each of 400 angles around it."""
    eps = 0.18
    angles = np.arccos(1 - eps) + np.linspace(-2e-7, 2e-7, 400)
    circle = np.stack((np.cos(angles), np.sin(angles), np.zeros(400)), 1)
    vectors = np.concatenate((np.array([[1, 0, 0]]), circle)).astype(np.float32)
    rows = vectors.astype(np.float64) / np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    near = 1 - rows[1:] @ rows[0] <= eps
    assert 0 < near.sum() < 400
    for row in range(1, 401):
        pair = dbscan(vectors[[0, row]], eps, 2, precision=precision)
        assert (pair[0] == 0) == near[row - 1]


@pytest.mark.parametrize("apart", [-1e-4, 1e-4])
def test_numbers_that_bf16_rounds_all_to_one_side_are_decided_in_float64(apart: float) -> None:
    """What speaks for nearness is rounded up and what speaks against it down, each number by all of its last bit."""
    up, down = (2.0**-5 * (1 + 2.0**-8 + little) for little in (1e-5, -1e-5))
    for speaks_for in range(700, 800):
        row = np.where(np.arange(1016) < speaks_for, up, down)
        other = np.where(np.arange(1016) < speaks_for, up, -down)
        pair = np.stack((row, other)).astype(np.float32)
        lengths = np.linalg.norm(pair.astype(np.float64), axis=1)
        distance = 1 - pair[0].astype(np.float64) @ pair[1].astype(np.float64) / lengths.prod()
        near = dbscan(pair, distance + apart, 2, precision="bf16")[0] == 0
        assert near == (apart > 0)


def test_vectors_that_may_not_be_written_to_are_read() -> None:
    vectors = blobs(np.random.default_rng(6), 50, 8, 3, 0.3)
    vectors.flags.writeable = False
    expected, _ = sklearn_labels(vectors, 0.1, 3)
    for precision in ("fp32", "bf16"):
        assert dbscan(vectors, 0.1, 3, precision=precision).tolist() == expected.tolist()


def test_one_row_per_block_is_enough() -> None:
    vectors = blobs(np.random.default_rng(7), 40, 4, 3, 0.3)
    expected, _ = sklearn_labels(vectors, 0.05, 3)
    assert dbscan(vectors, 0.05, 3, block=1).tolist() == expected.tolist()


def test_exact_duplicates_are_neighbours_at_any_eps() -> None:
    one = unit(np.random.default_rng(3).standard_normal((1, 512)))
    vectors = np.concatenate((np.repeat(one, 5, axis=0), -one))
    assert dbscan(vectors, 1e-9, 5).tolist() == [0, 0, 0, 0, 0, -1]


def test_eps_of_two_reaches_the_opposite_direction() -> None:
    one = unit(np.random.default_rng(4).standard_normal((1, 7)))
    vectors = np.concatenate((one, -one))
    assert dbscan(vectors, 2.0, 2).tolist() == [0, 0]
    assert dbscan(vectors, 1.99, 2).tolist() == [-1, -1]


def test_another_order_of_rows_gives_the_same_groups() -> None:
    rng = np.random.default_rng(8)
    vectors = blobs(rng, 400, 8, 6, 0.3)
    order = rng.permutation(400)
    plain, shuffled = dbscan(vectors, 0.05, 4, block=64), dbscan(vectors[order], 0.05, 4, block=64)
    _, border = sklearn_labels(vectors, 0.05, 4)
    core = ~border
    assert ((plain[order] < 0) == (shuffled < 0)).all()
    pairs = {(a, b) for a, b in zip(plain[order][core[order]], shuffled[core[order]], strict=True)}
    assert len(pairs) == len({a for a, _ in pairs}) == len({b for _, b in pairs})


@pytest.mark.parametrize("n", [0, 1])
def test_no_row_and_one_row_have_a_result(n: int) -> None:
    vectors = np.ones((n, 1), np.float32)
    assert dbscan(vectors, 0.18, 3).tolist() == [-1] * n
    assert dbscan(vectors, 0.18, 1).tolist() == [0] * n


@pytest.mark.parametrize("row", [[np.nan, 0], [np.inf, 0], [0, 0], [3, 4]])
def test_rows_that_are_not_finite_or_not_of_unit_length_are_refused_by_number(row: list[float]) -> None:
    with pytest.raises(VectorsError, match="row 1 has length"):
        dbscan(np.array([[1, 0], row, [0, 1]], np.float32), 0.18, 3)


@pytest.mark.parametrize(("eps", "min_samples"), [(0, 3), (-1, 3), (float("nan"), 3), (0.18, 0)])
def test_senseless_parameters_are_refused(eps: float, min_samples: int) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        dbscan(np.ones((2, 1), np.float32), eps, min_samples)


def test_progress_never_goes_back_and_ends_with_all_rows() -> None:
    calls: list[tuple[int, int]] = []
    vectors = blobs(np.random.default_rng(2), 300, 8, 3, 0.3)
    dbscan(vectors, 0.1, 3, block=32, on_progress=lambda done, of: calls.append((done, of)))
    assert calls == sorted(calls)
    assert calls[0][0] < 300
    assert calls[-1] == (300, 300)


def test_clustering_does_not_load_torch_by_itself() -> None:
    """Loading it would take more memory than all of the clustering."""
    program = (
        "import sys, numpy as np; from instagram_assets.vision.dbscan import dbscan; "
        "dbscan(np.ones((30_000, 1), np.float32), 0.18, 3); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program]).returncode == 0
