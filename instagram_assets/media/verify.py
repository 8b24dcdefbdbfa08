"""Validates that bytes are a complete image or video, from the file structure, without decoding.

Each format is parsed by its specification, up to the end of file that its structure states. The bytes are a `bytes`
object or a memory-mapped file, so that large files are not read into memory.
"""

import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from mmap import mmap

from instagram_assets.errors import MediaRefusedError, MediaTransientError
from instagram_assets.media.download_types import MediaKind
from instagram_assets.media.format_detection import HEAD_BYTES, rejection_reason
from instagram_assets.settings import DownloadSettings

MAX_MEGAPIXELS = DownloadSettings().max_megapixels
"""The default of the setting: the most megapixels of an image or of a frame of a video."""

ANIMATED = "animated, only the first frame counts"
TRAILING = "trailing bytes after the image"
_Data = bytes | mmap


@dataclass(frozen=True, slots=True)
class MediaFacts:
    """Format and size of a validated file, in pixels, before rotation; `note` describes an anomaly, else None."""

    ext: str
    width: int
    height: int
    note: str | None = None


def check_media(data: _Data, kind: MediaKind, max_megapixels: float) -> MediaFacts:
    """Validates a complete image or video of at most `max_megapixels` per frame and returns its facts.

    Raises MediaRefusedError for unsupported formats or too many pixels, and MediaTransientError for a damaged or
    truncated file, which can be complete in the next attempt.
    """
    head = data[:HEAD_BYTES]
    check_head(head, kind, complete=True)
    formats = _IMAGES if kind == "image" else _VIDEOS
    reader = next(reader for signature, reader in formats if signature.match(head))
    try:
        facts, end = reader(data, max_megapixels)
    except (struct.error, IndexError):
        raise MediaTransientError(f"{kind} ends early") from None
    if end > len(data):
        raise MediaTransientError(f"{kind} ends early")
    if end == len(data):
        return facts
    note = "; ".join(filter(None, (facts.note, TRAILING)))
    return MediaFacts(facts.ext, facts.width, facts.height, note)


def check_head(head: bytes, kind: MediaKind, *, complete: bool = False) -> None:
    """Raise MediaRefusedError if a file with these first bytes cannot be an accepted image or video.

    With `complete` the bytes are the whole file, and MediaTransientError is raised if it is truncated.
    """
    formats = _IMAGES if kind == "image" else _VIDEOS
    if any(signature.match(head) for signature, _ in formats):
        return
    if complete and not head:
        raise MediaTransientError("empty body")
    if complete and _could_become(head, kind):
        raise MediaTransientError(f"{kind} ends early")
    if complete or len(head) >= HEAD_BYTES:
        raise MediaRefusedError(rejection_reason(head[:HEAD_BYTES], kind))


def check_size(width: int, height: int, max_megapixels: float) -> None:
    """Raise MediaRefusedError if an image has more than `max_megapixels`."""
    if width * height > max_megapixels * 1_000_000:
        raise MediaRefusedError(f"{width} x {height} pixels, more than {max_megapixels:g} megapixels")


def _could_become(head: bytes, kind: MediaKind) -> bool:
    if kind == "video":
        return len(head) < 12
    signatures = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF87a", b"GIF89a", b"RIFF" + head[4:8] + b"WEBP")
    return any(signature.startswith(head) for signature in signatures)


_Found = tuple[MediaFacts, int]
"""The facts, and the end of the file as stated in it."""
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def _jpeg(data: _Data, max_megapixels: float) -> _Found:
    """Parses a JPEG's segments from marker to marker, up to the end marker (ITU-T T.81, Annex B)."""
    at, width, height, scans = 2, 0, 0, 0
    while found := _MARKER.search(data, at):
        at = found.end()
        marker = data[at - 1]
        if marker == 0xD9:
            if not (width and height and scans):
                raise MediaTransientError("damaged JPEG")
            return MediaFacts("jpg", width, height), at
        if marker in (0x01, 0xD8):
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        if at + length > len(data):
            break
        if length < 2:
            raise MediaTransientError("damaged JPEG")
        if marker in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
            if length < 8:
                raise MediaTransientError("damaged JPEG")
            height, width = struct.unpack_from(">HH", data, at + 3)
            check_size(width, height, max_megapixels)
        elif 0xC3 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            raise MediaRefusedError("lossless or hierarchical JPEG is not supported")
        elif marker == 0xDC:
            # DNL: the height comes after the first scan when the frame header left it open.
            height = int.from_bytes(data[at + 2 : at + 4], "big")
            check_size(width, height, max_megapixels)
        elif marker == 0xDA:
            scans += 1
            # No scan contains the end marker, so a file that ends with it is complete; searching costs ten times more.
            if width and height and data[-2:] == b"\xff\xd9" and at + length <= len(data) - 2:
                return MediaFacts("jpg", width, height), len(data)
        at += length
    raise MediaTransientError("image ends early")


