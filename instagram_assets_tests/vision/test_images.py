"""Files become arrays in threads: in order, few at a time, and a bad one harms no other."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from instagram_assets.media.decode import open_grey, open_image
from instagram_assets.vision.image_batches import Failed, decode_all, map_in_threads
from instagram_assets_tests.media.pictures import picture


def sizes_of(files: list[Path], workers: int = 2) -> list[tuple[str, tuple[int, int] | Failed]]:
    return list(decode_all(((file.name, file) for file in files), lambda image: image.size, workers=workers))


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Forty pictures, each of another width."""
    made: list[Path] = []
    for number in range(40):
        file = tmp_path / f"{number:02}.jpg"
        file.write_bytes(picture("JPEG", size=(16 + number, 12)))
        made.append(file)
    return made


@pytest.mark.parametrize("workers", [0, 1, 2, 7])
def test_results_come_in_the_order_of_the_items(files: list[Path], workers: int) -> None:
    assert sizes_of(files, workers) == [(file.name, (16 + number, 12)) for number, file in enumerate(files)]


def test_no_items_give_no_results() -> None:
    assert sizes_of([]) == []


def test_a_bad_image_never_stops_its_batch(files: list[Path], tmp_path: Path) -> None:
    whole = picture("JPEG", size=(64, 48))
    files[3].write_bytes(whole[: len(whole) // 2])
    files[11].write_bytes(b"<!doctype html><title>Login</title>")
    files[12].write_bytes(b"")
    files[20].unlink()
    files[39].write_bytes(picture("PNG", size=(1, 1)))
    results = dict(sizes_of(files))
    faults = {key: result.reason for key, result in results.items() if isinstance(result, Failed)}
    assert faults.keys() == {"03.jpg", "11.jpg", "12.jpg", "20.jpg"}
    assert faults["03.jpg"].startswith("cannot be decoded (")
    assert faults["11.jpg"] == faults["12.jpg"] == "not a picture of a known format"
    assert faults["20.jpg"] == "the file is missing"
    assert results["39.jpg"] == (1, 1)
    assert not [reason for reason in faults.values() if str(tmp_path) in reason]


@pytest.mark.bad_input("image with too many pixels")
def test_a_picture_with_too_many_pixels_is_a_fault(files: list[Path]) -> None:
    files[5].write_bytes(picture("PNG", size=(200, 100)))
    results = dict(decode_all(((f.name, f) for f in files), lambda image: image.size, workers=2, max_megapixels=0.01))
    assert results["05.jpg"] == Failed("200 x 100 pixels, more than 0.01 megapixels")
    assert results["06.jpg"] == (22, 12)


def test_an_image_that_cannot_be_prepared_is_a_fault_with_the_reason(files: list[Path]) -> None:
    def prepare(image: Image.Image) -> int:
        if image.width == 20:
            raise MemoryError("no room for it")
        return image.width

    results = dict(decode_all(((file.name, file) for file in files), prepare, workers=2))
    assert results.pop("04.jpg") == Failed("MemoryError: no room for it")
    assert all(isinstance(result, int) for result in results.values())


def test_no_more_than_two_results_a_worker_wait_to_be_taken(files: list[Path]) -> None:
    asked: list[Path] = []

    def items() -> Iterator[tuple[str, Path]]:
        for file in files:
            asked.append(file)
            yield file.name, file

    with closing(decode_all(items(), lambda image: image.size, workers=3)) as results:
        for taken, _ in enumerate(results):
            assert len(asked) - taken <= 2 * 3


def test_who_stops_early_leaves_no_thread_running(files: list[Path]) -> None:
    before = set(threading.enumerate())
    for key, _ in decode_all(((file.name, file) for file in files), lambda image: image.size, workers=4):
        if key == "07.jpg":
            break
    assert set(threading.enumerate()) <= before


def test_a_loop_that_fails_leaves_no_thread_running(files: list[Path]) -> None:
    before = set(threading.enumerate())
    started: list[Path] = []

    def work(path: Path) -> int:
        started.append(path)
        return len(path.read_bytes())

    def fail_at_the_first() -> None:
        with closing(map_in_threads(((file.name, file) for file in files), work, workers=2)) as results:
            raise ZeroDivisionError(next(results))

    with pytest.raises(ZeroDivisionError):
        fail_at_the_first()
    assert set(threading.enumerate()) <= before
    assert len(started) <= 4


def test_an_error_in_the_items_themselves_reaches_the_caller(files: list[Path]) -> None:
    def items() -> Iterator[tuple[int, Path]]:
        yield 0, files[0]
        raise LookupError("the list of files broke off")

    before = set(threading.enumerate())
    with pytest.raises(LookupError):
        list(decode_all(items(), lambda image: image.size, workers=2))
    assert set(threading.enumerate()) <= before


def test_threads_neither_warn_nor_leave_the_filters_of_others_changed(files: list[Path]) -> None:
    exif = Image.Exif()
    exif[0x010F] = "maker" * 20
    damaged = exif.tobytes()[:-30]
    for file in files:
        file.write_bytes(picture("JPEG", exif=damaged))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert {result for _, result in sizes_of(files, workers=8)} == {(64, 48)}
        with pytest.raises(UserWarning, match="mine"):
            warnings.warn("mine", UserWarning, stacklevel=1)


@pytest.mark.parametrize("draft", [0, 100])
def test_draft_reads_a_jpeg_smaller_but_not_below_the_size_asked_for(tmp_path: Path, draft: int) -> None:
    file = tmp_path / "large.jpg"
    file.write_bytes(picture("JPEG", size=(1000, 800)))
    [(_, size)] = decode_all([("large", file)], lambda image: image.size, workers=1, draft=draft)
    assert size == ((125, 100) if draft else (1000, 800))


@pytest.mark.parametrize(
    ("kind", "mode"), [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGBA"), ("PNG", "P"), ("WEBP", "RGB")]
)
@pytest.mark.parametrize("orientation", [1, 6])
def test_grey_is_the_picture_without_its_colours(tmp_path: Path, kind: str, mode: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = tmp_path / "file"
    file.write_bytes(picture(kind, mode=mode, exif=exif.tobytes()))
    grey, colour = open_grey(file), open_image(file)
    assert grey.mode == "L"
    assert grey.size == colour.size == ((48, 64) if orientation == 6 else (64, 48))
    apart = np.abs(np.asarray(grey, int) - np.asarray(colour.convert("L"), int))
    # Colours of noise leave what RGB can show and are cut off; only a JPEG of colours stores another brightness.
    assert apart.mean() < (12 if (kind, mode) == ("JPEG", "RGB") else 0.01)


@pytest.mark.bad_input("odd metadata")
def test_exif_that_is_damaged_turns_nothing_and_stops_nothing(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    good = exif.tobytes()
    for cut in range(6, len(good)):
        file = tmp_path / "file.jpg"
        file.write_bytes(picture("JPEG", exif=good[:cut]))
        assert open_image(file).size == open_grey(file).size
        assert open_image(file).size in ((64, 48), (48, 64))
