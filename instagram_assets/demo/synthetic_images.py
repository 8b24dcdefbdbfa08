"""Synthetic images: one coloured shape on a background with woven texture, with a reference caption."""

import io
import math
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

ImageFormat = Literal["JPEG", "PNG", "WEBP"]
ScenePoint = tuple[float, float]

SCENE_COLOURS = {
    "red": (220, 40, 40),
    "orange": (245, 140, 30),
    "yellow": (240, 215, 50),
    "green": (40, 170, 70),
    "blue": (45, 85, 220),
    "purple": (145, 60, 185),
    "white": (240, 240, 238),
    "black": (28, 28, 30),
}
CONTENT_TYPES: dict[ImageFormat, str] = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}
_THREADS = 45  # threads of the texture across the short side, so that small and large pictures look alike
_CONTRAST = 28  # of a thread, in grey levels
_GRAIN = 2  # standard deviation, in grey levels
_JPEG_BLOCK = 8  # threads aligned with the JPEG blocks keep the files small
_MASK_SCALE = 2  # supersampling of the shape, for smooth edges


@dataclass(frozen=True)
class Scene:
    """A complete description of a synthetic image, which is rendered deterministically.

    `seed` determines position, rotation, lighting and texture: scenes that differ only in blur, crop, quality or format
    are near-duplicates. `blur` is the blur radius as a fraction of the shorter side, `crop` the fraction of each side
    that is cut off at each edge.
    """

    shape: str
    colour: str
    background: str
    width: int
    height: int
    seed: int
    blur: float = 0
    crop: float = 0
    format: ImageFormat = "JPEG"
    quality: int = 76

    @property
    def caption(self) -> str:
        """Return the reference caption, in English."""
        return f"{_with_article(self.colour)} {self.shape} on {_with_article(self.background)} background"

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Return the part of the rendered image that is kept: left, top, right and bottom in pixels."""
        left, top = round(self.width * self.crop), round(self.height * self.crop)
        return left, top, self.width - left, self.height - top

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height after cropping, in pixels."""
        left, top, right, bottom = self.box
        return right - left, bottom - top


def encode_image(scene: Scene) -> bytes:
    """Return the rendered scene as bytes of an image file in `scene.format`."""
    stream = io.BytesIO()
    options = {} if scene.format == "PNG" else {"quality": scene.quality}
    render_image(scene).save(stream, scene.format, **options)
    return stream.getvalue()


def render_image(scene: Scene) -> "Image":
    """Return the scene as an RGB image of `scene.size`."""
    from PIL import ImageFilter

    rng = random.Random(f"scene {scene.seed}")
    short_side = min(scene.width, scene.height)
    picture = _cloth(SCENE_COLOURS[scene.background], (scene.width, scene.height), short_side, rng)
    mask = _mask(scene.shape, round(short_side * rng.uniform(0.5, 0.76)), rng)
    patch = _cloth(SCENE_COLOURS[scene.colour], mask.size, short_side, rng)
    left = round((scene.width - mask.width) * rng.uniform(0.05, 0.95))
    top = round((scene.height - mask.height) * rng.uniform(0.05, 0.95))
    picture.paste(patch, (left, top), mask)
    _shade(picture, rng)
    if scene.blur:
        picture = picture.filter(ImageFilter.GaussianBlur(scene.blur * short_side))
    return picture.crop(scene.box)


def _cloth(colour: tuple[int, int, int], size: tuple[int, int], short_side: int, rng: random.Random) -> "Image":
    """Return a woven texture, whose fine detail gives images in focus a high sharpness score."""
    from PIL import Image

    blocks = round(short_side / _THREADS / _JPEG_BLOCK)
    period = _JPEG_BLOCK * blocks or max(2, round(short_side / _THREADS))
    side = period * max(1, 192 // period)
    base = [max(10, min(245, channel + rng.randint(-7, 7))) for channel in colour]
    line = np.arange(side) % period < max(1, period // 3)
    rows, columns = line[:, np.newaxis], line[np.newaxis, :]
    weave = rng.choice([rows, columns, rows ^ columns])
    contrast = -_CONTRAST if sum(base) > 3 * 128 else _CONTRAST
    grain = np.random.default_rng(rng.getrandbits(32)).normal(0, _GRAIN, (side, side))
    tile = np.array(base) + (weave * contrast + grain)[:, :, np.newaxis]
    repeats = (size[1] // side + 1, size[0] // side + 1, 1)
    pixels = np.tile(np.clip(tile, 0, 255).astype(np.uint8), repeats)
    return Image.fromarray(pixels[: size[1], : size[0]])


def _mask(shape: str, side: int, rng: random.Random) -> "Image":
    """Return the antialiased mask of a shape in a square of `side` pixels: 255 inside, 0 outside."""
    from PIL import Image, ImageDraw

    middle = side * _MASK_SCALE / 2
    tilt = math.radians(rng.uniform(-14, 14))
    cos, sin = math.cos(tilt) * middle * 0.88, math.sin(tilt) * middle * 0.88
    mask = Image.new("L", (side * _MASK_SCALE, side * _MASK_SCALE))
    pen = ImageDraw.Draw(mask)
    for points, fill in SCENE_SHAPES[shape]:
        pen.polygon([(middle + x * cos - y * sin, middle + x * sin + y * cos) for x, y in points], fill=fill)
    return mask.reduce(_MASK_SCALE)


def _shade(picture: "Image", rng: random.Random) -> None:
    """Darken the image in place along a gradient, like light from one side."""
    from PIL import Image

    corners = Image.new("L", (2, 2))
    corners.putdata([rng.randint(0, 55) for _ in range(4)])
    picture.paste((0, 0, 0), (0, 0), corners.resize(picture.size, Image.Resampling.BILINEAR))


def _regular(corners: int, radius: float = 1.0, inner: float | None = None) -> list[ScenePoint]:
    """Return the corners of an upright regular polygon; of a star if the inner radius `inner` is given."""
    steps = corners if inner is None else 2 * corners
    radii = [radius if inner is None or step % 2 == 0 else inner for step in range(steps)]
    angles = [2 * math.pi * step / steps - math.pi / 2 for step in range(steps)]
    return [(r * math.cos(angle), r * math.sin(angle)) for r, angle in zip(radii, angles, strict=True)]


def _with_article(word: str) -> str:
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


_ARM = 0.3
SCENE_SHAPES: dict[str, list[tuple[list[ScenePoint], int]]] = {
    "circle": [(_regular(90), 255)],
    "square": [([(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)], 255)],
    "triangle": [([(0, -0.95), (0.98, 0.75), (-0.98, 0.75)], 255)],
    "cross": [
        ([(-_ARM, -1), (_ARM, -1), (_ARM, 1), (-_ARM, 1)], 255),
        ([(-1, -_ARM), (1, -_ARM), (1, _ARM), (-1, _ARM)], 255),
    ],
    "ring": [(_regular(90), 255), (_regular(90, radius=0.55), 0)],
    "star": [(_regular(5, radius=1.05, inner=0.45), 255)],
}
