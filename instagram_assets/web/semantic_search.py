"""Semantic search: the cosine similarity of all indexed images to a text or to an image.

Texts are embedded by the text encoder of the configured embedding model, if its files are on this machine; nothing is
downloaded. The model is loaded in a background thread on first use, and then stays in memory.
"""

import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from instagram_assets.errors import InstagramAssetsError, ModelError, NotFoundError, NotReadyError
from instagram_assets.lake_index.caches import PerIndex, SizedCache
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.nearest_neighbours import Vectors
from instagram_assets.models.local_models import find_model, locate_model
from instagram_assets.settings import ModelSettings
from instagram_assets.web.dependencies import Services
from instagram_assets.web.index_service import index_of

if TYPE_CHECKING:
    from instagram_assets.vision.embed import Embedder

_SECONDS_BETWEEN_TRIES = 15
"""Minimum seconds until loading is retried after a failure: a missing model may have been downloaded since."""
_TEXTS_KEPT = 256
_MOST_KEPT = 32 << 20
"""Maximum bytes of cached similarities (4 MB per query for a million images), since a query has several pages."""
_SIMILARITIES: PerIndex[SizedCache[NDArray[np.float32]]] = PerIndex(
    lambda _: SizedCache(_MOST_KEPT, lambda found: found.nbytes)
)


def is_there(services: Services) -> bool:
    """Whether the files of the configured embedding model are on this machine; does not read them."""
    models, folder = services.settings.models, services.settings.folder("models")
    try:
        locate_model(models.embedding_model, models.embedding_revision, folder)
    except (ModelError, OSError):
        return False
    return True


def text_vector(services: Services, text: str) -> NDArray[np.float32]:
    """Returns the embedding of a text in the space of the indexed images, as a unit vector.

    Raises NotReadyError while the model is loading. Raises ModelError if the model is missing, if the images were
    embedded by another model, or if no image has an embedding.
    """
    return _tower(services).vector(text, vectors_of(index_of(services)).model)


def reads(services: Services, text: str) -> bool:
    """Whether the embedding model supports the language of a text; false for Korean if it was trained on English only.

    True while the model is not loaded, since it is not known before.
    """
    return _tower(services).reads(text)


def vector_of_image(services: Services, index: LakeIndex, image_id: str) -> NDArray[np.float32]:
    """Returns the embedding of an indexed image. Raises NotFoundError if the image or its embedding does not exist."""
    del services  # independent of the settings: images are compared with images
    rows = index.rows("SELECT vector FROM images WHERE image_id = $1 AND vector IS NOT NULL LIMIT 1", image_id)
    if not rows:
        raise NotFoundError(f"{image_id}: no such image in the index, or none that was embedded.")
    return vectors_of(index).of(rows[0]["vector"])


def vectors_of(index: LakeIndex) -> Vectors:
    """Returns the embeddings of the index. Raises ModelError if there are none, DamagedError for a damaged file."""
    vectors = Vectors.of_index(index)
    if vectors is None:
        raise ModelError(
            "No image has an embedding yet, so nothing can be found by meaning. "
            "Make them: instagram-assets materialize embeddings."
        )
    return vectors


def similarities(services: Services, index: LakeIndex, *, text: str = "", image_id: str = "") -> NDArray[np.float32]:
    """Returns the cosine similarity of each row of the index's embedding file to a text or an image, float32[rows].

    Give either `text` or `image_id`. The array is read-only and cached. Raises NotReadyError while the model is
    loading, ModelError if it is missing or did not embed the images, NotFoundError for an unknown image, and
    DamagedError for a damaged embedding file.
    """
    vectors = vectors_of(index)
    vector = _tower(services).vector(text, vectors.model) if text else vector_of_image(services, index, image_id)
    return _SIMILARITIES.of(index).get(vector.tobytes(), lambda: _similarities(vectors, vector))


def _similarities(vectors: Vectors, vector: NDArray[np.float32]) -> NDArray[np.float32]:
    found = vectors.similarities(vector)
    found.flags.writeable = False
    return found


class _Tower:
    """The text encoder of an embedding model; loaded once, in a background thread."""

    def __init__(self, folder: Path, models: ModelSettings) -> None:
        self._folder, self._models = folder, models
        self._lock = threading.Lock()
        # Serialises calls: Hugging Face's fast tokenizers raise an error in concurrent threads.
        self._at_work = threading.Lock()
        self._thread: threading.Thread | None = None
        self._label = ""
        self._embedder: Embedder | None = None
        self._error: InstagramAssetsError | None = None
        self._tried_at = float("-inf")
        self._texts: OrderedDict[str, NDArray[np.float32]] = OrderedDict()

    def vector(self, text: str, model: str) -> NDArray[np.float32]:
        """Returns the embedding of a text as unit vector.

        `model` is the label of the model that embedded the images. Raises NotReadyError while loading, and ModelError
        if the model is another one or cannot be loaded.
        """
        embedder = self._loaded()
        if self._label != model:
            raise ModelError(
                f"The images were embedded by {model}, and the settings name {self._label}: what one says means "
                "nothing to the other. Name that model in INSTAGRAM_ASSETS_MODELS__EMBEDDING_MODEL, or embed the "
                "images again: instagram-assets materialize embeddings."
            )
        with self._at_work:
            if text in self._texts:
                self._texts.move_to_end(text)
                return self._texts[text]
            found = embedder.texts([text])[0]
            if not np.isfinite(found).all():
                raise ModelError(f"{self._label} makes no vector of this text. Try other words.")
            self._texts[text] = found
            if len(self._texts) > _TEXTS_KEPT:
                self._texts.popitem(last=False)
            return found

    def reads(self, text: str) -> bool:
        """Whether the model supports the text's language; true while it is not loaded."""
        embedder = self._embedder
        if embedder is None:
            return True
        with self._at_work:
            return embedder.reads(text)

    def _loaded(self) -> "Embedder":
        with self._lock:
            if self._embedder is not None:
                return self._embedder
            if self._thread is None and time.monotonic() - self._tried_at >= _SECONDS_BETWEEN_TRIES:
                self._thread = threading.Thread(target=self._load, name="embedding model", daemon=True)
                self._error = None
                self._thread.start()
            if self._error is not None:
                raise ModelError(str(self._error)) from self._error
        raise NotReadyError("The embedding model is being loaded, which takes some seconds. Ask again.")

    def _load(self) -> None:
        from instagram_assets.vision.embed import Embedder
        from instagram_assets.vision.load_models import load_embedder

        models = self._models
        try:
            source = find_model(models.embedding_model, models.embedding_revision, self._folder)
            # On the CPU, which is fast enough for one text; runs need the memory of a GPU.
            embedder = Embedder(load_embedder(source, "cpu", models.precision), models.draft)
            embedder.texts(["warm"])
            self._label, self._embedder = embedder.label, embedder
        except InstagramAssetsError as error:
            self._error = error
        except Exception as error:
            self._error = ModelError(f"The embedding model cannot be loaded ({type(error).__name__}: {error}).")
        with self._lock:
            self._tried_at, self._thread = time.monotonic(), None


_TOWERS: dict[tuple[Path, str], _Tower] = {}
_TOWERS_LOCK = threading.Lock()


def _tower(services: Services) -> _Tower:
    models = services.settings.models
    key = services.settings.folder("models"), models.model_dump_json()
    with _TOWERS_LOCK:
        if key not in _TOWERS:
            _TOWERS[key] = _Tower(key[0], models)
        return _TOWERS[key]
