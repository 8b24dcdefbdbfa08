"""What a body is that is no image or video we take: the reason that the user reads."""

import re

from instagram_assets.media.outcomes import Kind

HEAD = 512
"""Bytes that decide."""

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
_IMAGE = re.compile(rb"\xff\xd8\xff|\x89PNG\r\n\x1a\n|RIFF....WEBP|GIF8[79]a", re.S)
# The brand, or one of the others that the file names after its version.
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
    """True for the beginning of a file of a format that `media.decode` reads."""
    if head[4:8] == b"ftyp":
        return bool(_AVIF.match(head, 8, min(int.from_bytes(head[:4], "big"), len(head))))
    return bool(_IMAGE.match(head))


def describe(head: bytes, kind: Kind) -> str:
    """Why a file that begins with `head` (its first 512 bytes, or all of it) is refused where `kind` was asked."""
    wanted = "an image" if kind == "image" else "a video"
    if head[4:8] == b"ftyp":
        brand = _BRANDS.get(head[8:12].decode("latin-1"))
        return f"{brand} is not supported" if brand else f"a video instead of {wanted}"
    if kind == "video" and _IMAGE.match(head):
        return "an image instead of a video"
    for signature, name in _UNSUPPORTED.items():
        if head.startswith(signature):
            return f"{name} is not supported"
    for signature, name in _OTHER.items():
        if head.startswith(signature):
            return f"{name} instead of {wanted}" if name != wanted else "a video of a kind that is not supported"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, name in _TEXTS:
        if pattern.match(text):
            return f"{name} instead of {wanted}"
    if not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head):
        return f"text instead of {wanted}"
    return f"not {wanted} that is known"
