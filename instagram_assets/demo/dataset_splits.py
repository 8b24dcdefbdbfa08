"""Train, validation and test splits of the demo's vision models, which share no images.

A subject is what an image shows: a shape, its colour and the background. Validation and test subjects do not occur in
training, to measure whether a model generalises to new combinations.
"""

import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import TYPE_CHECKING, NamedTuple

from instagram_assets.demo.sample_catalogue import IMAGE_SIZES, REEL_SIZE, SMALL_SIZES
from instagram_assets.demo.synthetic_images import SCENE_COLOURS, SCENE_SHAPES, ImageFormat, Scene, encode_image

if TYPE_CHECKING:
    from PIL.Image import Image

HELD_OUT_SUBJECTS = 20  # number of subjects for validation, and as many others for the test: 12 % of all together
_SMALL, _BLURRED, _CROPPED = 0.06, 0.1, 0.05  # shares of the pictures, similar to the catalogue
_FORMATS: tuple[ImageFormat, ...] = ("JPEG", "PNG", "WEBP")
_QUALITIES = (76, 60, 55)
_SHORT_SIDES = (180, 360)  # of training pictures: three times as fast as full size, and equal at 64 pixels


class ImageSubject(NamedTuple):
    """The content of a synthetic image: shape, colour of the shape, and background colour."""

    shape: str
    colour: str
    background: str

    @property
    def caption(self) -> str:
        """Return the reference caption of images of this subject."""
        return Scene(*self, width=1, height=1, seed=0).caption


@dataclass(frozen=True)
class DatasetSplits:
    """Disjoint training, validation and test subjects."""

    trained: tuple[ImageSubject, ...]
    validation: tuple[ImageSubject, ...]
    test: tuple[ImageSubject, ...]


def all_subjects() -> list[ImageSubject]:
    """Return all combinations of a shape, a colour and a different background colour."""
    return [ImageSubject(shape, *pair) for shape, pair in product(SCENE_SHAPES, permutations(SCENE_COLOURS, 2))]


def split_subjects(seed: int) -> DatasetSplits:
    """Split all subjects randomly: `HELD_OUT_SUBJECTS` each for validation and test, the others for training."""
    subjects = all_subjects()
    random.Random(f"{seed} subjects").shuffle(subjects)
    validation, test = subjects[:HELD_OUT_SUBJECTS], subjects[HELD_OUT_SUBJECTS : 2 * HELD_OUT_SUBJECTS]
    return DatasetSplits(tuple(subjects[2 * HELD_OUT_SUBJECTS :]), tuple(validation), tuple(test))


def render_scenes(
    subjects: Iterable[ImageSubject], each: int, rng: random.Random, reduced: bool = False
) -> list[Scene]:
    """Return `each` scenes of every subject, with the sizes and defects of the demo's images.

    With `reduced` they are smaller, for training.
    """
    return [_scene(subject, rng, reduced) for subject in subjects for _ in range(each)]


def decode_scenes(scenes: Sequence[Scene]) -> "list[Image]":
    """Encode and decode the scenes, so that the images have compression artefacts."""
    from PIL import Image

    return [Image.open(io.BytesIO(encode_image(scene))).convert("RGB") for scene in scenes]


def _scene(subject: ImageSubject, rng: random.Random, reduced: bool) -> Scene:
    # Very wide or tall pictures are rare in the demo and harder, so training has more of them.
    usual = sorted({*IMAGE_SIZES, REEL_SIZE}) if reduced else (*IMAGE_SIZES, REEL_SIZE)
    width, height = rng.choice(SMALL_SIZES if rng.random() < _SMALL else usual)
    if reduced:
        scale = min(1, rng.uniform(*_SHORT_SIDES) / min(width, height))
        width, height = round(width * scale), round(height * scale)
    return Scene(
        *subject,
        width=width,
        height=height,
        seed=rng.getrandbits(32),
        blur=rng.choice((0.006, 0.01, 0.015)) if rng.random() < _BLURRED else 0,
        crop=0.02 if rng.random() < _CROPPED else 0,
        format=rng.choices(_FORMATS, (18, 1, 1))[0],
        quality=rng.choices(_QUALITIES, (8, 1, 1))[0],
    )
