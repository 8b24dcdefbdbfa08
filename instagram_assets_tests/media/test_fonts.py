"""Words in pictures can be read: a font with Korean letters is found, and what it lacks is written in others."""

from pathlib import Path

import matplotlib
import pytest
from PIL import Image, ImageDraw, ImageFont

from instagram_assets.media.fonts import drawable, font_problem, korean_font, picture_font

LATIN = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"


def drawn(letter: str) -> bytes:
    picture = Image.new("L", (40, 40))
    ImageDraw.Draw(picture).text((0, 0), letter, fill=255, font=ImageFont.truetype(picture_font(), 30))
    return picture.tobytes()


def test_the_font_that_is_found_tells_korean_letters_apart() -> None:
    assert font_problem() == ""
    assert len({drawn(letter) for letter in "가나힣ㅋㅠ"}) == 5


def test_a_font_of_the_settings_is_used(tmp_path: Path) -> None:
    found = korean_font()
    assert found
    own = tmp_path / "own.ttf"
    own.symlink_to(found)
    assert (picture_font(str(own)), font_problem(str(own))) == (own, "")


@pytest.mark.parametrize("content", [None, b"no font", LATIN.read_bytes()])
def test_a_setting_that_is_no_korean_font_is_told_and_another_is_used(tmp_path: Path, content: bytes | None) -> None:
    font = tmp_path / "font.ttf"
    if content is not None:
        font.write_bytes(content)
    assert picture_font(str(font)) == korean_font()
    assert f"INSTAGRAM_ASSETS_TEXT__FONT={str(font)!r}" in font_problem(str(font))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("육아 diary, $5", "육아 diary, $5"),
        ("아가 👶🏽 ❤️ 👨‍👩‍👧", "아가 :baby_medium_skin_tone: :red_heart: :family_man_woman_girl:"),
        ("두 줄\n 이다", "두 줄 이다"),
        ("가", "가"),
        ("a\x00b\ue000", "a□b□"),
    ],
)
def test_what_the_font_lacks_is_written_in_letters_that_it_has(text: str, shown: str) -> None:
    assert drawable(text, picture_font()) == shown


def test_without_korean_letters_a_text_is_boxes_and_still_drawn() -> None:
    assert drawable("육아 −1", LATIN) == "□□ −1"
