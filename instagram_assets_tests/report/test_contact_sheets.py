"""Contact sheets show what there is, with words that can be read, and stay small."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from instagram_assets.report.contact_sheets import LARGEST_SHEET, captioned_sheet, contact_sheet, labelled_sheet
from instagram_assets_tests.media.pictures import picture


def files_in(folder: Path, count: int, size: tuple[int, int] = (300, 200)) -> list[Path]:
    made = [folder / f"{number}.jpg" for number in range(count)]
    for number, file in enumerate(made):
        file.write_bytes(picture("JPEG", seed=number, size=size))
    return made


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("L")


def ink(sheet: Image.Image, box: tuple[int, int, int, int]) -> int:
    """How many pixels are dark."""
    return sum(sheet.crop(box).histogram()[:110])


def test_a_file_that_cannot_be_drawn_leaves_a_grey_tile(tmp_path: Path) -> None:
    good, bad = tmp_path / "a.png", tmp_path / "b.png"
    Image.new("RGB", (50, 50), "black").save(good)
    bad.write_bytes(picture("PNG")[:200])
    sheet = opened(contact_sheet([good, bad, tmp_path / "gone.png"], tile=40))
    levels = [sheet.getpixel((left, 20)) for left in (20, 64, 108)]
    assert [level for level in levels if isinstance(level, int) and level < 30] == levels[:1]
    assert all(isinstance(level, int) and abs(level - 211) < 8 for level in levels[1:])


@pytest.mark.parametrize(
    "draw",
    [
        contact_sheet,
        lambda files: captioned_sheet([(file, "a red circle on a blue background") for file in files]),
        lambda files: labelled_sheet([(f"cluster {number}", files) for number in range(6)]),
    ],
)
def test_the_noisiest_pictures_make_a_small_sheet(tmp_path: Path, draw: Callable[[list[Path]], bytes]) -> None:
    assert len(draw(files_in(tmp_path, 60))) <= LARGEST_SHEET


def test_a_caption_is_written_below_its_picture_and_a_long_one_is_cut(tmp_path: Path) -> None:
    file = tmp_path / "white.png"
    Image.new("RGB", (50, 50), "white").save(file)
    sheet = opened(captioned_sheet([(file, "a red circle"), (file, ""), (file, "word " * 200)], tile=100))
    assert ink(sheet, (0, 0, 100, 100)) == 0
    assert ink(sheet, (0, 100, 100, sheet.height)) > 20
    assert ink(sheet, (104, 100, 204, sheet.height)) == 0
    assert sheet.height == 100 + 4 + 3 * 16


def test_each_group_has_its_label_and_its_own_line(tmp_path: Path) -> None:
    file = tmp_path / "black.png"
    Image.new("RGB", (50, 50), "black").save(file)
    sheet = opened(labelled_sheet([("two", [file, file]), ("none", []), ("one", [file])], columns=3, tile=40))
    assert ink(sheet, (0, 24, 84, 64)) > 40 * 40
    assert sheet.height == (20 + 4 + 40 + 4) + (20 + 4) + (20 + 4 + 40)
