"""The images of a search as people see them: kept and left out with the reason, also while a run works."""

import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from instagram_assets.datasets.image_folder import DELETED
from instagram_assets.datasets.manual_overrides import decide
from instagram_assets.errors import DecodeError, MediaRefusedError, NotFoundError, SearchRequestError
from instagram_assets.lake_index.thumbnails import SIDE
from instagram_assets.settings import Settings, load_settings
from instagram_assets.web.collection_jobs import Job, Kind, State
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.image_responses import full_image, small_image
from instagram_assets.web.job_views import details_of
from instagram_assets.web.search_images import Picture, Place, Show, counts_of, find_image, images_of
from instagram_assets_tests.web.searches import Search, picture, url

AT = datetime(2026, 11, 27, 9, tzinfo=UTC)
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path)


@pytest.fixture
def search(settings: Settings) -> Search:
    return Search(settings)


@pytest.fixture
def done(search: Search) -> Search:
    return search.whole()


def seen(search: Search) -> dict[int, Picture]:
    """The images by their numbers."""
    services = Services(search.settings, DagsterApi(NOWHERE), NOWHERE)
    by_id = {picture.image_id: picture for picture in images_of(services, search.name)}
    return {number: by_id[image_id] for number, image_id in search.ids.items() if image_id in by_id}


def test_of_a_search_that_was_never_made_there_is_nothing(search: Search) -> None:
    assert seen(search) == {}


def test_kept_images_come_first_and_the_others_say_why_not(done: Search) -> None:
    services = Services(done.settings, DagsterApi(NOWHERE), NOWHERE)
    pictures = images_of(services, done.name)
    assert [picture.place for picture in pictures] == [Place.kept] * 6 + [Place.left_out] * 2
    assert [picture.name for picture in pictures[:6]] == [f"img_{number:04}.jpg" for number in range(1, 7)]
    images = seen(done)
    assert images[7].name == f"{done.ids[7]}.jpg"
    assert images[7].reason == "blurred: sharpness 1 below 50"
    assert images[8].reason == "in cluster 1, which is not the subject"
    assert (images[1].cluster, images[1].sharpness, images[1].width, images[1].url) == (0, 90.5, 400, url(1))
    assert counts_of(pictures) == {"all": 8, "kept": 6, "left_out": 2, "by_hand": 0}


def test_images_appear_as_soon_as_they_are_fetched_and_then_with_what_was_found(search: Search) -> None:
    search.found()
    assert seen(search) == {}
    search.fetch([1, 2])
    assert {number: picture.place for number, picture in seen(search).items()} == dict.fromkeys((1, 2), Place.candidate)
    search.fetch()
    search.measured()
    assert (seen(search)[7].place, seen(search)[7].reason) == (Place.left_out, "blurred: sharpness 1 below 50")
    assert seen(search)[1].place is Place.candidate
    search.write()
    assert seen(search)[1].place is Place.kept


def test_what_a_second_run_fetches_is_shown_beside_the_folder(done: Search) -> None:
    done.found(range(1, 12))
    done.fetch([10, 11])
    images = seen(done)
    assert {number for number, picture in images.items() if picture.place is Place.candidate} == {10, 11}
    assert {number for number, picture in images.items() if picture.place is Place.kept} == set(range(1, 7))


def test_a_decision_is_shown_at_once_and_is_pending_until_the_folder_is_written(done: Search) -> None:
    decide(done.lake, done.name, [done.ids[1]], "drop", "a dog", AT)
    decide(done.lake, done.name, [done.ids[7]], "keep", "", AT)
    images = seen(done)
    assert (images[1].decision, images[1].why, images[1].decided_at) == ("drop", "a dog", AT)
    assert (images[1].place, images[1].is_pending, images[7].is_pending) == (Place.kept, True, True)
    done.write()
    images = seen(done)
    assert not any(picture.is_pending for picture in images.values())
    assert (images[1].place, images[1].reason) == (Place.left_out, "dropped by hand: a dog")
    assert (images[7].place, images[7].reason) == (Place.kept, "kept by hand")
    decide(done.lake, done.name, [done.ids[1], done.ids[7]], None, "", AT)
    images = seen(done)
    assert {number for number, picture in images.items() if picture.is_pending} == {1, 7}
    done.write(refresh=True)
    assert not any(picture.is_pending for picture in seen(done).values())


def test_a_job_whose_word_the_model_cannot_read_says_so_and_images_tell_how_near_they_are(done: Search) -> None:
    services = Services(done.settings, DagsterApi(NOWHERE), NOWHERE)
    given: dict[str, Any] = {
        "state": State.done,
        "is_cancelling": False,
        "created_at": AT,
        "started_at": AT,
        "finished_at": AT,
    }
    counts: dict[str, Any] = {
        "kept": 6,
        "candidates": 9,
        "step": "",
        "steps_done": 5,
        "steps": 5,
        "error": "",
        "is_imported": False,
    }
    job = Job(job_id="1", kind=Kind.search, query="cat", limit=50, folder=done.name, **given, **counts)
    assert not details_of(services, job, is_newest=True).unread
    assert seen(done)[1].query_similarity is None
    done.write(query_readable=False, query_score=0.25, query_similarity=0.2)
    assert details_of(services, job, is_newest=True).unread
    assert not details_of(services, job, is_newest=False).unread
    assert seen(done)[1].query_similarity == pytest.approx(0.2)
    done.write(query_readable=True, query_score=0.25, query_similarity=0.2)
    assert not details_of(services, job, is_newest=True).unread


