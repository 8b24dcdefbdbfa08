"""Is this a whole image? Answered while its bytes arrive, from their structure, without decoding.

Each format is read by a generator that says what it needs next (`_Take`, `_Skip`, `_FindMarker`) and is written
as if the file were all there; `ImageChecker` feeds it whatever pieces the network delivers.
"""

import re
import struct
from collections.abc import Callable, Generator
from dataclasses import dataclass

from instagram_assets.media.outcomes import Passing, Refused
from instagram_assets.media.sniff import HEAD, describe

ANIMATED = "animated, only the first frame counts"
TRAILING = "trailing bytes after the image"


@dataclass(frozen=True)
class ImageFacts:
    """What the bytes say about themselves; `note` tells what was odd, else null. Size in pixels, before rotation."""

    ext: str
    width: int
    height: int
    note: str | None = None


@dataclass(frozen=True, slots=True)
class _Take:
    count: int


@dataclass(frozen=True, slots=True)
class _Skip:
    count: int


@dataclass(frozen=True, slots=True)
class _FindMarker:
    """The next JPEG marker; compressed data hides none, for there 0xFF is followed by 0 or a restart."""


_Reader = Generator[_Take | _Skip | _FindMarker, bytes, ImageFacts]
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


class ImageChecker:
    """Takes an image piece by piece and tells whether it is one, and whole.

    `feed` and `finish` raise Refused for what is no supported image or has more than `max_megapixels`, and
    Passing for a damaged or unfinished one, which may come whole next time.
    """

    def __init__(self, max_megapixels: float) -> None:
        self._max_megapixels = max_megapixels
        self._reader: _Reader | None = None
        self._need: _Take | _Skip | _FindMarker = _Skip(0)
        self._skip = 0
        self._left = b""
        self._facts: ImageFacts | None = None
        self._trailing = False

    def feed(self, piece: bytes) -> None:
        """The next bytes of the file."""
        data = self._left + piece if self._left else piece
        self._left = b""
        if self._reader is None:
            self._begin(data, complete=False)
        if self._reader is None:
            self._left = data
        elif self._facts is None:
            self._left = self._read(data)
        else:
            self._trailing |= bool(data)

    def finish(self) -> ImageFacts:
        """The facts, once the last byte was fed."""
        if self._reader is None:
            self._begin(self._left, complete=True)
        if self._facts is None:
            raise Passing("image ends early")
        if not self._trailing:
            return self._facts
        note = "; ".join(filter(None, (self._facts.note, TRAILING)))
        return ImageFacts(self._facts.ext, self._facts.width, self._facts.height, note)

    def _begin(self, head: bytes, *, complete: bool) -> None:
        """Choose the reader from the first bytes, or refuse what is none of ours."""
        for matches, reader in _FORMATS:
            if matches.match(head):
                self._reader = reader(self._max_megapixels)
                self._want(next(self._reader))
                return
        if complete and not head:
            raise Passing("empty body")
        if complete and _begins_an_image(head):
            raise Passing("image ends early")
        if complete or len(head) >= HEAD:
            raise Refused(describe(head[:HEAD]))

    def _want(self, need: _Take | _Skip | _FindMarker) -> None:
        self._need = need
        self._skip = need.count if isinstance(need, _Skip) else 0

    def _read(self, data: bytes) -> bytes:
        """Let the reader have what it asks for; what it cannot use yet comes back."""
        assert self._reader is not None
        at = 0
        while True:
            match self._need:
                case _Skip():
                    step = min(self._skip, len(data) - at)
                    at += step
                    self._skip -= step
                    if self._skip:
                        return b""
                    answer = b""
                case _Take(count):
                    if len(data) - at < count:
                        return data[at:]
                    answer = data[at : at + count]
                    at += count
                case _FindMarker():
                    found = _MARKER.search(data, at)
                    if found is None:
                        return data[max(at, len(data) - 1) :] if data.endswith(b"\xff") else b""
                    answer = data[found.end() - 1 : found.end()]
                    at = found.end()
            try:
                self._want(self._reader.send(answer))
            except StopIteration as end:
                self._facts = end.value
                self._trailing = at < len(data)
                return b""


def _begins_an_image(head: bytes) -> bool:
    """True when so few bytes came that they could still become an image."""
    signatures = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"RIFF" + head[4:8] + b"WEBP")
    return any(signature.startswith(head) for signature in signatures)


def check_size(width: int, height: int, max_megapixels: float) -> None:
    """Raises Refused when the picture has more pixels than allowed."""
    if width * height > max_megapixels * 1_000_000:
        raise Refused(f"{width} x {height} pixels, more than {max_megapixels:g} megapixels")


