"""The table of clusters: each image once, the same for any order of rows, defined where there is little to cluster."""

import random
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from upath import UPath

from instagram_assets.errors import ContractError
from instagram_assets.schemas import CLUSTERS, EMBEDDINGS
from instagram_assets.settings import ClusterSettings
from instagram_assets.storage.lake import read_batches
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets.vision.cluster import Clustering, LargestCluster, cluster_table, eps_sweep, largest_cluster
from instagram_assets.vision.embedding_matrix import OTHER_MODEL, read_vectors

Row = dict[str, Any]
DAY = date(2026, 10, 20)


def toward(direction: int, wobble: int = 0) -> list[float]:
    """A unit vector near one axis; those near different axes are far apart."""
    vector = np.zeros(512)
    vector[direction] = 1
    vector[500 - wobble] += 0.01 * wobble
    return (vector / np.linalg.norm(vector)).tolist()


def row(image_id: str, vector: list[float] | None, account: str = "sun_diary", **changes: Any) -> Row:
    """An embedding; its post is named after the image."""
    return {
        "image_id": image_id,
        "post_id": f"post_{image_id}",
        "account": account,
        "day": date(2026, 10, 20),
        "position": 0,
        "embedding": vector,
        "model": "clip@1",
        "status": "ok",
        **changes,
    }


def clustered(rows: Sequence[Row], near_groups: dict[str, str] | None = None, **options: Any) -> Clustering:
    return cluster_table(read_vectors(EMBEDDINGS.table(list(rows))), ClusterSettings(**options), near_groups)


def clusters_of(found: Clustering) -> dict[tuple[str, str], int]:
    return {(r["scope"], r["image_id"]): r["cluster"] for r in found.table.to_pylist()}


def two_groups() -> list[Row]:
    return [row(f"a{n}", toward(0, n)) for n in range(4)] + [row(f"b{n}", toward(1, n)) for n in range(3)]


def test_images_of_one_kind_share_a_cluster_and_the_largest_is_marked() -> None:
    found = clustered([*two_groups(), row("c", toward(2))])
    assert found.table.schema == CLUSTERS.schema
    assert found.table["cluster"].to_pylist() == [0, 0, 0, 0, 1, 1, 1, -1]
    assert found.table["is_largest"].to_pylist() == [True] * 4 + [False] * 4
    assert found.scopes[0].clusters == 2
    assert found.scopes[0].noise == 1
    assert found.scopes[0].largest == LargestCluster(0, 4, tied=False)


def test_the_order_of_the_rows_changes_nothing() -> None:
    rows = [*two_groups(), *(row(r["image_id"], r["embedding"], "moon") for r in two_groups()[2:5])]
    for scope in ("all", "account"):
        expected = clustered(rows, scope=scope)
        for seed in range(5):
            shuffled = random.Random(seed).sample(rows, len(rows))
            found = clustered(shuffled, scope=scope)
            assert found.table.equals(expected.table)
            assert found.scopes == expected.scopes


def test_an_image_in_several_posts_counts_once() -> None:
    rows = [row("a", toward(0), post_id=f"post_{n}") for n in range(5)]
    assert clusters_of(clustered(rows)) == {("all", "a"): -1}


def test_scope_account_clusters_each_account_by_itself() -> None:
    rows = [row(f"a{n}", toward(0, n), account) for n in range(3) for account in ("moon", "sun")]
    rows += [row("b", toward(0, 4), "sun"), row("c", toward(0, 5), "star")]
    found = clustered(rows, scope="account", min_samples=3)
    assert [scope.name for scope in found.scopes] == ["moon", "star", "sun"]
    assert [scope.images for scope in found.scopes] == [3, 1, 4]
    assert clusters_of(found)[("moon", "a0")] == 0
    assert clusters_of(found)[("star", "c")] == -1
    assert clusters_of(found)[("sun", "b")] == 0
    assert clusters_of(clustered(rows))[("all", "c")] == 0


@pytest.mark.parametrize("count", [0, 1])
def test_no_image_and_one_image_give_a_table(count: int) -> None:
    found = clustered([row("a", toward(0))][:count])
    assert found.table.schema == CLUSTERS.schema
    assert found.table["is_largest"].to_pylist() == [False] * count
    assert found.scopes[0].largest == LargestCluster(-1, 0, tied=False)
    assert clustered([], scope="account").table.num_rows == 0


