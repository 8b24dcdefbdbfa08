"""Synthetic pictures of which it is known whether the quality filter is to keep them, and why if not."""

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Grey: TypeAlias = NDArray[np.uint8]
_Floats: TypeAlias = NDArray[np.float32]

WIDTH, HEIGHT = 1080, 1350
_UNIT = WIDTH / 300
"""Pixels of the picture for each of the standard size."""


class KnownPicture(NamedTuple):
    """A greyscale picture, uint8[height, width], and the first word of the right reason; empty if it is to be kept."""

    kind: str
    pixels: Grey
    reason: str


def known_pictures(seed: int) -> Iterator[KnownPicture]:
    """Yield one picture of each kind; another `seed` gives other scenes."""
    random = np.random.default_rng(seed)
    scene = dead_leaves(seed)
    for kind, (reason, change) in SCENES.items():
        yield KnownPicture(kind, as_grey(change(scene, random)), reason)
    for kind, (reason, make) in OTHERS.items():
        yield KnownPicture(kind, as_grey(make(random)), reason)


def dead_leaves(seed: int, width: int = WIDTH, height: int = HEIGHT) -> _Floats:
    """A photo-like scene: discs of all sizes that hide each other (Lee, Mumford and Huang, IJCV 2001), with texture."""
    import cv2

    random = np.random.default_rng(seed)
    picture = np.full((height, width), 128, np.float32)
    smallest, largest = width * 0.008, width * 0.4
    for _ in range(1500):
        # Areas as of objects at all distances: the density of radii falls with their cube.
        radius = (largest**-2 + random.random() * (smallest**-2 - largest**-2)) ** -0.5
        place = [int(random.uniform(0, side) * 16) for side in (width, height)]
        shade = float(np.clip(random.normal(120, 50), 5, 250))
        cv2.circle(picture, place, int(radius * 16), (shade,), -1, cv2.LINE_AA, 4)
    grain = random.normal(0, 2, (height, width)).astype(np.float32)
    return picture + sum(blurred(grain, sigma) * sigma for sigma in (0.8, 2, 5))


def blurred(picture: _Floats, sigma: float) -> _Floats:
    """Blurred by a Gaussian with this standard deviation in pixels."""
    import cv2

    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)


def with_noise(picture: _Floats, sigma: float, random: np.random.Generator) -> _Floats:
    """With white noise of this standard deviation in grey levels."""
    return picture + random.normal(0, sigma, picture.shape).astype(np.float32)


def as_grey(picture: NDArray[Any]) -> Grey:
    """Rounded to 8 bits."""
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


def _as_jpeg(picture: _Floats, quality: int) -> _Floats:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(as_grey(picture)).save(stream, "JPEG", quality=quality)
    with Image.open(stream) as image:
        return np.asarray(image, np.float32)


