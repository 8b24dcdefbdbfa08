"""A model sees the same numbers as through its own processor, whatever the picture."""

import io
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import (
    BlipImageProcessorPil,
    CLIPImageProcessorPil,
    ConvNextImageProcessorPil,
    SiglipImageProcessorPil,
)

from instagram_assets.demo.synthetic_images import Scene, render_image
from instagram_assets.errors import RecordError
from instagram_assets.vision.preprocess import Preprocessor

SMALL = {"shortest_edge": 64}, {"height": 64, "width": 64}
PROCESSORS = {
    "CLIP": CLIPImageProcessorPil(),
    "CLIP, small": CLIPImageProcessorPil(size=SMALL[0], crop_size=SMALL[1]),
    "CLIP, crop not square": CLIPImageProcessorPil(size={"shortest_edge": 80}, crop_size={"height": 61, "width": 78}),
    "CLIP, bilinear, not normalised": CLIPImageProcessorPil(resample=2, do_normalize=False),
    "BLIP": BlipImageProcessorPil(),
    "BLIP, not square": BlipImageProcessorPil(size={"height": 96, "width": 128}),
    "SigLIP": SiglipImageProcessorPil(),
}


class Upside(CLIPImageProcessorPil):
    """A processor with a step of its own."""

    def resize(self, image: Any, *rest: Any, **options: Any) -> Any:
        return super().resize(image[:, ::-1], *rest, **options)


OTHERS = {
    "own step": Upside(),
    "crop larger than the picture": CLIPImageProcessorPil(crop_size={"height": 300, "width": 300}),
    "cropped by a share": ConvNextImageProcessorPil(),
    "not even rescaled": BlipImageProcessorPil(do_rescale=False, do_normalize=False),
}


READY = {name: Preprocessor.of(processor) for name, processor in {**PROCESSORS, **OTHERS}.items()}


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width * height).integers(0, 256, (height, width, 3), np.uint8))


def ours(preprocessor: Preprocessor, *images: Image.Image) -> torch.Tensor:
    return preprocessor.batch([preprocessor.prepare(image) for image in images])


def theirs(processor: Any, *images: Image.Image) -> torch.Tensor:
    return processor(images=list(images), return_tensors="pt")["pixel_values"]


@pytest.mark.parametrize("name", [*PROCESSORS, *OTHERS])
def test_the_numbers_are_those_of_the_processor(name: str) -> None:
    sizes = [(1, 1), (1, 30), (224, 224), (384, 384), (225, 223), (540, 675), (700, 233)]
    images = [noise(*size) for size in sizes]
    expected = theirs({**PROCESSORS, **OTHERS}[name], *images)
    found = ours(READY[name], *images)
    assert found.dtype == expected.dtype
    assert found.shape == expected.shape
    assert (found.float() - expected.float()).abs().max() <= 1e-6


@settings(deadline=None, max_examples=60)
@given(
    name=st.sampled_from(["CLIP, small", "CLIP, crop not square", "BLIP, not square"]),
    width=st.integers(1, 150),
    height=st.integers(1, 150),
)
def test_the_numbers_are_those_of_the_processor_at_any_size(name: str, width: int, height: int) -> None:
    image = noise(width, height)
    found, expected = ours(READY[name], image), theirs(PROCESSORS[name], image)
    assert (found - expected).abs().max() <= 1e-6


@pytest.mark.parametrize("name", PROCESSORS)
def test_what_is_kept_of_an_image_between_thread_and_batch_is_small(name: str) -> None:
    prepared = READY[name].prepare(noise(200, 300))
    assert (prepared.dtype, prepared.ndim, prepared.shape[2]) == (np.uint8, 3, 3)
    assert prepared.base is None  # nothing else is kept alive by it


def test_a_picture_far_longer_than_wide_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(RecordError, match=r"too long and thin for the model \(1 x 10000\)"):
        READY["CLIP"].prepare(Image.new("RGB", (1, 10_000)))


def test_the_version_names_what_changes_the_numbers() -> None:
    versions = [preprocessor.version for preprocessor in READY.values()]
    versions += [Preprocessor.of(PROCESSORS["CLIP"], draft=True).version]
    assert len(set(versions)) == len(versions)
    assert Preprocessor.of(CLIPImageProcessorPil()).version == versions[0]


@pytest.mark.parametrize(("name", "size"), [("CLIP", 448), ("BLIP", 768), ("BLIP, not square", 256)])
def test_draft_asks_for_twice_the_size_that_the_model_sees(name: str, size: int) -> None:
    assert READY[name].draft == 0
    assert Preprocessor.of(PROCESSORS[name], draft=True).draft == size


def test_without_a_known_size_draft_changes_nothing() -> None:
    assert Preprocessor.of(OTHERS["own step"], draft=True).draft == 0
    assert Preprocessor.of(OTHERS["own step"], draft=True).version == READY["own step"].version


def test_draft_changes_pixels_by_little() -> None:
    preprocessor = Preprocessor.of(PROCESSORS["CLIP"], draft=True)
    stream = io.BytesIO()
    render_image(Scene("star", "red", "blue", 1080, 1350, seed=5)).save(stream, "JPEG", quality=90)
    with Image.open(stream) as whole, Image.open(stream) as drafted:
        drafted.draft("RGB", (preprocessor.draft, preprocessor.draft))
        assert drafted.size[0] < whole.size[0]
        apart = np.abs(preprocessor.prepare(drafted).astype(int) - preprocessor.prepare(whole))
    assert apart.mean() < 0.5
