"""Embeddings are those of transformers itself, computed once, and a bad image costs only its own row."""

import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from instagram_assets.errors import ModelError
from instagram_assets.models import kernels
from instagram_assets.models.local_models import ModelSource, find_model
from instagram_assets.schemas import EMBEDDINGS, IMAGE_QUALITY
from instagram_assets.settings import ModelSettings
from instagram_assets.storage.features import FeatureStore
from instagram_assets.vision import load_models
from instagram_assets.vision.embed import (
    Embedder,
    as_vectors,
    embed_all,
    embedding_fingerprint,
    embedding_store,
    embeddings_table,
    open_embedder,
    search_by_text,
)
from instagram_assets.vision.load_models import load_embedder

FP32 = ModelSettings(device="cpu", precision="fp32")
Make = Callable[[], Embedder]


@pytest.fixture
def source(saved: Path, tmp_path: Path) -> ModelSource:
    return find_model(str(saved / "clip"), "", tmp_path)


@pytest.fixture
def store(source: ModelSource, tmp_path: Path) -> FeatureStore:
    return embedding_store(tmp_path / "features", source, FP32)


@pytest.fixture
def make(source: ModelSource) -> Make:
    return lambda: open_embedder(source, FP32)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Twenty JPEGs of coarse noise."""
    folder = tmp_path_factory.mktemp("photos")
    noise = np.random.default_rng(0)
    files = {f"{number:02}": folder / f"{number:02}.jpg" for number in range(20)}
    for file in files.values():
        pixels = noise.integers(0, 256, (5, 4, 3), np.uint8)
        Image.fromarray(pixels).resize((320, 400), Image.Resampling.BICUBIC).save(file)
    return files


def never() -> Embedder:
    raise AssertionError("a model was loaded for nothing")


def reference(source: ModelSource, files: list[Path]) -> np.ndarray:
    """The embeddings of transformers' own processor and model, one by one."""
    import torch
    from transformers import AutoModel, AutoProcessor

    processor: Any = AutoProcessor.from_pretrained(source.folder, backend="pil")
    model: Any = AutoModel.from_pretrained(source.folder).eval()
    rows: list[np.ndarray] = []
    for file in files:
        with Image.open(file) as image, torch.inference_mode():
            pixels = processor(images=image, return_tensors="pt")["pixel_values"]
            vector = model.get_image_features(pixel_values=pixels).pooler_output[0].numpy()
        rows.append(vector / np.linalg.norm(vector))
    return np.array(rows)


