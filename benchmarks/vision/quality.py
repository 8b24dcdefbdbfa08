"""Decoding, sharpness, focus, light and hashes of each image, against the way a notebook would take.

Also how many of the pictures whose right verdict is known get it, by the variance of the Laplacian alone as before, and
by all measurements.
"""

import io
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.measure import Measured, Report, alternate, in_child, median_cpu_seconds, median_seconds
from instagram_assets.demo.quality_pictures import OTHERS, SCENES, known_pictures
from instagram_assets.media.decode import open_grey
from instagram_assets.settings import QualitySettings
from instagram_assets.vision.image_batches import Failed, map_in_threads
from instagram_assets.vision.quality import STANDARD_SIDE, ImageMeasures, measure_image, rejection_reason

_SIZES = ((1080, 1350), (1080, 1080), (1080, 720), (640, 800))
_BLURS = (0, 0.5, 1, 1.5, 2, 3, 5, 8)
_SOURCE_THRESHOLD = 50
_THREADS = 2


class Naive(NamedTuple):
    """What a notebook measures."""

    sharpness: float
    phash: str | None


def measure(report: Report, quick: bool) -> None:
    """Add `quality_ratio` (everything on both sides), shares of right verdicts, and what belongs to them."""
    _compare_verdicts(report, scenes=6 if quick else 40)
    rounds, repeats = (3, 2) if quick else (5, 12)
    with tempfile.TemporaryDirectory() as folder:
        files = _write_pictures(Path(folder))
        _check_and_compare(report, files)
        sides = {
            "ours": lambda: _child(ours, folder, repeats),
            "notebook": lambda: _child(notebook, folder, repeats),
            "without hash": lambda: _child(notebook_without_hash, folder, repeats),
        }
        runs = alternate(sides, rounds)
    count = len(files) * repeats
    for name, measured in runs.items():
        seconds, cpu = median_seconds(measured), median_cpu_seconds(measured)
        report.note(
            f"quality, {name:<13} {seconds / count * 1e3:6.2f} ms an image, {cpu / count * 1e3:6.2f} of processor"
        )
    mine, naive, bare = (runs[name] for name in sides)
    report.figures |= {
        "quality_ratio": median_seconds(naive) / median_seconds(mine),
        "quality_cpu_ratio": median_cpu_seconds(naive) / median_cpu_seconds(mine),
        "quality_ratio_without_hash": median_seconds(bare) / median_seconds(mine),
        "quality_images_per_second": count / median_seconds(mine),
    }


def ours(folder: str, repeats: int) -> int:
    """In a child: how many images were measured, on two threads."""
    items = ((file.name, file) for _ in range(repeats) for file in _files(folder))
    results = map_in_threads(items, lambda path: measure_image(open_grey(path)), workers=_THREADS)
    return sum(not isinstance(result, Failed) for _, result in results)


def notebook(folder: str, repeats: int) -> int:
    """The peer, in a child: one by one, every pixel with its colours, the hash from the full picture."""
    return len([_naively(file) for _ in range(repeats) for file in _files(folder)])


def notebook_without_hash(folder: str, repeats: int) -> int:
    """The peer with less to do: full decoding and sharpness alone, one by one."""
    return len([_naively(file, hashed=False) for _ in range(repeats) for file in _files(folder)])


def _naively(file: Path, hashed: bool = True) -> Naive:
    with Image.open(file) as image:
        grey = np.asarray(image.convert("RGB").convert("L"))
        sharpness = float(cv2.Laplacian(grey, cv2.CV_64F).var())
        return Naive(sharpness, _imagehash_phash(image) if hashed else None)


def _imagehash_phash(image: Image.Image) -> str:
    """`str(imagehash.phash(image))`, written out: the library is not among our dependencies."""
    from scipy.fft import dct

    pixels = np.asarray(image.convert("L").resize((32, 32), Image.Resampling.LANCZOS), np.float64)
    whole: Any = dct(dct(pixels, axis=0), axis=1)
    low = whole[:8, :8]
    return np.packbits(low > np.median(low)).tobytes().hex()


def _check_and_compare(report: Report, files: list[Path]) -> None:
    """Both sharpness values are those of the plain formula; what differs from the notebook's is told."""
    apart: list[float] = []
    bits: list[int] = []
    native = standard = 0
    for file in files:
        mine, naive = measure_image(open_grey(file)), _naively(file)
        _assert_plain_formula(file, mine)
        apart.append(abs(mine.sharpness_native - naive.sharpness) / naive.sharpness)
        bits.append((int(mine.phash or "0", 16) ^ int(naive.phash or "0", 16)).bit_count())
        verdict = naive.sharpness >= _SOURCE_THRESHOLD
        native += (mine.sharpness_native >= _SOURCE_THRESHOLD) == verdict
        standard += (mine.sharpness >= _SOURCE_THRESHOLD) == verdict
    report.note(f"quality: both sharpness values equal the plain formula on {len(files)} images")
    report.note(f"quality: native sharpness is within {max(apart):.2%} of the notebook's, the same verdict on {native}")
    report.note(f"quality: the standard size gives the native rule's verdict on {standard} of {len(files)}")
    report.note(
        f"quality: hashes differ from the full picture's in {np.mean(bits):.1f} of 64 bits, at most {max(bits)}"
    )


