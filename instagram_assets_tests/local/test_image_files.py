"""What is in a folder of pictures is decided by the bytes of its files, and what is none of them is told."""

import io
from pathlib import Path

import pytest
from PIL import Image

from instagram_assets.demo import MODELS
from instagram_assets.local.image_analysis import embed_images, measure_images
from instagram_assets.local.image_files import find_images, images_in_folder, scan_image_folder
from instagram_assets.storage.owned_files import write_ours

HEIC = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(40)


def encoded(form: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (320, 320), "teal").save(out, form)
    return out.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "GIF", "AVIF"])
@pytest.mark.parametrize("name", ["photo.jfif", "photo", "photo.JPG", "photo.heic", "photo.jpg_large", "photo.txt"])
def test_a_picture_is_one_whatever_it_is_called(tmp_path: Path, form: str, name: str) -> None:
    (tmp_path / name).write_bytes(encoded(form))
    assert scan_image_folder(tmp_path) == ([tmp_path / name], {})
    assert measure_images(tmp_path)["status"].to_pylist() == ["ok"]


def test_an_avif_that_names_its_format_second_is_a_picture(tmp_path: Path) -> None:
    box = b"ftypmif1\0\0\0\0miafavif"
    (tmp_path / "photo").write_bytes((len(box) + 4).to_bytes(4, "big") + box + bytes(40))
    assert scan_image_folder(tmp_path).pictures == [tmp_path / "photo"]


def test_what_is_passed_over_is_counted_and_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    for name, content in {
        "photo.jpg": encoded("JPEG"),
        "photo.heic": HEIC,
        "clip.mp4": b"\0\0\0\x18ftypisom" + bytes(40),
        "more/a.txt": b"a note",
        "more/b.txt": b"another",
        "none": b"",
        ".hidden.heic": HEIC,
        "page.png": b"<html>Log in</html>",
    }.items():
        (tmp_path / name).write_bytes(content)
    said: list[str] = []
    assert [path.name for path in images_in_folder(tmp_path, said.append)] == ["page.png", "photo.jpg"]
    assert said == [
        "5 files passed over: 2 text instead of an image, such as more/a.txt; "
        "1 a video instead of an image, such as clip.mp4; 1 empty, such as none; "
        "1 HEIC is not supported, such as photo.heic"
    ]


def test_files_of_ours_in_the_folder_are_not_spoken_of(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(encoded("JPEG"))
    write_ours({tmp_path / "captions.csv": lambda new: new.write_text("file,caption\n")}, tmp_path, "")
    assert scan_image_folder(tmp_path).others == {}
    (tmp_path / "notes.csv").write_text("mine")
    assert [path.name for path in scan_image_folder(tmp_path).others["text instead of an image"]] == ["notes.csv"]


def test_a_notebook_is_told_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "photo.jfif").write_bytes(encoded("JPEG"))
    (tmp_path / "photo.heic").write_bytes(HEIC)
    assert embed_images(tmp_path, model=MODELS / "clip")["status"].to_pylist() == ["ok"]
    assert "1 file passed over: 1 HEIC is not supported, such as photo.heic" in caplog.text


def test_a_folder_without_other_files_is_read_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(encoded("PNG"))
    said: list[str] = []
    assert (find_images(tmp_path, warn=said.append), said) == ([tmp_path / "photo"], [])
