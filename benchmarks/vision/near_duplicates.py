"""Near-duplicates that people make: recall by what was done to a picture, false pairs, and the index of hashes.

Alone: `python -m benchmarks.vision.near_duplicates [--quick] [--json]`.
"""

import time
from collections.abc import Callable
from itertools import combinations
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.measure import Report, options
from instagram_assets.demo.synthetic_images import SCENE_COLOURS, SCENE_SHAPES, Scene, render_image
from instagram_assets.settings import QualitySettings
from instagram_assets.vision.near_duplicates import phash_groups
from instagram_assets.vision.quality import ImageMeasures, measure_image
from instagram_assets.vision.view_hashes import VIEWS, near_groups, near_views

_Picture: TypeAlias = NDArray[np.uint8]
_SIZES = ((480, 600), (600, 600), (600, 400), (400, 710))
_HASHES = (10_000, 100_000, 1_000_000)
_BITS = QualitySettings()


def measure(report: Report, quick: bool) -> None:
    """Add `near_recall_…` for each change, `near_false_pairs…`, and seconds of processor for the index."""
    pictures = [photo(seed) for seed in range(60 if quick else 200)]
    originals = [_measured(picture) for picture in pictures]
    for name, change in CHANGES.items():
        changed = [_measured(_encoded(change(picture))) for picture in pictures]
        before, after = _recall(originals, changed)
        report.note(f"near-duplicates, {name:<22} {before:.3f} by the whole's hash, {after:.3f} by the views'")
        report.figures[f"near_recall_{name.replace(' ', '_')}"] = after
    _count_false_pairs(report, "photos", originals)
    shapes = _shapes(4 if quick else 8)
    _count_false_pairs(report, "shapes", [_measured(picture) for _, picture in shapes], [shape for shape, _ in shapes])
    _time_index(report, _HASHES[:2] if quick else _HASHES)


def photo(seed: int) -> _Picture:
    """A picture with structures of all sizes in front of each other on a gradient, with texture and grain, RGB.

    Radii follow a power law, as in the dead-leaves model of natural images.
    """
    random = np.random.default_rng(seed)
    width, height = _SIZES[seed % len(_SIZES)]
    near, far = random.uniform(30, 225, (2, 3))
    angle = random.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[0:height, 0:width]
    share = (columns / width - 0.5) * np.cos(angle) + (rows / height - 0.5) * np.sin(angle) + 0.5
    picture = (near + (far - near) * share[:, :, np.newaxis]).astype(np.float32)
    short = min(width, height)
    radii = short * 0.03 * (1 - random.random(int(random.integers(30, 220)))) ** (-1 / 1.2)
    for radius in np.sort(np.minimum(radii, short * 0.45))[::-1]:
        base = near if random.random() < 0.5 else far
        colour = tuple(float(value) for value in np.clip(random.normal(base, 60), 0, 255))
        centre = (int(random.uniform(-0.1, 1.1) * width), int(random.uniform(-0.1, 1.1) * height))
        _draw(picture, centre, float(radius), colour, random)
    texture = _cloud(width, height, random) * random.uniform(4, 25) + random.normal(0, 3, (height, width))
    return np.clip(picture + texture[:, :, np.newaxis], 0, 255).astype(np.uint8)


