"""Whether an image is in focus, whatever its brightness and contrast, and the noise for which that is corrected."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_BLOCK = 16
"""Side of a block in pixels."""
_CALM = 0.2
"""Quantile of the blocks' fine detail that is taken for noise."""
_ALL_DIRECTIONS = 4
"""Noise's variance is at most twice the least energy of gradients over all directions; four times, as blocks vary."""
_STRAIGHT = 0.02
"""Share of a straight edge's energy that its pixels' steps put into the direction along it."""
_NOISE_MARGIN = 2
"""Twice the noise's energy is subtracted: resizing smooths noise, which the estimate then sees in part only."""
_NOISE_SIDE = 256
"""In an image with a shorter side, texture of single pixels cannot be told from noise, and nothing is subtracted."""
_ROUNDING = 0.04
"""Energy of gradients that rounding to 8 bits adds, in squared grey levels per pixel."""
_EDGES = 0.1
"""Blocks with at least this share of the strongest block's energy have edges."""
_SHARPEST = 0.1
"""Share of the edges, by energy, that are at least as sharp as the result: the subject before a blurred background."""
_STEP = 2.0
"""The ratio of a step edge; also that of a direction without edges."""
_NO_EDGES = 0.03
"""Share of a block's energy below which a direction has no edges."""

_Floats = NDArray[np.float64]
_Tensor = tuple[_Floats, _Floats, _Floats]
"""Mean products of gradients of each block: across², across x down, down²."""


class Focus(NamedTuple):
    """`focus`: 1 if wholly blurred, 2 for step edges, more for fine texture; `noise`: in grey levels."""

    focus: float
    noise: float


def measure_focus(grey: NDArray[np.uint8]) -> Focus:
    """Focus and noise of a greyscale image, uint8[height, width], at its own size; both are finite.

    Focus is the energy of gradients at this size divided by that at half of it: what is blurred hardly changes when it
    is blurred again (Crete et al., "The blur effect", SPIE 2007; Zhuo and Sim, "Defocus map estimation from a single
    image", Pattern Recognition 2011). Contrast cancels out. The ratio is taken in blocks of 16 x 16 pixels, in each in
    the direction with the smallest ratio (by structure tensors), so that motion blur counts. The result is the smallest
    ratio among the sharpest tenth of the edges, as in S3 (Vu, Phan and Chandler, IEEE TIP 2012), so that a blurred
    background does not count. An image without edges has 1.

    Noise is the standard deviation by Immerkær ("Fast noise variance estimation", CVIU 1996) of the calmest fifth of
    the blocks, as fine texture looks like noise, and at most what gradients in every direction allow, as diagonal edges
    do too. Its energy is subtracted at both sizes, unless the short side is less than 256 pixels.

    >>> measure_focus(np.full((300, 300), 80, np.uint8))
    Focus(focus=1.0, noise=0.0)
    """
    import cv2

    height, width = grey.shape
    # Whole blocks, in which an odd last row or column does not shift the image of half the size.
    rows, columns = (side // _BLOCK * _BLOCK if side >= _BLOCK else max(1, side & ~1) for side in (height, width))
    blocks = (max(1, columns // _BLOCK), max(1, rows // _BLOCK))
    fine = np.ascontiguousarray(grey[:rows, :columns])
    # Sums of 2 x 2 pixels, which are whole numbers.
    half = ((columns + 1) // 2, (rows + 1) // 2)
    coarse = np.asarray(cv2.resize(fine.astype(np.int16) * 4, half, interpolation=cv2.INTER_AREA), np.int16)
    gradients = _tensor(fine, blocks, every=2, scale=1 / 2)
    noise = _noise(fine, blocks, gradients)
    margin = _NOISE_MARGIN if min(grey.shape) >= _NOISE_SIDE else 0
    energy = margin * noise * noise / 2 + _ROUNDING
    # Both per pixel of the full size: of noise, the mean of four pixels over twice the distance keeps a sixteenth.
    of_fine = _without(energy, gradients)
    of_coarse = _without(energy / 16, _tensor(coarse, blocks, every=1, scale=1 / 16))
    edges = of_coarse[0] + of_coarse[2]
    edges[edges < max(_EDGES * edges.max(), energy / 4)] = 0
    floor = _NO_EDGES * edges + energy / 8
    return Focus(_of_sharpest(_smallest_ratio(_plus(_STEP * floor, of_fine), _plus(floor, of_coarse)), edges), noise)


def _noise(fine: NDArray[np.uint8], blocks: tuple[int, int], gradients: _Tensor) -> float:
    import cv2

    # The second difference in both directions is Immerkær's mask, whose norm is 6.
    residual = cv2.Sobel(fine, cv2.CV_16S, 2, 2, ksize=3)[::2]
    means = np.asarray(cv2.resize(np.abs(residual).astype(np.float32), blocks, interpolation=cv2.INTER_AREA))
    # The mean deviation of a normal distribution is sqrt(2 / pi) of its standard deviation.
    deviations = means.ravel() * float(np.sqrt(np.pi / 2)) / 6
    calm = int(_CALM * deviations.size)
    # Noise has gradients in all directions, at least half its variance in each; diagonal edges, nearly all in one.
    across, both, down = gradients
    mean, half = (across + down) / 2, np.hypot((across - down) / 2, both)
    least = mean - half - _STRAIGHT * (mean + half)
    deviations = np.minimum(deviations, np.sqrt(np.maximum(_ALL_DIRECTIONS * least, 0)).ravel())
    return float(np.sort(deviations)[calm])


def _tensor(pixels: NDArray[Any], blocks: tuple[int, int], every: int, scale: float) -> _Tensor:
    """The structure tensor of each block, from each `every`-th row; gradients are differences times `scale`."""
    import cv2

    across = cv2.Sobel(pixels[::every], cv2.CV_16S, 1, 0, ksize=1)
    down = cv2.Sobel(pixels, cv2.CV_16S, 0, 1, ksize=1)[::every]
    # One array for all products: making it anew costs more than multiplying.
    product = np.empty(across.shape, np.float32)
    means: list[_Floats] = []
    for one, other in ((across, across), (across, down), (down, down)):
        cv2.multiply(one, other, dst=product, scale=scale * scale, dtype=cv2.CV_32F)
        means.append(np.asarray(cv2.resize(product, blocks, interpolation=cv2.INTER_AREA), np.float64))
    return means[0], means[1], means[2]


def _without(energy: float, tensor: _Tensor) -> _Tensor:
    return np.maximum(tensor[0] - energy, 0), tensor[1], np.maximum(tensor[2] - energy, 0)


def _plus(energy: _Floats, tensor: _Tensor) -> _Tensor:
    return tensor[0] + energy, tensor[1], tensor[2] + energy


def _smallest_ratio(fine: _Tensor, coarse: _Tensor) -> _Floats:
    """The smallest ratio of the energies over all directions: the smaller root of det(fine - ratio * coarse)."""
    (a, b, c), (u, v, w) = fine, coarse
    determinant = np.maximum(u * w - v * v, 1e-12)
    half = (a * w + c * u - 2 * b * v) / 2
    root = np.sqrt(np.maximum(half * half - determinant * (a * c - b * b), 0))
    return np.maximum((half - root) / determinant, 1)


def _of_sharpest(ratios: _Floats, edges: _Floats) -> float:
    order = np.argsort(-ratios, axis=None)
    energy = np.cumsum(edges.ravel()[order])
    if not energy[-1]:
        return 1.0
    return float(ratios.ravel()[order[np.searchsorted(energy, _SHARPEST * energy[-1])]])
