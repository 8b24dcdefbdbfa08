"""Embeddings of images and texts in one space: of what is alike the cosine is high."""

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
from instagram_assets.models.sources import ModelSource
from instagram_assets.schemas import EMBEDDINGS
from instagram_assets.settings import ModelSettings
from instagram_assets.storage.features import FeatureStore, OnProgress, computed
from instagram_assets.vision.batches import in_halves
from instagram_assets.vision.images import Fault, decode_all
from instagram_assets.vision.models import Loaded, load_embedder
from instagram_assets.vision.preprocess import Preprocessor

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")
R = TypeVar("R")

FEATURES = pa.schema(
    [
        ("image_id", pa.string()),
        ("embedding", pa.list_(pa.float32())),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)
"""What is kept of an image; the width of its vector is the model's."""

_DEFINITION = "embedding-1"
_WIDTH_OF_NONE = 512
_NOT_FINITE = Fault("its embedding is zero or not a number, and cannot be normalized")
_LOST = "its file is not in the media store"
_TEXTS_AT_ONCE = 256


class Embedder:
    """An embedding model at work: images and texts to unit vectors, near each other when they mean alike.

    CLIP (Radford et al. 2021, arXiv 2103.00020) and its kind. `draft` decodes JPEGs smaller than they are.
    """

    def __init__(self, loaded: Loaded, draft: bool = False) -> None:
        self._loaded = loaded
        self._pixels = Preprocessor.of(loaded.processor, draft)
        self.draft = self._pixels.draft
        self.label = loaded.source.label
        self.fingerprint = embedding_fingerprint(loaded.source, loaded.precision, draft)

    def prepare(self, image: "Image") -> NDArray[np.uint8]:
        """One decoded image at the size that the model sees; for the thread that decoded it."""
        return self._pixels.prepare(image)

    def images(self, prepared: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Prepared images as float32[n, width] of unit length; NaN where the model gives zero or no number."""
        import torch

        with torch.inference_mode():
            pixels = self._pixels.batch(prepared).to(self._loaded.device, self._loaded.dtype)
            return _unit_vectors(self._loaded.model.get_image_features(pixel_values=pixels))

    def texts(self, texts: list[str]) -> NDArray[np.float32]:
        """Texts as float32[n, width] of unit length, each cut off at the model's longest text."""
        parts = [self._texts(texts[start : start + _TEXTS_AT_ONCE]) for start in range(0, len(texts), _TEXTS_AT_ONCE)]
        return np.concatenate(parts) if parts else np.empty((0, 0), np.float32)

    def reads(self, text: str) -> bool:
        """Whether the model has learned the words of a text: not those that its tokenizer takes apart into bytes.

        That of CLIP, which learned from English, makes two or three pieces of each syllable of Korean.
        """
        foreign = [character for character in text if character.isalpha() and not character.isascii()]
        if not foreign:
            return True
        tokenizer = self._loaded.processor.tokenizer
        pieces = tokenizer("".join(foreign), add_special_tokens=False)["input_ids"]
        unknown = sum(piece == tokenizer.unk_token_id for piece in pieces)
        return len(pieces) <= len(foreign) and 2 * unknown < len(pieces)

    def _texts(self, texts: list[str]) -> NDArray[np.float32]:
        import torch

        model, tokenizer = self._loaded.model, self._loaded.processor.tokenizer
        longest = min(tokenizer.model_max_length, model.config.text_config.max_position_embeddings)
        # SigLIP was trained on text padded to one length, and reads the padding.
        padded = model.config.model_type.startswith("siglip")
        padding = "max_length" if padded else True
        tokens = tokenizer(texts, padding=padding, truncation=True, max_length=longest, return_tensors="pt")
        if padded:
            tokens.pop("attention_mask", None)
        with torch.inference_mode():
            return _unit_vectors(model.get_text_features(**tokens.to(self._loaded.device)))


def embedding_fingerprint(source: ModelSource, precision: str, draft: bool) -> str:
    """What decides an image's embedding, as 64 hexadecimal digits, without loading the model.

    Precision `auto` is one of it: the bf16 of one machine and the fp32 of another differ by a cosine of 0.0001.
    """
    parts = (_DEFINITION, source.fingerprint, precision, "draft" if draft else "exact")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def embedding_store(root: UPath | Path, source: ModelSource, models: ModelSettings) -> FeatureStore:
    """Where the embeddings by this model and these settings are kept, below the folder of all features."""
    return FeatureStore(root, "embeddings", embedding_fingerprint(source, models.precision, models.draft), FEATURES)


def open_embedder(source: ModelSource, models: ModelSettings) -> Embedder:
    """The model at work by the settings; loaded only once in a process. Raises ModelError and SettingsError."""
    return Embedder(load_embedder(source, models.device, models.precision), models.draft)


def embed_all(
    images: Mapping[str, Path],
    store: FeatureStore,
    make: Callable[[], Embedder],
    on_progress: OnProgress | None = None,
    *,
    batch_size: int = 32,
    workers: int = 2,
    max_megapixels: float = 40,
) -> pa.Table:
    """One row per image_id, as `FEATURES`, with vectors of one width: from the store what is known, the rest computed.

    `make` is called only when something is missing. While the model has one batch, `workers` threads decode the
    next. An image that fails is a row with the reason; only what lies in image and model is kept, the rest is tried
    again next time.
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
    """The rows of `embeddings`, one for each row of `image_quality`, in their order.

    `files` gives the file of each image_id; `embed` makes of some of them the rows of `embed_all`, and is not called
    when there are none. `model` is the label of its source, and stands where there was an image to embed. What
    did not pass the quality filter (with `only_passed=False`: what could not be read) is `skipped`, with its reason.
    """
    wanted = quality["passed"] if only_passed else arrow.equal(quality["status"], "ok")
    wanted = arrow.fill_null(wanted, False)
    known = arrow.is_in(quality["image_id"], value_set=pa.array(files, pa.string()))
    lost = arrow.and_not(wanted, known)
    wanted = arrow.and_(wanted, known)
    ids = arrow.unique(quality["image_id"].filter(wanted))
    features = embed({image_id: files[image_id] for image_id in ids.to_pylist()}) if len(ids) else EMBEDDINGS.empty()
    places = arrow.index_in(quality["image_id"], value_set=ids)
    # The same image may have passed in one row and not in another of an older definition: the row decides.
    found = features.take(arrow.if_else(wanted, places, None))
    table = quality.select([name for name in EMBEDDINGS.schema.names if name in quality.schema.names])
    columns = {
        "embedding": found["embedding"],
        # Only where it was at work, so that a cell is the same whatever else runs with it.
        "model": arrow.if_else(wanted, model, None),
        "status": arrow.if_else(wanted, found["status"], arrow.if_else(lost, "failed", "skipped")),
        "reason": arrow.if_else(wanted, found["reason"], arrow.if_else(lost, _LOST, quality["reason"])),
    }
    for name, column in columns.items():
        place = table.schema.get_field_index(name)
        table = table.append_column(name, column) if place < 0 else table.set_column(place, name, column)
    return EMBEDDINGS.conform(table, "embeddings")


def search(embedder: Embedder, text: str, embeddings: pa.Table, k: int = 10) -> pa.Table:
    """The `k` images nearest to what a text says: image_id and cosine, nearest first, each image once.

    `embeddings` is a table of that name; its rows by other models are left out, for theirs is another space.
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
    """A column of embeddings without nulls as float32[n, width], where possible without a copy.

    Raises ModelError when vectors have several widths.
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


def _unit_vectors(output: Any) -> NDArray[np.float32]:
    """Unit vectors of what a model gives: the tensor itself, or since transformers 5 an object that holds it."""
    import torch

    vectors = (output if isinstance(output, torch.Tensor) else output.pooler_output).float()
    lengths = vectors.norm(dim=-1, keepdim=True)
    # A length beyond float32 would make of the vector not NaN but zero.
    return (vectors / lengths).masked_fill(~lengths.isfinite(), torch.nan).cpu().numpy()


def _embedded(embedder: Embedder, some: list[tuple[str, NDArray[np.uint8] | Fault]]) -> pa.Table:
    """A batch of decoded images as rows of `FEATURES`, and whether a failure is worth keeping."""
    good = [pixels for _, pixels in some if not isinstance(pixels, Fault)]
    vectors = iter(in_halves(good, lambda batch: _with_faults(embedder.images(batch))))
    results = [result if isinstance(result, Fault) else next(vectors) for _, result in some]
    faults = [result if isinstance(result, Fault) else None for result in results]
    columns: dict[str, Any] = {
        "image_id": [image_id for image_id, _ in some],
        "embedding": [None if isinstance(result, Fault) else result for result in results],
        "status": ["failed" if fault else "ok" for fault in faults],
        "reason": [fault and fault.reason for fault in faults],
    }
    arrays = [pa.array(columns[field.name], field.type) for field in FEATURES]
    table = pa.Table.from_arrays(arrays, schema=FEATURES)
    return table.append_column("permanent", pa.array([fault is _NOT_FINITE for fault in faults]))


def _with_faults(vectors: NDArray[np.float32]) -> list[NDArray[np.float32] | Fault]:
    return [vector if np.isfinite(vector).all() else _NOT_FINITE for vector in vectors]


def _one_ahead(work: Callable[[list[T]], R], items: Iterator[T], size: int) -> Iterator[R]:
    """`work` on batches of `items`: while one is worked on in a thread, this one collects the next."""
    under_way: Future[R] | None = None
    with ThreadPoolExecutor(1, thread_name_prefix="model") as pool:
        while batch := list(islice(items, size)):
            following = pool.submit(work, batch)
            if under_way is not None:
                yield under_way.result()
            under_way = following
        if under_way is not None:
            yield under_way.result()


def _one_width(column: pa.ChunkedArray) -> pa.Array:
    """Lists of equal length, and nulls, as a column of vectors; 512 wide when there is none to tell."""
    vectors = as_vectors(column.drop_null())
    width = vectors.shape[1] or _WIDTH_OF_NONE
    filled = np.zeros((len(column), width), np.float32)
    there = np.asarray(column.is_valid())
    filled[there] = vectors.reshape(-1, width)
    return pa.FixedSizeListArray.from_arrays(pa.array(filled.ravel()), width, mask=pa.array(~there))
