"""Real films, encoded by FFmpeg: pictures and sound that a decoder gives back."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

RATE = 8_000
BLACK, WHITE = (0, 0, 0), (255, 255, 255)
Colour = tuple[int, int, int]


def chequered(number: int, size: tuple[int, int] = (96, 160)) -> NDArray[np.uint8]:
    """A picture of blocks that differs clearly from those of other numbers: uint8[height, width, 3]."""
    width, height = size
    blocks = np.random.default_rng(number).integers(0, 256, (-(-height // 16), -(-width // 16), 3), np.uint8)
    return blocks.repeat(16, 0).repeat(16, 1)[:height, :width]


def plain(colour: Colour, size: tuple[int, int] = (96, 160)) -> NDArray[np.uint8]:
    """A picture of one colour."""
    return np.full((size[1], size[0], 3), colour, np.uint8)


def save_film(
    path: Path,
    shots: Sequence[NDArray[np.uint8]],
    *,
    seconds: float = 1.0,
    fps: int = 10,
    loud: float | None = 0.25,
    rotation: int = 0,
    codec: str = "libx264",
    key_every: int = 10,
) -> Path:
    """A film in which each of the shots stands for so many seconds; `loud` is the sound's amplitude, null for none.

    `rotation` is by how many degrees, counterclockwise, a player turns it.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = shots[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.gop_size = key_every
        if codec == "libx264":
            # Without scene detection key pictures come when they are due, as Instagram's encoder has them.
            stream.options = {"preset": "ultrafast", "x264-params": f"scenecut=0:keyint={key_every}:threads=1"}
        if rotation:
            stream.set_display_rotation(rotation)
        sound = container.add_stream("aac", rate=RATE, layout="mono") if loud is not None else None
        for shot in shots:
            for _ in range(round(seconds * fps)):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(shot, "rgb24")))
        container.mux(stream.encode())
        if sound is not None and loud is not None:
            for frame in _tone(len(shots) * seconds, loud):
                container.mux(sound.encode(frame))
            container.mux(sound.encode())
    return path


def first_index(path: Path) -> Path:
    """The same film with its index before its parts, as those have that are played while they come."""
    moved = path.with_stem(f"{path.stem}-first")
    with av.open(str(path)) as old, av.open(str(moved), "w", options={"movflags": "faststart"}) as new:
        streams = {
            stream.index: new.add_stream_from_template(stream) for stream in (*old.streams.video, *old.streams.audio)
        }
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    return moved


def save_sound(path: Path, seconds: float = 1.0) -> Path:
    """A file of that kind with sound alone."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=RATE, layout="mono")
        for frame in _tone(seconds, 0.25):
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def _tone(seconds: float, loud: float) -> list[av.AudioFrame]:
    samples = loud * np.sin(2 * np.pi * 440 / RATE * np.arange(round(seconds * RATE)))
    frames: list[av.AudioFrame] = []
    for start in range(0, len(samples), 1024):
        part = np.ascontiguousarray(samples[None, start : start + 1024], np.float32)
        frame = av.AudioFrame.from_ndarray(part, "fltp", "mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, start, Fraction(1, RATE)
        frames.append(frame)
    return frames
