"""Video analysis: metadata, sample frames, poster, audio loudness, and cuts per minute."""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from instagram_assets.media.video_decoder import DecodedVideo, open_video, video_error

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

Frame = NDArray[np.uint8]
"""uint8[height, width, 3]: one frame in RGB, upright."""
MAX_LONG_SIDE = 1280
"""Maximum length of a frame's longer side in pixels; larger frames are scaled down."""
SILENCE_DB = -120.0
"""Loudness of silence in dB of full scale, where the logarithm would be minus infinity."""
CUT_THRESHOLD = 27.0
"""Mean difference of luminance, of 255, above which two frames belong to two shots: PySceneDetect's threshold."""

_SHORTEST_SHOT = 0.25
_COMPARED_PER_SECOND = 10
_SMALL = 48
_CANDIDATES = 9
_UNIFORM = 8.0
"""Standard deviation of luminance below which a frame counts as one colour: black, white, a fade."""
_NO_PICTURE = "none of its pictures can be decoded"


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """Metadata from a video's header and first frame; width and height as displayed, after rotation."""

    duration: float | None
    """Length in seconds; None if the file does not state it."""
    width: int
    height: int
    codec: str
    has_audio: bool


def probe(path: Path) -> VideoFacts:
    """Returns a video's metadata, after its first frame was decoded to check that it can be played.

    Raises FileError if the file is not a video, is damaged, or has no video frames.
    """
    with open_video(path) as video:
        first = next(video.frames(), None)
        if first is None:
            raise video_error(path, _NO_PICTURE)
        size = (first.width, first.height)
        width, height = reversed(size) if _quarters(first) % 2 else size
        return VideoFacts(video.stated_seconds, width, height, video.stream.codec_context.name, video.has_audio)


def frames(path: Path, count: int = 8, long_side: int = MAX_LONG_SIDE) -> list[Frame]:
    """Returns at most `count` frames as RGB arrays, evenly spaced over a video, in order; fewer if it has fewer.

    If there are enough key frames, those nearest to the evenly spaced times are returned. The longer side is scaled
    down to `long_side` pixels. Raises FileError as `probe` does.
    """
    return [picture for _, picture in timed_frames(path, count, long_side)]


def timed_frames(path: Path, count: int = 8, long_side: int = MAX_LONG_SIDE) -> list[tuple[float, Frame]]:
    """Returns (timestamp, frame) of the frames that `frames` returns, in seconds from the video's start."""
    with open_video(path) as video:
        times = [(index + 0.5) / count * video.seconds for index in range(count)]
        keys = _nearest_keys(video, times)
        found = _at_keys(video, keys) if len(keys) == count else _at_times(video, times)
    if not found:
        raise video_error(path, _NO_PICTURE)
    start = _start(video)
    return [(max(0.0, (frame.time or 0.0) - start), _upright(frame, long_side)) for frame in found]


