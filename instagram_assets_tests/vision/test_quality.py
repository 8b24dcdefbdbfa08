"""Which images are large, sharp and different enough: the measures are the field's own, the words carry the numbers."""

import io
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st
from PIL import Image, ImageOps

from instagram_assets import schemas
from instagram_assets.demo.sample_catalogue import image_catalogue
from instagram_assets.demo.synthetic_images import Scene, encode_image, render_image
from instagram_assets.media.decode import open_grey
from instagram_assets.settings import QualitySettings
from instagram_assets.storage.features import FeatureStore
from instagram_assets.vision.quality import (
    QUALITY_MEASURES,
    least_sharp_passed,
    measure_all,
    measure_image,
    pass_or_reject,
    perceptual_hash,
    quality_store,
    quality_table,
    rejection_reason,
    sharpest_failed,
)
from instagram_assets_tests.media.pictures import picture

SCENE = Scene("star", "orange", "blue", 1080, 1350, seed=7)
DEFAULT = QualitySettings()
NATIVE = QualitySettings(sharpness="native")
PLAIN = QualitySettings(min_sharpness=50)


def distance(left: str | None, right: str | None) -> int:
    assert left
    assert right
    return (int(left, 16) ^ int(right, 16)).bit_count()


def noise(width: int, height: int, smoothed: float = 0) -> np.ndarray[Any, np.dtype[np.uint8]]:
    pixels = np.random.default_rng(width + height).integers(0, 256, (height, width), np.uint8)
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), smoothed), np.uint8) if smoothed else pixels


@how(deadline=None)
@given(width=st.integers(1, 400), height=st.integers(1, 400), smoothed=st.sampled_from([0, 0.7, 3]))
def test_native_sharpness_is_the_variance_of_opencvs_laplacian(width: int, height: int, smoothed: float) -> None:
    pixels = noise(width, height, smoothed)
    found = measure_image(Image.fromarray(pixels)).sharpness_native
    assert found == pytest.approx(cv2.Laplacian(pixels, cv2.CV_64F).var(), rel=1e-12, abs=1e-9)


@pytest.mark.parametrize("size", [(301, 301), (600, 300), (613, 907), (1080, 1350), (3000, 301)])
def test_standard_sharpness_is_that_of_the_picture_with_a_short_side_of_300(size: tuple[int, int]) -> None:
    pixels = noise(*size, smoothed=1.5)
    scale = 300 / min(size)
    small = cv2.resize(pixels, (round(size[0] * scale), round(size[1] * scale)), interpolation=cv2.INTER_AREA)
    assert min(small.shape) == 300
    assert measure_image(Image.fromarray(pixels)).sharpness == pytest.approx(cv2.Laplacian(small, cv2.CV_64F).var())


@pytest.mark.parametrize("size", [(300, 300), (120, 900), (31, 17), (1, 1)])
def test_a_smaller_picture_is_never_enlarged(size: tuple[int, int]) -> None:
    measures = measure_image(Image.fromarray(noise(*size)))
    assert measures.sharpness == measures.sharpness_native


@how(deadline=None)
@given(
    mode=st.sampled_from(["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"]),
    width=st.integers(1, 40) | st.integers(300, 700),
    height=st.integers(1, 40),
    turned=st.booleans(),
)
@pytest.mark.bad_input("image of one colour")
def test_any_picture_can_be_measured(mode: str, width: int, height: int, turned: bool) -> None:
    image = Image.effect_noise((width, height), 90).convert(mode)
    measures = measure_image(image.transpose(Image.Transpose.ROTATE_90) if turned else image)
    assert (measures.width, measures.height) == ((height, width) if turned else (width, height))
    assert 0 <= measures.sharpness < 1_100_000
    assert 0 <= measures.sharpness_native < 1_100_000
    assert measures.phash is None or len(measures.phash) == 16


@pytest.mark.parametrize("size", [(1, 1), (500, 1), (1, 500), (640, 640), (900, 700)])
@pytest.mark.parametrize("colour", ["white", "black", "#123456"])
@pytest.mark.bad_input("image of one colour")
def test_a_picture_of_one_colour_is_wholly_blurred_and_looks_like_no_other(size: tuple[int, int], colour: str) -> None:
    measures = measure_image(Image.new("RGB", size, colour))
    assert (measures.sharpness, measures.sharpness_native, measures.phash) == (0, 0, None)


