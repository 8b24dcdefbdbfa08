"""What people do to a picture leaves it a near-duplicate, and pictures of other things do not become one."""

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from instagram_assets.demo.synthetic_images import SCENE_SHAPES, Scene, render_image
from instagram_assets.settings import QualitySettings
from instagram_assets.vision.view_hashes import HASH_BYTES, VIEWS, near_groups, near_views, trim_borders, view_hashes

BITS = QualitySettings().near_duplicate_view_bits
Change = Callable[[Image.Image], Image.Image]
CHANGES: dict[str, Change] = {
    "crop to 90 %": lambda image: ImageOps.crop(image, 20),
    "crop 10 % at the top": lambda image: image.crop((0, 50, 400, 500)),
    "white border": lambda image: ImageOps.expand(image, 25, 255),
    "square by crop": lambda image: ImageOps.fit(image, (400, 400)),
    "square by border": lambda image: ImageOps.pad(image, (500, 500)),
    "rotation": lambda image: image.rotate(2, Image.Resampling.BILINEAR),
    "mirror": ImageOps.mirror,
    "resize": lambda image: image.resize((160, 200), Image.Resampling.BOX),
    "brighter": lambda image: image.point(lambda value: value * 1.15 + 20),
}


def hashes(picture: Image.Image) -> bytes:
    found = view_hashes(np.asarray(picture.convert("L")))
    assert found is not None
    assert len(found) == VIEWS * HASH_BYTES
    return found


def photo(seed: int) -> Image.Image:
    """Discs of all sizes in front of each other, with grain, 400 x 500."""
    random = np.random.default_rng(seed)
    picture = np.full((500, 400), random.integers(60, 200), np.uint8)
    for radius in sorted(8 / (1 - random.random(120)) ** 0.8, reverse=True):
        centre = (int(random.integers(400)), int(random.integers(500)))
        cv2.circle(picture, centre, int(min(radius, 160)), int(random.integers(20, 220)), -1)
    return Image.fromarray(np.clip(picture + random.normal(0, 5, picture.shape), 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def photos() -> dict[int, Image.Image]:
    return {seed: photo(seed) for seed in range(8)}


@pytest.mark.parametrize("name", CHANGES)
def test_what_people_do_leaves_near_duplicates_and_joins_no_others(name: str, photos: dict[int, Image.Image]) -> None:
    views = [hashes(picture) for picture in photos.values()] + [hashes(CHANGES[name](one)) for one in photos.values()]
    ids = [f"{kind}{seed}" for kind in "ab" for seed in photos]
    groups = near_groups(ids, [None] * len(ids), views, 6, BITS)
    assert all(name[1] == group[1] for name, group in zip(ids, groups, strict=True))
    assert sum(group.startswith("b") for group in groups) <= 1
    assert near_groups(ids, [None] * len(ids), views, 6, 0) == ids


def test_pictures_of_other_shapes_are_no_near_duplicates() -> None:
    scene = Scene("star", "orange", "blue", 320, 400, seed=7)
    shapes = [replace(scene, shape=shape, seed=seed) for seed, shape in enumerate([*SCENE_SHAPES] * 4)]
    ids = [f"{scene.shape} {scene.seed}" for scene in shapes]
    groups = near_groups(ids, [None] * len(ids), [hashes(render_image(scene)) for scene in shapes], 6, BITS)
    assert [name.split()[0] for name in groups] == [scene.shape for scene in shapes]


def test_groups_by_wholes_and_by_views_become_one(photos: dict[int, Image.Image]) -> None:
    views = [hashes(photos[0]), hashes(photos[1]), None, hashes(ImageOps.mirror(photos[0]))]
    phashes = ["0" * 16, "f" * 16, "0" * 15 + "1", None]
    assert near_groups("dcba", phashes, views, 6, BITS) == ["a", "c", "a", "a"]
    assert near_groups([], [], [], 6, BITS) == []


def test_thousands_of_pictures_are_paired_as_two_are() -> None:
    random = np.random.default_rng(1)
    words = random.integers(0, 2**64, (1500, VIEWS, HASH_BYTES // 8), np.uint64)
    # A view of picture 7 is the whole of picture 900; views of 8 and 901 are equal, which says nothing of the wholes.
    words[900, 0], words[901, 5] = words[7, 4], words[8, 5]
    words[1200] = words[3]
    found = {tuple(sorted(pair)) for left, right in near_views(words, BITS) for pair in zip(left, right, strict=True)}
    assert found == {(7, 900), (3, 1200)}


@pytest.mark.parametrize(
    "change",
    [
        lambda image: ImageOps.expand(image, 40, "white"),
        lambda image: ImageOps.expand(image, (0, 30, 0, 90), "black"),
        lambda image: ImageOps.expand(image, (80, 0), "#808080"),
    ],
)
def test_borders_are_trimmed_but_for_a_line(change: Change) -> None:
    noise = Image.effect_noise((240, 300), 90)
    left = np.asarray(trim_borders(np.asarray(change(noise))))
    assert noise.height - 2 <= left.shape[0] <= noise.height
    assert noise.width - 2 <= left.shape[1] <= noise.width


@pytest.mark.parametrize("size", [(1, 1), (5, 400), (400, 5), (40, 40), (17, 16)])
@pytest.mark.bad_input("image of one colour")
def test_tiny_and_plain_pictures_have_hashes_or_none(size: tuple[int, int]) -> None:
    assert view_hashes(np.full(size, 77, np.uint8)) is None
    noise = np.random.default_rng(0).integers(0, 256, size, np.uint8)
    assert (view_hashes(noise) is None) == (size == (1, 1))
