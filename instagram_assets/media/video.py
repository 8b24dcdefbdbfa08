"""What a film is and what it shows: its facts, some of its pictures, how loud it is, how often it is cut."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from instagram_assets.media.film import Film, opened, refusal

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

Picture = NDArray[np.uint8]
"""uint8[height, width, 3]: one picture in RGB, upright."""
LONG_SIDE = 1280
"""Pixels of a picture's longer side at most; larger ones are made smaller."""
QUIETEST = -120.0
"""Loudness of silence in dB of full scale, where the logarithm has no end."""
CUT = 27.0
"""Mean difference of brightness, of 255, from which two pictures are two shots: the threshold of PySceneDetect."""

_SHORTEST_SHOT = 0.25
_COMPARED_PER_SECOND = 10
_SMALL = 48
_CANDIDATES = 9
_UNIFORM = 8.0
"""Standard deviation of brightness below which a picture is one colour: black, white, a fade."""
_NO_PICTURE = "none of its pictures can be decoded"


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """What a film's header and first picture say; width and height as it is shown, after rotation."""

    duration: float | None
    """Length in seconds; null where the file does not tell."""
    width: int
    height: int
    codec: str
    has_audio: bool


def probe(path: Path) -> VideoFacts:
    """What a film is. Its first picture is decoded, so what passes can be watched.

    Raises FileError for what is no film, is damaged, or has no picture.
    """
    with opened(path) as film:
        first = next(film.pictures(), None)
        if first is None:
            raise refusal(path, _NO_PICTURE)
        size = (first.width, first.height)
        width, height = reversed(size) if _quarters(first) % 2 else size
        return VideoFacts(film.stated_length, width, height, film.picture.codec_context.name, film.has_sound)


def frames(path: Path, count: int = 8, long_side: int = LONG_SIDE) -> list[Picture]:
    """At most `count` pictures spread evenly over a film, in their order; fewer of a film that has fewer.

    Where enough pictures can be decoded without their neighbours, the nearest of these are taken.
    Raises FileError as `probe` does.
    """
    return [picture for _, picture in timed_frames(path, count, long_side)]


def timed_frames(path: Path, count: int = 8, long_side: int = LONG_SIDE) -> list[tuple[float, Picture]]:
    """As `frames`, each picture with its moment in seconds from the film's start."""
    with opened(path) as film:
        wanted = [(place + 0.5) / count * film.length for place in range(count)]
        keys = _nearest_keys(film, wanted)
        found = _at_keys(film, keys) if len(keys) == count else _at_moments(film, wanted)
    if not found:
        raise refusal(path, _NO_PICTURE)
    start = _start(film)
    return [(max(0.0, (frame.time or 0.0) - start), _upright(frame, long_side)) for frame in found]


