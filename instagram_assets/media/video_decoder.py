"""Opens a video with FFmpeg and decodes it within limits: 10 minutes of video, frame size, 2 minutes of decoding.

Only MP4, QuickTime, Matroska and WebM files are opened, and no other files or URLs to which they refer. FFmpeg's errors
are converted to FileError.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Literal

from instagram_assets.errors import FileError
from instagram_assets.media.verify import MAX_MEGAPIXELS

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MAX_SECONDS = 600.0
"""Maximum seconds of a video that are decoded; most reels last up to three minutes."""
MAX_DECODING_SECONDS = 120.0
"""Time limit for decoding in seconds: a reel of 90 seconds takes about one."""

Skip = Literal["DEFAULT", "BIDIR", "NONKEY"]
"""Which frames are skipped: none, B-frames (BIDIR), or all but key frames (NONKEY)."""

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
_MOST_BAD = 50
"""Number of consecutive undecodable packets after which decoding stops."""


class DecodedVideo:
    """An open video: its streams, its duration, and iterators over its decoded frames."""

    def __init__(self, path: Path, container: "InputContainer", picture: "VideoStream") -> None:
        self.path = path
        self.container = container
        self.stream = picture
        self._read = self._damaged = 0
        self._end = time.monotonic() + MAX_DECODING_SECONDS

    @property
    def has_audio(self) -> bool:
        return bool(self.container.streams.audio)

    @property
    def stated_seconds(self) -> float | None:
        """The duration in seconds from the header; None if the header has none."""
        stream = self.stream
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        return self.container.duration / 1_000_000 if self.container.duration else None

    @property
    def seconds(self) -> float:
        """The duration in seconds of the decoded part: from the index of frames, or else from the header."""
        entries, base = self.stream.index_entries, self.stream.time_base
        stated = self.stated_seconds or 0.0
        if len(entries) and base:
            # Only the header has the duration of the last frame, but a header can be far from correct.
            there = float((entries[len(entries) - 1].timestamp - entries[0].timestamp) * base)
            stated = stated if there <= stated <= there + 10 else there
        return min(stated, MAX_SECONDS)

    def frames(self, skip: Skip = "DEFAULT") -> Iterator["VideoFrame"]:
        """Yields decoded video frames from the current position; damaged ones are skipped."""
        from av.error import InvalidDataError

        self.stream.codec_context.skip_frame = skip
        self._read = self._damaged = bad = 0
        for packet in self.container.demux(self.stream):
            if self._is_beyond(packet.pts, self.stream):
                return
            self._read += bool(packet.size)
            try:
                decoded = packet.decode()
            except InvalidDataError:
                self._damaged, bad = self._damaged + 1, bad + 1
                if bad > _MOST_BAD:
                    raise
                continue
            for frame in decoded:
                bad = 0
                _check_frame_size(self.path, frame.width, frame.height)
                yield frame
        self._count_missing(self.stream)

    def audio_frames(self) -> Iterator["AudioFrame"]:
        """Yields decoded frames of the first audio stream from the current position; damaged ones are skipped."""
        from av.error import InvalidDataError

        stream = self.container.streams.audio[0]
        self._read = self._damaged = bad = 0
        for packet in self.container.demux(stream):
            if self._is_beyond(packet.pts, stream):
                return
            self._read += bool(packet.size)
            try:
                decoded = packet.decode()
            except InvalidDataError:
                self._damaged, bad = self._damaged + 1, bad + 1
                if bad > _MOST_BAD:
                    raise
                continue
            bad = 0
            yield from decoded
        self._count_missing(stream)

    def check_complete(self, what: str) -> None:
        """Raise FileError if frames were damaged or missing in the last iteration; `what` names them in the message."""
        if self._damaged:
            raise video_error(self.path, f"{self._damaged:,} of {self._read:,} {what} cannot be decoded")

    def _count_missing(self, stream: "VideoStream | AudioStream") -> None:
        """Count as damaged the frames that are in the index but missing from a truncated file."""
        missing = max(0, len(stream.index_entries) - self._read)
        self._damaged, self._read = self._damaged + missing, self._read + missing

    def _is_beyond(self, pts: int | None, stream: object) -> bool:
        """Whether a timestamp is beyond the maximum duration to decode; raises FileError beyond the time limit."""
        if time.monotonic() > self._end:
            raise video_error(self.path, f"is not decoded within {MAX_DECODING_SECONDS:g} seconds")
        base = getattr(stream, "time_base", None)
        start = getattr(stream, "start_time", None) or 0
        return pts is not None and base is not None and float((pts - start) * base) > MAX_SECONDS


@contextmanager
def open_video(path: Path) -> Generator[DecodedVideo]:
    """Context manager that yields the open video of a file; FFmpeg's errors in the block are raised as FileError."""
    import av
    from av.error import FFmpegError
    from av.stream import Disposition

    _check_file(path)
    # Playlist formats would open other files and URLs.
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    try:
        with av.open(str(path), options=options) as container:
            pictures = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
            if not pictures:
                raise video_error(path, "has no picture")
            context = pictures[0].codec_context
            _check_frame_size(path, context.width, context.height)
            pictures[0].thread_type = "AUTO"
            yield DecodedVideo(path, container, pictures[0])
    except (FFmpegError, UnicodeError) as error:
        problem = getattr(error, "strerror", None) or type(error).__name__
        raise video_error(path, f"cannot be read as a video ({problem})") from error


def _check_frame_size(path: Path, width: int, height: int) -> None:
    """Raise FileError if a frame has more than MAX_MEGAPIXELS, so that it does not exhaust memory."""
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise video_error(path, f"has pictures of {width} x {height} pixels, more than {MAX_MEGAPIXELS:g} megapixels")


def video_error(path: Path, problem: str) -> FileError:
    """Returns the FileError, with a remedy, for a video that cannot be used."""
    return FileError(str(path), problem, "Fetch the video again, or leave it out")


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except OSError as error:
        problem = f"cannot be read ({error.strerror})"
        raise FileError(str(path), problem, "Check that it exists and that you may read it") from error
    if not S_ISREG(status.st_mode):
        raise FileError(str(path), "is no file that has an end", "Give the file of a video")
    if not status.st_size:
        raise video_error(path, "is empty")