def _draw(
    picture: NDArray[np.float32],
    centre: tuple[int, int],
    radius: float,
    colour: tuple[float, ...],
    random: np.random.Generator,
) -> None:
    """Draw an ellipse, a polygon or a bar."""
    kind = random.integers(3)
    angles = np.sort(random.uniform(0, 2 * np.pi, int(random.integers(3, 8))))
    corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radius + centre
    if kind == 0:
        axes = (int(radius), max(1, int(radius * random.uniform(0.3, 1))))
        cv2.ellipse(picture, centre, axes, random.uniform(0, 180), 0, 360, colour, -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.fillPoly(picture, [corners.astype(np.int32)], colour, cv2.LINE_AA)
    else:
        end = (int(2 * corners[0, 0] - centre[0]), int(2 * corners[0, 1] - centre[1]))
        cv2.line(picture, centre, end, colour, max(1, int(radius * 0.2)), cv2.LINE_AA)


def _cloud(width: int, height: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose amplitude falls with frequency, with standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
    frequency[0, 0] = 1
    cloud = np.fft.irfft2(np.fft.rfft2(random.normal(size=(height, width))) / frequency**1.3, s=(height, width))
    return (cloud - cloud.mean()) / cloud.std()


def _cropped(picture: _Picture, share: float) -> _Picture:
    """The middle of a picture, with this share of its height and width."""
    height, width = picture.shape[:2]
    top, left = round(height * (1 - share) / 2), round(width * (1 - share) / 2)
    return picture[top : height - top, left : width - left]


def _bordered(picture: _Picture, share: float, grey: int) -> _Picture:
    side = round(min(picture.shape[:2]) * share)
    return _padded(picture, side, side, grey)


def _padded(picture: _Picture, above: int, beside: int, grey: int) -> _Picture:
    kind, value = cv2.BORDER_CONSTANT, (grey, grey, grey)
    return np.asarray(cv2.copyMakeBorder(picture, above, above, beside, beside, kind, value=value), np.uint8)


def _made_square(picture: _Picture, crop: bool) -> _Picture:
    height, width = picture.shape[:2]
    if not crop:
        side = max(height, width)
        return _padded(picture, (side - height) // 2, (side - width) // 2, 255)
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return picture[top : top + side, left : left + side]


def _rotated(picture: _Picture, degrees: float, inside: bool) -> _Picture:
    """Rotated with black corners, or `inside`, cropped so that there are none."""
    height, width = picture.shape[:2]
    turned = cv2.warpAffine(picture, cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1), (width, height))
    angle = np.radians(abs(degrees))
    share = 1 / (np.cos(angle) + np.sin(angle) * max(width / height, height / width))
    return _cropped(np.asarray(turned, np.uint8), share if inside else 1)


def _resized(picture: _Picture, scale: float) -> _Picture:
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _lit(picture: _Picture, gain: float, offset: float) -> _Picture:
    return np.clip(picture.astype(np.float32) * gain + offset, 0, 255).astype(np.uint8)


CHANGES: dict[str, Callable[[_Picture], _Picture]] = {
    "crop to 90 %": lambda picture: _cropped(picture, 0.9),
    "crop to 87 %": lambda picture: _cropped(picture, 0.87),
    "crop to 80 %": lambda picture: _cropped(picture, 0.8),
    "crop 10 % at the top": lambda picture: picture[picture.shape[0] // 10 :],
    "white border": lambda picture: _bordered(picture, 0.06, 255),
    "black border": lambda picture: _bordered(picture, 0.1, 0),
    "square by crop": lambda picture: _made_square(picture, crop=True),
    "square by border": lambda picture: _made_square(picture, crop=False),
    "rotation 2°": lambda picture: _rotated(picture, 2, inside=False),
    "rotation -2° inside": lambda picture: _rotated(picture, -2, inside=True),
    "mirror": lambda picture: picture[:, ::-1],
    "mirror, crop to 90 %": lambda picture: _cropped(picture, 0.9)[:, ::-1],
    "JPEG quality 30": lambda picture: _encoded(picture, 30),
    "resize to 40 %": lambda picture: _resized(picture, 0.4),
    "brighter": lambda picture: _lit(picture, 1.15, 25),
    "darker": lambda picture: _lit(picture, 0.7, 0),
    "much brighter": lambda picture: _lit(picture, 1.3, 40),
    "crop 10 % at a corner": lambda picture: picture[picture.shape[0] // 10 :, picture.shape[1] // 10 :],
    "rotation 3° inside": lambda picture: _rotated(picture, 3, inside=True),
}
"""What people do to pictures; the last three go beyond what the hashes promise."""


def _encoded(picture: _Picture, quality: int = 85) -> _Picture:
    data = cv2.imencode(".jpg", np.ascontiguousarray(picture), [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


def _measured(picture: _Picture) -> ImageMeasures:
    return measure_image(Image.fromarray(np.ascontiguousarray(picture)))


def _recall(originals: list[ImageMeasures], changed: list[ImageMeasures]) -> tuple[float, float]:
    """The share of pairs found by hashes of whole pictures alone, and with those of views."""
    before = after = 0
    for pair in zip(originals, changed, strict=True):
        phashes, views = [one.phash for one in pair], [one.views for one in pair]
        before += len(set(phash_groups("ab", phashes, _BITS.near_duplicate_bits))) == 1
        after += len(set(_near_groups("ab", phashes, views))) == 1
    return before / len(originals), after / len(originals)


def _near_groups(image_ids: str, phashes: list[str | None], views: list[bytes | None]) -> list[str]:
    return near_groups(image_ids, phashes, views, _BITS.near_duplicate_bits, _BITS.near_duplicate_view_bits)


def _count_false_pairs(
    report: Report, name: str, measures: list[ImageMeasures], kinds: list[str] | None = None
) -> None:
    """Count near pairs among different pictures; where `kinds` are given, among those of different kinds alone."""
    labels = kinds or [str(number) for number in range(len(measures))]
    different = {(a, b) for a, b in combinations(range(len(measures)), 2) if labels[a] != labels[b]}
    hashes = [int(one.phash or "0", 16) for one in measures]
    before = sum((hashes[a] ^ hashes[b]).bit_count() <= _BITS.near_duplicate_bits for a, b in different)
    words = np.frombuffer(b"".join(one.views or b"" for one in measures), np.uint64).reshape(-1, VIEWS, 4)
    found: set[tuple[Any, ...]] = set()
    for left, right in near_views(words, _BITS.near_duplicate_view_bits):
        found |= {tuple(sorted(pair)) for pair in zip(left.tolist(), right.tolist(), strict=True)}
    after = len(found & different)
    report.note(
        f"near-duplicates, false among {len(different):,} pairs of {name}: {before} by wholes, {after} by views"
    )
    report.figures[f"near_false_pairs_{name}"] = after


def _shapes(of_each: int) -> list[tuple[str, _Picture]]:
    """The demo's kind of pictures, the hardest there are: one shape, large, on a plain ground."""
    colours = list(SCENE_COLOURS)
    scenes = [
        Scene(shape, colours[seed % 8], colours[(seed + 3) % 8], 320, (320, 400)[seed % 2], seed=100 * kind + seed)
        for kind, shape in enumerate(SCENE_SHAPES)
        for seed in range(5 * of_each)
    ]
    return [(scene.shape, np.asarray(render_image(scene), np.uint8)) for scene in scenes]


def _time_index(report: Report, sizes: tuple[int, ...]) -> None:
    """Seconds of processor to group random hashes, of which one in ten is a near-duplicate of another."""
    phash_groups(["a", "b"], ["0" * 16, "0" * 15 + "1"], 1)  # loads scipy
    for count in sizes:
        random = np.random.default_rng(0)
        hashes = random.integers(0, 2**64, count, np.uint64)
        copies = count // 10
        hashes[:copies] = hashes[copies : 2 * copies] ^ (np.uint64(1) << random.integers(0, 64, copies, np.uint64))
        texts = [f"{value:016x}" for value in hashes.tolist()]
        start = time.process_time()
        groups = phash_groups(texts, texts, _BITS.near_duplicate_bits)
        seconds = time.process_time() - start
        if len(set(groups)) > count - copies:
            raise AssertionError(f"{count - copies} groups at most, not {len(set(groups))}")
        report.note(f"near-duplicates, {count:>9,} hashes in {seconds:.2f} s of processor")
        report.figures[f"near_seconds_{count}"] = seconds


if __name__ == "__main__":
    _chosen = options(__doc__ or "")
    _report = Report("near-duplicates", ["numpy", "opencv-python-headless", "pillow"])
    measure(_report, _chosen.quick)
    _report.show(as_json=_chosen.json)
