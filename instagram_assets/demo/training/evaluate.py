"""Inference and evaluation of the demo's vision models: captions, reranking of candidates, embeddings, clusters.

Only transformers and scikit-learn are used, so that the scores measure the models and not our own code.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instagram_assets.age.statistics import wilson_interval
from instagram_assets.demo.dataset_splits import ImageSubject

if TYPE_CHECKING:
    from PIL.Image import Image

EPS, MIN_SAMPLES = 0.18, 3  # the default cluster settings
CANDIDATE_COUNT = 5
_AT_ONCE = 64
_LONGEST = 16  # tokens of a generated caption; a correct one has eight


@dataclass(frozen=True)
class Score:
    """Number of correct predictions out of a total."""

    right: int
    total: int

    @property
    def share(self) -> float:
        """Return the fraction of correct predictions (0 to 1)."""
        return self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Return the Wilson 95 % confidence interval of the fraction of correct predictions."""
        return wilson_interval(self.right, self.total)


@dataclass(frozen=True)
class Models:
    """The captioner (BLIP) and the embedder (CLIP), with their processors."""

    blip: Any
    blip_processor: Any
    clip: Any
    clip_processor: Any


def load_models(folder: Path) -> Models:
    """Load the models in `folder/blip` and `folder/clip` with transformers, offline."""
    from transformers import AutoModel, AutoModelForImageTextToText, AutoProcessor

    here: dict[str, Any] = {"local_files_only": True}
    blip = AutoModelForImageTextToText.from_pretrained(folder / "blip", use_safetensors=True, **here)
    clip = AutoModel.from_pretrained(folder / "clip", use_safetensors=True, **here)
    processors = [AutoProcessor.from_pretrained(folder / name, backend="pil", **here) for name in ("blip", "clip")]
    return Models(blip.eval(), processors[0], clip.eval(), processors[1])


def candidates_of(models: Models, pictures: "Sequence[Image]", seed: int) -> list[list[str]]:
    """Generate `CANDIDATES` captions for each image: the greedy one first, the others by nucleus sampling."""
    import torch

    torch.manual_seed(seed)
    greedy = _generated(models, pictures, do_sample=False)
    several = {"top_p": 0.9, "top_k": 0, "num_return_sequences": CANDIDATE_COUNT - 1}
    sampled = _generated(models, pictures, do_sample=True, **several)
    return [[*first, *others] for first, others in zip(greedy, sampled, strict=True)]


def best_candidates(models: Models, vectors: NDArray[np.float32], candidates: Sequence[Sequence[str]]) -> list[str]:
    """Return the caption candidate of each image with the highest cosine similarity to the image embedding."""
    texts = sorted({text for several in candidates for text in several})
    place = {text: column for column, text in enumerate(texts)}
    cosines = vectors @ text_vectors(models, texts).T
    return [
        max(several, key=lambda text, near=near: near[place[text]])
        for several, near in zip(candidates, cosines, strict=True)
    ]


def image_vectors(models: Models, pictures: "Sequence[Image]") -> NDArray[np.float32]:
    """Return the images' embeddings as float32[n, width] of unit length."""
    import torch

    vectors: list[Any] = []
    with torch.inference_mode():
        for start in range(0, len(pictures), _AT_ONCE):
            inputs = models.clip_processor(images=list(pictures[start : start + _AT_ONCE]), return_tensors="pt")
            vectors.append(models.clip.get_image_features(**inputs).pooler_output)
    return torch.nn.functional.normalize(torch.cat(vectors)).numpy()


def text_vectors(models: Models, texts: Sequence[str]) -> NDArray[np.float32]:
    """Return the texts' embeddings as float32[n, width] of unit length."""
    import torch

    inputs = models.clip_processor(text=list(texts), padding=True, truncation=True, return_tensors="pt")
    with torch.inference_mode():
        vectors = models.clip.get_text_features(**inputs).pooler_output
    return torch.nn.functional.normalize(vectors).numpy()


def largest_group(vectors: NDArray[np.float32], subjects: Sequence[ImageSubject]) -> Score:
    """Return the purity of the largest cluster: how many of its images show the cluster's most frequent subject."""
    groups = _groups(vectors, subjects)
    if not groups:
        return Score(0, len(subjects))
    inside = max(groups, key=lambda group: group.total())
    return Score(inside.most_common(1)[0][1], inside.total())


def merged_subjects(vectors: NDArray[np.float32], subjects: Sequence[ImageSubject]) -> list[list[ImageSubject]]:
    """Return groups of subjects that share a cluster, each subject with at least `MIN_SAMPLES` images in it."""
    found = [
        [subject for subject, count in group.items() if count >= MIN_SAMPLES] for group in _groups(vectors, subjects)
    ]
    return [sorted(together) for together in found if len(together) > 1]


def _groups(vectors: NDArray[np.float32], subjects: Sequence[ImageSubject]) -> list[Counter[ImageSubject]]:
    """Return the number of images of each subject in each DBSCAN cluster."""
    from sklearn.cluster import DBSCAN

    labels = DBSCAN(eps=EPS, min_samples=MIN_SAMPLES, metric="cosine").fit_predict(vectors)
    return [
        Counter(subject for subject, at in zip(subjects, labels, strict=True) if at == label)
        for label in range(int(labels.max()) + 1)
    ]


def _generated(models: Models, pictures: "Sequence[Image]", **sampling: Any) -> list[list[str]]:
    import torch

    texts: list[list[str]] = []
    with torch.inference_mode():
        for start in range(0, len(pictures), _AT_ONCE):
            some = list(pictures[start : start + _AT_ONCE])
            inputs = models.blip_processor(images=some, return_tensors="pt")
            tokens = models.blip.generate(**inputs, max_new_tokens=_LONGEST, **sampling)
            said = models.blip_processor.batch_decode(tokens, skip_special_tokens=True)
            each = len(said) // len(some)
            texts += [said[first : first + each] for first in range(0, len(said), each)]
    return texts
