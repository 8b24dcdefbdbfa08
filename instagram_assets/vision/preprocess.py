"""Image preprocessing (resize, centre crop, normalise), equivalent to transformers' image processors but faster."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instagram_assets.errors import RecordError

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

_MAX_ASPECT_RATIO = 200
"""Images with a larger aspect ratio are rejected: with the short side enlarged they would not fit into memory."""
_TOLERANCE = 1e-6
_TEST_SIZES = ((61, 47), (40, 90), (500, 301))


class Preprocessor:
    """Preprocesses images for a vision model, with pixel values within 1e-6 of its own `image_processor`.

    `prepare` runs in the thread that decoded an image, `batch` once per batch. `draft` is the JPEG draft size for
    `decode_all`, 0 for full size. `version` identifies everything that affects the pixel values.
    """

    def __init__(self, processor: Any, recipe: "_Recipe | None", draft: int, version: str) -> None:
        self._processor = processor
        self._recipe = recipe
        self.draft = draft
        self.version = version

    @classmethod
    def of(cls, image_processor: Any, draft: bool = False) -> "Preprocessor":
        """The preprocessor for a transformers image processor, or for an object that has one as `image_processor`.

        Falls back to the processor itself if the fast path would give other values. With `draft`, JPEGs are decoded at
        a reduced size, at least twice the model's input size; pixel values then differ by 0.1 to 0.3 of 255 on average
        (by 2 if it were once: too much for the third of decoding and resizing that it would save). JPEG has no size
        between the half and the whole, so for 384 pixels and pictures of 1080 nothing is reduced.
        """
        processor = getattr(image_processor, "image_processor", image_processor)
        recipe = _Recipe.of(processor)
        if recipe and not _same(recipe, processor):
            recipe = None
        size = 2 * max(recipe.height, recipe.width) if recipe and draft else 0
        return cls(processor, recipe, size, _version(processor, size))

    def prepare(self, image: "Image") -> NDArray[Any]:
        """Resize and crop one RGB image: uint8[height, width, 3], or in the fallback the processor's output.

        Raises RecordError for an image of extreme aspect ratio.
        """
        if max(image.size) > _MAX_ASPECT_RATIO * min(image.size):
            raise RecordError("", f"too long and thin for the model ({image.width} x {image.height})")
        return self._recipe.prepare(image) if self._recipe else _processed(self._processor, image)

    def batch(self, prepared: list[NDArray[Any]]) -> "torch.Tensor":
        """Normalise prepared images and stack them to a batch, float32[n, 3, height, width]."""
        import torch

        return torch.from_numpy(self._recipe.batch(prepared) if self._recipe else np.stack(prepared))


@dataclass(frozen=True)
class _Recipe:
    """Resize, centre crop, then normalise by a lookup table of the 256 levels of each channel."""

    shortest: int | None
    """The short side in pixels after resizing; None: the image is resized to `resized`."""
    resized: tuple[int, int]
    height: int
    width: int
    filter: int
    levels: NDArray[np.float32]
    """Lookup table, float32[1, 256, 3]: each level after the processor's own rescaling and normalisation."""

    @classmethod
    def of(cls, processor: Any) -> "_Recipe | None":
        """The recipe of an image processor; None if it has steps other than resize, centre crop and normalise."""
        if not _is_plain(processor) or not processor.do_resize or getattr(processor, "do_pad", None):
            return None
        size, shortest = processor.size, processor.size.shortest_edge
        if size.longest_edge or not (shortest or (size.height and size.width)):
            return None
        resized = (shortest, shortest) if shortest else (size.height, size.width)
        crop = processor.crop_size if getattr(processor, "do_center_crop", None) else None
        height, width = (crop.height, crop.width) if crop else resized
        if (shortest and not crop) or height > resized[0] or width > resized[1]:
            return None
        levels = _levels(processor)
        if levels is None:
            return None
        return cls(shortest, resized, height, width, int(processor.resample), levels)

    def prepare(self, image: "Image") -> NDArray[np.uint8]:
        """Resize and crop one RGB image: uint8[height, width, 3]."""
        from PIL.Image import Resampling

        height, width = self._resized(image)
        pixels = np.asarray(image.resize((width, height), Resampling(self.filter)))
        top, left = (height - self.height) // 2, (width - self.width) // 2
        # A copy, so that the full image can be freed.
        return pixels[top : top + self.height, left : left + self.width].copy()

    def batch(self, prepared: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """Normalise cropped images and stack them to a batch, float32[n, 3, height, width]."""
        import cv2

        values = np.empty((len(prepared), 3, self.height, self.width), np.float32)
        for index, pixels in enumerate(prepared):
            values[index] = cv2.LUT(pixels, self.levels).transpose(2, 0, 1)
        return values

    def _resized(self, image: "Image") -> tuple[int, int]:
        if self.shortest is None:
            return self.resized
        # Truncated, not rounded, as transformers does.
        longest = int(self.shortest * max(image.size) / min(image.size))
        return (longest, self.shortest) if image.width <= image.height else (self.shortest, longest)


def _is_plain(processor: Any) -> bool:
    """Whether a processor overrides no step of transformers' Pillow backend."""
    from transformers.image_processing_backends import PilBackend

    if not isinstance(processor, PilBackend):
        return False
    own = type(processor).__mro__[: type(processor).__mro__.index(PilBackend)]
    return not any(callable(value) for kind in own for name, value in vars(kind).items() if not name.startswith("__"))


def _levels(processor: Any) -> NDArray[np.float32] | None:
    levels: Any = np.broadcast_to(np.arange(256, dtype=np.uint8), (3, 1, 256))
    if processor.do_rescale:
        levels = processor.rescale(levels, processor.rescale_factor)
    if processor.do_normalize:
        levels = processor.normalize(levels, processor.image_mean, processor.image_std)
    return np.ascontiguousarray(levels.transpose(1, 2, 0)) if levels.dtype == np.float32 else None


def _same(recipe: _Recipe, processor: Any) -> bool:
    """Whether recipe and processor give equal pixels for random images; guards against new transformers releases."""
    from PIL import Image

    noise = np.random.default_rng(0)
    for width, height in _TEST_SIZES:
        image = Image.fromarray(noise.integers(0, 256, (height, width, 3), np.uint8))
        ours, theirs = recipe.batch([recipe.prepare(image)])[0], _processed(processor, image)
        if ours.shape != theirs.shape or np.abs(ours - theirs).max() > _TOLERANCE:
            return False
    return True


def _processed(processor: Any, image: "Image") -> NDArray[Any]:
    """Pixel values of one image by the processor itself."""
    return processor(images=[image], return_tensors="pt")["pixel_values"][0].numpy()


def _version(processor: Any, draft: int) -> str:
    import PIL

    how = f"draft {draft}" if draft else "exact"
    return f"{how}, Pillow {PIL.__version__}, {json.dumps(processor.to_dict(), sort_keys=True, default=str)}"