def _png(data: _Data, max_megapixels: float) -> _Found:
    """Parses a PNG's chunks with their checksums, up to IEND (PNG specification, section 5)."""
    length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
    if (length, kind) != (13, b"IHDR") or not width or not height:
        raise MediaTransientError("damaged PNG")
    check_size(width, height, max_megapixels)
    at, pixels, animated = 8, False, False
    with memoryview(data) as view:
        while True:
            length, kind = struct.unpack_from(">I4s", data, at)
            if length > 0x7FFFFFFF or not kind.isalpha():
                raise MediaTransientError("damaged PNG")
            end = at + 8 + length
            (checksum,) = struct.unpack_from(">I", data, end)
            # Ancillary chunks have no pixels, and old programs write wrong checksums for them.
            if kind[0] < 0x60 and zlib.crc32(view[at + 4 : end]) != checksum:
                raise MediaTransientError("damaged PNG")
            pixels |= kind == b"IDAT"
            animated |= kind == b"acTL"
            at = end + 4
            if kind == b"IEND":
                break
    if not pixels:
        raise MediaTransientError("damaged PNG")
    return MediaFacts("png", width, height, ANIMATED if animated else None), at


def _webp(data: _Data, max_megapixels: float) -> _Found:
    """Parses a WebP's chunks, up to the end by the RIFF size (RFC 9649)."""
    at, end = 12, 8 + int.from_bytes(data[4:8], "little")
    size: tuple[int, int] | None = None
    pixels = animated = False
    while end - at >= 8:
        kind, length = struct.unpack_from("<4sI", data, at)
        at += 8
        if at + length > end:
            raise MediaTransientError("damaged WebP")
        start = data[at : at + min(length, 10)]
        if size is None and (size := _webp_size(kind, start)):
            check_size(*size, max_megapixels)
        if kind == b"VP8 " and _ends_in_zeros(data, at, length):
            raise MediaTransientError("damaged WebP")
        pixels |= kind in (b"VP8 ", b"VP8L", b"ANMF")
        animated |= kind == b"ANMF"
        at = min(at + length + length % 2, end)
    if size is None or not pixels or end < at:
        raise MediaTransientError("damaged WebP")
    return MediaFacts("webp", *size, ANIMATED if animated else None), end


def _ends_in_zeros(data: _Data, start: int, length: int) -> bool:
    """Whether a chunk ends in 1024 zero bytes, a sign of a lost disk write: the arithmetic coder never writes them."""
    return length >= 1024 and not any(data[start + length - 1024 : start + length])


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


def _gif(data: _Data, max_megapixels: float) -> _Found:
    """Parses a GIF's blocks, up to the trailer (GIF89a specification)."""
    width, height, flags = struct.unpack_from("<HHB", data, 6)
    if not width or not height:
        raise MediaTransientError("damaged GIF")
    check_size(width, height, max_megapixels)
    at, frames = 13 + _gif_colours(flags), 0
    while (block := data[at]) != 0x3B:
        if block == 0x2C:
            frames += 1
            at += 11 + _gif_colours(data[at + 9])
        elif block == 0x21:
            at += 2
        else:
            raise MediaTransientError("damaged GIF")
        while length := data[at]:
            at += length + 1
        at += 1
    if not frames:
        raise MediaTransientError("damaged GIF")
    return MediaFacts("gif", width, height, ANIMATED if frames > 1 else None), at + 1


def _gif_colours(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _film(data: _Data, max_megapixels: float) -> _Found:
    """Parses the boxes of an MP4 or QuickTime file, up to the end of the file (ISO/IEC 14496-12)."""
    at, found, size = 0, set[bytes](), (0, 0)
    while at < len(data):
        kind, body, end = _box(data, at, len(data))
        if kind == b"moov":
            if end > len(data):
                raise MediaTransientError("video ends early")
            size = _film_size(data, body, end)
            check_size(*size, max_megapixels)
        found.add(kind)
        at = end
    if at > len(data):
        raise MediaTransientError("video ends early")
    if not found >= {b"moov", b"mdat"}:
        raise MediaTransientError("damaged video")
    if not all(size):
        raise MediaRefusedError("video without a picture")
    return MediaFacts("mov" if data[8:12] == b"qt  " else "mp4", *size), at


def _box(data: _Data, at: int, limit: int) -> tuple[bytes, int, int]:
    """Returns (type, content start, end) of the box at offset `at`; the end is the one stated in its header."""
    length, kind = struct.unpack_from(">I4s", data, at)
    body = at + 8
    if length == 1:
        (length,) = struct.unpack_from(">Q", data, body)
        body += 8
    elif length == 0:
        length = limit - at
    if at + length < body or not kind.isascii() or kind == bytes(4):
        raise MediaTransientError("damaged video")
    return kind, body, at + length


def _film_size(data: _Data, at: int, end: int) -> tuple[int, int]:
    """Returns width and height in pixels of the largest video track, from the track headers between two offsets."""
    largest = (0, 0)
    while at < end:
        kind, body, after = _box(data, at, end)
        if after > end:
            raise MediaTransientError("damaged video")
        if kind == b"trak":
            largest = max(largest, _film_size(data, body, after))
        elif kind == b"tkhd":
            # Width and height are 16.16 fixed point; in version 1 the time fields before them are longer.
            width, height = struct.unpack_from(">II", data, body + (88 if data[body] else 76))
            largest = max(largest, (width >> 16, height >> 16))
        at = after
    return largest


_Reader = Callable[[_Data, float], _Found]
_IMAGES: tuple[tuple[re.Pattern[bytes], _Reader], ...] = (
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), _webp),
    (re.compile(rb"GIF8[79]a"), _gif),
)
_STILLS = rb"avif|avis|heic|heix|hevc|mif1|msf1"
_VIDEOS: tuple[tuple[re.Pattern[bytes], _Reader], ...] = (
    (re.compile(rb"....ftyp(?!" + _STILLS + rb")", re.DOTALL), _film),
)