@pytest.mark.bad_input("nothing to cluster")
def test_nothing_but_noise_has_no_largest_cluster() -> None:
    found = clustered([row(str(n), toward(n)) for n in range(5)])
    assert found.table["cluster"].to_pylist() == [-1] * 5
    assert not any(found.table["is_largest"].to_pylist())


@pytest.mark.bad_input("nothing to cluster")
def test_of_two_equal_clusters_the_first_is_largest_and_the_tie_is_told() -> None:
    found = clustered(two_groups()[1:])
    assert found.table["is_largest"].to_pylist() == [True] * 3 + [False] * 3
    assert found.scopes[0].largest == LargestCluster(0, 3, tied=True)


def test_largest_ignores_noise() -> None:
    assert largest_cluster(np.array([-1, -1, -1, 0, 1, 1], np.int32)) == LargestCluster(1, 2, tied=False)
    assert largest_cluster(np.array([-1], np.int32)) == LargestCluster(-1, 0, tied=False)


def test_images_without_a_usable_vector_are_left_out_and_counted() -> None:
    nan, zero, long = ([value] * 512 for value in (float("nan"), 0.0, 1.0))
    rows = [
        *two_groups(),
        row("f", None, status="failed", reason="truncated"),
        row("s", None, status="skipped"),
        row("m", None),
        row("n", nan),
        row("z", zero),
        row("l", long),
    ]
    images = read_vectors(EMBEDDINGS.table(rows))
    assert images.image_ids == [r["image_id"] for r in two_groups()]
    assert images.left_out == {
        "embedding failed": 1,
        "embedding skipped": 1,
        "embedding missing": 1,
        "embedding not finite": 1,
        "embedding zero": 1,
        "embedding not of unit length": 1,
    }
    assert clustered(rows).table.equals(clustered(two_groups()).table)


def two_models(width: int = 64) -> pa.Table:
    """Embeddings of two spaces in one table, as a lake has them after a change of model: more by clip@1."""
    small = [1.0] + [0.0] * (width - 1)
    rows = [*two_groups(), *(row(f"d{n}", small, model="small@2") for n in range(3)), row("a0", small, model="small@2")]
    table = EMBEDDINGS.table([{**r, "embedding": None} for r in rows])
    vectors = pa.array([r["embedding"] for r in rows], pa.list_(pa.float32()))
    return table.set_column(table.schema.get_field_index("embedding"), "embedding", vectors)


def test_of_two_models_the_one_with_most_rows_is_compared() -> None:
    for order in (range(11), reversed(range(11))):
        images = read_vectors(two_models().take(pa.array(order)))
        assert (images.model, images.image_ids) == ("clip@1", [r["image_id"] for r in two_groups()])
        assert images.left_out == {OTHER_MODEL: 4}
        assert images.models == {"clip@1": 7, "small@2": 4}


def test_the_model_of_the_settings_is_compared_where_it_has_rows() -> None:
    images = read_vectors(two_models(), lambda: "small@2")
    assert (images.model, images.image_ids, images.vectors.shape) == ("small@2", ["a0", "d0", "d1", "d2"], (4, 64))
    assert images.left_out == {OTHER_MODEL: 7}
    assert read_vectors(two_models(), lambda: "never@3").model == "clip@1"


def test_models_of_one_width_are_told_apart_by_their_names() -> None:
    table = two_models(512)
    fixed = table.set_column(5, "embedding", table["embedding"].cast(pa.list_(pa.float32(), 512)))
    for rows in (table, fixed):
        assert read_vectors(rows).left_out == {OTHER_MODEL: 4}


def test_lists_of_either_kind_give_the_same_vectors() -> None:
    fixed = EMBEDDINGS.table([*two_groups(), row("m", None), row("f", None, status="failed")])
    lists = fixed.set_column(5, "embedding", fixed["embedding"].cast(pa.list_(pa.float32())))
    first, second = read_vectors(fixed), read_vectors(lists)
    assert (first.vectors == second.vectors).all()
    assert (first.image_ids, first.left_out) == (second.image_ids, second.left_out)


def test_the_settings_are_not_asked_when_there_is_one_model() -> None:
    def asked() -> str:
        raise AssertionError

    assert read_vectors(EMBEDDINGS.table(two_groups()), asked).model == "clip@1"