def poster(path: Path, long_side: int = MAX_LONG_SIDE) -> bytes:
    """Returns one representative frame of a video as JPEG. Raises FileError as `probe` does."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(most_representative(frames(path, _CANDIDATES, long_side))).save(
        out, "JPEG", quality=85, optimize=True
    )
    return out.getvalue()


def most_representative(candidates: Sequence[Frame]) -> Frame:
    """Returns the frame whose histogram is nearest to the mean histogram, as in FFmpeg's `thumbnail` filter.

    Frames of a single colour, such as black ones at the beginning, are used only if there are no others.
    """
    greys = [picture.mean(axis=2) for picture in candidates]
    shown = [index for index, grey in enumerate(greys) if grey.std() >= _UNIFORM] or list(range(len(candidates)))
    histograms = np.stack([np.histogram(greys[index], 64, (0, 256), density=True)[0] for index in shown])
    distances = ((histograms - histograms.mean(axis=0)) ** 2).sum(axis=1)
    return candidates[shown[int(distances.argmin())]]


def loudness(path: Path) -> float | None:
    """Returns the audio's root mean square over all channels in dB of full scale; None if there is no audio.

    Raises FileError if the file or part of its audio is damaged, since the value would be wrong.
    """
    with open_video(path) as video:
        if not video.has_audio:
            return None
        squares, samples = 0.0, 0
        for frame in video.audio_frames():
            values = _of_full_scale(frame.to_ndarray())
            squares += float(values @ values)
            samples += values.size
        video.check_complete("parts of its sound")
    if not samples or not math.isfinite(squares):
        raise video_error(path, "its sound cannot be decoded")
    return max(SILENCE_DB, 10 * math.log10(max(squares / samples, 1e-30)))


def cuts_per_minute(path: Path) -> float:
    """Returns the number of cuts between shots per minute of video.

    Up to ten frames per second, scaled to 48 × 48, are compared with the previous one. A cut is a mean absolute
    difference in luminance of at least `CUT_THRESHOLD`, at least a quarter of a second after the last cut. This is
    pairwise comparison (Zhang, Kankanhalli and Smoliar 1993, Automatic partitioning of full-motion video) with the
    threshold of PySceneDetect's content detector. Slow fades are not cuts. Raises FileError as `probe` does, and if
    some frames are damaged.
    """
    cuts, compared_at, cut_at = 0, -math.inf, -math.inf
    previous: NDArray[np.float32] | None = None
    with open_video(path) as video:
        # Deblocking is not needed, and without B-frames there are enough frames between two cuts.
        video.stream.codec_context.options = {"skip_loop_filter": "all"}
        for frame in video.frames("BIDIR"):
            timestamp = frame.time or 0.0
            if timestamp - compared_at < 0.9 / _COMPARED_PER_SECOND:
                continue
            compared_at = timestamp
            small = _small_grey(frame)
            if (
                previous is not None
                and np.abs(small - previous).mean() >= CUT_THRESHOLD
                and timestamp - cut_at >= _SHORTEST_SHOT
            ):
                cuts, cut_at = cuts + 1, timestamp
            previous = small
        video.check_complete("pictures")
        length = video.seconds
    if previous is None:
        raise video_error(path, _NO_PICTURE)
    return 60 * cuts / length if length > 0 else 0.0


def _start(video: DecodedVideo) -> float:
    stream = video.stream
    return float(stream.start_time * stream.time_base) if stream.start_time and stream.time_base else 0.0


def _nearest_keys(video: DecodedVideo, times: Sequence[float]) -> list[int]:
    """Returns the distinct timestamps (pts) of the key frames nearest to the given times in seconds."""
    base = video.stream.time_base
    keys = np.array([entry.timestamp for entry in video.stream.index_entries if entry.is_keyframe], np.int64)
    if not base or not len(keys):
        return []
    timestamps = np.array(times) / float(base) + keys[0]
    return sorted({int(keys[np.abs(keys - timestamp).argmin()]) for timestamp in timestamps})


def _at_keys(video: DecodedVideo, keys: Sequence[int]) -> list["VideoFrame"]:
    found: list[VideoFrame] = []
    for key in keys:
        video.container.seek(key, stream=video.stream)
        found += [frame for frame in [next(video.frames("NONKEY"), None)] if frame]
    return found


def _at_times(video: DecodedVideo, times: Sequence[float]) -> list["VideoFrame"]:
    """Returns the first frame at or after each of the given times in seconds, decoded in one pass."""
    found: list[VideoFrame] = []
    start, last = _start(video), None
    for frame in video.frames():
        last = frame
        if (frame.time or 0.0) - start >= times[len(found)]:
            found.append(frame)
        if len(found) == len(times):
            return found
    return found or ([last] if last else [])


def _upright(frame: "VideoFrame", long_side: int) -> Frame:
    scale = min(1.0, long_side / max(frame.width, frame.height))
    width, height = max(1, round(frame.width * scale)), max(1, round(frame.height * scale))
    picture = frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()
    return np.ascontiguousarray(np.rot90(picture, _quarters(frame)), np.uint8)


def _small_grey(frame: "VideoFrame") -> NDArray[np.float32]:
    """Returns a frame's luminance scaled to 48 × 48, float32 from 0 to 255."""
    import cv2

    # FFmpeg's own scaling takes longer than the decoding; most videos store the luminance as a plane of its own.
    if frame.format.name not in ("yuv420p", "yuvj420p", "nv12", "gray"):
        frame = frame.reformat(format="gray")
    plane = frame.planes[0]
    brightness = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: frame.height, : frame.width]
    return cv2.resize(brightness[::2, ::2], (_SMALL, _SMALL), interpolation=cv2.INTER_AREA).astype(np.float32)


def _quarters(frame: "VideoFrame") -> int:
    """Returns how many counterclockwise quarter turns make a frame upright, by its rotation metadata."""
    return round(frame.rotation / 90) % 4


def _of_full_scale(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Returns audio samples of any type as a flat float64 array in which full scale is 1.0."""
    flat = values.ravel()
    if flat.dtype.kind not in "iu":
        return flat.astype(np.float64)
    middle = 128.0 if flat.dtype.kind == "u" else 0.0
    return (flat.astype(np.float64) - middle) / 2.0 ** (8 * flat.dtype.itemsize - 1)
