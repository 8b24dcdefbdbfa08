"""Images of `benchmarks.web_lake`: numbers that become hashes, embeddings in clusters, sentences, and real JPEGs.

An image is a number: its hash, cluster and embedding follow from it, so that the same image in two posts is the same.
"""

import hashlib
import io
import os
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from instagram_assets.arrow import compute

WIDTH, CLUSTERS, NOISE_SHARE = 512, 200, 0.2
PICTURES = 300
_POOL = 4_096
_PARTS = 3
_SEEN = [
    "red",
    "blue",
    "small",
    "wooden",
    "old",
    "bright",
    "paper",
    "young",
    "green",
    "round",
    "striped",
    "happy",
    "sleepy",
    "golden",
    "plain",
    "tiny",
]
_THINGS = [
    "dog",
    "cat",
    "child",
    "table",
    "cake",
    "bicycle",
    "window",
    "flower",
    "beach",
    "book",
    "cup",
    "mountain",
    "bridge",
    "train",
    "garden",
    "street",
    "tree",
    "boat",
    "house",
    "hat",
    "shirt",
    "kitchen",
    "phone",
    "lamp",
    "plate",
    "bowl",
    "chair",
    "river",
    "park",
    "sofa",
]
_PLACES = [
    "in a room",
    "on a table",
    "at the beach",
    "in front of a house",
    "on a street",
    "in the snow",
    "near a window",
    "in a park",
]


def image_ids(numbers: NDArray[np.int64]) -> list[str]:
    """What stands for the SHA-256 of each image's bytes: 64 hexadecimal digits."""
    words = np.stack([_mixed(numbers, salt) for salt in range(4)], axis=1)
    digits = words.astype(">u8").tobytes().hex()
    return [digits[start : start + 64] for start in range(0, len(digits), 64)]


def cluster_of(numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """The cluster of each image; -1: noise. The first clusters are larger."""
    share = (_mixed(numbers, 11) >> np.uint64(11)).astype(np.float64) / 2.0**53
    found = (share**2 * CLUSTERS).astype(np.int64)
    return np.where(_mixed(numbers, 12) % 1000 < NOISE_SHARE * 1000, -1, found)


def embeddings(numbers: NDArray[np.int64]) -> NDArray[np.float32]:
    """Unit vectors: what all images have in common, their cluster's direction, and their own."""
    centres, pool = _directions()
    vectors = centres[_mixed(numbers, 13) % len(centres)]
    clusters = cluster_of(numbers)
    grouped = clusters >= 0
    vectors[grouped] = centres[clusters[grouped]]
    for part in range(_PARTS):
        vectors += pool[_mixed(numbers, 20 + part) % _POOL]
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def sentences(numbers: NDArray[np.int64]) -> pa.Array:
    """What each image shows, in English."""
    chosen = [
        pa.array(some).take(pa.array((_mixed(numbers, 30 + place) % len(some)).astype(np.int64)))
        for place, some in enumerate((_SEEN, _THINGS, _SEEN, _THINGS, _PLACES))
    ]
    first, thing, second, other, place = chosen
    return compute.binary_join_element_wise("a", first, thing, "and a", second, other, place, " ")


def sharpness(numbers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Variances of the Laplacian, a tenth of them below the limit of 100."""
    share = (_mixed(numbers, 40) >> np.uint64(11)).astype(np.float64) / 2.0**53
    return np.round(np.exp(4.2 + 3.2 * share), 2)


def draw_pictures(media: Path, count: int = PICTURES) -> list[str]:
    """JPEGs of 1080 × 1350 pixels and 150 to 250 KB in the media store; their files below it."""
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return list(pool.map(_draw, [media] * count, range(count), chunksize=10))


def _draw(media: Path, number: int) -> str:
    from PIL import Image, ImageDraw

    chance = np.random.default_rng(number)
    # Coarse noise below fine noise gives a photograph's mixture of detail, and so its size.
    coarse = Image.fromarray(chance.integers(0, 256, (5, 4, 3), dtype=np.uint8)).resize((1080, 1350))
    pixels = np.asarray(coarse, np.int16) + np.roll(_grain(), number * 7, axis=(0, 1))[:, :, None]
    picture = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    ImageDraw.Draw(picture).text(
        (60, 60), str(number), fill="white", stroke_width=4, stroke_fill="black", font_size=180
    )
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=60)
    name = hashlib.sha256(stream.getvalue()).hexdigest()
    path = Path(name[:2], f"{name}.jpg")
    (media / path).parent.mkdir(parents=True, exist_ok=True)
    (media / path).write_bytes(stream.getvalue())
    return path.as_posix()


@lru_cache(maxsize=1)
def _grain() -> NDArray[np.int16]:
    return np.random.default_rng(5).normal(0, 9, (1350, 1080)).astype(np.int16)


@lru_cache(maxsize=1)
def _directions() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The centres of clusters and the pool of what images have of their own.

    Two images have a cosine of about 0.3, two of one cluster of about 0.7, as CLIP gives them.
    """
    chance = np.random.default_rng(512)
    common = chance.normal(0, 1, WIDTH) / np.sqrt(WIDTH)
    own = chance.normal(0, 1, (CLUSTERS, WIDTH)) / np.sqrt(WIDTH)
    pool = chance.normal(0, 0.55 / np.sqrt(_PARTS), (_POOL, WIDTH)) / np.sqrt(WIDTH)
    return (0.6 * common + 0.65 * own).astype(np.float32), pool.astype(np.float32)


def _mixed(numbers: NDArray[np.int64], salt: int) -> NDArray[np.uint64]:
    """A hash of each number (splitmix64, https://prng.di.unimi.it/splitmix64.c)."""
    with np.errstate(over="ignore"):
        value = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15) * np.uint64(salt + 1)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return value ^ (value >> np.uint64(31))
