"""A Korean word chooses the cluster that it names by a model that reads it; by one that does not there is a warning."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from instagram_assets.demo import MODELS
from instagram_assets.demo.synthetic_images import Scene, encode_image
from instagram_assets.errors import ModelError
from instagram_assets.schemas import SEARCH_EMBEDDINGS, SEARCH_IMAGES
from instagram_assets.search.search_requests import SearchRequest
from instagram_assets.search.subject_cluster import ClusteredSearch, clusters_table, model_of, query_warnings
from instagram_assets.settings import load_settings
from instagram_assets.vision.embed import open_embedder
from instagram_assets.vision.pipeline import embedder_label, find_embedder
from instagram_assets_tests.models.korean_clip import save_korean_clip_of

SHAPES = {"star": 9, "ring": 5}


@pytest.fixture(scope="module")
def korean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("korean")
    save_korean_clip_of(MODELS / "clip", folder)
    return folder


def clustered(model: Path, query: str, subject: str, data: Path) -> ClusteredSearch:
    """Nine red stars and five red rings, embedded by a model, and clustered for a query."""
    settings = load_settings(data_dir=data, models={"embedding_model": str(model), "precision": "fp32"})
    embedder = open_embedder(find_embedder(settings), settings.models)
    scenes = [Scene(shape, "red", "white", 320, 360, seed) for shape, most in SHAPES.items() for seed in range(most)]
    pictures = (Image.open(io.BytesIO(encode_image(scene))).convert("RGB") for scene in scenes)
    vectors = embedder.images([embedder.prepare(picture) for picture in pictures])
    known = [{"search": "s", "image_id": f"{number:02}"} for number in range(len(scenes))]
    embedded: list[dict[str, object]] = [
        {**row, "embedding": vector, "model": embedder.label, "status": "ok"}
        for row, vector in zip(known, vectors.tolist(), strict=True)
    ]
    images: list[dict[str, object]] = [{**row, "rank": rank} for rank, row in enumerate(known, start=1)]
    return clusters_table(
        SEARCH_EMBEDDINGS.table(embedded),
        SEARCH_IMAGES.table(images),
        SearchRequest.of(settings, query, "s", subject=subject),
        settings,
    )


def test_a_korean_word_finds_its_cluster_by_a_model_that_reads_korean(korean: Path, tmp_path: Path) -> None:
    found = clustered(korean, "빨간 고리", "query", tmp_path)
    rows = found.table.to_pylist()
    assert [row["is_subject"] for row in rows] == [False] * SHAPES["star"] + [True] * SHAPES["ring"]
    assert {row["query_readable"] for row in rows} == {True}
    similarities = [row["query_similarity"] for row in rows]
    assert min(similarities[SHAPES["star"] :]) > max(similarities[: SHAPES["star"]])
    for row in rows:
        assert row["query_score"] == pytest.approx(found.choice.scores[row["cluster"]])
    assert found.warnings == []


def test_a_model_that_reads_no_korean_chooses_with_a_warning_that_the_table_keeps(tmp_path: Path) -> None:
    found = clustered(MODELS / "clip", "빨간 고리", "query", tmp_path)
    assert found.table["query_readable"].to_pylist() == [False] * sum(SHAPES.values())
    assert found.warnings == query_warnings(found.table, "빨간 고리")
    assert found.warnings[0].startswith(model_of(found.table))
    assert "'빨간 고리'" in found.warnings[0]
    english = clustered(MODELS / "clip", "red ring", "query", tmp_path)
    assert english.warnings == []
    assert english.table["is_subject"].to_pylist()[-1]


def test_the_largest_cluster_needs_no_word_and_gets_no_scores(tmp_path: Path) -> None:
    found = clustered(MODELS / "clip", "빨간 고리", "largest", tmp_path)
    assert found.warnings == []
    for column in ("query_score", "query_similarity", "query_readable"):
        assert found.table[column].null_count == found.table.num_rows
    assert found.table["is_subject"].to_pylist()[0]


def test_a_text_without_a_vector_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from instagram_assets.vision.embed import Embedder

    monkeypatch.setattr(Embedder, "texts", lambda _, texts: np.full((len(texts), 512), np.nan, np.float32))
    with pytest.raises(ModelError, match="makes no vector of 'red ring'"):
        clustered(MODELS / "clip", "red ring", "query", tmp_path)


def test_words_are_not_compared_with_embeddings_of_another_model(korean: Path, tmp_path: Path) -> None:
    clip = load_settings(data_dir=tmp_path, models={"embedding_model": str(MODELS / "clip")})
    other = load_settings(data_dir=tmp_path, models={"embedding_model": str(korean)})
    model = embedder_label(clip)
    embedded: list[dict[str, object]] = [
        {"search": "s", "image_id": f"{number}", "embedding": [1.0] + [0.0] * 511, "model": model, "status": "ok"}
        for number in range(3)
    ]
    images: list[dict[str, object]] = [{"search": "s", "image_id": f"{n}", "rank": n + 1} for n in range(3)]
    tables = SEARCH_EMBEDDINGS.table(embedded), SEARCH_IMAGES.table(images)
    asked = SearchRequest.of(other, "red ring", "s", subject="query")
    with pytest.raises(ModelError, match="Materialize search_embeddings, too") as raised:
        clusters_table(*tables, asked, other)
    assert model in str(raised.value)
    assert embedder_label(other) in str(raised.value)
    by_size = clusters_table(*tables, asked.but(subject="largest"), other)
    assert model_of(by_size.table) == model  # which the folder's card names, whatever the settings name now
