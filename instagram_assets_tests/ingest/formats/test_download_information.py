"""Instagram's own archive: text, times and files of posts are right, the rest is unknown, letters stay closed."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from instagram_assets import read_export
from instagram_assets.errors import FileError, SettingsError
from instagram_assets.ingest import folder_scan, landing
from instagram_assets.ingest.archive_layout import fix_mojibake, owner_in_name, owner_in_profile
from instagram_assets.ingest.inbox import land_files
from instagram_assets.ingest.normalize import normalize_records
from instagram_assets.ingest.observations import landed_files, read_posts
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.ingest.archive_helper import (
    NAME,
    PRIVATE,
    archived,
    as_latin,
    files,
    record,
    unpacked,
    written,
)
from instagram_assets_tests.ingest.formats.test_formats import changed, places
from instagram_assets_tests.ingest.records import errors_of, post, rows_of, source, write
from instagram_assets_tests.ingest.test_folder_scan import land, lying
from instagram_assets_tests.ingest.test_normalize import ANYTHING

FIRST, LAST = date(2010, 1, 1), date(2100, 1, 1)
OURS = source("posts_1.json", account="sun_diary")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "data" / "inbox").mkdir(parents=True)
    return load_settings(data_dir=tmp_path / "data", start_day=date(2012, 1, 1))


def row_of(content: dict[str, Any]) -> dict[str, Any]:
    (landed,) = rows_of(content, where=OURS)
    return landed.row


def test_a_post_has_its_text_its_time_and_its_files_and_nothing_else_is_known() -> None:
    row = row_of(record(archived(7, caption="오늘의 커피 ☕️ #카페")))
    assert (row["account"], row["owner"], row["kind"], row["type"]) == ("sun_diary", "sun_diary", "post", "image")
    assert (row["caption"], row["hashtags"]) == ("오늘의 커피 ☕️ #카페", ["카페"])
    assert row["taken_at"] == datetime.fromtimestamp(1_600_000_000 + 7 * 3600, UTC)
    assert row["post_id"] == "archive-17000000000000700"
    address = "archive://sun_diary/media/posts/202009/200_7_n_17000000000000700.jpg"
    assert [(medium["kind"], medium["url"]) for medium in row["media"]] == [("image", address)]
    unknown = ("shortcode", "likes", "comments", "views", "plays", "url", "owner_id", "extra")
    assert [row[name] for name in unknown] == [None] * len(unknown)
    assert (row["likes_hidden"], row["warnings"]) == (False, [])


@given(data=st.data())
def test_any_change_at_any_place_gives_rows_or_an_error(data: st.DataObject) -> None:
    content = {"ig_reels_media": [record(archived(1, pictures=2)) | {"title": "a"}, record(archived(2))]}
    content = data.draw(st.sampled_from([content, *content["ig_reels_media"]]))
    path = data.draw(st.sampled_from(places(content)))
    result = normalize_records([(3, changed(content, path, data.draw(ANYTHING | st.just(...))))], OURS)
    assert all(problem.error.reason for problem in result.problems)
    for name in ("posts", "reels"):
        result.tables[name].validate(full=True)
        assert set(result.tables[name]["account"].to_pylist()) <= {"sun_diary"}


def test_an_album_has_the_text_and_the_time_that_stand_at_the_post() -> None:
    album = archived(1, pictures=3)._replace(seconds=1_700_000_000)
    row = row_of(record(album))
    assert (row["type"], row["caption"]) == ("sidecar", album.caption)
    assert row["taken_at"] == datetime.fromtimestamp(1_700_000_000, UTC)
    assert [medium["position"] for medium in row["media"]] == [0, 1, 2]


@pytest.mark.parametrize("media", [[], [{"creation_timestamp": 1_700_000_000, "title": as_latin("글")}]])
def test_a_post_without_a_file_is_its_text(media: list[dict[str, Any]]) -> None:
    row = row_of({"media": media, "title": as_latin("글"), "creation_timestamp": 1_700_000_000})
    assert (row["caption"], row["media"], row["type"]) == ("글", [], None)
    assert row["warnings"] == ["media.uri: no picture is known, the archive has none for it"]
    other = row_of({"media": media, "title": as_latin("다른 글"), "creation_timestamp": 1_700_000_001})
    assert row["post_id"] != other["post_id"]


def test_reels_igtv_and_archived_posts_stand_in_lists_of_their_own() -> None:
    reels = [record(archived(number, is_reel=True)) for number in (1, 2)]
    for key, kind, product in (
        ("ig_reels_media", "reel", "clips"),
        ("ig_igtv_media", "post", "igtv"),
        ("ig_archived_post_media", "post", None),
    ):
        rows = [landed.row for landed in rows_of({key: reels}, where=OURS)]
        assert [(row["kind"], row["product_type"], row["type"]) for row in rows] == [(kind, product, "video")] * 2
        assert [row["media"][0]["kind"] for row in rows] == ["video", "video"]
        assert [row["post_id"] for row in rows] == ["archive-17000000000000100", "archive-17000000000000200"]


@pytest.mark.parametrize(
    ("titles", "caption"),
    [(("", "at the file"), "at the file"), ((None, ""), ""), ((None, None), None), (("both", "both"), "both")],
)
def test_the_text_is_the_first_that_says_something(titles: tuple[str | None, str | None], caption: str | None) -> None:
    content = record(archived(1))
    content["title"], content["media"][0]["title"] = titles
    assert row_of(content)["caption"] == caption


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_every_text_that_was_taken_for_latin_is_made_right(text: str) -> None:
    assert fix_mojibake(as_latin(text)) == text


@pytest.mark.parametrize("text", ["café", "오늘의 커피", "naïve ☕️", "Ã", "plain", ""])
def test_a_text_that_is_right_already_is_left_alone(text: str) -> None:
    assert fix_mojibake(text) == text


def test_texts_of_other_formats_are_never_repaired() -> None:
    assert rows_of(post(caption=as_latin("커피")))[0].row["caption"] != "커피"


def test_ids_are_the_same_in_every_archive_and_differ_between_posts() -> None:
    first, second = record(archived(1)), record(archived(2))
    again = json.loads(json.dumps(first).replace("202009/200_", "202010/999_"))
    assert row_of(first)["post_id"] == row_of(again | {"title": "edited"})["post_id"] != row_of(second)["post_id"]
    for content in (first, second):
        content["media"][0]["uri"] = "media/posts/202009/a.jpg"
    ids = [row_of(first)["post_id"], row_of(first | {"title": "edited"})["post_id"], row_of(second)["post_id"]]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"ig_stories": [{"uri": "a.jpg", "creation_timestamp": 1}]}, "are stories"),
        ({"ig_profile_picture": []}, "are pictures of a profile"),
        ({"ig_recently_deleted_media": []}, "were deleted"),
        ({"ig_other_media": []}, "are drafts"),
        ({"profile_user": [{"string_map_data": {}}]}, "only the account's name is read"),
    ],
)
def test_other_files_of_the_archive_are_set_aside_with_the_reason(content: dict[str, Any], reason: str) -> None:
    (error,) = errors_of(content)
    assert reason in error.reason


@pytest.mark.parametrize(
    "name",
    [NAME, f"{NAME}.zip", f"{NAME}-2", f"{NAME} (1).zip", f"{NAME}_part_1.zip", "instagram-Sun_Diary-2025-08-30"],
)
def test_the_account_stands_in_the_name_of_the_archive(name: str) -> None:
    assert owner_in_name(name) == "sun_diary"


@pytest.mark.parametrize("name", ["posts_1.json", "instagram", "backup_20240101", "instagram-..-2025-08-30", ""])
def test_other_names_name_no_account(name: str) -> None:
    assert owner_in_name(name) is None


@pytest.mark.parametrize("key", ["Username", "사용자 이름", "Benutzername"])
def test_the_account_stands_in_the_owners_data_in_any_language(key: str, tmp_path: Path) -> None:
    content = written({"profile_user": [{"string_map_data": {as_latin(key): {"value": "sun_diary"}}}]})
    assert owner_in_profile(content) == "sun_diary"
    folder = unpacked(tmp_path / "download", [archived(1)])
    write(folder, content, "personal_information/personal_information/personal_information.json")
    assert read_export(folder).posts["account"].to_pylist() == ["sun_diary"]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"profile_user": [[]]}', b'{"profile_user": null}', b"\xff"])
def test_owners_data_that_is_odd_names_nobody(content: bytes) -> None:
    assert owner_in_profile(content) is None


def test_an_archive_that_does_not_say_whose_it_is_is_refused_with_what_to_give(
    tmp_path: Path, settings: Settings
) -> None:
    path = write(tmp_path, written([record(archived(1))]), "posts_1.json")
    (error,) = land(settings, str(path)).rejected
    assert "does not say whose account it is" in str(error)
    assert "--account NAME" in str(error)
    lake = UPath(settings.folder("lake"))
    assert landed_files(lake, FIRST, LAST).num_rows == 0
    result = land_files([str(path)], lake, settings, account="@Sun_Diary")
    assert (result.landed[0].accounts, result.landed[0].stated_account) == (("sun_diary",), "sun_diary")
    with pytest.raises(FileError, match="whose account"):
        read_export(path)
    assert read_export(path, account="sun_diary").posts.num_rows == 1
    with pytest.raises(SettingsError, match="is no account name"):
        land_files([], lake, settings, account="no name")


def test_what_a_person_said_of_the_account_stays_true_and_can_be_corrected(tmp_path: Path, settings: Settings) -> None:
    path, lake = write(tmp_path, written([record(archived(1))]), "posts_1.json"), UPath(settings.folder("lake"))
    land_files([str(path)], lake, settings, account="moon")
    assert land(settings, str(path)).known[0].stated_account == "moon"
    corrected = land_files([str(path)], lake, settings, account="sun_diary").landed[0]
    assert (corrected.accounts, read_posts(lake, "posts", ["moon"], FIRST, LAST).num_rows) == (
        ("sun_diary",),
        0,
    )
    again = landing.land_file(path, lake, settings=settings)
    assert (again.new, again.accounts) == (False, ("sun_diary",))


def test_of_an_unpacked_archive_only_posts_are_opened(tmp_path: Path, settings: Settings) -> None:
    folder = unpacked(tmp_path / NAME, [archived(1), archived(2, is_reel=True)])
    write(folder, b"{", "your_instagram_activity/messages/photos")  # without an ending: it could be an export
    for place in PRIVATE:
        (folder / place).unlink()
        (folder / place).mkdir()  # whoever opens it fails
    result = land(settings, str(folder))
    names = [f"{NAME}/your_instagram_activity/media/{name}.json" for name in ("posts_1", "reels")]
    assert ([file.file for file in result.landed], result.failures) == (names, [])
    assert [(file.posts, file.reels) for file in result.landed] == [(1, 0), (0, 1)]


@pytest.mark.parametrize("inside", ["", "your_instagram_activity"])
def test_private_files_of_an_archive_are_no_exports_whichever_of_its_folders_is_named(
    inside: str, tmp_path: Path
) -> None:
    folder = unpacked(tmp_path / NAME, [archived(1)])
    found = folder_scan.scan_folder(folder / inside)
    assert [path.name for path in found.exports] == ["posts_1.json"]
    assert found.passed.total() == len(lying(folder / inside)) - 1


@pytest.mark.parametrize("beside", ["personal_information", "messages", "connections"])
def test_an_archive_of_the_older_layout_is_known_by_any_two_of_its_folders(beside: str, tmp_path: Path) -> None:
    (place, content), *_ = files([archived(1)], "content")
    posts = write(tmp_path / Path(place).parent, content, Path(place).name)
    write(tmp_path / beside, [post()], "message_1.json")
    assert folder_scan.scan_folder(tmp_path).exports == [posts]


def test_an_archive_as_html_is_refused_with_what_to_ask_for(tmp_path: Path) -> None:
    for place in ("your_instagram_activity/media/posts_1.html", "connections/contacts/synced_contacts.html"):
        (tmp_path / place).parent.mkdir(parents=True)
        write(tmp_path, "<html>", place)
    with pytest.raises(FileError, match=r"as HTML\. Ask Instagram for it again, and choose JSON"):
        folder_scan.refuse_empty_folder(tmp_path, folder_scan.scan_folder(tmp_path))