@pytest.mark.parametrize("kind", ["clip", "siglip"])
@pytest.mark.parametrize(("batch_size", "packed"), [(1, True), (7, False), (32, True)])
def test_embeddings_are_those_of_transformers_in_any_batch(
    kind: str,
    batch_size: int,
    packed: bool,
    saved: Path,
    photos: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # As on a processor whose BLAS is slow, and on others.
    monkeypatch.setattr(kernels, "packs_fp32", lambda: packed)
    load_models._embedder.cache_clear()  # pyright: ignore[reportPrivateUsage]
    source = find_model(str(saved / kind), "", tmp_path)
    store = embedding_store(tmp_path / "features", source, FP32)
    table = embed_all(photos, store, lambda: open_embedder(source, FP32), batch_size=batch_size)
    assert table["image_id"].to_pylist() == list(photos)
    vectors = as_vectors(table["embedding"])
    np.testing.assert_allclose(vectors, reference(source, list(photos.values())), atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(("changes", "most"), [({"precision": "bf16"}, 2e-3), ({"draft": True}, 2e-2)])
def test_bf16_and_draft_stay_near_and_have_a_fingerprint_of_their_own(
    changes: dict[str, object], most: float, source: ModelSource, photos: dict[str, Path], tmp_path: Path
) -> None:
    settings = FP32.model_copy(update=changes)
    store = embedding_store(tmp_path / "features", source, settings)
    table = embed_all(photos, store, lambda: open_embedder(source, settings))
    cosines = (as_vectors(table["embedding"]) * reference(source, list(photos.values()))).sum(axis=1)
    assert 1 - cosines.min() < most
    exact = embedding_fingerprint(source, "fp32", False)
    assert open_embedder(source, settings).fingerprint != exact == open_embedder(source, FP32).fingerprint


def test_what_is_known_costs_no_model(store: FeatureStore, make: Make, photos: dict[str, Path]) -> None:
    seen: list[tuple[int, int]] = []
    some = dict(list(photos.items())[:12])
    embed_all(some, store, make, lambda done, total: seen.append((done, total)), batch_size=5)
    assert seen == [(5, 12), (10, 12), (12, 12)]
    whole = embed_all(photos, store, make)
    assert embed_all(photos, store, never).equals(whole)
    assert embed_all({}, store, never).num_rows == 0


def test_a_bad_image_never_stops_its_batch(
    store: FeatureStore, make: Make, photos: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "page.jpg").write_text("<!DOCTYPE html>")
    shutil.copy(photos["00"], tmp_path / "cut.jpg")
    os.truncate(tmp_path / "cut.jpg", 900)
    Image.new("RGB", (1, 1)).save(tmp_path / "dot.png")
    bad = {name: tmp_path / name for name in ("page.jpg", "cut.jpg", "missing.jpg")}
    rows = embed_all({**photos, **bad, "dot": tmp_path / "dot.png"}, store, make, batch_size=8).to_pylist()
    assert [row["status"] for row in rows] == ["ok"] * 20 + ["failed"] * 3 + ["ok"]
    assert [row["embedding"] is None for row in rows] == [False] * 20 + [True] * 3 + [False]
    assert "not a picture" in rows[20]["reason"]
    assert "cannot be decoded" in rows[21]["reason"]
    shutil.copy(photos["01"], bad["missing.jpg"])
    again = embed_all({"missing.jpg": bad["missing.jpg"]}, store, make).to_pylist()
    assert again[0]["status"] == "ok"


@pytest.mark.parametrize("weight", [0.0, 1e38])
@pytest.mark.bad_input("embedding that is not finite")
def test_an_embedding_that_cannot_be_normalized_is_a_row_with_the_reason_and_stays_one(
    weight: float, clip: Path, photos: dict[str, Path], tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(clip / "model.safetensors")
    tensors["visual_projection.weight"].fill_(weight)
    save_file(tensors, clip / "model.safetensors", {"format": "pt"})
    source = find_model(str(clip), "", tmp_path)
    store = embedding_store(tmp_path / "features", source, FP32)
    first = embed_all(photos, store, lambda: open_embedder(source, FP32))
    assert set(first["reason"].to_pylist()) == {"its embedding is zero or not a number, and cannot be normalized"}
    assert embed_all(photos, store, never).equals(first)


def test_too_little_memory_gives_smaller_batches_and_the_same_embeddings(
    source: ModelSource, store: FeatureStore, make: Make, photos: dict[str, Path]
) -> None:
    import torch

    class Small(Embedder):
        """On a device with room for three images."""

        def images(self, prepared: list[np.ndarray]) -> np.ndarray:
            if len(prepared) > 3:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
            return super().images(prepared)

    table = embed_all(photos, store, lambda: Small(load_embedder(source, "cpu", "fp32")))
    assert set(table["status"].to_pylist()) == {"ok"}
    np.testing.assert_allclose(as_vectors(table["embedding"]), reference(source, list(photos.values())), atol=1e-5)


def test_a_run_that_is_stopped_keeps_what_it_had(store: FeatureStore, make: Make, photos: dict[str, Path]) -> None:
    def stop(done: int, total: int) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        embed_all(photos, store, make, stop, batch_size=4)
    assert store.find(photos)["image_id"].to_pylist() == list(photos)[:12]


def table_of(
    rows: pa.Table, files: dict[str, Path], store: FeatureStore, make: Make, model: str, only_passed: bool = True
) -> pa.Table:
    """The rows of `embeddings`, by this model."""
    embed = partial(embed_all, store=store, make=make)
    return embeddings_table(rows, files, embed, model=model, only_passed=only_passed)


def quality_rows(photos: dict[str, Path]) -> pa.Table:
    """Three that pass, one of them in two posts; one blurred, one unreadable."""
    passed = {"status": "ok", "passed": True, "reason": None}
    rows = [
        {"image_id": "02", **passed},
        {"image_id": "01", "status": "ok", "passed": False, "reason": "blurred"},
        {"image_id": "00", **passed},
        {"image_id": "02", **passed},
        {"image_id": "03", "status": "failed", "passed": False, "reason": "cut off"},
    ]
    places = {"account": "sun_diary", "post_id": "1"}
    return IMAGE_QUALITY.table([{**row, **places, "position": position} for position, row in enumerate(rows)])


def test_each_row_of_image_quality_has_one_row_here(
    source: ModelSource, store: FeatureStore, make: Make, photos: dict[str, Path]
) -> None:
    table = table_of(quality_rows(photos), photos, store, make, source.label)
    conformed = EMBEDDINGS.conform(table, "embeddings")["embedding"]
    assert conformed.type == pa.list_(pa.float32())
    assert {len(vector) for vector in conformed.drop_null().to_pylist()} == {24}
    assert table["status"].to_pylist() == ["ok", "skipped", "ok", "ok", "skipped"]
    assert table["reason"].to_pylist() == [None, "blurred", None, None, "cut off"]
    assert table["position"].to_pylist() == [0, 1, 2, 3, 4]
    assert table["model"].to_pylist() == [source.label, None, source.label, source.label, None]
    vectors = table["embedding"].to_pylist()
    assert [vector is None for vector in vectors] == [False, True, False, False, True]
    assert vectors[0] == vectors[3] != vectors[2]
    every = table_of(quality_rows(photos), photos, store, make, source.label, only_passed=False)
    assert every["status"].to_pylist() == ["ok", "ok", "ok", "ok", "skipped"]


def test_an_image_that_left_the_media_store_never_stops_its_neighbours(
    source: ModelSource, store: FeatureStore, make: Make, photos: dict[str, Path]
) -> None:
    there = {image_id: file for image_id, file in photos.items() if image_id != "00"}
    table = table_of(quality_rows(photos), there, store, make, source.label)
    assert table["status"].to_pylist() == ["ok", "skipped", "failed", "ok", "skipped"]
    assert table["reason"].to_pylist()[2] == "its file is not in the media store"


def test_no_rows_and_no_images_that_pass_give_tables_of_the_contract(
    photos: dict[str, Path],
) -> None:
    def unasked(files: Mapping[str, Path]) -> pa.Table:
        raise AssertionError(f"asked for {len(files)} embeddings")

    rows = quality_rows(photos)
    for some in (rows.slice(0, 0), rows.slice(1, 1)):
        table = embeddings_table(some, photos, unasked, model="", only_passed=True)
        assert table.schema.equals(EMBEDDINGS.schema)
        assert table.num_rows == some.num_rows
        assert table["embedding"].null_count == some.num_rows


def test_a_text_finds_the_image_that_is_nearest(
    source: ModelSource, store: FeatureStore, make: Make, photos: dict[str, Path]
) -> None:
    embedder = make()
    table = table_of(quality_rows(photos), photos, store, make, source.label, only_passed=False)
    found = search_by_text(embedder, "a red circle", table, 2)
    text = embedder.texts(["a red circle"])[0]
    vectors = reference(source, list(photos.values()))
    cosines = {name: float(vector @ text) for name, vector in zip(photos, vectors, strict=True)}
    expected = sorted(("00", "01", "02"), key=lambda name: -cosines[name])[:2]
    assert found["image_id"].to_pylist() == expected
    np.testing.assert_allclose(found["cosine"].to_numpy(), [cosines[name] for name in expected], atol=1e-5)
    others = table.set_column(table.schema.get_field_index("model"), "model", pa.array(["another"] * table.num_rows))
    assert search_by_text(embedder, "a red circle", others).num_rows == 0


@pytest.mark.parametrize("kind", ["clip", "siglip"])
def test_texts_of_any_length_and_number_are_embedded_as_transformers_does(
    kind: str, saved: Path, tmp_path: Path
) -> None:
    import torch

    source = find_model(str(saved / kind), "", tmp_path)
    embedder = open_embedder(source, FP32)
    texts = ["", "a", "red circle", "a very long text " * 40, "붉은 원"]
    vectors = embedder.texts(texts * 60)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(vectors[:5], vectors[-5:], atol=1e-6)
    loaded = load_embedder(source, "cpu", "fp32")
    ids = loaded.processor.tokenizer(
        "red circle", padding="max_length" if kind == "siglip" else False, max_length=16, return_tensors="pt"
    )["input_ids"]
    with torch.inference_mode():
        theirs = loaded.model.get_text_features(input_ids=ids).pooler_output[0].numpy()
    np.testing.assert_allclose(vectors[2], theirs / np.linalg.norm(theirs), atol=1e-5)
    assert embedder.texts([]).shape == (0, 0)


def test_vectors_of_two_widths_are_not_mixed() -> None:
    mixed = pa.chunked_array([pa.array([[1.0, 0.0], [1.0]], pa.list_(pa.float32()))])
    with pytest.raises(ModelError, match="several widths"):
        as_vectors(mixed)
