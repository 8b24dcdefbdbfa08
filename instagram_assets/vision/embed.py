"""L2-normalised embeddings of images and texts by a CLIP-like model; similar content has a high cosine similarity."""

import hashlib
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from upath import UPath

from instagram_assets.arrow import compute as arrow
from instagram_assets.errors import ModelError
from instagram_assets.media.verify import MAX_MEGAPIXELS
from instagram_assets.models.local_models import ModelSource
from instagram_assets.schemas import EMBEDDINGS
from instagram_assets.settings import ModelSettings
from instagram_assets.storage.features import FeatureStore, OnProgress, computed
from instagram_assets.vision.image_batches import Failed, decode_all, retry_in_halves
from instagram_assets.vision.load_models import LoadedModel, load_embedder
from instagram_assets.vision.preprocess import Preprocessor
from instagram_assets.vision.readable_texts import is_readable

if TYPE_CHECKING:
    from PIL.Image import Image

_T = TypeVar("_T")
_R = TypeVar("_R")

EMBEDDING_FEATURES = pa.schema(
    [
        ("image_id", pa.string()),
        ("embedding", pa.list_(pa.float32())),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)
"""Schema of the cached embeddings, one row per image; the embedding's dimension is the model's."""

_DEFINITION = "embedding-1"
_DEFAULT_WIDTH = 512
_NOT_FINITE = Failed("its embedding is zero or not a number, and cannot be normalized")
_FILE_MISSING = "its file is not in the media store"
_TEXT_BATCH = 256


class Embedder:
    """Computes L2-normalised embeddings of images and texts in one space, with CLIP or SigLIP.

    CLIP: Radford et al. 2021, arXiv 2103.00020. `draft` decodes JPEGs at a reduced size.
    """

    def __init__(self, loaded: LoadedModel, draft: bool = False) -> None:
        self._loaded = loaded
        self._pixels = Preprocessor.of(loaded.processor, draft)
        self.draft = self._pixels.draft
        self.label = loaded.source.label_in(loaded.precision)
        self._longest = _longest_text(loaded)
        self.fingerprint = embedding_fingerprint(loaded.source, loaded.precision, draft)

    def prepare(self, image: "Image") -> NDArray[np.uint8]:
        """Preprocess one decoded image; called in the thread that decoded it."""
        return self._pixels.prepare(image)

    def images(self, prepared: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """L2-normalised embeddings of preprocessed images, float32[n, width]; NaN where the norm is 0 or not finite."""
        import torch

        with torch.inference_mode():
            pixels = self._pixels.batch(prepared).to(self._loaded.device, self._loaded.dtype)
            return _unit_vectors(self._loaded.model.get_image_features(pixel_values=pixels))

    def texts(self, texts: list[str]) -> NDArray[np.float32]:
        """Embeddings of texts, float32[n, width], L2-normalised; texts are truncated to the model's maximum length."""
        parts = [self._texts(texts[start : start + _TEXT_BATCH]) for start in range(0, len(texts), _TEXT_BATCH)]
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def reads(self, text: str) -> bool:
        """Whether the model can know the words of a text, by `is_readable`: CLIP trained on English reads no Korean."""
        return is_readable(self._loaded.processor.tokenizer, text)

    def _texts(self, texts: list[str]) -> NDArray[np.float32]:
        import torch

        model, tokenizer = self._loaded.model, self._loaded.processor.tokenizer
        # SigLIP was trained on text padded to one length, and reads the padding.
        padded = model.config.model_type.startswith("siglip")
        padding = "max_length" if padded else True
        tokens = tokenizer(texts, padding=padding, truncation=True, max_length=self._longest, return_tensors="pt")
        if padded:
            tokens.pop("attention_mask", None)
        with torch.inference_mode():
            return _unit_vectors(model.get_text_features(**tokens.to(self._loaded.device)))


def embedding_fingerprint(source: ModelSource, precision: str, draft: bool) -> str:
    """SHA-256 (hex) over all inputs that determine an embedding, computed without loading the model.

    Precision `auto` is hashed as such: embeddings in bf16 and fp32 differ by a cosine distance of only 0.0001.
    """
    parts = (_DEFINITION, source.fingerprint, precision, "draft" if draft else "exact")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def embedding_store(root: UPath | Path, source: ModelSource, models: ModelSettings) -> FeatureStore:
    """The cache of the embeddings by a model with these settings, below `root`, the folder of all cached features."""
    return FeatureStore(
        root, "embeddings", embedding_fingerprint(source, models.precision, models.draft), EMBEDDING_FEATURES
    )


def open_embedder(source: ModelSource, models: ModelSettings) -> Embedder:
    """An embedder with its model loaded as configured, once per process. Raises ModelError and SettingsError."""
    return Embedder(load_embedder(source, models.device, models.precision), models.draft)


def embed_all(
    images: Mapping[str, Path],
    store: FeatureStore,
    make: Callable[[], Embedder],
    on_progress: OnProgress | None = None,
    *,
    batch_size: int = 32,
    workers: int = 0,
    max_megapixels: float = MAX_MEGAPIXELS,
) -> pa.Table:
    """Embed images: a table of `EMBEDDING_FEATURES`, one row per image_id; cached rows are reused.

    `make` loads the embedder and is called only when rows are missing. While the model computes one batch, `workers`
    threads decode the next. An image that fails is a row with the reason; it is cached only if the failure is
    deterministic, else retried next time.
    """

    def compute(missing: list[str]) -> Generator[pa.Table]:
        embedder = make()
        files = ((image_id, images[image_id]) for image_id in missing)
        decoded = decode_all(
            files, embedder.prepare, workers=workers, draft=embedder.draft, max_megapixels=max_megapixels
        )
        with closing(decoded):
            yield from _one_ahead(lambda some: _embedded(embedder, some), decoded, batch_size)

    features = computed(images, store, compute, on_progress=on_progress)
    return features.set_column(1, "embedding", _one_width(features["embedding"]))


def embeddings_table(
    quality: pa.Table,
    files: Mapping[str, Path],
    embed: Callable[[Mapping[str, Path]], pa.Table],
    *,
    model: str,
    only_passed: bool,
) -> pa.Table:
    """The table `embeddings`, one row for each row of `image_quality`, in their order.

    `files` maps image_id to file; `embed` returns the rows of `embed_all` for a subset of these files, and is only
    called if it is not empty. `model` is the model's label for the column `model`, which is null for rows without
    embedding. Images that failed the quality filter (with `only_passed=False`: unreadable images) are `skipped` with
    the reason.
    """
    selected = quality["passed"] if only_passed else arrow.equal(quality["status"], "ok")
    selected = arrow.fill_null(selected, False)
    has_file = arrow.is_in(quality["image_id"], value_set=pa.array(files, pa.string()))
    lost = arrow.and_not(selected, has_file)
    selected = arrow.and_(selected, has_file)
    ids = arrow.unique(quality["image_id"].filter(selected))
    features = embed({image_id: files[image_id] for image_id in ids.to_pylist()}) if len(ids) else EMBEDDINGS.empty()
    indices = arrow.index_in(quality["image_id"], value_set=ids)
    # The same image may have passed in one row and not in another, made by earlier settings.
    found = features.take(arrow.if_else(selected, indices, None))
    table = quality.select([name for name in EMBEDDINGS.schema.names if name in quality.schema.names])
    columns = {
        "embedding": found["embedding"],
        # Only in rows with an embedding, so that a partition does not depend on the others of its run.
        "model": arrow.if_else(selected, model, None),
        "status": arrow.if_else(selected, found["status"], arrow.if_else(lost, "failed", "skipped")),
        "reason": arrow.if_else(selected, found["reason"], arrow.if_else(lost, _FILE_MISSING, quality["reason"])),
    }
    for name, column in columns.items():
        index = table.schema.get_field_index(name)
        table = table.append_column(name, column) if index < 0 else table.set_column(index, name, column)
    return EMBEDDINGS.conform(table, "embeddings")


def search_by_text(embedder: Embedder, text: str, embeddings: pa.Table, k: int = 10) -> pa.Table:
    """The `k` images with the highest cosine similarity to a text: image_id and cosine, best first, each image once.

    `embeddings` is the table `embeddings`; embeddings by other models are ignored, as they are not comparable.
    """
    ours = arrow.and_(arrow.equal(embeddings["model"], embedder.label), arrow.equal(embeddings["status"], "ok"))
    rows = embeddings.filter(ours)
    ids = np.array(rows["image_id"].to_pylist(), dtype=object)
    _, first = np.unique(ids.astype(str), return_index=True)
    vectors = as_vectors(rows["embedding"])[first]
    cosines = vectors @ embedder.texts([text])[0] if len(first) else np.empty(0, np.float32)
    nearest = np.argsort(-cosines, kind="stable")[:k]
    return pa.table({"image_id": pa.array(ids[first][nearest], pa.string()), "cosine": cosines[nearest]})


def as_vectors(column: pa.ChunkedArray) -> NDArray[np.float32]:
    """A column of embeddings without nulls as a matrix float32[n, width], without a copy if possible.

    Raises ModelError when embeddings have different dimensions.
    """
    values: Any = column.combine_chunks()
    flat = values.flatten().to_numpy()
    if not len(values):
        return np.empty((0, 0), np.float32)
    width = len(flat) // len(values)
    if not pa.types.is_fixed_size_list(values.type) and arrow.min_max(arrow.list_value_length(values)).as_py() != {
        "min": width,
        "max": width,
    }:
        raise ModelError("embeddings of several widths are in one table. Take away the folder of these features.")
    return flat.reshape(len(values), width)


def _longest_text(loaded: LoadedModel) -> int:
    """Maximum number of tokens of a text: as many as the tokenizer allows and the text tower has positions for."""
    positions: int = loaded.model.config.text_config.max_position_embeddings
    for name, module in loaded.model.named_modules():
        # RoBERTa's kind, as in AltCLIP, counts positions from the one behind the padding's.
        if name.endswith("position_embeddings") and getattr(module, "padding_idx", None) is not None:
            positions -= module.padding_idx + 1
    return min(loaded.processor.tokenizer.model_max_length, positions)


def _unit_vectors(output: Any) -> NDArray[np.float32]:
    """L2-normalise a model's output: a tensor, or since transformers 5 an object with a `pooler_output`."""
    import torch

    vectors = (output if isinstance(output, torch.Tensor) else output.pooler_output).float()
    norms = vectors.norm(dim=-1, keepdim=True)
    # An infinite norm would give zeros instead of NaN.
    return (vectors / norms).masked_fill(~norms.isfinite(), torch.nan).cpu().numpy()


def _embedded(embedder: Embedder, some: list[tuple[str, NDArray[np.uint8] | Failed]]) -> pa.Table:
    """A batch of decoded images as rows of `EMBEDDING_FEATURES`; the column `permanent` says whether to cache a row."""
    good = [pixels for _, pixels in some if not isinstance(pixels, Failed)]
    vectors = iter(retry_in_halves(good, lambda batch: _with_faults(embedder.images(batch))))
    results = [result if isinstance(result, Failed) else next(vectors) for _, result in some]
    faults = [result if isinstance(result, Failed) else None for result in results]
    columns: dict[str, Any] = {
        "image_id": [image_id for image_id, _ in some],
        "embedding": [None if isinstance(result, Failed) else result for result in results],
        "status": ["failed" if fault else "ok" for fault in faults],
        "reason": [fault and fault.reason for fault in faults],
    }
    arrays = [pa.array(columns[field.name], field.type) for field in EMBEDDING_FEATURES]
    table = pa.Table.from_arrays(arrays, schema=EMBEDDING_FEATURES)
    return table.append_column("permanent", pa.array([fault is _NOT_FINITE for fault in faults]))


def _with_faults(vectors: NDArray[np.float32]) -> list[NDArray[np.float32] | Failed]:
    return [vector if np.isfinite(vector).all() else _NOT_FINITE for vector in vectors]


def _one_ahead(work: Callable[[list[_T]], _R], items: Iterator[_T], size: int) -> Iterator[_R]:
    """Apply `work` to batches of `items` in a thread, while this thread collects the next batch."""
    under_way: Future[_R] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="model") as pool:
        while batch := list(islice(items, size)):
            following = pool.submit(work, batch)
            if under_way is not None:
                yield under_way.result()
            under_way = following
        if under_way is not None:
            yield under_way.result()


def _one_width(column: pa.ChunkedArray) -> pa.Array:
    """Convert a column of lists of equal length or nulls to a fixed-size list column; of size 512 if all are null."""
    vectors = as_vectors(column.drop_null())
    width = vectors.shape[1] or _DEFAULT_WIDTH
    filled = np.zeros((len(column), width), np.float32)
    valid = np.asarray(column.is_valid())
    filled[valid] = vectors.reshape(-1, width)
    return pa.FixedSizeListArray.from_arrays(pa.array(filled.ravel()), width, mask=pa.array(~valid))
