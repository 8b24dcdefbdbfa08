"""Thumbnails are there before somebody looks: of the newest images, as many as there is room for."""

import io
import json
import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from instagram_assets.cli import app
from instagram_assets.lake_index import pregenerate_thumbnails
from instagram_assets.lake_index.index_files import INDEX_FOLDER
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.lake_index.pregenerate_thumbnails import newest_images, pregenerate
from instagram_assets.lake_index.thumbnails import SIDE, Thumbnails, small_jpeg
from instagram_assets.settings import load_settings, settings
from instagram_assets_tests.web.journeys.gallery_lake import write_gallery_lake


def test_the_newest_come_first_and_each_once(tmp_path: Path) -> None:
    images = write_gallery_lake(tmp_path)
    found = newest_images(LakeIndex(load_settings(data_dir=tmp_path).folder(INDEX_FOLDER)), 1_000)
    days = {image.image_id: image.day for image in images}
    assert sorted(found) == sorted(days)
    assert [days[each] for each in found] == sorted(days.values(), reverse=True)
    assert newest_images(LakeIndex(load_settings(data_dir=tmp_path).folder(INDEX_FOLDER)), 3) == found[:3]


def test_only_what_is_missing_is_made_and_what_cannot_be_shown_is_counted(tmp_path: Path) -> None:
    store, ids = stored(tmp_path, 4)
    store.of(ids[1])
    before = store.path(ids[1]).stat().st_ino
    broken = keep(tmp_path, b"\xff\xd8 no picture")
    told: list[tuple[int, int]] = []
    done = pregenerate(store, [*ids, broken, "0" * 64], 2, lambda done, total: told.append((done, total)))
    assert (done.made, done.failed, done.left) == (3, 2, 0)
    assert told[-1] == (6, 6)
    assert sorted(store.sizes()) == sorted(ids)
    assert store.path(ids[1]).stat().st_ino == before
    assert pregenerate(store, ids).made == 0


def test_it_ends_before_the_folder_is_full_and_removes_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pregenerate_thumbnails, "_BATCH", 1)
    store, ids = stored(tmp_path, 8)
    one = len(store.of(ids[7]))
    store = Thumbnails(store.folder, store.media, one * 6)
    done = pregenerate(store, ids)
    assert done.left > 0
    assert done.made + done.left == len(ids)
    assert sorted(store.sizes()) == sorted([*ids[: done.made], ids[7]])
    assert sum(store.sizes().values()) <= store.most_bytes


def test_it_leaves_room_on_the_disk_to_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, ids = stored(tmp_path, 2)
    monkeypatch.setattr(pregenerate_thumbnails, "_LEAST_FREE", shutil.disk_usage(tmp_path).total)
    assert pregenerate(store, ids).left == 2
    assert not store.sizes()


def test_the_oldest_of_those_made_ahead_go_first(tmp_path: Path) -> None:
    store, ids = stored(tmp_path, 5)
    pregenerate(store, ids, 2)
    used = [store.path(each).stat().st_mtime for each in ids]
    assert used == sorted(used, reverse=True)
    seen = ids[4]
    os.utime(store.path(seen))
    sizes = store.sizes()
    small = Thumbnails(store.folder, store.media, sum(sizes.values()) - 1)
    new = keep(tmp_path, picture(99))
    small.of(new)
    left = small.sizes()
    assert {new, seen, ids[0]} <= set(left)
    assert ids[3] not in left


def test_others_thumbnails_count_for_the_limit(tmp_path: Path) -> None:
    store, ids = stored(tmp_path, 30)
    one = len(store.of(ids[0]))
    limited = Thumbnails(store.folder, store.media, one * 12)
    limited.of(ids[1])
    pregenerate(Thumbnails(store.folder, store.media, 1 << 30), ids[2:20])  # another process, as if without a limit
    for image_id in ids[20:]:
        limited.of(image_id)
    assert sum(limited.sizes().values()) <= one * 13


def test_a_thumbnail_is_decoded_no_smaller_than_it_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    for size in ((1080, 1350), (1350, 1080), (3000, 350), (200, 90), (321, 1)):
        Image.effect_noise(size, 60).convert("RGB").save(path, quality=90)
        small = Image.open(io.BytesIO(small_jpeg(path, 40)))
        with Image.open(path) as whole:
            whole.thumbnail((SIDE, SIDE), reducing_gap=None)
        assert max(small.size) == max(whole.size)
        assert abs(min(small.size) - min(whole.size)) <= 1  # a smaller decoding is of whole blocks


def test_the_command_makes_them_after_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    images = write_gallery_lake(tmp_path)
    try:
        said = CliRunner().invoke(app, ["index", "--thumbnails", "--json"])
        again = CliRunner().invoke(app, ["index", "--thumbnails"])
    finally:
        settings.cache_clear()
    assert said.exit_code == 0, said.output
    assert json.loads(said.stdout)["thumbnails"]["made"] == len(images)
    assert json.loads(said.stdout)["images"] == len(images)
    assert "0 thumbnails were made" in again.stdout
    assert len(list((tmp_path / "thumbnails").rglob("*.jpg"))) == len(images)


def stored(data: Path, count: int) -> tuple[Thumbnails, list[str]]:
    ids = [keep(data, picture(number)) for number in range(count)]
    return Thumbnails(data / "thumbnails", data / "media", 1 << 30), ids


def picture(number: int) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((400, 300), 50 + number / 10).convert("RGB").save(out, "JPEG")
    return out.getvalue()


def keep(data: Path, body: bytes) -> str:
    image_id = sha256(body).hexdigest()
    path = data / "media" / image_id[:2] / f"{image_id}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return image_id