def _compare_verdicts(report: Report, scenes: int) -> None:
    """Tell for each kind of picture how many get the right verdict: by sharpness alone, of 50 and more, and now."""
    expected = {kind: reason for kind, (reason, _) in [*SCENES.items(), *OTHERS.items()]}
    right: dict[str, list[tuple[bool, bool]]] = {kind: [] for kind in expected}
    measured: dict[str, list[ImageMeasures]] = {kind: [] for kind in expected}
    for seed in range(scenes):
        for kind, pixels, reason in known_pictures(seed):
            measures = measure_image(Image.fromarray(pixels))
            before = "smaller" if min(pixels.shape) < STANDARD_SIDE else "blurred" if measures.sharpness < 50 else ""
            now = rejection_reason(measures._asdict() | {"status": "ok"}, QualitySettings()) or ""
            right[kind].append((before == reason, now.replace(":", " ").partition(" ")[0] == reason))
            measured[kind].append(measures)
    report.note(
        f"verdicts on {scenes} of each kind  {'right verdict':<14} right before    now  sharpness  focus  noise"
    )
    for kind, verdicts in right.items():
        before, now = (sum(column) for column in zip(*verdicts, strict=True))
        sharpness, focus, noise = (
            float(np.median([getattr(each, name) for each in measured[kind]]))
            for name in ("sharpness", "focus", "noise")
        )
        wanted = {"": "kept", "low": "low contrast", "smaller": "too small"}.get(expected[kind], expected[kind])
        report.note(f"  {kind:<29} {wanted:<14} {before:12} {now:6} {sharpness:10.1f} {focus:6.2f} {noise:6.1f}")
    shares = np.mean([verdict for verdicts in right.values() for verdict in verdicts], axis=0)
    report.figures |= {"quality_right_before": float(shares[0]), "quality_right": float(shares[1])}


def _assert_plain_formula(file: Path, measures: ImageMeasures) -> None:
    grey: Any = cv2.imread(str(file), cv2.IMREAD_GRAYSCALE)
    scale = STANDARD_SIDE / min(grey.shape)
    size = (round(grey.shape[1] * scale), round(grey.shape[0] * scale))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    plain = [float(cv2.Laplacian(pixels, cv2.CV_64F).var()) for pixels in (small, grey)]
    if not np.allclose(plain, [measures.sharpness, measures.sharpness_native], rtol=1e-12):
        raise AssertionError(f"{file.name}: {measures} instead of {plain}")


def _write_pictures(folder: Path) -> list[Path]:
    """Clouds of colour with detail at every scale, as photos have it, in focus and out; every second progressive."""
    random = np.random.default_rng(7)
    for number in range(len(_SIZES) * len(_BLURS)):
        width, height = _SIZES[number % len(_SIZES)]
        pixels = np.stack([_cloud(width, height, random) for _ in range(3)], axis=2)
        # Colours of photos go together: two thirds of each channel are common to all.
        mixed = pixels / 3 + pixels.mean(axis=2, keepdims=True) * 2 / 3
        blur = _BLURS[number // len(_SIZES)]
        clipped = np.clip(mixed * 60 + 128, 0, 255).astype(np.uint8)
        image = Image.fromarray(clipped if not blur else cv2.GaussianBlur(clipped, (0, 0), blur))
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=82, progressive=number % 2 == 1)
        (folder / f"{number:03}.jpg").write_bytes(stream.getvalue())
    return _files(str(folder))


def _cloud(width: int, height: int, random: np.random.Generator) -> NDArray[np.float64]:
    """Noise whose amplitude falls with frequency, with mean 0 and standard deviation 1."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
    frequency[0, 0] = 1
    waves = np.fft.rfft2(random.normal(size=(height, width))) / frequency**1.3
    cloud = np.fft.irfft2(waves, s=(height, width))
    return (cloud - cloud.mean()) / cloud.std()


def _files(folder: str) -> list[Path]:
    return sorted(Path(folder).glob("*.jpg"))


def _child(side: Any, folder: str, repeats: int) -> Measured:
    return in_child(f"benchmarks.vision.quality:{side.__name__}", folder, repeats)
