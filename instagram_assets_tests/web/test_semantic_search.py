"""Search by meaning, with the sample's small CLIP: it finds what a text says, and says why when it cannot."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from upath import UPath

from instagram_assets.demo import MODELS
from instagram_assets.errors import InstagramAssetsError, ModelError, NotFoundError, NotReadyError
from instagram_assets.lake_index.index_files import INDEX_FOLDER
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.update import update_index
from instagram_assets.schemas import CONTRACTS
from instagram_assets.settings import load_settings
from instagram_assets.storage.lake_writer import write_cells
from instagram_assets.vision.embed import open_embedder
from instagram_assets.vision.pipeline import find_embedder
from instagram_assets.web import semantic_search
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.index_service import index_of
from instagram_assets_tests.lake_index.vector_lakes import image_id
from instagram_assets_tests.web.clients import NOBODY, app_of, client_of

TEXTS = ["a red circle on a white background", "a blue square on a black background", "a green star"]
CLIP = {"embedding_model": str(MODELS / "clip")}
PATIENCE = 120


def services_of(folder: Path, **models: str) -> Services:
    return Services(load_settings(data_dir=folder, models=models or CLIP), DagsterApi(NOBODY), NOBODY)


def write_index(services: Services, model: str, vectors: np.ndarray) -> LakeIndex:
    """An index of a search of images with these embeddings."""
    folder = services.settings.data_dir
    lake, rows = UPath(folder / "lake"), range(len(vectors))
    known: list[dict[str, Any]] = [{"search": "shapes", "image_id": image_id(row)} for row in rows]
    images: list[dict[str, Any]] = [
        {**each, "rank": row + 1, "status": "ok", "passed": True} for row, each in enumerate(known)
    ]
    embedded: list[dict[str, Any]] = [
        {**known[row], "embedding": vectors[row].tolist(), "model": model, "status": "ok"} for row in rows
    ]
    write_cells(lake, "search_images", ["shapes"], None, CONTRACTS["search_images"].table(images))
    write_cells(lake, "search_embeddings", ["shapes"], None, CONTRACTS["search_embeddings"].table(embedded))
    update_index(lake, folder / INDEX_FOLDER, "Asia/Seoul")
    return index_of(services)


def when_ready(services: Services, text: str) -> np.ndarray:
    """The vector of a text as soon as there is one."""
    pause = threading.Event()
    for _ in range(PATIENCE * 20):
        try:
            return semantic_search.text_vector(services, text)
        except NotReadyError:
            pause.wait(0.05)
    raise AssertionError(f"no answer within {PATIENCE} seconds")


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Services, LakeIndex]:
    """Images whose embeddings are those of three texts."""
    services = services_of(tmp_path_factory.mktemp("meaning"))
    source = find_embedder(services.settings)
    vectors = open_embedder(source, services.settings.models).texts(TEXTS)
    return services, write_index(services, source.label, vectors)


def test_a_text_finds_the_image_that_it_describes(shapes: tuple[Services, LakeIndex]) -> None:
    services, index = shapes
    for number, text in enumerate(TEXTS):
        vector = when_ready(services, text)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=0.01)
        similarities = semantic_search.similarities(services, index, text=text)
        row = index.rows("SELECT vector FROM images WHERE image_id = $1", image_id(number))[0]["vector"]
        assert int(np.argmax(similarities)) == row
        assert similarities[row] > 0.98


def test_an_image_is_nearest_to_itself(shapes: tuple[Services, LakeIndex]) -> None:
    services, index = shapes
    for number in range(len(TEXTS)):
        similarities = semantic_search.similarities(services, index, image_id=image_id(number))
        row = index.rows("SELECT vector FROM images WHERE image_id = $1", image_id(number))[0]["vector"]
        assert int(np.argmax(similarities)) == row
    with pytest.raises(NotFoundError, match="no such image"):
        semantic_search.vector_of_image(services, index, image_id(77))


def test_the_gallery_is_sorted_by_likeness(shapes: tuple[Services, LakeIndex]) -> None:
    services, _ = shapes
    when_ready(services, TEXTS[1])
    client = client_of(app_of(services.settings.data_dir, models=CLIP))
    for asked, first in ({"like": TEXTS[1]}, image_id(1)), ({"to": image_id(2)}, image_id(2)):
        found = client.get("/api/gallery", params=asked).json()["images"]
        assert found[0]["image_id"] == first
        cosines = [image["similarity"] for image in found]
        assert len(cosines) == len(TEXTS)
        assert cosines == sorted(cosines, reverse=True)
    unsorted = client.get("/api/gallery", params={"like": TEXTS[1], "sort": "newest"}).json()["images"]
    assert sorted(image["similarity"] for image in unsorted) == sorted(
        image["similarity"] for image in client.get("/api/gallery", params={"like": TEXTS[1]}).json()["images"]
    )
    assert client.get("/api/gallery", params={"to": "0" * 64}).status_code == 404
    assert client.get("/api/gallery", params={"to": "../x"}).status_code == 422


def test_the_model_is_loaded_behind_the_first_question(shapes: tuple[Services, LakeIndex]) -> None:
    _, index = shapes
    # Settings that no other test has, so that nothing is loaded for them.
    services = services_of(index.folder.parent, **CLIP, precision="fp32")
    with pytest.raises(NotReadyError, match="being loaded"):
        semantic_search.text_vector(services, TEXTS[0])
    assert when_ready(services, TEXTS[0]).shape == (512,)


def test_many_ask_at_once(shapes: tuple[Services, LakeIndex]) -> None:
    services, _ = shapes
    when_ready(services, TEXTS[0])
    failures: list[BaseException] = []

    def ask(number: int) -> None:
        try:
            for each in range(5):
                semantic_search.text_vector(services, f"a {'very ' * (number + each)}red circle")
        except InstagramAssetsError as error:
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_model_that_is_not_here_is_named_and_not_fetched(tmp_path: Path) -> None:
    services = services_of(tmp_path, embedding_model="somebody/clip-of-theirs")
    write_index(services, "clip-of-theirs@1", np.eye(3, 16, dtype=np.float32))
    assert not semantic_search.is_there(services)
    with pytest.raises(ModelError, match="models pull"):
        when_ready(services, "a dog")
    assert not list(tmp_path.rglob("*.safetensors"))


def test_images_of_another_model_are_refused(tmp_path: Path) -> None:
    services = services_of(tmp_path)
    write_index(services, "siglip@123", np.eye(3, 512, dtype=np.float32))
    with pytest.raises(ModelError, match=r"siglip@123.*clip@.*MODELS__EMBEDDING_MODEL"):
        when_ready(services, "a dog")


def test_without_embeddings_it_says_how_to_make_them(tmp_path: Path) -> None:
    services = services_of(tmp_path)
    write_index(services, "clip@1", np.empty((0, 4), np.float32))
    assert semantic_search.is_there(services)
    with pytest.raises(ModelError, match="materialize embeddings"):
        semantic_search.text_vector(services, "a dog")


def test_words_that_the_model_never_learned_are_told(shapes: tuple[Services, LakeIndex]) -> None:
    services, _ = shapes
    when_ready(services, TEXTS[0])
    assert semantic_search.reads(services, "a red circle, 100 %")
    assert not semantic_search.reads(services, "빨간 동그라미")


def test_the_app_starts_without_torch() -> None:
    code = (
        "import sys, instagram_assets.web.app, instagram_assets.web.semantic_search; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
