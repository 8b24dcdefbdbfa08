"""What a model's image processor does, done in threads and batches: the same numbers in a fraction of the time."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from instagram_assets.errors import RecordError

if TYPE_CHECKING:
    import torch
    from PIL.Image import Image

_LONGEST = 200
"""A picture more times as long as it is wide is refused: with its short side enlarged it would fill the memory."""
_TOLERANCE = 1e-6
_TRIALS = ((61, 47), (40, 90), (500, 301))


class Preprocessor:
    """Makes of images what `image_processor` would make of them, equal within 1e-6.

    `prepare` is for the thread that decoded the image, `batch` for all images of a batch at once. `draft` is the
    size for `decode_all`: 0 reads images as they are. `version` names all that changes the numbers.
    """

    def __init__(self, processor: Any, recipe: "_Recipe | None", draft: int, version: str) -> None:
        self._processor = processor
        self._recipe = recipe
        self.draft = draft
        self.version = version

    @classmethod
    def of(cls, image_processor: Any, draft: bool = False) -> "Preprocessor":
        """The preprocessor of a transformers image processor, or of what has one as `image_processor`.

        What cannot be done faster with the same result is left to the processor itself. With `draft`, JPEGs may be
        decoded at twice the size that the model sees or larger; pixels then differ by 0.1 of 255 on average.
        """
        processor = getattr(image_processor, "image_processor", image_processor)
        recipe = _Recipe.of(processor)
        if recipe and not _same(recipe, processor):
            recipe = None
        size = 2 * max(recipe.height, recipe.width) if recipe and draft else 0
        return cls(processor, recipe, size, _version(processor, size))

    def prepare(self, image: "Image") -> NDArray[Any]:
        """One RGB image as the model's size: uint8[height, width, 3], or what the processor itself returns.

        Raises RecordError for a picture that is far longer than wide.
        """
        if max(image.size) > _LONGEST * min(image.size):
            raise RecordError("", f"too long and thin for the model ({image.width} x {image.height})")
        return self._recipe.prepare(image) if self._recipe else _processed(self._processor, image)

    def batch(self, prepared: list[NDArray[Any]]) -> "torch.Tensor":
        """Prepared images as float32[n, 3, height, width]."""
        import torch

        return torch.from_numpy(self._recipe.batch(prepared) if self._recipe else np.stack(prepared))


@dataclass(frozen=True)
class _Recipe:
    """Resize, crop the middle, then look up what each of the 256 levels of a channel becomes."""

    shortest: int | None
    """The short side after resizing; null resizes to `resized`."""
    resized: tuple[int, int]
    height: int
    width: int
    filter: int
    levels: NDArray[np.float32]
    """[1, 256, 3]: the processor's own rescaling and normalising of every level."""

    @classmethod
    def of(cls, processor: Any) -> "_Recipe | None":
        """How to do what the processor does; null when that is something else than the steps above."""
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
        """uint8[height, width, 3]."""
        from PIL.Image import Resampling

        height, width = self._resized(image)
        pixels = np.asarray(image.resize((width, height), Resampling(self.filter)))
        top, left = (height - self.height) // 2, (width - self.width) // 2
        # A copy, so that the rest is not kept with it.
        return pixels[top : top + self.height, left : left + self.width].copy()

    def batch(self, prepared: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """float32[n, 3, height, width]."""
        import cv2

        values = np.empty((len(prepared), 3, self.height, self.width), np.float32)
        for place, pixels in enumerate(prepared):
            values[place] = cv2.LUT(pixels, self.levels).transpose(2, 0, 1)
        return values

    def _resized(self, image: "Image") -> tuple[int, int]:
        if self.shortest is None:
            return self.resized
        # Cut off, not rounded, as transformers does.
        longest = int(self.shortest * max(image.size) / min(image.size))
        return (longest, self.shortest) if image.width <= image.height else (self.shortest, longest)


def _is_plain(processor: Any) -> bool:
    """True when all its steps are those that transformers' processors on Pillow share."""
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
    """Tried on pictures of noise, so that a new release of transformers cannot change what a version stands for."""
    from PIL import Image

    noise = np.random.default_rng(0)
    for width, height in _TRIALS:
        image = Image.fromarray(noise.integers(0, 256, (height, width, 3), np.uint8))
        ours, theirs = recipe.batch([recipe.prepare(image)])[0], _processed(processor, image)
        if ours.shape != theirs.shape or np.abs(ours - theirs).max() > _TOLERANCE:
            return False
    return True


def _processed(processor: Any, image: "Image") -> NDArray[Any]:
    """What the processor itself makes of one image."""
    return processor(images=[image], return_tensors="pt")["pixel_values"][0].numpy()


def _version(processor: Any, draft: int) -> str:
    import PIL

    how = f"draft {draft}" if draft else "exact"
    return f"{how}, Pillow {PIL.__version__}, {json.dumps(processor.to_dict(), sort_keys=True, default=str)}"
