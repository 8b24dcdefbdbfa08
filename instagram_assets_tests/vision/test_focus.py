"""Focus, light and noise: what is sharp stays so in the dark and in fog, and what is blurred under noise."""

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from PIL import Image

from instagram_assets.demo.quality_pictures import OTHERS, SCENES, Grey, as_grey, blurred, dead_leaves, known_pictures
from instagram_assets.settings import QualitySettings
from instagram_assets.vision.focus import measure_focus
from instagram_assets.vision.quality import ImageMeasures, measure_image, rejection_reason

DEFAULT = QualitySettings()
SCENE = dead_leaves(5, 300, 375)
KNOWN = {picture.kind: picture for picture in known_pictures(0)}


def measures_of(pixels: Grey) -> ImageMeasures:
    return measure_image(Image.fromarray(pixels))


def reason_of(pixels: Grey, settings: QualitySettings = DEFAULT) -> str:
    return rejection_reason(measures_of(pixels)._asdict() | {"status": "ok"}, settings) or ""


@st.composite
def any_pixels(draw: st.DrawFn) -> Grey:
    """Noise, steps and single colours of any size, 1 x 1 among them."""
    height, width = draw(st.integers(1, 340)), draw(st.integers(1, 340))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    low, high = sorted(draw(st.tuples(st.integers(0, 255), st.integers(0, 255))))
    pixels = random.integers(low, high + 1, (height, width)).astype(np.float32)
    if draw(st.booleans()):
        pixels = blurred(pixels, draw(st.sampled_from([0.5, 2, 9])))
    if draw(st.booleans()):
        pixels[height // 2 :] = draw(st.integers(0, 255))
    return as_grey(pixels)


@how(deadline=None, max_examples=60)
@given(pixels=any_pixels())
def test_whatever_the_pixels_the_measures_are_numbers_in_their_ranges(pixels: Grey) -> None:
    found = measures_of(pixels)
    assert np.isfinite([found.focus, found.noise, found.brightness, found.contrast]).all()
    assert found.focus >= 1
    assert found.noise >= 0
    assert 0 <= found.brightness <= 255
    assert 0 <= found.contrast <= found.brightness


@pytest.mark.parametrize("size", [(1, 1), (1, 700), (700, 1), (2, 3), (17, 15), (300, 300), (640, 801)])
@pytest.mark.parametrize("grey", [0, 37, 255])
@pytest.mark.bad_input("image of one colour")
def test_one_colour_has_no_focus_noise_or_contrast(size: tuple[int, int], grey: int) -> None:
    pixels = np.full(size, grey, np.uint8)
    found = measures_of(pixels)
    assert (found.focus, found.noise, found.brightness, found.contrast) == (1, 0, grey, 0)
    reason = "dark: brightness 0 below 20" if grey == 0 else "low contrast: 0 below 10"
    assert reason in reason_of(pixels)


@how(deadline=None, max_examples=25)
@given(blur=st.sampled_from([0, 0.5, 1, 2, 4]), gain=st.floats(0.15, 1), offset=st.floats(0, 30))
def test_focus_is_the_same_in_the_dark_and_with_less_contrast(blur: float, gain: float, offset: float) -> None:
    scene = blurred(SCENE, blur) if blur else SCENE
    light, dark = (measure_focus(as_grey(each)) for each in (scene, scene * gain + offset))
    assert dark.focus == pytest.approx(light.focus, rel=0.04)


@pytest.mark.parametrize("gain", [0.3, 0.6])
@pytest.mark.parametrize("kind", ["photo", "portrait, background blurred", "blurred", "moved by 12 px of 300"])
def test_a_darker_picture_has_the_same_verdict(kind: str, gain: float) -> None:
    assert reason_of(as_grey(KNOWN[kind].pixels * gain))[:7] == KNOWN[kind].reason


def test_the_more_it_is_blurred_the_less_focus_it_has() -> None:
    found = [measure_focus(as_grey(blurred(SCENE, sigma))).focus for sigma in (0.3, 0.6, 1, 1.5, 2, 3, 5)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 2
    assert found[3] < DEFAULT.min_focus


@pytest.mark.parametrize("sigma", [2, 5, 12])
def test_noise_is_its_standard_deviation(sigma: float) -> None:
    noise = np.random.default_rng(1).normal(0, sigma, (375, 300))
    assert measure_focus(as_grey(noise + 128)).noise == pytest.approx(sigma, rel=0.12)
    assert measure_focus(as_grey(blurred(SCENE, 3) + noise)).noise == pytest.approx(sigma, rel=0.12)


@pytest.mark.parametrize("kind", [*SCENES, *OTHERS])
def test_a_picture_whose_verdict_is_known_gets_it(kind: str) -> None:
    picture = KNOWN[kind]
    reason = reason_of(picture.pixels)
    assert reason.startswith(f"{picture.reason}") if picture.reason else not reason, reason
    assert kind == "static" or ";" not in reason


def test_sharpness_alone_refused_the_night_and_passed_noise() -> None:
    night, noisy = KNOWN["night photo"].pixels, KNOWN["blurred, with noise"].pixels
    assert 35 < measures_of(night).sharpness < 50
    assert measures_of(noisy).sharpness == pytest.approx(472, rel=0.1)
    plain = QualitySettings(min_focus=0, min_sharpness=50)
    assert reason_of(night, plain).startswith("blurred: sharpness")
    assert (reason_of(noisy, plain), reason_of(night)) == ("", "")
    assert reason_of(noisy).startswith("blurred: focus 1.")


def test_the_same_scene_has_the_same_verdict_at_every_size_from_the_standard_on() -> None:
    for kind in ("photo", "blurred", "text", "flat illustration"):
        known = KNOWN[kind]
        for width in (300, 320, 480, 640):
            small: Any = cv2.resize(known.pixels, (width, width * 5 // 4), interpolation=cv2.INTER_AREA)
            assert reason_of(small)[:7] == known.reason, (kind, width)


def test_one_sharp_thing_before_a_smooth_background_is_enough() -> None:
    sky = np.array(KNOWN["sky, nothing else"].pixels)
    cv2.polylines(sky, [np.array([[300, 400], [330, 380], [360, 400]])], isClosed=False, color=(10,), thickness=14)
    assert reason_of(sky) == ""


@pytest.mark.parametrize("period", [12, 16, 20, 28])
@pytest.mark.parametrize("degrees", [34, 40, 45])
def test_sharp_diagonal_stripes_are_no_noise(degrees: int, period: int) -> None:
    down, across = np.mgrid[:2400, :2400] / 4
    turned = across * np.cos(np.deg2rad(degrees)) + down * np.sin(np.deg2rad(degrees))
    stripes = np.where(turned % period < period / 2, 220.0, 40.0)
    sharp: Any = cv2.resize(stripes, (600, 600), interpolation=cv2.INTER_AREA)
    assert reason_of(as_grey(sharp)) == ""
    assert period < 20 or reason_of(as_grey(blurred(sharp, 5))).startswith("blurred")


@pytest.mark.parametrize("sigma", [3, 8, 15])
def test_what_is_blurred_stays_so_under_any_noise(sigma: float) -> None:
    noise = np.random.default_rng(3).normal(0, sigma, SCENE.shape)
    assert reason_of(as_grey(blurred(SCENE, 3) + noise)).startswith("blurred")
