import io
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from instagram_assets.errors import DecodeError, MediaRefusedError
from instagram_assets.media.decode import open_image, reencode
from instagram_assets_tests.media.pictures import picture


def put(folder: Path, data: bytes) -> Path:
    file = folder / "file.bin"
    file.write_bytes(data)
    return file


def saved(image: Image.Image, kind: str, **how: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def corner(image: Image.Image, x: int, y: int) -> str:
    """The colour there by its strongest channel."""
    pixel = image.getpixel((x, y))
    assert isinstance(pixel, tuple)
    return "rgb"[pixel.index(max(pixel))]


# Red above, and below it green on the left and blue on the right: no two of the eight positions look alike.
FLAG = Image.new("RGB", (48, 32), "red")
FLAG.paste((0, 255, 0), (0, 16, 24, 32))
FLAG.paste((0, 0, 255), (24, 16, 48, 32))
TURNED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.bad_input("turned image")
def test_a_picture_stands_upright_whatever_its_exif_says(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    turn = TURNED[orientation]
    stored = FLAG if turn is None else FLAG.transpose(turn)
    image = open_image(put(tmp_path, saved(stored, kind, exif=exif)))
    assert (image.size, image.mode) == ((48, 32), "RGB")
    assert [corner(image, 4, 4), corner(image, 4, 28), corner(image, 44, 28)] == ["r", "g", "b"]


HALF = Image.new("RGBA", (8, 8), (255, 0, 0, 128))
KINDS: dict[str, tuple[bytes, tuple[int, int, int]]] = {
    "alpha": (saved(HALF, "PNG"), (255, 127, 127)),
    "no alpha at all": (saved(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG"), (255, 255, 255)),
    "grey with alpha": (saved(Image.new("LA", (8, 8), (0, 128)), "PNG"), (127, 127, 127)),
    "palette": (saved(Image.new("RGB", (8, 8), "navy").quantize(4), "PNG", transparency=0), (255, 255, 255)),
    "transparent colour": (saved(Image.new("RGB", (8, 8), "navy"), "PNG", transparency=(0, 0, 128)), (255, 255, 255)),
    "cmyk": (saved(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=95), (254, 0, 0)),
    "16 bit": (saved(Image.new("I;16", (8, 8), 32896), "PNG"), (128, 128, 128)),
    "one bit": (saved(Image.new("1", (8, 8), 1), "PNG"), (255, 255, 255)),
    "grey": (saved(Image.new("L", (8, 8), 77), "PNG"), (77, 77, 77)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.bad_input("unusual pixels")
def test_every_pixel_format_becomes_what_a_viewer_shows(tmp_path: Path, kind: str) -> None:
    data, colour = KINDS[kind]
    image = open_image(put(tmp_path, data))
    found = image.getpixel((4, 4))
    assert isinstance(found, tuple)
    assert image.mode == "RGB"
    assert max(abs(a - b) for a, b in zip(found, colour, strict=True)) <= 2


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
@pytest.mark.bad_input("animation")
def test_an_animation_is_its_first_frame(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "lime", "blue")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:])
    assert corner(open_image(put(tmp_path, data)), 8, 8) == "r"


@pytest.mark.bad_input("HEIC or AVIF")
def test_avif_is_read_where_pillow_can(tmp_path: Path) -> None:
    assert corner(open_image(put(tmp_path, saved(FLAG, "AVIF"))), 4, 4) == "r"


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "ICO", "EPS"])
@pytest.mark.bad_input("active content")
def test_no_other_format_is_opened(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DecodeError, match="not a picture of a known format"):
        open_image(put(tmp_path, saved(FLAG, kind)))


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header states that size."""
    small = picture("PNG")
    header = b"IHDR" + width.to_bytes(4, "big") + height.to_bytes(4, "big") + small[24:29]
    return small[:12] + header + zlib.crc32(header).to_bytes(4, "big") + small[33:]


@pytest.mark.parametrize("side", [60_000, 10_000])
@pytest.mark.bad_input("image with too many pixels")
def test_too_many_pixels_are_refused_before_they_are_decoded(tmp_path: Path, side: int) -> None:
    file = put(tmp_path, bomb(side, side))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(MediaRefusedError, match="pixels"):
            open_image(file)


@pytest.mark.bad_input("image with too many pixels")
def test_the_limit_is_ours_and_says_so(tmp_path: Path) -> None:
    file = put(tmp_path, picture("JPEG", size=(400, 300)))
    with pytest.raises(MediaRefusedError, match=r"400 x 300 pixels, more than 0\.1 megapixels"):
        open_image(file, max_megapixels=0.1)


@pytest.mark.parametrize("size", [(1, 1), (300, 1), (1, 300)])
@pytest.mark.bad_input("tracking pixel", "image of one colour")
def test_the_smallest_and_thinnest_pictures_are_pictures(tmp_path: Path, size: tuple[int, int]) -> None:
    assert open_image(put(tmp_path, picture("PNG", size=size))).size == size


@pytest.mark.parametrize(
    "how",
    [
        {"icc_profile": b"no profile" * 50},
        {"comment": b"made by hand" * 5000},
        {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0" + b"x" * 60_000},
    ],
    ids=["corrupt ICC profile", "long comment", "huge EXIF"],
)
@pytest.mark.bad_input("odd metadata")
def test_odd_metadata_is_no_obstacle_and_is_dropped(tmp_path: Path, how: dict[str, Any]) -> None:
    image = open_image(put(tmp_path, saved(FLAG, "JPEG", **how)))
    with Image.open(io.BytesIO(reencode(image))) as bare:
        assert bare.size == (48, 32)
        assert not {"exif", "icc_profile", "comment", "xmp"} & bare.info.keys()


@pytest.mark.bad_input("two files in one")
def test_what_hides_behind_the_pixels_is_gone_after_reencoding(tmp_path: Path) -> None:
    hidden = b"PK\x03\x04<script>alert(1)</script>"
    assert hidden not in reencode(open_image(put(tmp_path, picture("JPEG") + hidden)))


@given(data=st.binary(max_size=400), kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]), place=st.integers(0, 5000))
def test_damage_is_a_picture_or_an_error_of_ours(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, kind: str, place: int
) -> None:
    whole = picture(kind, mode="L" if kind == "GIF" else "RGB")
    place %= len(whole)
    file = put(tmp_path_factory.getbasetemp(), whole[:place] + data + whole[place + len(data) :])
    with suppress(DecodeError, MediaRefusedError):
        assert open_image(file).mode == "RGB"
