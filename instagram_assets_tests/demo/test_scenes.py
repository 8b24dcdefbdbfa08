"""Pictures are reproducible, small, and as sharp or blurred as their scene says."""

import io
from dataclasses import replace
from itertools import product
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from instagram_assets.demo.sample_catalogue import image_catalogue
from instagram_assets.demo.synthetic_images import SCENE_COLOURS, SCENE_SHAPES, Scene, encode_image, render_image

SCENE = Scene("star", "orange", "blue", 640, 640, seed=7)
SHARP_ENOUGH = 50


def sharpness(data: bytes, short_side: int | None = None) -> float:
    """Variance of the Laplacian, at full size or at a given short side."""
    grey: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)
    if short_side:
        scale = short_side / min(grey.shape)
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_64F).var())


@pytest.fixture(scope="module")
def drawn() -> dict[Scene, bytes]:
    """Every odd scene of the catalogue, and every fifth ordinary one."""
    scenes = list(dict.fromkeys(content for content in image_catalogue().values() if isinstance(content, Scene)))
    odd = [scene for scene in scenes if scene.blur or scene.crop or scene.format != "JPEG"]
    return {scene: encode_image(scene) for scene in [*odd, *scenes[::5]]}


def test_the_same_scene_gives_the_same_bytes() -> None:
    assert encode_image(SCENE) == encode_image(replace(SCENE))
    assert encode_image(SCENE) != encode_image(replace(SCENE, seed=8))


def test_a_picture_has_the_format_and_size_that_its_scene_says(drawn: dict[Scene, bytes]) -> None:
    for scene, data in drawn.items():
        with Image.open(io.BytesIO(data)) as picture:
            assert (picture.format, picture.size) == (scene.format, scene.size)


def test_sharp_and_blurred_pictures_are_far_apart(drawn: dict[Scene, bytes]) -> None:
    blurred = [data for scene, data in drawn.items() if scene.blur]
    sharp = [data for scene, data in drawn.items() if not scene.blur]
    for short_side in (None, 300):
        assert max(sharpness(data, short_side) for data in blurred) < SHARP_ENOUGH / 4
        assert min(sharpness(data, short_side) for data in sharp) > SHARP_ENOUGH * 1.5


def test_no_picture_is_larger_than_150_kb(drawn: dict[Scene, bytes]) -> None:
    assert max(map(len, drawn.values())) <= 150_000


def test_a_crop_cuts_two_percent_of_each_side_from_the_same_picture() -> None:
    whole, cropped = render_image(SCENE), render_image(replace(SCENE, crop=0.02))
    assert cropped.size == (614, 614)
    assert cropped.tobytes() == whole.crop((13, 13, 627, 627)).tobytes()


def test_the_caption_is_a_plain_english_sentence_part() -> None:
    assert SCENE.caption == "an orange star on a blue background"


def test_the_colours_of_the_caption_are_the_colours_of_the_picture() -> None:
    names = list(SCENE_COLOURS)
    lights = np.array([0.65, 0.75, 0.85, 0.95])[:, np.newaxis, np.newaxis]
    values = (np.array(list(SCENE_COLOURS.values())) * lights).reshape(-1, 3)
    for number, (shape, colour, background) in enumerate(product(SCENE_SHAPES, SCENE_COLOURS, SCENE_COLOURS)):
        if colour == background:
            continue
        pixels = np.asarray(render_image(Scene(shape, colour, background, 64, 64, seed=number)), dtype=float).reshape(
            -1, 3
        )
        nearest = np.linalg.norm(pixels[:, np.newaxis] - values, axis=2).argmin(axis=1) % len(names)
        shares = np.bincount(nearest, minlength=len(names)) / nearest.size
        assert names[int(shares.argmax())] == background
        assert shares[names.index(colour)] > 0.03
