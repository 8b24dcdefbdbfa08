"""Which pictures the demo's models learn from, are chosen by and are tested on: three sets that share nothing.

A subject is what a picture shows: a shape, its colour and the background. Some subjects are never trained on,
so that it can be measured whether a model has learnt what the words mean or only which pictures there were.
"""

import io
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import TYPE_CHECKING, NamedTuple

from instagram_assets.demo.catalogue import REEL_SIZE, SIZES, SMALL_SIZES
from instagram_assets.demo.scenes import COLOURS, SHAPES, Format, Scene, draw

if TYPE_CHECKING:
    from PIL.Image import Image

HELD_OUT = 20  # subjects kept for validation, and as many others for the test: 12 % of all together
_SHORT_SIDES = (180, 360)  # of training pictures: a third of the time of full size, and alike once reduced to 64 pixels


class Subject(NamedTuple):
    """What a picture shows."""

    shape: str
    colour: str
    background: str

    @property
    def caption(self) -> str:
        """The one right caption."""
        return Scene(*self, width=1, height=1, seed=0).caption


@dataclass(frozen=True)
class Splits:
    """Every subject in one of three sets."""

    trained: tuple[Subject, ...]
    validation: tuple[Subject, ...]
    test: tuple[Subject, ...]


def split_subjects(seed: int) -> Splits:
    """All subjects, dealt out by the seed: most are trained on, two sets of `HELD_OUT` never are."""
    subjects = [Subject(shape, *pair) for shape, pair in product(SHAPES, permutations(COLOURS, 2))]
    random.Random(f"{seed} subjects").shuffle(subjects)
    validation, test = subjects[:HELD_OUT], subjects[HELD_OUT : 2 * HELD_OUT]
    return Splits(tuple(subjects[2 * HELD_OUT :]), tuple(validation), tuple(test))


def scenes_of(subjects: Iterable[Subject], each: int, rng: random.Random, reduced: bool = False) -> list[Scene]:
    """`each` scenes of every subject, in the sizes and with the faults of the demo's pictures; smaller if `reduced`."""
    return [_scene(subject, rng, reduced) for subject in subjects for _ in range(each)]


def pictures_of(scenes: Sequence[Scene]) -> "list[Image]":
    """The scenes as somebody sees them who downloads and decodes their files."""
    from PIL import Image

    return [Image.open(io.BytesIO(draw(scene))).convert("RGB") for scene in scenes]


def _scene(subject: Subject, rng: random.Random, reduced: bool) -> Scene:
    width, height = rng.choice((*SIZES, *SIZES, REEL_SIZE, rng.choice(SMALL_SIZES)))
    if reduced:
        scale = min(1, rng.uniform(*_SHORT_SIDES) / min(width, height))
        width, height = round(width * scale), round(height * scale)
    return Scene(
        *subject,
        width=width,
        height=height,
        seed=rng.getrandbits(32),
        blur=rng.choice((0.006, 0.01, 0.015)) if rng.random() < 0.1 else 0,
        crop=0.02 if rng.random() < 0.1 else 0,
        format=rng.choice(_FORMATS),
        quality=rng.choice((76, 76, 76, 60, 55)),
    )


_FORMATS: tuple[Format, ...] = (*["JPEG"] * 18, "PNG", "WEBP")
