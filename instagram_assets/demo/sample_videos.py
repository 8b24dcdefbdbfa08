"""Synthetic videos for reels: scenes with panning and cuts, and a tone for each scene."""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from posixpath import basename
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from instagram_assets.demo.apify_items import reel_item
from instagram_assets.demo.sample_catalogue import SEED, sample_reels
from instagram_assets.demo.synthetic_images import SCENE_COLOURS, SCENE_SHAPES, Scene, render_image

if TYPE_CHECKING:
    from av.container import OutputContainer

_WIDTH, _HEIGHT = 180, 320
_PAN = 40  # pixels by which a scene is larger than the frame
_FRAMES, _SAMPLES = 6, 16_000  # per second
_BLOCK = 1024  # samples in an AAC frame
_NOTES = (262, 294, 330, 392, 440)  # Hz, a pentatonic scale
_MANY_PLAYS = 2.0  # plays per follower
_LOUDNESS = 0.2  # peak, of full scale


@dataclass(frozen=True)
class SampleVideo:
    """A complete description of a synthetic video, which begins with the scene of its cover image.

    `seconds` is the duration, `scenes` the number of scenes, and `seed` determines their content. Without `sound` there
    is no audio track.
    """

    cover: Scene
    seconds: float
    scenes: int
    seed: int
    sound: bool = True


def sample_videos(seed: int = SEED) -> dict[str, SampleVideo]:
    """Return the videos of the demo's reels, keyed by file name; more popular reels have faster cuts."""
    found: dict[str, SampleVideo] = {}
    for reel in sample_reels(seed):
        item = reel_item(reel, "")
        rng = random.Random(f"film {reel.number}")
        plays = item["videoPlayCount"] / max(reel.account.followers, 60)
        pause = rng.uniform(2, 3) if plays > _MANY_PLAYS else rng.uniform(4, 8)
        seconds = item["videoDuration"]
        name = basename(urlsplit(item["videoUrl"]).path)
        film = SampleVideo(
            reel.media[0].scene, seconds, max(1, round(seconds / pause)), reel.number, rng.random() < 0.9
        )
        found[name] = film
    return found


def render_video(film: SampleVideo) -> bytes:
    """Return the video as an MP4 file: H.264 and AAC."""
    import av

    stream = io.BytesIO()
    with av.open(stream, "w", format="mp4") as container:
        picture: Any = container.add_stream("libx264", rate=_FRAMES, options={"preset": "ultrafast", "crf": "34"})
        picture.width, picture.height, picture.pix_fmt = _WIDTH, _HEIGHT, "yuv420p"
        sound: Any = container.add_stream("aac", rate=_SAMPLES, layout="mono") if film.sound else None
        for pixels in _frames(film):
            container.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(picture.encode())
        if sound is not None:
            _write_sound(container, sound, _tone(film))
    return stream.getvalue()


def _write_sound(container: "OutputContainer", sound: Any, tone: NDArray[np.float32]) -> None:
    import av

    for start in range(0, tone.size, _BLOCK):
        frame = av.AudioFrame.from_ndarray(tone[np.newaxis, start : start + _BLOCK], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = _SAMPLES, start, Fraction(1, _SAMPLES)
        container.mux(sound.encode(frame))
    container.mux(sound.encode())


def _frames(film: SampleVideo) -> Iterator[NDArray[np.uint8]]:
    count = max(2, round(film.seconds * _FRAMES))
    scenes = _scenes(film)
    for number, pixels in enumerate(scenes):
        first, last = count * number // len(scenes), count * (number + 1) // len(scenes)
        for step in range(first, last):
            shift = _PAN * (step - first) // max(1, last - first)
            yield np.ascontiguousarray(pixels[shift : shift + _HEIGHT, shift : shift + _WIDTH])


def _scenes(film: SampleVideo) -> list[NDArray[np.uint8]]:
    rng = random.Random(f"film {film.seed}")
    cover = replace(film.cover, width=_WIDTH + _PAN, height=_HEIGHT + _PAN, format="JPEG", crop=0)
    scenes = [cover]
    for _ in range(film.scenes - 1):
        colour, background = rng.sample(tuple(SCENE_COLOURS), 2)
        shape = rng.choice(tuple(SCENE_SHAPES))
        scenes.append(
            replace(cover, shape=shape, colour=colour, background=background, seed=rng.getrandbits(32), blur=0)
        )
    return [np.asarray(render_image(scene), np.uint8) for scene in scenes]


def _tone(film: SampleVideo) -> NDArray[np.float32]:
    """Return the audio track as float32 samples: one note per scene."""
    rng = random.Random(f"tone {film.seed}")
    count = round(film.seconds * _SAMPLES)
    at = np.arange(count)
    notes = np.array([rng.choice(_NOTES) for _ in range(film.scenes)])[at * film.scenes // max(1, count)]
    return (_LOUDNESS * np.sin(2 * np.pi * notes * at / _SAMPLES)).astype(np.float32)