def test_one_model_with_two_widths_is_refused_with_the_remedy() -> None:
    table = two_models()
    table = table.set_column(6, "model", pa.array(["clip@1"] * 11))
    for rows in (table, table.take(pa.array([0, 7]))):
        with pytest.raises(ContractError, match=r"clip@1 .*widths: 64, 512.*again for all partitions"):
            read_vectors(rows)
    batches = [batch for place in (0, 7) for batch in table.slice(place, 1).to_batches()]
    with pytest.raises(ContractError, match="clip@1"):
        read_vectors(pa.RecordBatchReader.from_batches(table.schema, batches))


def test_a_row_without_vector_may_name_another_model() -> None:
    rows = [row("a", toward(0)), row("b", None, model="clip@0", status="failed")]
    assert read_vectors(EMBEDDINGS.table(rows)).model == "clip@1"


def test_vectors_of_two_widths_are_refused_with_the_remedy(tmp_path: Path) -> None:
    lake = UPath(tmp_path)
    for account, width in (("moon", 512), ("sun", 64)):
        narrow = pa.FixedSizeListArray.from_arrays(pa.array([1.0] + [0.0] * (width - 1), pa.float32()), width)
        table = EMBEDDINGS.table([row("a" + account, None, account)])
        table = table.set_column(5, "embedding", narrow)
        write_cells(lake, "embeddings", [account], (DAY, DAY), table)
    with pytest.raises(ContractError, match=r"widths: 64, 512.*again for all partitions"):
        read_vectors(read_batches(lake, "embeddings"))


def test_a_stream_of_the_lake_gives_the_same_as_a_table(tmp_path: Path) -> None:
    lake = UPath(tmp_path)
    rng = np.random.default_rng(0)
    rows = [row(f"{n:03d}", toward(int(rng.integers(4)), n), f"account{n % 7}") for n in rng.permutation(60)]
    table = EMBEDDINGS.table(rows)
    write_cells(lake, "embeddings", [f"account{n}" for n in range(7)], (DAY, DAY), table)
    streamed = read_vectors(read_batches(lake, "embeddings"))
    held = read_vectors(table)
    assert streamed.image_ids == held.image_ids
    assert (streamed.vectors == held.vectors).all()
    expected = {r["image_id"]: r["embedding"] for r in rows}
    for place, image_id in enumerate(held.image_ids):
        assert np.allclose(held.vectors[place], expected[image_id])


def test_a_group_of_look_alikes_is_named_after_its_first_image_in_the_scope() -> None:
    rows = [row("a", toward(0), "sun"), row("b", toward(0), "moon"), row("c", toward(0), "moon"), row("d", toward(1))]
    groups = {"a": "a", "b": "a", "c": "a"}
    by_account = clustered(rows, groups, scope="account").table.to_pylist()
    assert {r["image_id"]: r["near_group"] for r in by_account} == {"a": "a", "b": "b", "c": "b", "d": "d"}
    assert clustered(rows, groups).table["near_group"].to_pylist() == ["a", "a", "a", "d"]
    assert clustered(rows).table["near_group"].to_pylist() == ["a", "b", "c", "d"]


def test_progress_counts_images_over_all_scopes() -> None:
    images = read_vectors(EMBEDDINGS.table([*two_groups(), row("m", toward(0), "moon")]))
    calls: list[tuple[int, int]] = []
    cluster_table(images, ClusterSettings(scope="account"), on_progress=lambda done, of: calls.append((done, of)))
    assert calls == sorted(calls)
    assert calls[-1] == (8, 8)


def test_a_larger_eps_leaves_less_noise() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((5, 16))[rng.integers(0, 5, 400)] + 0.4 * rng.standard_normal((400, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    points = eps_sweep(vectors, 3, [0.001, 0.1, 0.3, 2.0])
    assert [point.noise_share for point in points] == sorted((point.noise_share for point in points), reverse=True)
    assert points[0].noise_share == 1
    assert points[0].largest_share == 0
    assert points[-1] == (2.0, 1, 0.0, 1.0)
    assert eps_sweep(vectors, 3, [0.1], most_rows=100) == eps_sweep(vectors, 3, [0.1], most_rows=100)
    assert eps_sweep(vectors[:0], 3, [0.1]) == [(0.1, 0, 0.0, 0.0)]
