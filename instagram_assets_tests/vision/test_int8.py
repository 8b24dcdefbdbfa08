"""In int8 the trained sample models caption, embed and cluster as in fp32; other models are refused with the reason."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from instagram_assets.demo import MODELS
from instagram_assets.demo.dataset_splits import all_subjects, decode_scenes, render_scenes
from instagram_assets.errors import ModelError
from instagram_assets.models.local_models import ModelSource, find_model
from instagram_assets.settings import CaptionSettings, ModelSettings
from instagram_assets.vision.caption import Captioned, caption_fingerprint, open_captioner
from instagram_assets.vision.dbscan import dbscan
from instagram_assets.vision.embed import embedding_fingerprint, open_embedder
from instagram_assets.vision.load_models import load_captioner, load_embedder
from instagram_assets_tests.models.test_int8 import needs_int8

pytestmark = pytest.mark.usefixtures("one_thread")

PRECISIONS = ("fp32", "int8")
OPTIONS = CaptionSettings(num_captions=1)
_SUBJECTS, _EACH, _SINGLE = 12, 24, 12


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> tuple[ModelSource, ModelSource]:
    """The trained captioner and embedder of the sample."""
    cache = tmp_path_factory.mktemp("cache")
    return find_model(str(MODELS / "blip"), "", cache), find_model(str(MODELS / "clip"), "", cache)


@pytest.fixture(scope="module")
def pictures() -> list[Any]:
    """300 pictures as of an account: 24 of each of 12 subjects, and one of each of 12 others."""
    rng = random.Random(4)
    subjects = all_subjects()
    rng.shuffle(subjects)
    often, once = subjects[:_SUBJECTS], subjects[_SUBJECTS : _SUBJECTS + _SINGLE]
    scenes = render_scenes(often, _EACH, rng, reduced=True) + render_scenes(once, 1, rng, reduced=True)
    return decode_scenes(scenes)


def settings(precision: str) -> ModelSettings:
    return ModelSettings(device="cpu", precision=precision)  # pyright: ignore[reportArgumentType]


def embedded(source: ModelSource, precision: str, pictures: list[Any], batch: int = 300) -> NDArray[np.float32]:
    embedder = open_embedder(source, settings(precision))
    ready = [embedder.prepare(picture) for picture in pictures]
    return np.concatenate([embedder.images(ready[start : start + batch]) for start in range(0, len(ready), batch)])


def captioned(source: ModelSource, precision: str, pictures: list[Any], batch: int = 50) -> list[str]:
    captioner = open_captioner(source, None, settings(precision), OPTIONS)
    ready = [(str(place), captioner.prepare(picture)) for place, picture in enumerate(pictures)]
    parts = (captioner.captions(ready[start : start + batch]) for start in range(0, len(ready), batch))
    return [
        result.best.caption if isinstance(result, Captioned) else result.reason for part in parts for result in part
    ]


@needs_int8
def test_captions_are_those_of_fp32(sources: tuple[ModelSource, ModelSource], pictures: list[Any]) -> None:
    exact, rounded = (captioned(sources[0], precision, pictures) for precision in PRECISIONS)
    assert len(exact) == 300
    assert sum(map(str.__eq__, exact, rounded)) >= 297
    assert captioned(sources[0], "int8", pictures[:20], batch=1) == rounded[:20]


@needs_int8
def test_cosines_and_clusters_are_those_of_fp32(sources: tuple[ModelSource, ModelSource], pictures: list[Any]) -> None:
    exact, rounded = (embedded(sources[1], precision, pictures) for precision in PRECISIONS)
    assert 0 < 1 - (exact * rounded).sum(axis=1).min() < 3e-3
    labels = dbscan(exact, 0.18, 3)
    assert len(set(labels.tolist())) == _SUBJECTS + 1
    assert dbscan(rounded, 0.18, 3).tolist() == labels.tolist()
    np.testing.assert_allclose(embedded(sources[1], "int8", pictures[:40], batch=1), rounded[:40], atol=1e-6)
    np.testing.assert_allclose(embedded(sources[1], "int8", pictures[:40], batch=7), rounded[:40], atol=1e-6)


@needs_int8
def test_what_is_made_in_int8_is_kept_apart(sources: tuple[ModelSource, ModelSource]) -> None:
    blip, clip = sources
    every = ("auto", "fp32", "bf16", "int8")
    assert len({embedding_fingerprint(clip, precision, False) for precision in every}) == 4
    assert len({caption_fingerprint(blip, precision, OPTIONS, None) for precision in every}) == 4
    embedder, captioner = open_embedder(clip, settings("int8")), open_captioner(blip, None, settings("int8"), OPTIONS)
    assert embedder.fingerprint == embedding_fingerprint(clip, "int8", False)
    assert (embedder.label, captioner.label) == (f"{clip.label}-int8", f"{blip.label}-int8")
    assert [clip.label_in(precision) for precision in every[:3]] == [clip.label] * 3


@needs_int8
def test_small_models_of_each_type_load(saved: Path, tmp_path: Path) -> None:
    for name, load in (("clip", load_embedder), ("siglip", load_embedder), ("blip", load_captioner)):
        assert load(find_model(str(saved / name), "", tmp_path), "cpu", "int8").precision == "int8"


@needs_int8
def test_a_type_for_which_it_was_not_shown_is_refused(clip: Path, tmp_path: Path) -> None:
    config = json.loads((clip / "config.json").read_text())
    (clip / "config.json").write_text(json.dumps({**config, "model_type": "metaclip_2", "architectures": None}))
    source = find_model(str(clip), "", tmp_path)
    with pytest.raises(ModelError, match=r"PRECISION='int8' is offered for .*blip, clip, siglip.*metaclip_2.*to auto"):
        load_embedder(source, "cpu", "int8")


@needs_int8
@pytest.mark.parametrize(("name", "load"), [("clip", load_embedder), ("blip", load_captioner)])
def test_a_model_that_int8_changes_too_much_is_refused(name: str, load: Any, saved: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(saved / name, tmp_path / name)
    tensors = load_file(folder / "model.safetensors")
    for layer in (f"vision_model.encoder.layers.{number}" for number in range(2)):
        # The same function of one channel that is large between norm and layer: all others are rounded to nothing.
        tensors[f"{layer}.layer_norm2.weight"][0] *= 1e5
        tensors[f"{layer}.mlp.fc1.weight"][:, 0] /= 1e5
        tensors[f"{layer}.mlp.fc1.weight"] *= 50
        tensors[f"{layer}.mlp.fc2.weight"] *= 50
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    source = find_model(str(folder), "", tmp_path)
    assert load(source, "cpu", "fp32").precision == "fp32"
    with pytest.raises(ModelError, match=rf"{name}: .*PRECISION='int8' changes its view of a test image.*to auto"):
        load(source, "cpu", "int8")
