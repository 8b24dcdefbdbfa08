"""A film opened by FFmpeg and read within bounds: the first ten minutes, pictures of a sane size, two minutes of work.

Only MP4, QuickTime and WebM are opened, and nothing that they point to. What FFmpeg complains of is a FileError.
"""

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Literal

from instagram_assets.errors import FileError

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

LONGEST = 600.0
"""Seconds of a film that are looked at; most reels last up to three minutes."""
MOST_SECONDS = 120.0
"""Time after which the decoder is stopped: a reel of 90 seconds takes about one."""
MAX_MEGAPIXELS = 40.0

Skip = Literal["DEFAULT", "BIDIR", "NONKEY"]
"""Which pictures are left out: none, those made from later ones too, all but those that need no other."""

_FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
_MOST_BAD = 50
"""Parts in a row that cannot be decoded, after which the rest is not tried."""


class Film:
    """One film under way: its picture, its sound, how long it is, and its decoded parts."""

    def __init__(self, path: Path, container: "InputContainer", picture: "VideoStream") -> None:
        self.path = path
        self.container = container
        self.picture = picture
        self._read = self._damaged = 0
        self._end = time.monotonic() + MOST_SECONDS

    @property
    def has_sound(self) -> bool:
        return bool(self.container.streams.audio)

    @property
    def stated_length(self) -> float | None:
        """Seconds by the header; null where it tells none."""
        stream = self.picture
        if stream.duration and stream.time_base:
            return float(stream.duration * stream.time_base)
        return self.container.duration / 1_000_000 if self.container.duration else None

    @property
    def length(self) -> float:
        """Seconds that are looked at: by the index, which knows what there is, else by the header."""
        entries, base = self.picture.index_entries, self.picture.time_base
        stated = self.stated_length or 0.0
        if len(entries) and base:
            # The last picture stays for a while that only the header knows; a header may also be far from the truth.
            there = float((entries[len(entries) - 1].timestamp - entries[0].timestamp) * base)
            stated = stated if there <= stated <= there + 10 else there
        return min(stated, LONGEST)

    def pictures(self, skip: Skip = "DEFAULT") -> Iterator["VideoFrame"]:
        """Decoded pictures from where the film stands; damaged ones are passed over."""
        from av.error import InvalidDataError

        self.picture.codec_context.skip_frame = skip
        self._read = self._damaged = bad = 0
        for packet in self.container.demux(self.picture):
            if self._is_beyond(packet.pts, self.picture):
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
                check_size(self.path, frame.width, frame.height)
                yield frame
        self._count_missing(self.picture)

    def sounds(self) -> Iterator["AudioFrame"]:
        """Decoded parts of the first sound from where the film stands; damaged ones are passed over."""
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

    def check_whole(self, what: str) -> None:
        """Raises FileError when of what was read to its end some parts are damaged, or not there."""
        if self._damaged:
            raise refusal(self.path, f"{self._damaged:,} of {self._read:,} {what} cannot be decoded")

    def _count_missing(self, stream: "VideoStream | AudioStream") -> None:
        """Count what the index names and the file, cut off, does not have."""
        missing = max(0, len(stream.index_entries) - self._read)
        self._damaged, self._read = self._damaged + missing, self._read + missing

    def _is_beyond(self, pts: int | None, stream: object) -> bool:
        """True after the part that is looked at; raises FileError when that takes too long."""
        if time.monotonic() > self._end:
            raise refusal(self.path, f"is not decoded within {MOST_SECONDS:g} seconds")
        base = getattr(stream, "time_base", None)
        start = getattr(stream, "start_time", None) or 0
        return pts is not None and base is not None and float((pts - start) * base) > LONGEST


@contextmanager
def opened(path: Path) -> Generator[Film]:
    """The film in a file. Raises FileError, also for what goes wrong inside the block."""
    import av
    from av.error import FFmpegError
    from av.stream import Disposition

    _check_file(path)
    # Playlists and the like would have other files and addresses opened.
    options = {"format_whitelist": _FORMATS, "protocol_whitelist": "file"}
    try:
        with av.open(str(path), options=options) as container:
            pictures = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
            if not pictures:
                raise refusal(path, "has no picture")
            context = pictures[0].codec_context
            check_size(path, context.width, context.height)
            pictures[0].thread_type = "AUTO"
            yield Film(path, container, pictures[0])
    except (FFmpegError, UnicodeError) as error:
        problem = getattr(error, "strerror", None) or type(error).__name__
        raise refusal(path, f"cannot be read as a video ({problem})") from error


def check_size(path: Path, width: int, height: int) -> None:
    """Raises FileError for pictures that would fill the memory."""
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise refusal(path, f"has pictures of {width} x {height} pixels, more than {MAX_MEGAPIXELS:g} megapixels")


def refusal(path: Path, problem: str) -> FileError:
    """The error for a film that cannot be used."""
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
        raise refusal(path, "is empty")
