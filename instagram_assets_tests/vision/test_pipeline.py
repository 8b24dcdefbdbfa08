"""A stage asks for its model before any work, and not at all when no image waits for it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from instagram_assets.errors import ModelError
from instagram_assets.schemas import CLUSTERS, EMBEDDINGS, IMAGE_QUALITY, IMAGES
from instagram_assets.settings import Settings, load_settings
from instagram_assets.vision import pipeline

PLACE = {"image_id": "00", "post_id": "1", "account": "sun_diary", "day": date(2025, 1, 1), "position": 0}
GOOD = IMAGE_QUALITY.table([{**PLACE, "status": "ok", "passed": True}])
BLURRED = IMAGE_QUALITY.table([{**PLACE, "status": "ok", "passed": False, "reason": "blurred"}])
STORED = IMAGES.table([{**PLACE, "path": "00/00.jpg", "status": "ok"}])

Stage = Callable[[pa.Table, pa.Table, Settings], pa.Table]


@pytest.fixture
def without_models(tmp_path: Path) -> Settings:
    """Settings whose models were never pulled."""
    return load_settings(data_dir=tmp_path)


@pytest.mark.parametrize("stage", [pipeline.caption, pipeline.embed])
def test_images_that_did_not_pass_need_no_model(stage: Stage, without_models: Settings) -> None:
    table = stage(BLURRED, STORED, without_models)
    assert table.select(["image_id", "status", "reason", "model"]).to_pylist() == [
        {"image_id": "00", "status": "skipped", "reason": "blurred", "model": None}
    ]
    assert stage(BLURRED.slice(1), STORED, without_models).num_rows == 0


@pytest.mark.parametrize("stage", [pipeline.caption, pipeline.embed])
def test_a_model_that_is_not_there_is_told_before_any_work(stage: Stage, without_models: Settings) -> None:
    with pytest.raises(ModelError, match="models pull"):
        stage(GOOD, STORED, without_models)


def images_of_two_models() -> tuple[pa.Table, pa.Table, pa.Table]:
    """Embeddings, image_quality and images of four pictures by one model and one by another."""
    ids = ["a", "b", "c", "d", "e"]
    places = [{**PLACE, "image_id": name, "post_id": name} for name in ids]
    vectors = pa.array([[1.0, 0.0]] * 4 + [[1.0, 0.0, 0.0]], pa.list_(pa.float32()))
    models = ["old@1"] * 4 + ["new@2"]
    embeddings = EMBEDDINGS.table([{**p, "status": "ok", "model": m} for p, m in zip(places, models, strict=True)])
    embeddings = embeddings.set_column(embeddings.schema.get_field_index("embedding"), "embedding", vectors)
    quality = IMAGE_QUALITY.table([{**p, "status": "ok", "passed": True, "phash": "0" * 16} for p in places])
    return embeddings, quality, IMAGES.table([{**p, "status": "ok", "path": str(p["image_id"])} for p in places])


def test_embeddings_by_another_model_are_left_out_and_told_with_the_remedy(without_models: Settings) -> None:
    embeddings, quality, _ = images_of_two_models()
    found = pipeline.cluster(embeddings, quality, without_models)
    assert found.table["image_id"].to_pylist() == ["a", "b", "c", "d"]
    assert found.numbers["embedding of another model"] == 1
    assert "4 by old@1" in found.warning
    assert "1 by new@2" in found.warning
    assert "Materialize embeddings again for all partitions" in found.warning
    assert pipeline.cluster(embeddings.slice(0, 4), quality, without_models).warning == ""


def test_clusters_of_streams_are_those_of_tables(without_models: Settings) -> None:
    embeddings, quality, images = images_of_two_models()
    held = pipeline.cluster(embeddings, quality, without_models)
    streamed = pipeline.cluster(
        embeddings.to_reader(2), quality.select(["image_id", "phash", "near_group"]).to_reader(2), without_models
    )
    assert streamed.table.equals(held.table)
    assert set(streamed.table["near_group"].to_pylist()) == {"a"}
    lines = pipeline.cluster_lines(held.table, images, without_models)
    assert lines == pipeline.cluster_lines(held.table, images.to_reader(2), without_models)
    media = without_models.folder("media")
    assert lines == [("cluster 0: 4 images", [media / name for name in "abcd"])]


def test_near_duplicates_of_a_day_are_some_of_all_days_too(without_models: Settings) -> None:
    embeddings, quality, _ = images_of_two_models()
    hashes = pa.array([None, "0" * 16, None, "f" * 16, None], pa.string())
    # The image that names c's and d's group was rejected and has no embedding.
    groups = pa.array(["a", "a", "0", "0", "e"], pa.string())
    names = quality.column_names
    quality = quality.set_column(names.index("phash"), "phash", hashes)
    quality = quality.set_column(names.index("near_group"), "near_group", groups)
    found = pipeline.cluster(embeddings, quality, without_models)
    assert found.table["near_group"].to_pylist() == ["a", "a", "c", "c"]
    assert found.numbers["near-duplicates"] == 2


def test_a_sheet_of_clusters_shows_a_line_of_each_and_counts_all_that_are_stored(without_models: Settings) -> None:
    ids = [f"{number:03}" for number in range(60)]
    clusters = CLUSTERS.table(
        [{"scope": "all", "image_id": name, "cluster": -1 if n < 20 else n % 2} for n, name in enumerate(ids)]
    )
    images = IMAGES.table([{**PLACE, "image_id": name, "status": "ok", "path": name} for name in ids[:59]])
    labels = {label: len(files) for label, files in pipeline.cluster_lines(clusters, images, without_models)}
    assert labels == {"cluster 0: 20 images": 8, "cluster 1: 19 images": 8, "noise: 20 images": 8}
