"""Words in pictures can be read: the package's font has their letters, and what it lacks is written in others."""

import os
import subprocess
import sys
from pathlib import Path

import matplotlib
import pytest
from PIL import Image, ImageDraw, ImageFont

from instagram_assets.report.fonts import OWN_FONT, drawable, font_problem, picture_font

LATIN = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
TEXTS = {
    "Korean": "육아 일기 쀍뷁 ㅋㅋㅠㅠ 大韓民國",
    "Japanese": "アジアの学校で、ひらがなと漢字を塡める。𠮟る",
    "Latin": "crème brûlée, Łódź, Škoda, ığüşöç, Őrség, Việt Nam, “ß” – 3 € …",
    "Greek and Cyrillic": "Ελλάδα, Київ, Москва",
}
# Draws in the letters of the command line, and fails where one has no glyph: matplotlib warns of such.
DRAW = """
import sys
from pathlib import Path
from PIL import ImageFont
from instagram_assets.report.charts import bar_chart, line_chart, word_cloud
from instagram_assets.report.fonts import drawable, picture_font
from instagram_assets.report.contact_sheets import captioned_sheet, labelled_sheet

texts, font = sys.argv[2:], picture_font()
assert font.parent.name == "font", font
letters = ImageFont.truetype(font, 40)
none = bytes(letters.getmask("\U000f0000"))
for text in texts:
    assert drawable(text, font) == text, drawable(text, font)
    blank = [letter for letter in text if bytes(letters.getmask(letter)) == none]
    assert not blank, blank
words = {word: 1 + place for place, word in enumerate(" ".join(texts).split())}
bar_chart(words, texts[0])
line_chart({text[:9]: [(1, 2), (2, 3)] for text in texts}, texts[0])
word_cloud(words, texts[0])
captioned_sheet([(Path(sys.argv[1]), text) for text in texts])
labelled_sheet([(text, [Path(sys.argv[1])]) for text in texts])
"""


def drawn(letter: str) -> bytes:
    picture = Image.new("L", (40, 40))
    ImageDraw.Draw(picture).text((0, 0), letter, fill=255, font=ImageFont.truetype(picture_font(), 30))
    return picture.tobytes()


def test_letters_can_be_told_apart() -> None:
    assert font_problem() == ""
    assert len({drawn(letter) for letter in "가나힣ㅋㅠあア学校Łł"}) == 11


def test_charts_clouds_and_sheets_need_no_font_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "fonts.conf").write_text("<fontconfig></fontconfig>")
    Image.new("RGB", (40, 30), "red").save(tmp_path / "one.png")
    bare = {"HOME": tmp_path, "MPLCONFIGDIR": tmp_path, "FONTCONFIG_FILE": tmp_path / "fonts.conf", "PATH": tmp_path}
    draw = [sys.executable, "-W", "error", "-c", DRAW, str(tmp_path / "one.png"), *TEXTS.values()]
    subprocess.run(draw, check=True, env={**os.environ, **{name: str(path) for name, path in bare.items()}})


@pytest.mark.parametrize(
    ("encoding", "rows"),
    [
        ("euc_kr", (0xA1, 0xFD)),
        ("euc_jp", (0xA1, 0xF4)),
        *[(f"iso8859_{part}", None) for part in (1, 2, 3, 4, 5, 7, 9)],
    ],
)
def test_the_font_has_every_letter_of_the_standards_of_its_languages(
    encoding: str, rows: tuple[int, int] | None
) -> None:
    cells = [[byte] for byte in range(0xA1, 0x100)]
    if rows:
        cells = [[row, cell] for row in range(rows[0], rows[1] + 1) for cell in range(0xA1, 0xFF)]
    letters = {letter for cell in cells for letter in bytes(cell).decode(encoding, "ignore") if letter.isprintable()}
    assert len(letters) > 80
    assert {letter for letter in letters if drawable(letter, OWN_FONT) == "□"} <= {*"□≒∼◈"}


def test_the_font_has_every_syllable_of_hangul() -> None:
    syllables = "".join(map(chr, range(0xAC00, 0xD7A4)))
    assert drawable(syllables, OWN_FONT) == syllables


def test_a_font_of_the_settings_is_used(tmp_path: Path) -> None:
    own = tmp_path / "own.otf"
    own.symlink_to(OWN_FONT)
    assert (picture_font(str(own)), font_problem(str(own))) == (own, "")


@pytest.mark.parametrize("content", [None, b"no font", LATIN.read_bytes()])
def test_a_setting_that_is_no_korean_font_is_told_and_the_own_is_used(tmp_path: Path, content: bytes | None) -> None:
    font = tmp_path / "font.ttf"
    if content is not None:
        font.write_bytes(content)
    assert picture_font(str(font)) == OWN_FONT
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


@pytest.mark.parametrize(("text", "shown"), [("#먹방😀👨‍👩‍👧", "#먹방"), ("a ❤️ b", "a  b"), ("😀", "")])
def test_emoji_that_the_font_lacks_may_be_left_out(text: str, shown: str) -> None:
    assert drawable(text, picture_font(), with_emoji=False) == shown


def test_without_korean_letters_a_text_is_boxes_and_still_drawn() -> None:
    assert drawable("육아 −1", LATIN) == "□□ −1"