def test_a_changed_file_is_shown_as_it_is_now_and_a_deleted_one_as_left_out(done: Search) -> None:
    (done.folder / "img_0001.jpg").write_bytes(picture(99))
    (done.folder / "img_0002.jpg").unlink()
    before = seen(done)[1].version
    for _ in range(2):
        images = seen(done)
        assert images[1].path.read_bytes() == picture(99)
        assert (images[2].place, images[2].reason, images[2].file_by_hand) == (Place.left_out, DELETED, "deleted")
        done.write(refresh=True)
    assert (seen(done)[1].file_by_hand, seen(done)[1].place) == ("changed", Place.kept)
    assert seen(done)[1].version == before
    decide(done.lake, done.name, [done.ids[2]], "drop", "", AT)
    done.write()
    assert not seen(done)[2].is_pending
    decide(done.lake, done.name, [done.ids[2]], "keep", "", AT + timedelta(minutes=1))
    done.write()
    assert not seen(done)[2].is_pending
    assert seen(done)[2].place is Place.kept


def test_a_link_in_the_folder_leads_nowhere(done: Search, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(picture(77))
    (done.folder / "img_0001.jpg").unlink()
    (done.folder / "img_0001.jpg").symlink_to(tmp_path / "secret.jpg")
    assert seen(done)[1].path.is_relative_to(done.settings.folder("media"))


@pytest.mark.parametrize("name", ["../manifest.jsonl", "manifest.jsonl", "img_0099.jpg", "", "..", "img_0001.jpg/../x"])
def test_only_names_of_the_listing_are_found(done: Search, name: str) -> None:
    with pytest.raises(NotFoundError):
        find_image(seen(done).values(), name)


def test_a_thumbnail_is_a_small_upright_jpeg_that_carries_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "where I live"
    Image.new("RGB", (1200, 600), "red").save(path, exif=exif)
    small = small_image(path, 40)
    shown = Image.open(io.BytesIO(small.data))
    assert (shown.format, shown.size, small.media_type) == ("JPEG", (SIDE // 2, SIDE), "image/jpeg")
    assert b"where I live" not in small.data


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_clean_picture_is_sent_as_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a"
    Image.new("RGB", (40, 30), "red").save(path, kind)
    assert full_image(path, 40).data == path.read_bytes()
    assert full_image(path, 40).media_type == f"image/{kind.lower()}"


@pytest.mark.parametrize("trailing", [b"<script>alert(1)</script>", b"PK\x03\x04"])
def test_what_else_is_in_a_file_is_not_sent(tmp_path: Path, trailing: bytes) -> None:
    for kind in ("JPEG", "GIF"):
        path = tmp_path / "a"
        Image.new("RGB", (40, 30), "red").save(path, kind)
        path.write_bytes(path.read_bytes() + trailing)
        sent = full_image(path, 40)
        assert trailing not in sent.data
        assert sent.media_type == "image/jpeg"


@pytest.mark.parametrize("data", [b"<svg onload='alert(1)'/>", b"<!doctype html><script>", b"", b"\xff\xd8\xff broken"])
def test_what_is_no_picture_is_never_sent(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.jpg").write_bytes(data)
    for make in (full_image, small_image):
        with pytest.raises(DecodeError):
            make(tmp_path / "a.jpg", 40)


def test_a_picture_of_too_many_pixels_is_refused(tmp_path: Path) -> None:
    Image.new("1", (5000, 5000)).save(tmp_path / "a.png")
    for make in (full_image, small_image):
        with pytest.raises(MediaRefusedError):
            make(tmp_path / "a.png", 20)


def test_each_kind_of_image_can_be_asked_for(done: Search) -> None:
    decide(done.lake, done.name, [done.ids[1], done.ids[8]], "keep", "", AT)
    services = Services(done.settings, DagsterApi(NOWHERE), NOWHERE)
    assert counts_of(images_of(services, done.name))[Show.by_hand] == 2


@pytest.mark.parametrize(
    "name", ["{}", "../../../outside", "..", ".", "a/b", "a\\b", "a\0b", "고양이/../고양이", "a" * 5_000]
)
def test_what_is_no_name_of_a_search_leads_to_no_folder(done: Search, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    done.folder.rename(outside)
    services = Services(done.settings, DagsterApi(NOWHERE), NOWHERE)
    with pytest.raises(SearchRequestError, match="no search is called so"):
        images_of(services, name.format(outside))
