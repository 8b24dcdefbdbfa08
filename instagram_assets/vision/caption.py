"""What an image shows, in one sentence: several captions are made, and the one that fits the image best is kept."""

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from instagram_assets.errors import SettingsError
from instagram_assets.models.sources import ModelSource
from instagram_assets.settings import CaptionSettings, ModelSettings
from instagram_assets.vision.batches import in_halves
from instagram_assets.vision.blip import Blip, Decoding, Tokens
from instagram_assets.vision.embed import Embedder
from instagram_assets.vision.generate import Generate
from instagram_assets.vision.images import Fault
from instagram_assets.vision.models import Loaded, load_captioner, load_embedder
from instagram_assets.vision.preprocess import Preprocessor
from instagram_assets.vision.sampling import repeats_itself, uniforms

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

_DEFINITION = "caption-1"

SILENT = Fault("the model said nothing about it")


@dataclass(frozen=True)
class Candidate:
    """One caption that was considered, with the cosine of image and text; null without scoring."""

    caption: str
    score: float | None


@dataclass(frozen=True)
class Captioned:
    """The candidates of one image, all different, best first; `note` says what is odd about the best."""

    candidates: tuple[Candidate, ...]
    note: str = ""

    @property
    def best(self) -> Candidate:
        return self.candidates[0]


@dataclass(frozen=True)
class Prepared:
    """One decoded image, made ready for the captioning model and, when scoring, for the embedding model."""

    pixels: NDArray[Any]
    scorer_pixels: NDArray[Any] | None


class _Decoder(Protocol):
    max_new_tokens: int

    def generate(
        self, pixels: "Tensor", decoding: Decoding, numbers: NDArray[np.float64] | None = None
    ) -> list[list[Tokens]]: ...


class Captioner:
    """Captions images: BLIP by our own decoder, other architectures by transformers' `generate`.

    With an `embedder`, `num_captions` candidates are made, the first of them greedy, and scored; without, only the
    greedy one. In fp32 an image's answer does not depend on the batch that it is in.
    Raises SettingsError when captions may be longer than the model can write.
    """

    def __init__(self, loaded: Loaded, options: CaptionSettings, embedder: Embedder | None = None) -> None:
        import torch

        own = loaded.model.config.model_type == "blip"
        self._decoder: _Decoder = Blip(loaded.model) if own else Generate(loaded.model)
        if options.max_caption_length > self._decoder.max_new_tokens:
            raise SettingsError(
                f"INSTAGRAM_ASSETS_CAPTIONS__MAX_CAPTION_LENGTH={options.max_caption_length}: "
                f"{loaded.source.name} writes at most {self._decoder.max_new_tokens} tokens. Set it to that or less."
            )
        self.options = options
        self.label = loaded.source.label
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
        """Images at once."""
        return self.options.batch_size if self.options.batch_processing else 1

    def prepare(self, image: "Image") -> Prepared:
        """What `captions` needs of one decoded image; meant for the thread that decoded it."""
        scorer_pixels = self._embedder.prepare(image) if self._embedder else None
        return Prepared(self._preprocessor.prepare(image), scorer_pixels)

    def captions(self, batch: Sequence[tuple[str, Prepared]]) -> list[Captioned | Fault]:
        """One result for each (image_id, prepared image); a batch that fails is halved down to the image at fault."""
        return in_halves(list(batch), self._captions)

    def _captions(self, batch: list[tuple[str, Prepared]]) -> list[Captioned | Fault]:
        texts = self._texts(batch)
        # Batches of one shape give one answer, here as in the decoder.
        share = 1 if self._exact else len(batch)
        results: list[Captioned | Fault] = []
        for begin in range(0, len(batch), share):
            some = slice(begin, begin + share)
            results += self._judged(texts[some], [prepared for _, prepared in batch[some]])
        return results

    def _texts(self, batch: list[tuple[str, Prepared]]) -> list[list[str]]:
        """The different captions of each image, in the order of their making; empty ones are left out."""
        options, further = self.options, self.options.num_captions - 1 if self._embedder else 0
        numbers = [uniforms(options.seed, image_id, further, options.max_caption_length) for image_id, _ in batch]
        pixels = self._preprocessor.batch([prepared.pixels for _, prepared in batch])
        pixels = pixels.to(self._loaded.device, self._loaded.dtype)
        tokens = self._decoder.generate(pixels, self._decoding, np.stack(numbers))
        tokenizer = self._loaded.processor.tokenizer
        texts = [tokenizer.batch_decode(candidates, skip_special_tokens=True) for candidates in tokens]
        return [_different(candidates) for candidates in texts]

    def _judged(self, texts: list[list[str]], prepared: list[Prepared]) -> list[Captioned | Fault]:
        return [
            _ranked(captions, scores) for captions, scores in zip(texts, self._scores(texts, prepared), strict=True)
        ]

    def _scores(self, texts: list[list[str]], prepared: list[Prepared]) -> list[list[float | None]]:
        """The cosine of each image with each of its captions; each different text is embedded once."""
        unique = {text: place for place, text in enumerate(dict.fromkeys(text for some in texts for text in some))}
        if self._embedder is None or not unique:
            return [[None] * len(some) for some in texts]
        images = self._embedder.images([one.scorer_pixels for one in prepared if one.scorer_pixels is not None])
        captions = self._embedder.texts(list(unique))
        return [
            [_cosine(captions[unique[text]], image) for text in some] for image, some in zip(images, texts, strict=True)
        ]


def caption_fingerprint(source: ModelSource, precision: str, options: CaptionSettings, scorer: str | None) -> str:
    """What decides an image's caption, as 64 hexadecimal digits, without loading a model.

    The models' files and every setting that changes an answer, but not how many images at once. `scorer` is the
    embedding model's fingerprint, null without scoring.
    """
    parts: list[object] = [_DEFINITION, source.fingerprint, precision, scorer]
    parts += [options.max_caption_length, options.no_repeat_ngram_size]
    if scorer is not None:
        parts += [options.num_captions]
    if scorer is not None and options.num_captions > 1:
        parts += [options.top_p, options.temperature, options.seed]
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()


def open_captioner(
    source: ModelSource, scorer: ModelSource | None, models: ModelSettings, options: CaptionSettings
) -> Captioner:
    """The models at work by the settings; each is loaded only once in a process. `scorer` is null without scoring.

    Raises ModelError and SettingsError.
    """
    embedder = Embedder(load_embedder(scorer, models.device, models.precision)) if scorer else None
    return Captioner(load_captioner(source, models.device, models.precision), options, embedder)


def _cosine(text: NDArray[np.float32], image: NDArray[np.float32]) -> float | None:
    """Null where one of the embeddings is not a number."""
    cosine = float(text @ image)
    return cosine if math.isfinite(cosine) else None


def _different(captions: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(filter(None, (" ".join(caption.split()) for caption in captions))))


def _ranked(captions: list[str], scores: list[float | None]) -> Captioned | Fault:
    """Candidates by score, the earlier first among equals; those that repeat themselves come last."""
    if not captions:
        return SILENT
    candidates = [Candidate(caption, score) for caption, score in zip(captions, scores, strict=True)]
    candidates.sort(key=lambda one: (repeats_itself(one.caption), -(one.score or 0)))
    return Captioned(tuple(candidates), "repeats itself" if repeats_itself(candidates[0].caption) else "")
