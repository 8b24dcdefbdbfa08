"""What a person writes is understood as an account, a hashtag, a post or a picture."""

from pathlib import Path

import pytest

from instagram_assets.errors import ForgetError
from instagram_assets.forget.erasure_subject import ErasureTarget, parse_target

SHA = "ab12" * 16


def read(text: str, media: Path = Path("media")) -> ErasureTarget:
    return parse_target(text, media, {"sun_diary", "1234567890123456"}.__contains__, {"abcdefghijk"}.__contains__)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("@Sun_Diary", ErasureTarget("account", "sun_diary")),
        (" sun_diary ", ErasureTarget("account", "sun_diary")),
        ("https://www.instagram.com/Sun_Diary/?hl=ko", ErasureTarget("account", "sun_diary")),
        ("nobody.here", ErasureTarget("account", "nobody.here")),
        ("1234567890123456", ErasureTarget("account", "1234567890123456")),
        ("#육아일기", ErasureTarget("hashtag", "#육아일기")),
        ("https://www.instagram.com/explore/tags/Baby/", ErasureTarget("hashtag", "#baby")),
        ("https://www.instagram.com/p/CuT_-shortc/?img_index=1", ErasureTarget("post", "CuT_-shortc")),
        ("https://www.instagram.com/sun_diary/reel/CuT_-shortc/", ErasureTarget("post", "CuT_-shortc")),
        ("CuT_-shortc", ErasureTarget("post", "CuT_-shortc")),
        ("abcdefghijk", ErasureTarget("post", "abcdefghijk")),
        ("3141592653589793238", ErasureTarget("post", "3141592653589793238")),
        ("3141592653589793238_4455667788", ErasureTarget("post", "3141592653589793238")),
        (SHA.upper(), ErasureTarget("image", SHA)),
        (f"ab/{SHA}.jpg", ErasureTarget("image", SHA)),
        (f"/data/media/ab/{SHA}.jpg", ErasureTarget("image", SHA)),
    ],
)
def test_each_form_is_understood(text: str, target: ErasureTarget) -> None:
    assert read(text) == target


def test_a_picture_of_the_media_folder_is_known_by_its_bytes(tmp_path: Path) -> None:
    picture = tmp_path / "holiday.jpg"
    picture.write_bytes(b"abc")
    for text in (str(picture), "holiday.jpg"):
        assert read(text, tmp_path).value == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_elsewhere_is_refused_with_the_hash_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "media").mkdir()
    (tmp_path / "holiday.jpg").write_bytes(b"abc")
    with pytest.raises(ForgetError, match=r"outside the media folder .*give ba7816bf"):
        read(str(tmp_path / "holiday.jpg"), tmp_path / "media")


@pytest.mark.parametrize("text", ["./no.jpg", "no.JPG", "ab/no", "/no/such/file.mp4"])
def test_a_mistyped_path_is_no_account(text: str) -> None:
    with pytest.raises(ForgetError, match="no such file"):
        read(text)


@pytest.mark.parametrize("text", ["", "  ", "@", "# two words", "no such thing at all", "https://example.org/a/b"])
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(ForgetError):
        read(text)