def _moved(picture: _Floats, length: float, degrees: float) -> _Floats:
    """Blurred by a straight movement of the camera, `length` in pixels."""
    import cv2

    side = int(length) | 1
    line = np.zeros((side, side), np.float32)
    line[side // 2] = 1
    turn = cv2.getRotationMatrix2D((side / 2 - 0.5, side / 2 - 0.5), degrees, 1)
    kernel = np.asarray(cv2.warpAffine(line, turn, (side, side)))
    return np.asarray(cv2.filter2D(picture, -1, kernel / kernel.sum()), np.float32)


def _portrait(scene: _Floats) -> _Floats:
    """A tenth of the picture sharp before a blurred background."""
    picture = blurred(scene, 5 * _UNIT)
    rows, columns = slice(HEIGHT // 4, HEIGHT // 2), slice(WIDTH // 4, WIDTH * 13 // 20)
    picture[rows, columns] = scene[rows, columns]
    return picture


def _resized(picture: _Floats, side: int) -> _Floats:
    import cv2

    scale = side / WIDTH
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.float32)


def _drawn(paper: float, draw: Callable[["ImageDraw"], None]) -> _Floats:
    from PIL import Image, ImageDraw

    image = Image.new("L", (WIDTH, HEIGHT), int(paper))
    draw(ImageDraw.Draw(image))
    return np.asarray(image, np.float32)


def _text(paper: int, ink: int) -> Callable[[np.random.Generator], _Floats]:
    def make(random: np.random.Generator) -> _Floats:
        words = [["quick", "brown", "fox", "over", "lazy", "hills"][number] for number in random.integers(0, 6, 8)]
        lines = [" ".join(words[start : start + 2]) for start in (0, 2, 4, 6)]

        def draw(pen: "ImageDraw") -> None:
            for number, line in enumerate(lines):
                pen.text((90, 300 + 110 * number), line, ink, font_size=64)

        return _drawn(paper, draw)

    return make


def _illustration(contrast: int) -> Callable[[np.random.Generator], _Floats]:
    def make(random: np.random.Generator) -> _Floats:
        left, top = (int(place) for place in random.integers(80, 400, 2))

        def draw(pen: "ImageDraw") -> None:
            pen.ellipse((left, top, left + 500, top + 500), 225 - contrast)
            pen.rectangle((500, 700, 900, 1200), 225 - contrast // 2)
            pen.polygon([(100, 1250), (450, 1250), (260, 800)], 225 - contrast * 2 // 3)

        return _drawn(225, draw)

    return make


def _sky(random: np.random.Generator) -> _Floats:
    """A smooth gradient with a little noise of the sensor."""
    top, bottom = random.uniform(50, 90), random.uniform(180, 230)
    rows = np.linspace(top, bottom, HEIGHT, dtype=np.float32)[:, np.newaxis]
    return with_noise(np.repeat(rows, WIDTH, axis=1), 1.5, random)


def _skyline(random: np.random.Generator) -> _Floats:
    from PIL import Image, ImageDraw

    image = Image.fromarray(as_grey(_sky(random)))
    peaks = [(x, int(random.uniform(950, 1150))) for x in range(0, WIDTH + 1, 180)]
    ImageDraw.Draw(image).polygon([(0, HEIGHT), *peaks, (WIDTH, HEIGHT)], 20)
    return np.asarray(image, np.float32)


def _lights(random: np.random.Generator) -> _Floats:
    import cv2

    picture = np.full((HEIGHT, WIDTH), 6, np.float32)
    for _ in range(60):
        place = (int(random.uniform(0, WIDTH)), int(random.uniform(HEIGHT / 3, HEIGHT)))
        cv2.circle(picture, place, int(random.uniform(3, 10)), (float(random.uniform(80, 255)),), -1, cv2.LINE_AA)
    return with_noise(picture, 3, random)


_Change = Callable[[_Floats, np.random.Generator], _Floats]
SCENES: dict[str, tuple[str, _Change]] = {
    "photo": ("", lambda scene, _: scene),
    "photo, JPEG quality 30": ("", lambda scene, _: _as_jpeg(scene, 30)),
    "night photo": ("", lambda scene, _: scene * 0.19),
    "night photo with noise": ("", lambda scene, random: with_noise(scene * 0.15, 5, random)),
    "photo in fog": ("", lambda scene, _: scene * 0.15 + 180),
    "portrait, background blurred": ("", lambda scene, _: _portrait(scene)),
    "thumbnail, 150 px": ("smaller", lambda scene, _: _resized(scene, 150)),
    "blurred": ("blurred", lambda scene, _: blurred(scene, 2 * _UNIT)),
    "blurred, with noise": ("blurred", lambda scene, random: with_noise(blurred(scene, 3 * _UNIT), 20, random)),
    "blurred, JPEG quality 30": ("blurred", lambda scene, _: _as_jpeg(blurred(scene, 3 * _UNIT), 30)),
    "blurred, at night": ("blurred", lambda scene, _: blurred(scene, 2 * _UNIT) * 0.3),
    "moved by 12 px of 300": ("blurred", lambda scene, random: _moved(scene, 12 * _UNIT, random.uniform(0, 180))),
    "nearly black": ("dark", lambda scene, random: with_noise(scene * 0.04, 2, random)),
}
"""Changes of a photo-like scene: the right reason, and the change."""
OTHERS: dict[str, tuple[str, Callable[[np.random.Generator], _Floats]]] = {
    "text": ("", _text(245, 20)),
    "text, grey on grey": ("", _text(200, 160)),
    "flat illustration": ("", _illustration(80)),
    "flat illustration, pale": ("", _illustration(45)),
    "mountains before a sky": ("", _skyline),
    "lights at night": ("", _lights),
    "sky, nothing else": ("blurred", _sky),
    "one colour": ("low", lambda random: np.full((HEIGHT, WIDTH), random.integers(40, 250), np.float32)),
    "static": ("noisy", lambda random: random.uniform(0, 255, (400, 320)).astype(np.float32)),
}
"""Pictures that are no photos: the right reason, and how they are made."""
