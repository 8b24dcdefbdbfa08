"""The image quality filter: measures size, light, noise, sharpness and perceptual hash, and applies thresholds.

Measurements are cached per image. Thresholds are applied when the cache is read, so a changed threshold recomputes
nothing.
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
from instagram_assets.media.verify import MAX_MEGAPIXELS
from instagram_assets.settings import QualitySettings
from instagram_assets.storage.features import FeatureStore, OnProgress, computed
from instagram_assets.vision.focus import measure_focus
from instagram_assets.vision.image_batches import Failed, image_paths, map_in_threads
from instagram_assets.vision.view_hashes import near_groups, view_hashes

if TYPE_CHECKING:
    from PIL.Image import Image

STANDARD_SIDE = 300
"""Short side in pixels to which images are reduced before sharpness is measured, so that it is comparable."""
_VERSION = "quality-3"
"""Changes when the definition of a measurement does; not with a decoder's version, which moves them by under 1 %."""
_SINCE_3 = ("focus", "brightness", "contrast", "noise")
_EARLIER = {"quality-2": _SINCE_3, "quality-1": ("views", *_SINCE_3)}
"""Previous versions, newest first, and the measurements they lack; the others are still used for deleted files."""
_SHARP_WITHOUT_FOCUS = 50.0
"""The least sharpness of a row without focus, which an earlier version measured; its default then."""
_FEW = 0.001
"""Share of the pixels that may be brighter than `brightness`, and darker than what `contrast` begins with."""
QUALITY_MEASURES = pa.schema(
    [
        ("image_id", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("sharpness", pa.float64()),
        ("sharpness_native", pa.float64()),
        ("focus", pa.float64()),
        ("brightness", pa.float64()),
        ("contrast", pa.float64()),
        ("noise", pa.float64()),
        ("phash", pa.string()),
        ("views", pa.binary()),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)
_AT_ONCE = 64


class ImageMeasures(NamedTuple):
    """Measurements of one image: width and height in pixels after EXIF rotation; other fields as in `IMAGE_QUALITY`.

    `views` are the hashes of the image's crops, rotations and mirror image, by `view_hashes`.
    """

    width: int
    height: int
    sharpness: float
    sharpness_native: float
    focus: float
    brightness: float
    contrast: float
    noise: float
    phash: str | None
    views: bytes | None


def measure_image(image: "Image") -> ImageMeasures:
    """Measure one image, best opened by `open_grey`; other modes are converted to greyscale.

    Sharpness is the variance of the Laplacian (Pech-Pacheco et al., ICPR 2000) as OpenCV computes it with its smallest
    kernel: at the original size, and with the short side reduced to 300 px by area averaging. The first depends on the
    size: the same scene scores 79 at 1080 px and 282 at 320 px, the second 352 and 172. Both grow with the square of
    the contrast and with noise; focus, measured by `measure_focus` with the short side reduced to 300 px, does not.

    >>> from PIL import Image
    >>> measures = measure_image(Image.new("L", (640, 480), 80))
    >>> measures.focus, measures.brightness, measures.contrast
    (1.0, 80.0, 0.0)
    """
    grey = np.asarray(image if image.mode == "L" else image.convert("L"))
    small = _standard(grey)
    native = _laplacian_variance(grey)
    standard = native if small is grey else _laplacian_variance(small)
    focus, noise = measure_focus(small)
    dark, bright = _grey_range(small)
    return ImageMeasures(
        image.width,
        image.height,
        standard,
        native,
        focus,
        bright,
        bright - dark,
        noise,
        perceptual_hash(small),
        view_hashes(small),
    )


def measure_all(
    images: Mapping[str, Path],
    store: FeatureStore,
    *,
    workers: int = 0,
    max_megapixels: float = MAX_MEGAPIXELS,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """Measure images (image_id → file) in threads: one row of `QUALITY_MEASURES` per image; cached rows are reused.

    A missing or unreadable file gives a row with status `failed` and the reason, and is retried next time; if an
    earlier version of the program measured it, these measurements are used instead, with later ones null.
    """

    def compute(missing: list[str]) -> Generator[pa.Table]:
        files = ((image_id, images[image_id]) for image_id in missing)
        results = map_in_threads(files, lambda path: measure_image(open_grey(path, max_megapixels)), workers=workers)
        with closing(results):
            while some := list(islice(results, _AT_ONCE)):
                rows = _with_earlier([_row(*result) for result in some], store)
                yield pa.Table.from_pylist(rows, schema=QUALITY_MEASURES)

    return computed(images, store, compute, on_progress=on_progress)


def quality_store(root: UPath | Path) -> FeatureStore:
    """The cache of measurements, below `root`, the folder of all cached features."""
    return FeatureStore(root, "quality", _VERSION, QUALITY_MEASURES)


def quality_table(
    images: pa.Table,
    media: Path,
    store: FeatureStore,
    settings: QualitySettings,
    *,
    max_megapixels: float = MAX_MEGAPIXELS,
    on_progress: OnProgress | None = None,
) -> pa.Table:
    """The table `image_quality`, one row for each row of `images` with status `ok`, in their order.

    Near-duplicates are searched within one account and day, so that partitions are independent of each other.
    """
    rows: list[dict[str, Any]] = images.filter(arrow.equal(images["status"], "ok")).to_pylist()
    files = image_paths(media, ((row["image_id"], row["path"]) for row in rows))
    measures = measure_all(
        files, store, workers=settings.num_workers, max_megapixels=max_megapixels, on_progress=on_progress
    )
    passed, reasons = pass_or_reject(measures, settings)
    filtered = measures.set_column(measures.schema.names.index("reason"), "reason", reasons)
    found = {row["image_id"]: row for row in filtered.append_column("passed", passed).to_pylist()}
    groups = _groups_by_cell(rows, found, settings)
    names = schemas.IMAGE_QUALITY.schema.names
    table = [{**row, **found[row["image_id"]], "near_group": group} for row, group in zip(rows, groups, strict=True)]
    return schemas.IMAGE_QUALITY.table([{name: row[name] for name in names} for row in table])


def pass_or_reject(measures: pa.Table, settings: QualitySettings) -> tuple[pa.Array, pa.Array]:
    """Whether each row of `QUALITY_MEASURES` passes the filter, and the reason if it does not (else null)."""
    reasons = [rejection_reason(row, settings) for row in measures.to_pylist()]
    return pa.array([reason is None for reason in reasons], pa.bool_()), pa.array(reasons, pa.string())


def rejection_reason(row: Mapping[str, Any], settings: QualitySettings) -> str | None:
    """The reason why an image with these measurements fails the quality filter, with the values; None if it passes.

    Several reasons are separated by `; `: too small, then dark or of low contrast, or else noisy and blurred. In what
    is too dark or too flat to show anything, blur cannot be told.

    >>> row = {"status": "ok", "width": 640, "height": 640, "sharpness": 41.0, "sharpness_native": 9.0}
    >>> light = {"focus": 1.21, "brightness": 190.0, "contrast": 180.0, "noise": 1.5}
    >>> rejection_reason(row | light, QualitySettings())
    'blurred: focus 1.21 below 1.6'
    """
    if row["status"] != "ok":
        return row["reason"]
    reasons: list[str] = []
    if min(row["width"], row["height"]) < settings.min_side:
        reasons.append(f"smaller than {settings.min_side} px ({row['width']} x {row['height']})")
    if row["focus"] is None:
        reasons += _plainly_blurred(row, settings, _least_without_focus(settings))
    elif row["brightness"] < settings.min_brightness:
        reasons.append(f"dark: brightness {row['brightness']:g} below {settings.min_brightness:g}")
    elif row["contrast"] < settings.min_contrast:
        reasons.append(f"low contrast: {row['contrast']:g} below {settings.min_contrast:g}")
    else:
        if row["noise"] > settings.max_noise:
            reasons.append(f"noisy: noise {math.ceil(row['noise'] * 10) / 10:g} above {settings.max_noise:g}")
        if _judges_focus(settings) and row["focus"] < settings.min_focus:
            # Truncated, not rounded: 1.597 must not be reported as "1.6 below 1.6".
            reasons.append(f"blurred: focus {math.floor(row['focus'] * 100) / 100:g} below {settings.min_focus:g}")
        else:
            reasons += _plainly_blurred(row, settings, settings.min_sharpness)
    return "; ".join(reasons) or None


def _judges_focus(settings: QualitySettings) -> bool:
    return settings.sharpness == "standard" and settings.min_sharpness > 0


def _least_without_focus(settings: QualitySettings) -> float:
    """The least sharpness where focus was not measured: the earlier default, unless the user chose another rule."""
    chosen = settings.min_sharpness != QualitySettings.model_fields["min_sharpness"].default
    return settings.min_sharpness if chosen or not settings.min_focus else _SHARP_WITHOUT_FOCUS


def _plainly_blurred(row: Mapping[str, Any], settings: QualitySettings, min_sharpness: float) -> list[str]:
    """The reason if the variance of the Laplacian is too low, at the size by which the settings judge it."""
    native = settings.sharpness == "native"
    threshold = settings.min_sharpness_native if native else min_sharpness
    sharpness = row["sharpness_native" if native else "sharpness"]
    if sharpness >= threshold:
        return []
    what = "native sharpness" if native else "sharpness"
    return [f"blurred: {what} {math.floor(sharpness * 10) / 10:g} below {threshold:g}"]


def least_sharp_passed(table: pa.Table, settings: QualitySettings, count: int) -> list[str]:
    """The image_ids of `image_quality` that passed and are nearest to being refused as blurred, at most `count`.

    By focus and sharpness, each as a multiple of its threshold, whichever is less; where the settings judge only one
    of them, or sharpness at the images' own size, by that; where they judge neither, by focus.
    """
    passed = table.filter(table["passed"])
    return _distinct(passed, np.argsort(_of_threshold(passed, settings), kind="stable"), count)


def sharpest_failed(table: pa.Table, settings: QualitySettings, count: int) -> list[str]:
    """Image_ids of `image_quality` refused as blurred, those nearest to passing first, at most `count`."""
    blurred = arrow.and_(arrow.invert(table["passed"]), arrow.match_substring(table["reason"], "blurred: "))
    failed = table.filter(blurred)
    return _distinct(failed, np.argsort(-_of_threshold(failed, settings), kind="stable"), count)


def perceptual_hash(grey: NDArray[np.uint8]) -> str | None:
    """Perceptual hash (pHash) of a greyscale image as 16 hexadecimal digits; robust to resizing and re-encoding.

    pHash as the library imagehash defines it (32 x 32 pixels, discrete cosine transform, the 8 x 8 lowest frequencies
    against their median); reimplemented in ten lines, since the library depends on PyWavelets and needs the full image.
    None for an image of one colour.
    """
    import cv2

    pixels = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA)
    if pixels.min() == pixels.max():
        return None
    low = cv2.dct(pixels.astype(np.float64))[:8, :8]
    # OpenCV scales the first row and column to make the transform orthonormal; the hash is defined without.
    low[0] *= math.sqrt(2)
    low[:, 0] *= math.sqrt(2)
    # Rounded, since values that should be zero contain rounding errors.
    low = np.round(low, 6)
    return np.packbits(low > np.median(low)).tobytes().hex()


def _standard(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The image reduced to a short side of 300 px; a smaller one unchanged."""
    import cv2

    height, width = grey.shape
    scale = STANDARD_SIDE / min(height, width)
    if scale >= 1:
        return grey
    size = (round(width * scale), round(height * scale))
    return np.asarray(cv2.resize(grey, size, interpolation=cv2.INTER_AREA), np.uint8)


def _laplacian_variance(grey: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian, equal to `cv2.Laplacian(grey, cv2.CV_64F).var()` in a quarter of the time."""
    import cv2

    # 16 bits hold every value of this kernel, and sums of integers are exact.
    edges = cv2.Laplacian(grey, cv2.CV_16S)
    mean = cv2.sumElems(edges)[0] / edges.size
    return max(0.0, cv2.norm(edges, cv2.NORM_L2SQR) / edges.size - mean * mean)


def _grey_range(grey: NDArray[np.uint8]) -> tuple[float, float]:
    """The grey levels below and above which is one pixel in a thousand."""
    import cv2

    pixels = np.cumsum(np.asarray(cv2.calcHist([grey], [0], None, [256], [0, 256])))
    dark = np.searchsorted(pixels, _FEW * grey.size, side="right")
    return float(dark), float(np.searchsorted(pixels, (1 - _FEW) * grey.size))


def _row(image_id: str, result: ImageMeasures | Failed) -> dict[str, Any]:
    if isinstance(result, Failed):
        return {"image_id": image_id, "status": "failed", "reason": result.reason}
    return {"image_id": image_id, **result._asdict(), "status": "ok"}


def _with_earlier(rows: list[dict[str, Any]], store: FeatureStore) -> list[dict[str, Any]]:
    """Rows of measurements, in which rows of unreadable files are replaced by measurements of an earlier version."""
    failed = [row["image_id"] for row in rows if row["status"] != "ok"]
    if not failed:
        return rows
    known: dict[str, dict[str, Any]] = {}
    for version, lacking in _EARLIER.items():
        schema = pa.schema([field for field in QUALITY_MEASURES if field.name not in lacking])
        earlier = FeatureStore(store.folder.parent.parent, "quality", version, schema)
        nothing = dict.fromkeys(lacking)
        missing = [image_id for image_id in failed if image_id not in known]
        known |= {row["image_id"]: nothing | row for row in earlier.find(missing).to_pylist()}
    return [row if row["status"] == "ok" else known.get(row["image_id"], row) for row in rows]


def _groups_by_cell(rows: list[dict[str, Any]], found: Mapping[str, Any], settings: QualitySettings) -> list[str]:
    cells: dict[Any, list[int]] = {}
    for index, row in enumerate(rows):
        cells.setdefault((row["account"], row["day"]), []).append(index)
    groups = [""] * len(rows)
    for indices in cells.values():
        image_ids = [rows[index]["image_id"] for index in indices]
        phashes, views = ([found[image_id][name] for image_id in image_ids] for name in ("phash", "views"))
        bits = (settings.near_duplicate_bits, settings.near_duplicate_view_bits)
        for index, group in zip(indices, near_groups(image_ids, phashes, views, *bits), strict=True):
            groups[index] = group
    return groups


def _of_threshold(table: pa.Table, settings: QualitySettings) -> NDArray[np.float64]:
    """What is judged of blur as a multiple of its threshold, the least of several; NaN where it was not measured."""
    names = ("focus", "sharpness", "sharpness_native")
    focus, sharpness, native = (table[name].to_numpy().astype(np.float64) for name in names)
    if settings.sharpness == "native":
        return native / (settings.min_sharpness_native or 1)
    if not settings.min_sharpness:
        return focus
    least = np.where(np.isnan(focus), _least_without_focus(settings), settings.min_sharpness)
    return np.fmin(focus / settings.min_focus, sharpness / least) if settings.min_focus else sharpness / least


def _distinct(table: pa.Table, order: NDArray[np.int64], count: int) -> list[str]:
    """The first distinct image_ids of a table in this order of rows."""
    return list(dict.fromkeys(table["image_id"].take(pa.array(order)).to_pylist()))[:count]
