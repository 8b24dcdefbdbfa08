"""What int8 changes on the sample's trained models: captions, cosines and clusters beside those of fp32 and of bf16.

Its times stand in `captions` and `embeddings`, beside those of the other precisions. Raises AssertionError if int8 does
not hold: fewer than 99 % of the captions equal to those of fp32, or an image in another cluster.
"""

import random
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Report, in_child, options

_EPS, _MIN_SAMPLES = 0.18, 3
_SUBJECTS, _EACH, _SINGLE = 12, 24, 12
_BATCH = 50
_PRECISIONS = ("fp32", "bf16", "int8")


def measure(report: Report, quick: bool) -> None:
    """300 pictures as of an account, or with more time five such collections."""
    from instagram_assets.models.int8 import multiplies_int8

    if not multiplies_int8():
        report.note("int8: not measured, this processor has no units for it")
        return
    found = in_child("benchmarks.vision.int8:compare", 1 if quick else 5).result
    images = found["images"]
    for precision in _PRECISIONS[1:]:
        equal, right, moved, cosine = (found[precision][what] for what in ("captions", "right", "moved", "cosine"))
        report.note(
            f"{precision} against fp32 on trained models: {equal} of {images} captions equal, {right} right "
            f"({found['fp32']['right']} in fp32), least cosine {cosine:.5f}, {moved} of {images} in another cluster"
        )
    figures = found["int8"]
    report.figures |= {
        "int8_captions_equal": figures["captions"] / images,
        "int8_least_cosine": figures["cosine"],
        "int8_labels_moved": figures["moved"],
    }
    if figures["captions"] < 0.99 * images or figures["moved"] or figures["cosine"] < 0.995:
        raise AssertionError(f"int8 does not hold: {figures}")


def compare(collections: int) -> dict[str, Any]:
    """In a child: what each precision makes of the same pictures, compared with fp32 and with the truth."""
    from instagram_assets.demo.dataset_splits import all_subjects, decode_scenes, render_scenes
    from instagram_assets.vision.dbscan import dbscan

    totals: dict[str, dict[str, float]] = {
        name: {"captions": 0, "right": 0, "moved": 0, "cosine": 1} for name in _PRECISIONS
    }
    images = 0
    for seed in range(collections):
        rng = random.Random(seed)
        subjects = all_subjects()
        rng.shuffle(subjects)
        scenes = render_scenes(subjects[:_SUBJECTS], _EACH, rng, reduced=True)
        scenes += render_scenes(subjects[_SUBJECTS : _SUBJECTS + _SINGLE], 1, rng, reduced=True)
        pictures = decode_scenes(scenes)
        images += len(pictures)
        captions = {name: _captions(name, pictures) for name in _PRECISIONS}
        vectors = {name: _vectors(name, pictures) for name in _PRECISIONS}
        labels = {name: dbscan(vectors[name], _EPS, _MIN_SAMPLES) for name in _PRECISIONS}
        for name, total in totals.items():
            total["captions"] += sum(map(str.__eq__, captions[name], captions["fp32"]))
            total["right"] += sum(map(str.__eq__, captions[name], (scene.caption for scene in scenes)))
            total["moved"] += int((labels[name] != labels["fp32"]).sum())
            total["cosine"] = min(total["cosine"], float((vectors[name] * vectors["fp32"]).sum(axis=1).min()))
    return {"images": images, **totals}


def _captions(precision: str, pictures: list[Any]) -> list[str]:
    from instagram_assets.demo import MODELS
    from instagram_assets.models.local_models import find_model
    from instagram_assets.settings import CaptionSettings, ModelSettings
    from instagram_assets.vision.caption import Captioned, open_captioner

    with tempfile.TemporaryDirectory() as cache:
        source = find_model(str(MODELS / "blip"), "", Path(cache))
    captioner = open_captioner(source, None, ModelSettings.model_validate(_on_cpu(precision)), CaptionSettings())
    ready = [(str(place), captioner.prepare(picture)) for place, picture in enumerate(pictures)]
    batches = [captioner.captions(ready[start : start + _BATCH]) for start in range(0, len(ready), _BATCH)]
    return [one.best.caption if isinstance(one, Captioned) else one.reason for batch in batches for one in batch]


def _vectors(precision: str, pictures: list[Any]) -> np.ndarray:
    from instagram_assets.demo import MODELS
    from instagram_assets.models.local_models import find_model
    from instagram_assets.settings import ModelSettings
    from instagram_assets.vision.embed import open_embedder

    with tempfile.TemporaryDirectory() as cache:
        source = find_model(str(MODELS / "clip"), "", Path(cache))
    embedder = open_embedder(source, ModelSettings.model_validate(_on_cpu(precision)))
    return embedder.images([embedder.prepare(picture) for picture in pictures])


def _on_cpu(precision: str) -> dict[str, str]:
    return {"device": "cpu", "precision": precision}


if __name__ == "__main__":
    _chosen = options(__doc__ or "")
    _report = Report("int8", ["numpy", "torch", "transformers"])
    measure(_report, _chosen.quick)
    _report.show(as_json=_chosen.json)