def row(width: int = 640, height: int = 640, **more: Any) -> dict[str, Any]:
    sharp = {"sharpness": 99.0, "sharpness_native": 99.0, "focus": 2.0}
    light = {"brightness": 200.0, "contrast": 180.0, "noise": 1.0}
    return {"width": width, "height": height, "status": "ok"} | sharp | light | more


@pytest.mark.parametrize(
    ("measured", "settings", "reason"),
    [
        (row(), DEFAULT, None),
        (row(300, 300, sharpness=6.0, sharpness_native=0.0, focus=1.6), DEFAULT, None),
        (row(1, 1), DEFAULT, "smaller than 300 px (1 x 1)"),
        (row(299, 2000), DEFAULT, "smaller than 300 px (299 x 2000)"),
        (row(focus=1.599), DEFAULT, "blurred: focus 1.59 below 1.6"),
        (row(focus=1.599, sharpness=5.0), DEFAULT, "blurred: focus 1.59 below 1.6"),
        (row(focus=1.0), QualitySettings(min_focus=0), None),
        (row(sharpness=5.99), DEFAULT, "blurred: sharpness 5.9 below 6"),
        (row(sharpness=12.04), PLAIN, "blurred: sharpness 12 below 50"),
        (row(sharpness=49.99), PLAIN, "blurred: sharpness 49.9 below 50"),
        (row(sharpness=0.0, focus=1.0), QualitySettings(min_sharpness=0), None),
        (row(sharpness_native=3.21), NATIVE, "blurred: native sharpness 3.2 below 50"),
        (row(sharpness_native=50.0, sharpness=0.0, focus=1.0), NATIVE, None),
        (row(brightness=19.0, contrast=3.0, focus=1.0, sharpness=0.0), DEFAULT, "dark: brightness 19 below 20"),
        (row(brightness=20.0, contrast=9.0, focus=1.0), DEFAULT, "low contrast: 9 below 10"),
        (row(noise=25.01), DEFAULT, "noisy: noise 25.1 above 25"),
        (row(noise=40.0, focus=1.0), DEFAULT, "noisy: noise 40 above 25; blurred: focus 1 below 1.6"),
        (row(2, 3, focus=1.0), DEFAULT, "smaller than 300 px (2 x 3); blurred: focus 1 below 1.6"),
        (row(sharpness=49.0, focus=None), DEFAULT, "blurred: sharpness 49 below 50"),
        (row(sharpness=60.0, focus=None), QualitySettings(min_sharpness=70), "blurred: sharpness 60 below 70"),
        (row(sharpness=50.0, focus=None, brightness=None), DEFAULT, None),
        (row(sharpness=20.0, focus=None), QualitySettings(min_sharpness=20), None),
        (row(sharpness=19.9, focus=None), QualitySettings(min_sharpness=20), "blurred: sharpness 19.9 below 20"),
        (row(sharpness=6.0, focus=None), QualitySettings(min_focus=0), None),
        (row(sharpness=0.0, focus=None), QualitySettings(min_sharpness=0), None),
        (row(200, 200), QualitySettings(min_side=200), None),
        ({"status": "failed", "reason": "the file is missing"}, DEFAULT, "the file is missing"),
    ],
)
def test_the_reason_says_what_is_wrong_with_its_numbers(
    measured: dict[str, Any], settings: QualitySettings, reason: str | None
) -> None:
    assert rejection_reason(measured, settings) == reason


def test_the_demos_sharp_pictures_pass_and_its_blurred_ones_fail() -> None:
    scenes = [
        content for content in image_catalogue().values() if isinstance(content, Scene) and min(content.size) >= 300
    ]
    for scene in [*[scene for scene in scenes if scene.blur][:12], *[scene for scene in scenes if not scene.blur][:24]]:
        with Image.open(io.BytesIO(encode_image(scene))) as image:
            measures = measure_image(image)._asdict() | {"status": "ok"}
        for settings in (DEFAULT, NATIVE):
            assert (rejection_reason(measures, settings) is not None) == bool(scene.blur), scene


def test_only_at_the_standard_size_is_a_scene_as_sharp_however_large_it_is() -> None:
    sharp, blurred = render_image(SCENE), render_image(replace(SCENE, blur=0.004))
    sizes = [(1080, 1350), (640, 800), (360, 450)]
    of_sharp, of_blurred = (
        [measure_image(image.resize(size, Image.Resampling.BOX)) for size in sizes] for image in (sharp, blurred)
    )
    assert min(m.sharpness for m in of_sharp) > 2 * max(m.sharpness for m in of_blurred)
    assert max(m.sharpness for m in of_blurred) < 1.5 * min(m.sharpness for m in of_blurred)
    assert max(m.sharpness_native for m in of_blurred) > 2 * min(m.sharpness_native for m in of_blurred)