def poster(path: Path, long_side: int = LONG_SIDE) -> bytes:
    """One telling picture of a film as JPEG. Raises FileError as `probe` does."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(telling(frames(path, _CANDIDATES, long_side))).save(out, "JPEG", quality=85, optimize=True)
    return out.getvalue()


def telling(pictures: Sequence[Picture]) -> Picture:
    """The picture that stands best for all: its histogram is nearest to the mean one, as in FFmpeg's `thumbnail`.

    Pictures of one colour, such as the black ones of a beginning, count only where there are no others.
    """
    greys = [picture.mean(axis=2) for picture in pictures]
    shown = [place for place, grey in enumerate(greys) if grey.std() >= _UNIFORM] or list(range(len(pictures)))
    histograms = np.stack([np.histogram(greys[place], 64, (0, 256), density=True)[0] for place in shown])
    distances = ((histograms - histograms.mean(axis=0)) ** 2).sum(axis=1)
    return pictures[shown[int(distances.argmin())]]


def loudness(path: Path) -> float | None:
    """Root mean square of the sound in dB of full scale, all channels together; null without sound.

    Raises FileError when the file or its sound is damaged, also in part: what is left would be another film's.
    """
    with opened(path) as film:
        if not film.has_sound:
            return None
        squares, samples = 0.0, 0
        for frame in film.sounds():
            values = _of_full_scale(frame.to_ndarray())
            squares += float(values @ values)
            samples += values.size
        film.check_whole("parts of its sound")
    if not samples or not math.isfinite(squares):
        raise refusal(path, "its sound cannot be decoded")
    return max(QUIETEST, 10 * math.log10(max(squares / samples, 1e-30)))


def cuts_per_minute(path: Path) -> float:
    """How often the picture changes at once, per minute of film.

    A cut is where the brightness of two pictures, up to ten in a second and reduced to 48 × 48, differs by `CUT` or
    more on average, a quarter of a second or more after the last cut. This is pairwise comparison (Zhang, Kankanhalli
    and Smoliar 1993, Automatic partitioning of full-motion video) with the threshold of PySceneDetect's detector of
    content. What fades slowly is no cut. Raises FileError as `probe` does, and where some pictures are damaged.
    """
    cuts, compared, cut_at = 0, -math.inf, -math.inf
    before: NDArray[np.float32] | None = None
    with opened(path) as film:
        # Edges need not be smoothed, and between two cuts there are pictures enough that are not made of later ones.
        film.picture.codec_context.options = {"skip_loop_filter": "all"}
        for frame in film.pictures("BIDIR"):
            moment = frame.time or 0.0
            if moment - compared < 0.9 / _COMPARED_PER_SECOND:
                continue
            compared = moment
            small = _small_grey(frame)
            if before is not None and np.abs(small - before).mean() >= CUT and moment - cut_at >= _SHORTEST_SHOT:
                cuts, cut_at = cuts + 1, moment
            before = small
        film.check_whole("pictures")
        length = film.length
    if before is None:
        raise refusal(path, _NO_PICTURE)
    return 60 * cuts / length if length > 0 else 0.0


def _start(film: Film) -> float:
    stream = film.picture
    return float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0


def _nearest_keys(film: Film, wanted: Sequence[float]) -> list[int]:
    """The timestamps of the key pictures nearest to some moments, each once."""
    base = film.picture.time_base
    keys = np.array([entry.timestamp for entry in film.picture.index_entries if entry.is_keyframe], np.int64)
    if not base or not len(keys):
        return []
    moments = np.array(wanted) / float(base) + keys[0]
    return sorted({int(keys[np.abs(keys - moment).argmin()]) for moment in moments})


def _at_keys(film: Film, keys: Sequence[int]) -> list["VideoFrame"]:
    found: list[VideoFrame] = []
    for key in keys:
        film.container.seek(key, stream=film.picture)
        found += [frame for frame in [next(film.pictures("NONKEY"), None)] if frame]
    return found


def _at_moments(film: Film, wanted: Sequence[float]) -> list["VideoFrame"]:
    """The first picture at each moment or after it, all of them decoded in one go."""
    found: list[VideoFrame] = []
    start, last = _start(film), None
    for frame in film.pictures():
        last = frame
        if (frame.time or 0.0) - start >= wanted[len(found)]:
            found.append(frame)
        if len(found) == len(wanted):
            return found
    return found or ([last] if last else [])


def _upright(frame: "VideoFrame", long_side: int) -> Picture:
    scale = min(1.0, long_side / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    picture = frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()
    return np.ascontiguousarray(np.rot90(picture, _quarters(frame)), np.uint8)


def _small_grey(frame: "VideoFrame") -> NDArray[np.float32]:
    """The brightness of a picture, reduced to 48 × 48."""
    import cv2

    # FFmpeg's own reduction takes longer than the decoding; most films hold the brightness by itself.
    if frame.format.name not in ("yuv420p", "yuvj420p", "nv12", "gray"):
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    brightness = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    return cv2.resize(brightness[::2, ::2], (_SMALL, _SMALL), interpolation=cv2.INTER_AREA).astype(np.float32)


def _quarters(frame: "VideoFrame") -> int:
    """Quarter turns, counterclockwise, after which a picture stands upright."""
    return round(frame.rotation / 90) % 4


def _of_full_scale(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Samples of any type as numbers of which 1 is the loudest, in one row."""
    flat = values.ravel()
    if flat.dtype.kind not in "iu":
        return flat.astype(np.float64)
    middle = 128.0 if flat.dtype.kind == "u" else 0.0
    return (flat.astype(np.float64) - middle) / 2.0 ** (8 * flat.dtype.itemsize - 1)
