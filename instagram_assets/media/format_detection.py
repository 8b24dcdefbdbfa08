"""Detects a file's format by its first bytes, and tells why a file is not an accepted image or video."""

import re

from instagram_assets.media.download_types import MediaKind

HEAD_BYTES = 512
"""Number of leading bytes that are inspected."""

_BRANDS = {
    "avif": "AVIF",
    "avis": "AVIF",
    "heic": "HEIC",
    "heix": "HEIC",
    "hevc": "HEIC",
    "mif1": "HEIC",
    "msf1": "HEIC",
}
_UNSUPPORTED = {
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"BM": "BMP",
    b"\0\0\1\0": "ICO",
    b"8BPS": "Photoshop file",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
}
_OTHER = {
    b"%!PS": "EPS",
    b"\xc5\xd0\xd3\xc6": "EPS",
    b"%PDF": "PDF",
    b"\x1f\x8b": "gzip data",
    b"PK\x03\x04": "a zip file",
    b"\x1aE\xdf\xa3": "a video",
}
_IMAGES = {
    "JPEG": re.compile(rb"\xff\xd8\xff"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "WebP": re.compile(rb"RIFF....WEBP", re.S),
    "GIF": re.compile(rb"GIF8[79]a"),
}
_CONTROLS = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# The brand, or one of the compatible brands listed after its version.
_AVIF = re.compile(rb"avi[fs]|.{8}(?:.{4})*?avi[fs]", re.S)
_TEXTS = (
    (re.compile(rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*|<!DOCTYPE\s+svg[^>]*>\s*)*<svg\b", re.I | re.S), "SVG"),
    (
        re.compile(rb"(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|script|title|meta|div|p|h1)\b", re.I | re.S),
        "HTML",
    ),
    (re.compile(rb"<\?xml|<[A-Za-z]+[\s>]"), "XML"),
    (re.compile(rb'\{\s*("|\}|$)|\[\s*([\[{"\d\]-]|$)'), "JSON"),
)


def is_image(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a format that `media.decode` reads."""
    if head[4:8] == b"ftyp":
        return bool(_AVIF.match(head, 8, min(int.from_bytes(head[:4], "big"), len(head))))
    return any(signature.match(head) for signature in _IMAGES.values())


def rejection_reason(head: bytes, kind: MediaKind) -> str:
    """Returns why a file is rejected if `kind` was expected; `head` are its first 512 bytes, or all of them."""
    wanted = "an image" if kind == "image" else "a video"
    if head[4:8] == b"ftyp":
        brand = _BRANDS.get(head[8:12].decode("latin-1"))
        return f"{brand} is not supported" if brand else f"a video instead of {wanted}"
    if kind == "video" and image_format(head):
        return "an image instead of a video"
    for signature, name in _UNSUPPORTED.items():
        if head.startswith(signature):
            return f"{name} is not supported"
    for signature, name in _OTHER.items():
        if head.startswith(signature):
            return f"{name} instead of {wanted}" if name != wanted else "a video of a kind that is not supported"
    if name := text_format(head):
        return f"{name} instead of {wanted}"
    return f"not {wanted} that is known" if is_binary(head) else f"text instead of {wanted}"


def image_format(head: bytes) -> str | None:
    """Returns the name of a known image format by a file's first bytes; None for any other format."""
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12].decode("latin-1"))
    if name := next((name for name, signature in _IMAGES.items() if signature.match(head)), None):
        return name
    name = next((name for signature, name in _UNSUPPORTED.items() if head.startswith(signature)), None)
    return name if is_binary(head) else None  # a text can begin with BM


def text_format(head: bytes) -> str | None:
    """Returns the text format by the first bytes: SVG, HTML, XML or JSON; None for any other format."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    return next((name for pattern, name in _TEXTS if pattern.match(text)), None)


def is_binary(head: bytes) -> bool:
    """Whether the bytes include control characters that do not occur in text."""
    return _CONTROLS.search(head) is not None
