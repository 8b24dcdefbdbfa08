"""Small pictures of every kind, drawn from a seed."""

import io
import random
from functools import cache
from typing import Any

from PIL import Image


@cache
def picture(
    kind: str = "JPEG", seed: int = 0, size: tuple[int, int] = (64, 48), mode: str = "RGB", **how: Any
) -> bytes:
    """The bytes of a noisy picture in Pillow's format `kind`."""
    width, height = size
    channels = {"L": 1, "P": 1, "1": 1, "LA": 2, "RGB": 3, "RGBA": 4, "CMYK": 4}[mode]
    noise = random.Random(seed).randbytes(width * height * channels)
    image = Image.frombytes("L", size, noise[: width * height]).convert(mode) if mode in ("P", "1") else None
    image = image or Image.frombytes(mode, size, noise)
    if how.pop("animated", False):
        how |= {"save_all": True, "append_images": [Image.new(mode, size, shade) for shade in (0, 90, 180)]}
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()
