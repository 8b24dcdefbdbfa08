from collections.abc import Sequence
from itertools import pairwise
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.errors import MediaRefusedError, MediaTransientError
from instagram_assets.media.download_options import SizeLimits
from instagram_assets.media.download_types import MediaKind
from instagram_assets.media.response_body import MAX_BUFFERED_BYTES, BodyReceiver
from instagram_assets.media.verify import ANIMATED, TRAILING, MediaFacts, check_media
from instagram_assets_tests.media.pictures import picture

GOOD = {
    "jpeg": (picture("JPEG"), MediaFacts("jpg", 64, 48)),
    "jpeg progressive": (picture("JPEG", progressive=True, size=(131, 77)), MediaFacts("jpg", 131, 77)),
    "jpeg grey": (picture("JPEG", mode="L", size=(1, 1)), MediaFacts("jpg", 1, 1)),
    "jpeg cmyk": (picture("JPEG", mode="CMYK"), MediaFacts("jpg", 64, 48)),
    "jpeg restarts": (picture("JPEG", restart_marker_blocks=1), MediaFacts("jpg", 64, 48)),
    "jpeg comment": (picture("JPEG", comment=b"\xff\xd9" * 100), MediaFacts("jpg", 64, 48)),
    "jpeg exif": (picture("JPEG", exif=b"Exif\0\0" + picture("JPEG", seed=1)[:9000]), MediaFacts("jpg", 64, 48)),
    "png": (picture("PNG", size=(200, 3)), MediaFacts("png", 200, 3)),
    "png palette": (picture("PNG", mode="P"), MediaFacts("png", 64, 48)),
    "png alpha": (picture("PNG", mode="LA"), MediaFacts("png", 64, 48)),
    "png animated": (picture("PNG", animated=True), MediaFacts("png", 64, 48, ANIMATED)),
    "webp": (picture("WEBP", size=(63, 47)), MediaFacts("webp", 63, 47)),
    "webp lossless": (picture("WEBP", lossless=True, size=(17, 200)), MediaFacts("webp", 17, 200)),
    "webp alpha": (picture("WEBP", mode="RGBA", size=(31, 33)), MediaFacts("webp", 31, 33)),
    "webp animated": (picture("WEBP", animated=True), MediaFacts("webp", 64, 48, ANIMATED)),
    "gif": (picture("GIF", mode="L"), MediaFacts("gif", 64, 48)),
    "gif animated": (picture("GIF", mode="L", animated=True), MediaFacts("gif", 64, 48, ANIMATED)),
}
STRANGERS = {
    "HTML instead of an image": b"\xef\xbb\xbf\n <!DOCTYPE html><html><body>Log in</body></html>",
    "SVG instead of an image": b'<?xml version="1.0"?><!-- x --><svg xmlns="http://www.w3.org/2000/svg"/>',
    "XML instead of an image": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>",
    "JSON instead of an image": b'{"message": "Please wait a few minutes"}',
    "text instead of an image": b"URL signature expired",
    "EPS instead of an image": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "PDF instead of an image": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
    "gzip data instead of an image": b"\x1f\x8b\x08\x00" + b"\0" * 20,
    "a zip file instead of an image": b"PK\x03\x04" + b"\0" * 20,
    "a video instead of an image": b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41",
    "AVIF is not supported": b"\0\0\0\x20ftypavif\0\0\0\0avifmif1miafMA1B",
    "HEIC is not supported": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "TIFF is not supported": b"II*\0\x08\0\0\0",
    "BMP is not supported": picture("BMP"),
    "ICO is not supported": picture("ICO"),
    "not an image that is known": bytes(range(256)) * 4,
}


def check(data: bytes, megapixels: float = 40, kind: MediaKind = "image") -> MediaFacts | str:
    """What is said about a file: its facts or why not."""
    try:
        return check_media(data, kind, megapixels)
    except (MediaRefusedError, MediaTransientError) as problem:
        return f"{type(problem).__name__}: {problem.reason}"


