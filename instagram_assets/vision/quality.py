"""How large, how sharp and how alike images are, and which of them are good enough.

What is measured is kept per image; settings are applied when it is read, so that changing them measures nothing anew.
"""

import math
from collections.abc import Generator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from upath import UPath

from instagram_assets import schemas
from instagram_assets.arrow import compute as arrow
from instagram_assets.media.decode import open_grey
from instagram_assets.settings import QualitySettings
from instagram_assets.storage.features import FeatureStore, OnProgress, computed
from instagram_assets.vision.images import Fault, files_below, in_threads
from instagram_assets.vision.near_duplicates import near_groups

if TYPE_CHECKING:
    from PIL.Image import Image

STANDARD_SIDE = 300
"""Short side, in pixels, at which the sharpness of all images is comparable."""
DEFINITION = "quality-1"
"""Changes with what the measures mean, and not with a library: another decoder moves them by less than 1 %."""
MEASURES = pa.schema(
    [
        ("image_id", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("sharpness", pa.float64()),
        ("sharpness_native", pa.float64()),
        ("phash", pa.string()),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)
_AT_ONCE = 64


class Measures(NamedTuple):
    """What is measured of one image: width and height upright, in pixels; the rest as in `schemas.IMAGE_QUALITY`."""

    width: int
    height: int
    sharpness: float
    sharpness_native: float
    phash: str | None


def measure(image: "Image") -> Measures:
    """The measures of one picture, best given as `open_grey` reads it; other modes are turned to grey.

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) as OpenCV computes it with its
    smallest kernel: at the picture's own size, and with the short side reduced to 300 px by area averaging. The first
    depends on the size: the same scene scores 79 at 1080 px and 282 at 320 px, the second 352 and 172.
    """
    grey = np.asarray(image if image.mode == "L" else image.convert("L"))
    small = _standard(grey)
    native = _laplacian_variance(grey)
    standard = native if small is grey else _laplacian_variance(small)
    return Measures(image.width, image.height, standard, native, perceptual_hash(small))


def measure_all(
    images: Mapping[str, Path],
    store: FeatureStore,
    *,
    workers: int = 2,
    max_megapixels: float = 40,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """One row of `MEASURES` per image_id: from the store what is known, the rest measured in threads and kept.

    A file that is missing or unreadable is a row with status `failed` and the reason; it is tried again next time.
    """

    def compute(missing: list[str]) -> Generator[pa.Table]:
        files = ((image_id, images[image_id]) for image_id in missing)
        results = in_threads(files, lambda path: measure(open_grey(path, max_megapixels)), workers=workers)
        with closing(results):
            while some := list(islice(results, _AT_ONCE)):
                yield pa.Table.from_pylist([_row(*result) for result in some], schema=MEASURES)

    return computed(images, store, compute, on_progress=on_progress)


def quality_store(root: UPath | Path) -> FeatureStore:
    """Where the measures of images are kept, below the folder of all features."""
    return FeatureStore(root, "quality", DEFINITION, MEASURES)


def quality_table(
    images: pa.Table,
    media: Path,
    store: FeatureStore,
    settings: QualitySettings,
    *,
    max_megapixels: float = 40,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """The rows of `image_quality`, one for each row of `images` with status `ok`, in their order.

    Near-duplicates are sought among the images of one account and day: a cell is the same whatever else runs with it.
    """
    rows: list[dict[str, Any]] = images.filter(arrow.equal(images["status"], "ok")).to_pylist()
    files = files_below(media, ((row["image_id"], row["path"]) for row in rows))
    measures = measure_all(
        files, store, workers=settings.num_workers, max_megapixels=max_megapixels, on_progress=on_progress
    )
    passed, reasons = verdicts(measures, settings)
    judged = measures.set_column(measures.schema.names.index("reason"), "reason", reasons)
    found = {row["image_id"]: row for row in judged.append_column("passed", passed).to_pylist()}
    groups = _groups_by_cell(rows, found, settings.near_duplicate_bits)
    names = schemas.IMAGE_QUALITY.schema.names
    table = [{**row, **found[row["image_id"]], "near_group": group} for row, group in zip(rows, groups, strict=True)]
    return schemas.IMAGE_QUALITY.table([{name: row[name] for name in names} for row in table])


def verdicts(measures: pa.Table, settings: QualitySettings) -> tuple[pa.Array, pa.Array]:
    """For each row of `MEASURES` whether it passes, and why it does not (null when it does)."""
    reasons = [verdict(row, settings) for row in measures.to_pylist()]
    return pa.array([reason is None for reason in reasons], pa.bool_()), pa.array(reasons, pa.string())


def verdict(row: Mapping[str, Any], settings: QualitySettings) -> str | None:
    """Why an image with these measures does not pass, in words with the numbers; null when it does."""
    if row["status"] != "ok":
        return row["reason"]
    reasons: list[str] = []
    if min(row["width"], row["height"]) < settings.min_side:
        reasons.append(f"smaller than {settings.min_side} px ({row['width']} x {row['height']})")
    column, least = _rule(settings)
    if row[column] < least:
        # Cut off, not rounded: 49.97 is not "50 below 50".
        what = "native sharpness" if settings.sharpness == "native" else "sharpness"
        reasons.append(f"blurred: {what} {math.floor(row[column] * 10) / 10:g} below {least:g}")
    return "; ".join(reasons) or None


def just_passed(table: pa.Table, settings: QualitySettings, count: int) -> list[str]:
    """The image_ids of `image_quality` that passed with the least sharpness, least first."""
    column, _ = _rule(settings)
    return _first(table.filter(table["passed"]).sort_by([(column, "ascending")]), count)


def just_failed(table: pa.Table, settings: QualitySettings, count: int) -> list[str]:
    """The image_ids of `image_quality` that were found blurred with the most sharpness, most first."""
    column, least = _rule(settings)
    return _first(table.filter(arrow.less(table[column], least)).sort_by([(column, "descending")]), count)


def perceptual_hash(grey: NDArray[np.uint8]) -> str | None:
    """64 bits, as 16 hexadecimal digits, that change little when a picture is resized, cropped a little or re-encoded.

    pHash as the library imagehash defines it (32 x 32 pixels, discrete cosine transform, the 8 x 8 lowest frequencies
    against their median); ten lines here instead of that library, which brings PyWavelets and would start from
    the full picture. Null for a picture of one colour, which looks like no other.
    """
    import cv2

    pixels = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA)
    if pixels.min() == pixels.max():
        return None
    low = cv2.dct(pixels.astype(np.float64))[:8, :8]
    # OpenCV scales the first row and column to make the transform orthonormal; the hash is defined without.
    low[0] *= math.sqrt(2)
    low[:, 0] *= math.sqrt(2)
    # Rounded, since what should be zero is noise of the arithmetic.
    low = np.round(low, 6)
    return np.packbits(low > np.median(low)).tobytes().hex()


def _standard(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture with its short side reduced to 300 px; a smaller one as it is."""
    import cv2

    height, width = grey.shape
    scale = STANDARD_SIDE / min(height, width)
    if scale >= 1:
        return grey
    size = (round(width * scale), round(height * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _laplacian_variance(grey: NDArray[np.uint8]) -> float:
    """What `cv2.Laplacian(grey, cv2.CV_64F).var()` gives, in a quarter of the time."""
    import cv2

    # 16 bits hold every value of this kernel, and sums of integers are exact.
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    mean = cv2.sumElems(edges)[0] / edges.size
    return max(0.0, cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - mean * mean)


def _row(image_id: str, result: Measures | Fault) -> dict[str, Any]:
    if isinstance(result, Fault):
        return {"image_id": image_id, "status": "failed", "reason": result.reason}
    return {"image_id": image_id, **result._asdict(), "status": "ok"}


def _groups_by_cell(rows: list[dict[str, Any]], found: Mapping[str, Any], bits: int) -> list[str]:
    cells: dict[Any, list[int]] = {}
    for place, row in enumerate(rows):
        cells.setdefault((row["account"], row["day"]), []).append(place)
    groups = [""] * len(rows)
    for places in cells.values():
        image_ids = [rows[place]["image_id"] for place in places]
        phashes = [found[image_id]["phash"] for image_id in image_ids]
        for place, group in zip(places, near_groups(image_ids, phashes, bits), strict=True):
            groups[place] = group
    return groups


def _rule(settings: QualitySettings) -> tuple[str, float]:
    """The measure of sharpness that counts, and its least value."""
    if settings.sharpness == "native":
        return "sharpness_native", settings.min_sharpness_native
    return "sharpness", settings.min_sharpness


def _first(table: pa.Table, count: int) -> list[str]:
    """The first different image_ids."""
    return list(dict.fromkeys(table["image_id"].to_pylist()))[:count]