def _jpeg(max_megapixels: float) -> _Reader:
    """Segments from marker to marker up to the end marker (ITU-T T.81, Annex B)."""
    yield _Skip(2)
    width = height = scans = 0
    while True:
        marker = (yield _FindMarker())[0]
        if marker == 0xD9:
            break
        if marker in (0x01, 0xD8):
            continue
        length = int.from_bytes((yield _Take(2)), "big") - 2
        if length < 0:
            raise Passing("damaged JPEG")
        if marker in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
            frame = yield _Take(length)
            if length < 6:
                raise Passing("damaged JPEG")
            height, width = struct.unpack_from(">HH", frame, 1)
            check_size(width, height, max_megapixels)
        elif 0xC3 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            raise Refused("lossless or hierarchical JPEG is not supported")
        elif marker == 0xDC:
            # DNL: the height comes after the first scan when the frame header left it open.
            height = int.from_bytes((yield _Take(length))[:2], "big")
            check_size(width, height, max_megapixels)
        else:
            scans += marker == 0xDA
            yield _Skip(length)
    if not (width and height and scans):
        raise Passing("damaged JPEG")
    return ImageFacts("jpg", width, height)


def _png(max_megapixels: float) -> _Reader:
    """Chunks up to IEND (PNG specification, section 5)."""
    yield _Skip(8)
    length, kind, width, height = struct.unpack(">I4sII", (yield _Take(16)))
    if (length, kind) != (13, b"IHDR") or not width or not height:
        raise Passing("damaged PNG")
    check_size(width, height, max_megapixels)
    yield _Skip(9)
    pixels = animated = False
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", (yield _Take(8)))
        if length > 0x7FFFFFFF or not kind.isalpha():
            raise Passing("damaged PNG")
        pixels |= kind == b"IDAT"
        animated |= kind == b"acTL"
        yield _Skip(length + 4)
    if not pixels:
        raise Passing("damaged PNG")
    return ImageFacts("png", width, height, ANIMATED if animated else None)


def _webp(max_megapixels: float) -> _Reader:
    """Chunks that fill the RIFF size (RFC 9649)."""
    left = int.from_bytes((yield _Take(12))[4:8], "little") - 4
    size: tuple[int, int] | None = None
    pixels = animated = False
    while left >= 8:
        kind, length = struct.unpack("<4sI", (yield _Take(8)))
        left -= 8
        if length > left:
            raise Passing("damaged WebP")
        start = yield _Take(min(length, 10))
        if size is None and (size := _webp_size(kind, start)):
            check_size(*size, max_megapixels)
        pixels |= kind in (b"VP8 ", b"VP8L", b"ANMF")
        animated |= kind == b"ANMF"
        padded = min(length + length % 2, left)
        left -= padded
        yield _Skip(padded - len(start))
    if size is None or not pixels or left < 0:
        raise Passing("damaged WebP")
    yield _Skip(left)
    return ImageFacts("webp", *size, ANIMATED if animated else None)


def _webp_size(kind: bytes, start: bytes) -> tuple[int, int] | None:
    if len(start) < (5 if kind == b"VP8L" else 10):
        return None
    if kind == b"VP8X":
        return int.from_bytes(start[4:7], "little") + 1, int.from_bytes(start[7:10], "little") + 1
    if kind == b"VP8 " and start[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(start[6:8], "little") & 0x3FFF or 1, int.from_bytes(start[8:10], "little") & 0x3FFF or 1
    if kind == b"VP8L" and start[0] == 0x2F:
        bits = int.from_bytes(start[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _gif(max_megapixels: float) -> _Reader:
    """Blocks up to the trailer (GIF89a specification)."""
    yield _Skip(6)
    width, height, flags = struct.unpack("<HHBxx", (yield _Take(7)))
    if not width or not height:
        raise Passing("damaged GIF")
    check_size(width, height, max_megapixels)
    yield _Skip(_gif_colours(flags))
    frames = 0
    while (block := (yield _Take(1))) != b"\x3b":
        if block == b"\x2c":
            frames += 1
            flags = (yield _Take(9))[8]
            yield _Skip(_gif_colours(flags) + 1)
        elif block == b"\x21":
            yield _Skip(1)
        else:
            raise Passing("damaged GIF")
        while length := (yield _Take(1))[0]:
            yield _Skip(length)
    if not frames:
        raise Passing("damaged GIF")
    return ImageFacts("gif", width, height, ANIMATED if frames > 1 else None)


def _gif_colours(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


_FORMATS: tuple[tuple[re.Pattern[bytes], Callable[[float], _Reader]], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"GIF8[79]a"), _gif),
)