def arrive(pieces: Sequence[bytes], folder: str) -> MediaFacts | str:
    """What is said about a file that comes in these pieces."""
    incoming = BodyReceiver(f"{folder}/body", SizeLimits("image", 10_000_000, 40))
    try:
        for piece in pieces:
            incoming.write(piece)
        return incoming.finish().facts
    except (MediaRefusedError, MediaTransientError) as problem:
        return f"{type(problem).__name__}: {problem.reason}"
    finally:
        incoming.abandon()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]


good_files = st.sampled_from(sorted(GOOD)).map(lambda name: GOOD[name][0])


@pytest.mark.parametrize("name", GOOD)
def test_a_good_file_is_known_with_its_size(name: str) -> None:
    data, facts = GOOD[name]
    assert check(data) == facts


@given(
    st.one_of(good_files, st.sampled_from(sorted(STRANGERS.values())), st.binary(max_size=700)),
    st.lists(st.integers(0, 100_000), max_size=12),
    st.binary(max_size=3),
    st.booleans(),
)
def test_the_answer_does_not_depend_on_the_pieces_nor_on_where_they_wait(
    data: bytes, places: list[int], tail: bytes, large: bool
) -> None:
    whole = data + tail + bytes(MAX_BUFFERED_BYTES if large else 0)
    with TemporaryDirectory() as folder:
        assert arrive(cut(whole, places), folder) == check(whole)


@given(good_files, st.integers(0, 100_000))
def test_a_cut_file_never_counts_as_whole(data: bytes, place: int) -> None:
    answer = check(data[: place % len(data)])
    assert isinstance(answer, str)
    assert answer.startswith("MediaTransientError: ")


@given(
    kind=st.sampled_from(["JPEG", "PNG", "WEBP", "GIF"]),
    size=st.tuples(st.integers(1, 90), st.integers(1, 90)),
    seed=st.integers(0, 1000),
    progressive=st.booleans(),
    cut_off=st.integers(1, 400),
)
def test_every_size_of_every_kind_is_known_whole_and_refused_cut(
    kind: str, size: tuple[int, int], seed: int, progressive: bool, cut_off: int
) -> None:
    how = {"progressive": progressive} if kind == "JPEG" else {}
    data = picture(kind, seed, size, "L" if kind == "GIF" else "RGB", **how)
    facts = check(data)
    assert isinstance(facts, MediaFacts)
    assert (facts.width, facts.height, facts.note) == (*size, None)
    assert isinstance(check(data[:-cut_off]), str)


@given(st.sampled_from([name for name in GOOD if name.startswith("jpeg")]), st.integers(1, 2000))
def test_a_jpeg_whose_end_is_zeros_never_counts_as_whole(name: str, zeros: int) -> None:
    data = GOOD[name][0]
    zeros = min(zeros, len(data))
    assert isinstance(check(data[:-zeros] + bytes(zeros)), str)


@given(
    st.binary(max_size=300), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF\x40\0\0\0WEBP"])
)
def test_noise_behind_a_true_signature_is_an_answer_not_a_crash(noise: bytes, signature: bytes) -> None:
    assert check(signature + noise)


@pytest.mark.parametrize("name", GOOD)
def test_bytes_after_the_image_are_accepted_and_noted(name: str) -> None:
    data, facts = GOOD[name]
    answer = check(data + b"PK\x03\x04")
    assert isinstance(answer, MediaFacts)
    assert answer.note == (f"{facts.note}; {TRAILING}" if facts.note else TRAILING)


@pytest.mark.parametrize("reason", STRANGERS)
def test_what_is_no_image_is_refused_by_its_content(reason: str) -> None:
    assert check(STRANGERS[reason]) == f"MediaRefusedError: {reason}"


def test_nothing_at_all_may_come_next_time() -> None:
    assert check(b"") == "MediaTransientError: empty body"


def test_too_many_pixels_are_refused_from_the_header_alone() -> None:
    header = picture("PNG", size=(8, 8))[:16] + (60_000).to_bytes(4, "big") * 2
    assert check(header) == "MediaRefusedError: 60000 x 60000 pixels, more than 40 megapixels"
    assert check(picture("JPEG"), megapixels=0.003) == "MediaRefusedError: 64 x 48 pixels, more than 0.003 megapixels"
