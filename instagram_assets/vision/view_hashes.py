"""Near-duplicates that were cropped, rotated or mirrored, found by comparing hashes of such views of each image.

The whole image and its mirror image are compared with all views (crops, rotations, mirror image) of the other image, so
a cropped copy matches the same crop among the original's views. Uniform borders are trimmed before hashing.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from instagram_assets.vision.near_duplicates import join_groups, near_pairs, phash_groups

_Grey: TypeAlias = NDArray[np.uint8]
_Pairs: TypeAlias = tuple[NDArray[np.int64], NDArray[np.int64]]

_SIDE = 128
"""Short side in pixels to which an image is reduced before it is cropped, rotated and hashed."""
_CROPS = (
    *((side, side, 0.5, 0.5) for side in (0.95, 0.9, 0.85, 0.8)),
    *((0.9, 1.0, 1.0, 0.5), (0.9, 1.0, 0.0, 0.5), (1.0, 0.9, 0.5, 1.0), (1.0, 0.9, 0.5, 0.0)),
)
"""Crops: height and width as fractions of the image's, and the offset as fractions of the rest (0.5: centred)."""
_DEGREES = (2.0, -2.0)
_WHOLE = 2
"""The number of hashes of the whole image: of the image itself and of its mirror image; they are the first."""
VIEWS = _WHOLE + 1 + len(_CROPS) + len(_DEGREES)
"""Number of hashes of one image: the whole, its mirror image, its central square, crops and rotations."""
HASH_BYTES = 32
"""Bytes of one hash, 256 bits: the first 8 bytes are those of the lowest frequencies, 8 x 8 of 16 x 16."""
_KEY_BITS = 10
"""Maximum Hamming distance of the first 64 bits of two hashes, by which candidate pairs are found."""
_LEAST_SIDE = 16
"""An image is not trimmed if fewer pixels than this would remain between its borders."""
_SAME_GREY = 12
_SPECKLES = 0.02
"""A line is part of a border if all but this fraction of its pixels are within `_SAME_GREY` of the edge's grey."""


def view_hashes(grey: _Grey) -> bytes | None:
    """The hashes of a greyscale image's views, `VIEWS` times `HASH_BYTES` bytes; None for an image of one colour."""
    import cv2

    scale = _SIDE / min(grey.shape)
    if scale < 1:
        size = (max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale)))
        grey = np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)
    picture = trim_borders(grey)
    if picture.min() == picture.max():
        return None
    return _hashes(_views(picture))


def near_groups(
    image_ids: Sequence[str],
    phashes: Sequence[str | None],
    views: Sequence[bytes | None],
    bits: int,
    view_bits: int,
) -> list[str]:
    """For each image, the smallest image_id of its group of near-duplicates; its own if it has no near-duplicates.

    Two images are near-duplicates if their perceptual hashes differ in at most `bits` of 64 bits, or if the hash of one
    whole image (mirrored or not) and a view of the other (of `view_hashes`) differ in at most `view_bits` of 256 bits;
    with `view_bits` 0, views are not compared. Groups are the connected components. Images without a hash have no
    near-duplicates.
    """
    names = phash_groups(image_ids, phashes, bits)
    hashed = np.array([number for number, view in enumerate(views) if view], np.int64)
    if not view_bits or len(hashed) < 2:
        return names
    words = np.frombuffer(b"".join(view for view in views if view), np.uint64).reshape(-1, VIEWS, HASH_BYTES // 8)
    pairs = ((hashed[left], hashed[right]) for left, right in near_views(words, view_bits))
    return join_groups(image_ids, names, pairs)


def near_views(words: NDArray[np.uint64], view_bits: int) -> Iterator[_Pairs]:
    """Yield index pairs of images with similar views, given the view hashes `words`, uint64[n, `VIEWS`, 4].

    A pair can be yielded several times.
    """
    # Equal pictures in other files, of which there may be thousands, are compared once.
    different, first, inverse = np.unique(words.reshape(len(words), -1), axis=0, return_index=True, return_inverse=True)
    inverse = inverse.reshape(-1)
    copies = np.flatnonzero(first[inverse] != np.arange(len(words)))
    yield copies, first[inverse[copies]]
    flat = different.reshape(-1, HASH_BYTES // 8)
    for left, right in near_pairs(np.ascontiguousarray(flat[:, 0]), _KEY_BITS):
        own, other = left // VIEWS, right // VIEWS
        chosen = (own != other) & ((left % VIEWS < _WHOLE) | (right % VIEWS < _WHOLE))
        left, right = left[chosen], right[chosen]
        near = np.bitwise_count(flat[left] ^ flat[right]).sum(axis=1) <= view_bits
        yield first[left[near] // VIEWS], first[right[near] // VIEWS]


def trim_borders(grey: _Grey) -> _Grey:
    """A greyscale image, uint8[height, width], without borders of one grey, of up to a third of the image on each side.

    >>> trim_borders(np.pad(np.full((60, 60), 200, np.uint8), 20)).shape
    (58, 58)
    """
    top, bottom, left, right = (_border(lines) for lines in (grey, grey[::-1], grey.T, grey.T[::-1]))
    height, width = grey.shape
    trimmed = grey[top : height - bottom, left : width - right]
    return trimmed if min(trimmed.shape) >= _LEAST_SIDE else grey


def _border(lines: _Grey) -> int:
    """The number of border lines at the start of an image; one more than are uniform, since scaling blurs the edge."""
    few = lines[: len(lines) // 3].astype(np.int16)
    if not len(few):
        return 0
    apart = (np.abs(few - np.median(few[0])) > _SAME_GREY).mean(axis=1) > _SPECKLES
    uniform = int(apart.argmax()) if apart.any() else len(few)
    return uniform + (uniform > 0)


def _views(picture: _Grey) -> Iterator[_Grey]:
    """Yield the views of an image: the image, its mirror image, its central square, crops and rotations."""
    import cv2

    height, width = picture.shape
    side = min(height, width)
    yield picture
    yield picture[:, ::-1]
    for high, wide, down, along in ((side / height, side / width, 0.5, 0.5), *_CROPS):
        rows, columns = max(1, round(height * high)), max(1, round(width * wide))
        top, left = round((height - rows) * down), round((width - columns) * along)
        yield picture[top : top + rows, left : left + columns]
    for degrees in _DEGREES:
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        turned: Any = cv2.warpAffine(picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
        yield turned


def _hashes(views: Iterator[_Grey]) -> bytes:
    """The 256-bit hashes of views: whether each of the 16 x 16 lowest frequencies exceeds the median, 8 x 8 first."""
    import cv2

    small = (cv2.resize(np.ascontiguousarray(view), (32, 32), interpolation=cv2.INTER_AREA) for view in views)
    low = np.stack([cv2.dct(pixels.astype(np.float64))[:16, :16] for pixels in small])
    # As `perceptual_hash` does: the transform without norm, and without rounding errors.
    low[:, 0] *= math.sqrt(2)
    low[:, :, 0] *= math.sqrt(2)
    low = np.round(low, 6)
    above = low > np.median(low, axis=(1, 2), keepdims=True)
    parts = (above[:, :8, :8], above[:, :8, 8:], above[:, 8:])
    return np.packbits(np.concatenate([part.reshape(len(low), -1) for part in parts], axis=1), axis=1).tobytes()
