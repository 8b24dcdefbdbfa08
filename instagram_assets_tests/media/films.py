"""Small films by their boxes: the structure of MP4 and QuickTime without a codec."""

import struct


def box(kind: bytes, body: bytes = b"", *, wide: bool = False) -> bytes:
    """One box; `wide` writes its length in 64 bits."""
    if wide:
        return struct.pack(">I4sQ", 1, kind, len(body) + 16) + body
    return struct.pack(">I4s", len(body) + 8, kind) + body


def track(width: int, height: int, version: int = 0) -> bytes:
    """A track whose header states a picture of that size."""
    head = bytes([version, 0, 0, 7]) + bytes(84 if version else 72)
    return box(b"trak", box(b"tkhd", head + struct.pack(">II", width << 16, height << 16)) + box(b"mdia", bytes(40)))


def film(brand: bytes = b"isom", width: int = 720, height: int = 1280, size: int = 3000, **how: bool) -> bytes:
    """A whole film: type, header with a sound and a picture track, and `size` bytes of media."""
    header = box(b"moov", box(b"mvhd", bytes(100)) + track(0, 0) + track(width, height, version=1))
    return (
        box(b"ftyp", brand + b"\0\0\2\0isomiso2") + header + box(b"mdat", bytes(range(1, 251)) * (size // 250), **how)
    )