@pytest.mark.bad_input("turned image")
def test_a_picture_stored_on_its_side_has_the_measures_of_the_upright_one(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    upright = render_image(replace(SCENE, width=320, height=480))
    (tmp_path / "upright.png").write_bytes(saved(upright, "PNG"))
    on_side = upright.transpose(Image.Transpose.ROTATE_90)
    (tmp_path / "side.png").write_bytes(saved(on_side, "PNG", exif=exif.tobytes()))
    one, other = measure_image(open_grey(tmp_path / "upright.png")), measure_image(open_grey(tmp_path / "side.png"))
    assert one == other
    assert (one.width, one.height) == (320, 480)


def test_the_hash_is_the_one_that_the_library_imagehash_defines() -> None:
    from scipy.fft import dct

    for seed in range(20):
        small = np.asarray(render_image(replace(SCENE, width=32, height=32, seed=seed)).convert("L"))
        whole: Any = dct(dct(small.astype(float), axis=0), axis=1)
        low = whole[:8, :8]
        bits = "".join("1" if above else "0" for above in (low > np.median(low)).flatten())
        assert perceptual_hash(small) == f"{int(bits, 2):016x}"


def test_a_picture_resized_cropped_a_little_or_encoded_again_looks_alike_and_another_does_not() -> None:
    scenes = [replace(SCENE, seed=seed, shape=shape) for seed in range(3) for shape in ("star", "ring")]
    hashes = [measure_image(render_image(scene)).phash for scene in scenes]
    for scene, phash in zip(scenes, hashes, strict=True):
        with Image.open(io.BytesIO(encode_image(replace(scene, quality=40)))) as encoded:
            assert distance(measure_image(encoded).phash, phash) <= 4
        assert distance(measure_image(render_image(scene).resize((400, 500))).phash, phash) <= 4
        assert distance(measure_image(render_image(replace(scene, crop=0.01))).phash, phash) <= 8
    apart = [distance(a, b) for place, a in enumerate(hashes) for b in hashes[:place]]
    assert min(apart) > DEFAULT.near_duplicate_bits


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


Library = Callable[..., pa.Table]


@pytest.fixture
def library(tmp_path: Path) -> Library:
    """Makes rows of `images` whose files are in the folder `media`; bytes null stands for an image not fetched."""
    (tmp_path / "media").mkdir()

    def make(files: dict[str, bytes | None], account: str = "sun_diary", day: date = date(2026, 10, 20)) -> pa.Table:
        rows: list[dict[str, Any]] = []
        for position, (name, data) in enumerate(files.items()):
            key = {"post_id": f"1{position}", "account": account, "day": day, "position": 0, "url": "https://a.example"}
            if data is None:
                rows.append({**key, "status": "expired", "reason": "signature expired"})
                continue
            (tmp_path / "media" / name).write_bytes(data)
            rows.append({**key, "image_id": name * 8, "path": name, "status": "ok"})
        return schemas.IMAGES.table(rows)

    return make


def sharp(seed: int, **changes: Any) -> bytes:
    return encode_image(replace(SCENE, width=320, height=320, seed=seed, **changes))


def table_of(images: pa.Table, folder: Path, settings: QualitySettings = DEFAULT, **more: Any) -> list[dict[str, Any]]:
    table = quality_table(images, folder / "media", quality_store(folder / "features"), settings, **more)
    assert table.schema == schemas.IMAGE_QUALITY.schema
    return table.to_pylist()


def test_every_stored_image_has_a_row_whatever_its_file_is(library: Library, tmp_path: Path) -> None:
    whole = sharp(1)
    images = library(
        {
            "a": whole,
            "b": whole[: len(whole) // 2],
            "c": b"<!doctype html><title>Login</title>",
            "d": picture("PNG", size=(1, 1)),
            "e": None,
            "f": sharp(2, blur=0.02),
            "g": b"",
            "h": saved(Image.new("RGB", (400, 400), "red"), "PNG"),
        }
    )
    (tmp_path / "media" / "g").unlink()
    rows = table_of(images, tmp_path)
    assert [row["image_id"][0] for row in rows] == ["a", "b", "c", "d", "f", "g", "h"]
    assert [row["status"] for row in rows] == ["ok", "failed", "failed", "ok", "ok", "failed", "ok"]
    assert [row["passed"] for row in rows] == [True, False, False, False, False, False, False]
    reasons = [row["reason"] or "" for row in rows]
    assert reasons[0] == ""
    assert reasons[1].startswith("cannot be decoded (")
    assert reasons[2] == "not a picture of a known format"
    assert reasons[3] == "smaller than 300 px (1 x 1); low contrast: 0 below 10"
    assert reasons[4].startswith("blurred: focus ")
    assert reasons[5] == "the file is missing"
    assert reasons[6] == "low contrast: 0 below 10"
    assert [row["near_group"] for row in rows] == [row["image_id"] for row in rows]


def test_no_images_give_an_empty_table(tmp_path: Path) -> None:
    assert table_of(schemas.IMAGES.empty(), tmp_path) == []


def test_what_was_measured_is_not_measured_again(library: Library, tmp_path: Path) -> None:
    images = library({name: sharp(seed) for seed, name in enumerate("abcd")})
    told: list[tuple[int, int]] = []
    first = table_of(images, tmp_path, on_progress=lambda done, total: told.append((done, total)))
    assert told == [(4, 4)]
    for file in (tmp_path / "media").iterdir():
        file.unlink()
    again = table_of(images, tmp_path, on_progress=lambda done, total: told.append((done, total)))
    assert again == first
    assert told == [(4, 4)]


def test_other_thresholds_need_no_files(library: Library, tmp_path: Path) -> None:
    images = library({"a": sharp(1), "b": sharp(2, blur=0.02)})
    assert [row["passed"] for row in table_of(images, tmp_path)] == [True, False]
    for file in (tmp_path / "media").iterdir():
        file.unlink()
    assert [row["passed"] for row in table_of(images, tmp_path, QualitySettings(min_side=321))] == [False, False]
    assert [row["passed"] for row in table_of(images, tmp_path, QualitySettings(min_sharpness=0))] == [True, True]


def test_a_file_that_came_back_is_measured(library: Library, tmp_path: Path) -> None:
    images = library({"a": sharp(1), "b": sharp(2)})
    (tmp_path / "media" / "b").unlink()
    assert [row["status"] for row in table_of(images, tmp_path)] == ["ok", "failed"]
    (tmp_path / "media" / "b").write_bytes(sharp(2))
    assert [row["status"] for row in table_of(images, tmp_path)] == ["ok", "ok"]


def test_what_an_earlier_version_measured_is_completed_or_where_the_file_is_gone_used(
    library: Library, tmp_path: Path
) -> None:
    images = library({"a": sharp(1), "b": sharp(1, quality=40), "c": sharp(2), "d": sharp(3)})
    since_3 = ["focus", "brightness", "contrast", "noise"]
    earlier = {
        version: FeatureStore(
            tmp_path / "features",
            "quality",
            version,
            pa.schema([field for field in QUALITY_MEASURES if field.name not in lacking]),
        )
        for version, lacking in (("quality-1", ["views", *since_3]), ("quality-2", since_3))
    }
    table_of(images, tmp_path)
    store = quality_store(tmp_path / "features")
    measured = store.find(images["image_id"].to_pylist())
    assert measured["views"].null_count == 0
    earlier["quality-1"].append(measured.drop_columns(["views", *since_3]).slice(0, 2))
    earlier["quality-2"].append(measured.drop_columns(since_3).slice(1, 2))
    shutil.rmtree(store.folder.path)
    for name in "bcd":
        (tmp_path / "media" / name).unlink()
    rows = table_of(images, tmp_path)
    assert [row["status"] for row in rows] == ["ok", "ok", "ok", "failed"]
    assert [row["near_group"][0] for row in rows] == ["a", "a", "c", "d"]
    again = store.find(images["image_id"].to_pylist())
    assert [row["views"] is not None for row in again.to_pylist()] == [True, True, True]
    assert [row["focus"] is not None for row in again.to_pylist()] == [True, False, False]


def test_near_duplicates_that_people_make_are_found_within_a_day(library: Library, tmp_path: Path) -> None:
    whole = render_image(replace(SCENE, width=400, height=500))
    changed = [whole, ImageOps.mirror(whole), ImageOps.expand(whole, 30, "white"), ImageOps.fit(whole, (400, 400))]
    images = library({name: saved(image, "PNG") for name, image in zip("abcd", changed, strict=True)} | {"e": sharp(9)})
    assert [row["near_group"][0] for row in table_of(images, tmp_path)] == ["a", "a", "a", "a", "e"]
    only_wholes = QualitySettings(near_duplicate_view_bits=0)
    assert [row["near_group"][0] for row in table_of(images, tmp_path, only_wholes)][:3] == [*"abc"]


def test_an_image_in_two_posts_is_measured_once_and_has_two_rows(library: Library, tmp_path: Path) -> None:
    images = library({"a": sharp(1)})
    twice = pa.concat_tables([images, images])
    told: list[int] = []
    rows = table_of(twice, tmp_path, on_progress=lambda done, total: told.append(total))
    assert told == [1]
    assert [row["near_group"] for row in rows] == ["aaaaaaaa", "aaaaaaaa"]


def test_a_cell_is_the_same_whatever_else_runs_with_it(library: Library, tmp_path: Path) -> None:
    one = library({"a": sharp(1), "b": sharp(1, quality=40), "c": sharp(2)})
    other = library({"d": sharp(1), "e": sharp(2)}, account="moon_diary")
    later = library({"f": sharp(1, quality=30)}, day=date(2026, 10, 21))
    alone = [row for cell in (one, other, later) for row in table_of(cell, tmp_path)]
    together = table_of(pa.concat_tables([one, other, later]), tmp_path)
    assert together == alone
    assert [row["near_group"][0] for row in together] == ["a", "a", "c", "d", "e", "f"]


def test_just_passed_and_just_failed_are_the_nearest_on_both_sides() -> None:
    measured = {
        "sharpest": row(focus=3.0, sharpness_native=10.0),
        "just": row(focus=1.61, sharpness_native=400.0),
        "well": row(focus=2.0, sharpness_native=300.0, sharpness=70.0),
        "nearly": row(focus=1.59, sharpness_native=60.0, sharpness=40.0),
        "flat": row(focus=1.9, sharpness_native=49.0, sharpness=5.0),
        "blurred": row(focus=1.1, sharpness_native=20.0, sharpness=30.0),
        "dark": row(brightness=2.0, focus=1.0, sharpness=1.0, sharpness_native=1.0),
        "sharp but small": row(200, 200, focus=2.5, sharpness_native=300.0),
        "unreadable": {"status": "failed", "reason": "the file is missing"},
    }

    def edge(settings: QualitySettings) -> tuple[list[str], list[str]]:
        names = [*measured, "just"]
        reasons = {name: rejection_reason(each, settings) for name, each in measured.items()}
        columns = ("status", "focus", "sharpness", "sharpness_native")
        rows: list[dict[str, Any]] = [
            {"image_id": name, "reason": reasons[name], "passed": reasons[name] is None}
            | {column: measured[name].get(column) for column in columns}
            for name in names
        ]
        table = schemas.IMAGE_QUALITY.table(rows)
        return least_sharp_passed(table, settings, 2), sharpest_failed(table, settings, 9)

    assert edge(DEFAULT) == (["just", "well"], ["nearly", "flat", "blurred"])
    assert edge(NATIVE) == (["nearly", "well"], ["flat", "blurred", "sharpest"])
    assert edge(QualitySettings(min_focus=0, min_sharpness=50)) == (["well", "sharpest"], ["nearly", "blurred", "flat"])
    assert edge(QualitySettings(min_sharpness=0)) == (["blurred", "nearly"], [])


def test_verdicts_are_columns_for_a_table_of_measures(tmp_path: Path) -> None:
    (tmp_path / "good").write_bytes(sharp(3))
    (tmp_path / "bad").write_bytes(b"nothing")
    files = {name: tmp_path / name for name in ("good", "bad")}
    measures = measure_all(files, quality_store(tmp_path / "features"))
    assert measures.schema == QUALITY_MEASURES
    passed, reasons = pass_or_reject(measures, DEFAULT)
    assert passed.to_pylist() == [True, False]
    assert reasons.to_pylist() == [None, "not a picture of a known format"]


def test_a_table_of_an_earlier_version_has_nulls_for_what_was_not_measured_then(
    library: Library, tmp_path: Path
) -> None:
    table = quality_table(library({"a": sharp(1)}), tmp_path / "media", quality_store(tmp_path / "features"), DEFAULT)
    added = ["focus", "brightness", "contrast", "noise"]
    assert all(value is not None for name in added for value in table[name].to_pylist())
    earlier = schemas.IMAGE_QUALITY.conform(table.drop_columns(added), "image_quality")
    assert [earlier[name].null_count for name in added] == [1, 1, 1, 1]
    assert least_sharp_passed(earlier, DEFAULT, 5) == table["image_id"].to_pylist()
    assert sharpest_failed(earlier, DEFAULT, 5) == []
