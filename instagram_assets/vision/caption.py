"""Image captioning: generate several candidate captions and choose the one with the highest image-text similarity."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from instagram_assets.errors import SettingsError
from instagram_assets.models.local_models import ModelSource
from instagram_assets.settings import CaptionSettings, ModelSettings
from instagram_assets.vision.blip import Blip
from instagram_assets.vision.decoding import Decoding, Tokens, TransformersDecoder, is_degenerate, uniforms
from instagram_assets.vision.embed import Embedder
from instagram_assets.vision.image_batches import Failed, retry_in_halves
from instagram_assets.vision.load_models import LoadedModel, load_captioner, load_embedder
from instagram_assets.vision.preprocess import Preprocessor

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

_VERSION = "caption-1"
"""Changes whenever the same inputs would give other captions."""

EMPTY_CAPTION = Failed("the model said nothing about it")


@dataclass(frozen=True)
class Candidate:
    """A candidate caption with its score, the cosine similarity of image and text; None without scoring."""

    caption: str
    score: float | None


@dataclass(frozen=True)
class Captioned:
    """The distinct candidate captions of one image, best first; `note` is set if the best one repeats words."""

    candidates: tuple[Candidate, ...]
    note: str = ""

    @property
    def best(self) -> Candidate:
        return self.candidates[0]


@dataclass(frozen=True)
class PreparedImage:
    """One image preprocessed for the captioning model and, with scoring, for the embedding model."""

    pixels: NDArray[Any]
    scorer_pixels: NDArray[Any] | None


class _Decoder(Protocol):
    max_new_tokens: int

    def generate(
        self, pixels: "Tensor", decoding: Decoding, numbers: NDArray[np.float64] | None = None
    ) -> list[list[Tokens]]: ...


class Captioner:
    """Captions images: BLIP by `blip.Blip`, other architectures by transformers' `generate`.

    With an `embedder`, `num_captions` candidates are generated (the first greedily, the others by nucleus sampling) and
    scored; without, only the greedy one. In fp32 the result for an image does not depend on its batch.
    Raises SettingsError when the maximum caption length exceeds the model's.
    """

    def __init__(self, loaded: LoadedModel, options: CaptionSettings, embedder: Embedder | None = None) -> None:
        import torch

        own, int8 = loaded.model.config.model_type == "blip", loaded.precision == "int8"
        self._decoder: _Decoder = Blip(loaded.model, int8) if own else TransformersDecoder(loaded.model)
        if options.max_caption_length > self._decoder.max_new_tokens:
            raise SettingsError(
                f"INSTAGRAM_ASSETS_CAPTIONS__MAX_CAPTION_LENGTH={options.max_caption_length}: "
                f"{loaded.source.name} writes at most {self._decoder.max_new_tokens} tokens. Set it to that or less."
            )
        self.options = options
        self.label = loaded.source.label_in(loaded.precision)
        scorer = embedder.fingerprint if embedder else None
        self.fingerprint = caption_fingerprint(loaded.source, loaded.precision, options, scorer)
        self._loaded = loaded
        self._embedder = embedder
        self._exact = loaded.dtype == torch.float32
        self._preprocessor = Preprocessor.of(loaded.processor)
        self._decoding = Decoding(
            max_new_tokens=options.max_caption_length,
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            top_p=options.top_p,
            temperature=options.temperature,
        )

    @property
    def batch_size(self) -> int:
        """Number of images in a batch."""
        return self.options.batch_size if self.options.batch_processing else 1

    def prepare(self, image: "Image") -> PreparedImage:
        """Preprocess one decoded image for `captions`; called in the thread that decoded it."""
        scorer_pixels = self._embedder.prepare(image) if self._embedder else None
        return PreparedImage(self._preprocessor.prepare(image), scorer_pixels)

    def captions(self, batch: Sequence[tuple[str, PreparedImage]]) -> list[Captioned | Failed]:
        """Caption a batch of (image_id, prepared image), one result each; a failing batch is retried in halves."""
        return retry_in_halves(list(batch), self._captions)

    def _captions(self, batch: list[tuple[str, PreparedImage]]) -> list[Captioned | Failed]:
        texts = self._texts(batch)
        # In fp32, scores are computed one image at a time: matrix kernels round differently for other shapes.
        share = 1 if self._exact else len(batch)
        results: list[Captioned | Failed] = []
        for begin in range(0, len(batch), share):
            some = slice(begin, begin + share)
            results += self._ranked_by_score(texts[some], [prepared for _, prepared in batch[some]])
        return results

    def _texts(self, batch: list[tuple[str, PreparedImage]]) -> list[list[str]]:
        """The distinct captions of each image in the order of generation, without empty ones."""
        options, further = self.options, self.options.num_captions - 1 if self._embedder else 0
        numbers = [uniforms(options.seed, image_id, further, options.max_caption_length) for image_id, _ in batch]
        pixels = self._preprocessor.batch([prepared.pixels for _, prepared in batch])
        pixels = pixels.to(self._loaded.device, self._loaded.dtype)
        tokens = self._decoder.generate(pixels, self._decoding, np.stack(numbers))
        tokenizer = self._loaded.processor.tokenizer
        texts = [tokenizer.batch_decode(candidates, skip_special_tokens=True) for candidates in tokens]
        return [_different(candidates) for candidates in texts]

    def _ranked_by_score(self, texts: list[list[str]], prepared: list[PreparedImage]) -> list[Captioned | Failed]:
        return [
            _ranked(captions, scores) for captions, scores in zip(texts, self._scores(texts, prepared), strict=True)
        ]

    def _scores(self, texts: list[list[str]], prepared: list[PreparedImage]) -> list[list[float | None]]:
        """Cosine similarity of each image with each of its captions; each distinct text is embedded once."""
        unique = {text: index for index, text in enumerate(dict.fromkeys(text for some in texts for text in some))}
        if self._embedder is None or not unique:
            return [[None] * len(some) for some in texts]
        images = self._embedder.images([one.scorer_pixels for one in prepared if one.scorer_pixels is not None])
        captions = self._embedder.texts(list(unique))
        return [
            [_cosine(captions[unique[text]], image) for text in some] for image, some in zip(images, texts, strict=True)
        ]


def caption_fingerprint(source: ModelSource, precision: str, options: CaptionSettings, scorer: str | None) -> str:
    """SHA-256 (hex) over all inputs that determine a caption: model files and settings, but not the batch size.

    Computed without loading a model. `scorer` is the embedding model's fingerprint; None without scoring.
    """
    parts: list[object] = [_VERSION, source.fingerprint, precision, scorer]
    parts += [options.max_caption_length, options.no_repeat_ngram_size]
    if scorer is not None:
        parts += [options.num_captions]
    if scorer is not None and options.num_captions > 1:
        parts += [options.top_p, options.temperature, options.seed]
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def open_captioner(
    source: ModelSource, scorer: ModelSource | None, models: ModelSettings, options: CaptionSettings
) -> Captioner:
    """A captioner with its models loaded as configured; `scorer` is the embedding model, None without scoring.

    Raises ModelError and SettingsError.
    """
    embedder = Embedder(load_embedder(scorer, models.device, models.precision)) if scorer else None
    return Captioner(load_captioner(source, models.device, models.precision), options, embedder)


def _cosine(text: NDArray[np.float32], image: NDArray[np.float32]) -> float | None:
    """Cosine similarity of two L2-normalised embeddings; None if one of them contains NaN."""
    cosine = float(text @ image)
    return cosine if math.isfinite(cosine) else None


def _different(captions: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, (" ".join(caption.split()) for caption in captions))))


def _ranked(captions: list[str], scores: list[float | None]) -> Captioned | Failed:
    """Candidates sorted by score, degenerate ones last; ties keep the order of generation."""
    if not captions:
        return EMPTY_CAPTION
    candidates = [Candidate(caption, score) for caption, score in zip(captions, scores, strict=True)]
    candidates.sort(key=lambda one: (is_degenerate(one.caption), -(one.score or 0)))
    return Captioned(tuple(candidates), "repeats itself" if is_degenerate(candidates[0].caption) else "")
