"""Evaluation of the demo's vision models on images that were not used for training."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from instagram_assets.demo.dataset_splits import ImageSubject, all_subjects, decode_scenes, render_scenes
from instagram_assets.demo.training.evaluate import (
    EPS,
    Models,
    Score,
    best_candidates,
    candidates_of,
    image_vectors,
    largest_group,
    merged_subjects,
)

COLLECTION_SIZES = (24, 12, 8, 5)  # pictures of four subjects, as in a small account
NOISE_IMAGES = 8  # and of one other subject each
COLLECTIONS = 20


@dataclass(frozen=True)
class EvaluationSize:
    """Numbers of training subjects in the evaluation, and of images rendered for each subject."""

    seen: int = 296
    seen_each: int = 2
    held_out_each: int = 24


@dataclass(frozen=True)
class CaptionScores:
    """Exact-match accuracy of captions, for one set of subjects."""

    subjects: int
    greedy: Score
    chosen: Score  # the embedder's choice among the candidates
    found: Score  # the embedder's choice among the captions of all subjects
    errors: tuple[tuple[str, str], ...]  # wrong greedy captions, each with the correct one


@dataclass(frozen=True)
class ClusterScores:
    """Clustering quality for images of held-out subjects."""

    purity: Score  # of the largest clusters of several small collections, summed
    worst: float  # the lowest purity among them
    together: Score  # pairs of one subject within `eps`
    apart: Score  # pairs that differ in one word and are not within `eps`
    merged: tuple[tuple[ImageSubject, ...], ...]  # when all pictures are clustered at once


@dataclass(frozen=True)
class ModelScores:
    """All scores of the vision models: captions of training and held-out subjects, and clusters."""

    seen: CaptionScores
    held_out: CaptionScores
    clusters: ClusterScores


def evaluate_models(
    models: Models, exam: EvaluationSize, seen: Sequence[ImageSubject], held_out: Sequence[ImageSubject], seed: str
) -> ModelScores:
    """Evaluate the vision models on new images, rendered with `seed`, which must differ from the training seed."""
    rng = random.Random(seed)
    seen = seen[: exam.seen]
    seen_marks, seen_vectors = _caption_marks(models, seen, exam.seen_each, rng)
    held_out_marks, vectors = _caption_marks(models, held_out, exam.held_out_each, rng)
    return ModelScores(seen_marks, held_out_marks, _cluster_marks(vectors, held_out, seen_vectors, seen, rng))


def _caption_marks(
    models: Models, subjects: Sequence[ImageSubject], each: int, rng: random.Random
) -> tuple[CaptionScores, NDArray[np.float32]]:
    """Return caption scores for `each` images per subject, and image embeddings as float32[subjects, each, width]."""
    scenes = render_scenes(subjects, each, rng)
    pictures = decode_scenes(scenes)
    right = [scene.caption for scene in scenes]
    candidates = candidates_of(models, pictures, seed=rng.getrandbits(32))
    greedy = [first for first, *_ in candidates]
    vectors = image_vectors(models, pictures)
    every_caption = [[subject.caption for subject in all_subjects()]] * len(pictures)
    marks = CaptionScores(
        len(subjects),
        _equal(greedy, right),
        _equal(best_candidates(models, vectors, candidates), right),
        _equal(best_candidates(models, vectors, every_caption), right),
        tuple((said, truth) for said, truth in zip(greedy, right, strict=True) if said != truth),
    )
    return marks, vectors.reshape(len(subjects), each, -1)


def _cluster_marks(
    vectors: NDArray[np.float32],
    subjects: Sequence[ImageSubject],
    other_vectors: NDArray[np.float32],
    others: Sequence[ImageSubject],
    rng: random.Random,
) -> ClusterScores:
    groups: list[Score] = []
    for _ in range(COLLECTIONS):
        chosen = [
            (vectors[place, copy], subjects[place])
            for place, count in zip(
                rng.sample(range(len(subjects)), len(COLLECTION_SIZES)), COLLECTION_SIZES, strict=True
            )
            for copy in rng.sample(range(vectors.shape[1]), min(count, vectors.shape[1]))
        ]
        chosen += [(other_vectors[place, 0], others[place]) for place in rng.sample(range(len(others)), NOISE_IMAGES)]
        groups.append(largest_group(np.stack([vector for vector, _ in chosen]), [subject for _, subject in chosen]))
    flat = vectors.reshape(-1, vectors.shape[2])
    owners = [subject for subject in subjects for _ in range(vectors.shape[1])]
    return ClusterScores(
        Score(sum(group.right for group in groups), sum(group.total for group in groups)),
        min(group.share for group in groups),
        *_pairs(flat, owners),
        tuple(map(tuple, merged_subjects(flat, owners))),
    )


def _pairs(vectors: NDArray[np.float32], owners: Sequence[ImageSubject]) -> tuple[Score, Score]:
    """Count pairs of images of one subject that are within `EPS`, and pairs differing in one attribute that are not."""
    words = np.array(owners)
    agree = (words[:, np.newaxis] == words).sum(2)
    near = 1 - vectors @ vectors.T <= EPS
    pairs = np.triu(np.ones_like(near), 1)
    one, two = pairs & (agree == 3), pairs & (agree == 2)
    return Score(int((one & near).sum()), int(one.sum())), Score(int((two & ~near).sum()), int(two.sum()))


def _equal(said: Sequence[str], right: Sequence[str]) -> Score:
    return Score(sum(map(str.__eq__, said, right)), len(right))
