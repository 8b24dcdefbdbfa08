"""What a body is that is no image we take: the reason that the user reads."""

import re

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
_TEXTS = (
    (re.compile(rb"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*|<!DOCTYPE\s+svg[^>]*>\s*)*<svg\b", re.I | re.S), "SVG"),
    (
        re.compile(rb"(<!--.*?-->\s*)*<(!doctype\s+html|html|head|body|script|title|meta|div|p|h1)\b", re.I | re.S),
        "HTML",
    ),
    (re.compile(rb"<\?xml|<[A-Za-z]+[\s>]"), "XML"),
    (re.compile(rb'\{\s*("|\}|$)|\[\s*([\[{"\d\]-]|$)'), "JSON"),
)


def describe(head: bytes) -> str:
    """Why a file that begins with `head` (its first 512 bytes, or all of it) is refused."""
    if head[4:8] == b"ftyp":
        brand = _BRANDS.get(head[8:12].decode("latin-1"))
        return f"{brand} is not supported" if brand else "a video instead of an image"
    for signature, name in _UNSUPPORTED.items():
        if head.startswith(signature):
            return f"{name} is not supported"
    for signature, name in _OTHER.items():
        if head.startswith(signature):
            return f"{name} instead of an image"
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    for pattern, name in _TEXTS:
        if pattern.match(text):
            return f"{name} instead of an image"
    if not re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head):
        return "text instead of an image"
    return "not an image that is known"
