"""What a search's folder promises to people who work in it: what they put, change or delete stays so."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from instagram_assets.datasets.image_folder import DELETED, LEFT, write_folder
from instagram_assets.datasets.image_folder_card import CARD
from instagram_assets.errors import StorageError
from instagram_assets.storage.image_folder_state import (
    MANIFEST,
    OLD_SHEET,
    preferences,
    sheet_of,
)
from instagram_assets_tests.datasets.search_folder import ASKED, Search, image


def test_a_new_folder_has_images_manifest_and_card_and_its_contact_sheet_lies_beside_it(written: Search) -> None:
    assert set(written.files_of()) == {*map(image, range(1, 7)), MANIFEST, CARD}
    assert [(line["file"], line["number"]) for line in written.manifest()] == [
        *((image(number), number) for number in range(1, 7)),
        (None, None),
    ]
    assert sheet_of(written.folder) == written.folder.parent / "내 고양이.jpg"
    assert sheet_of(written.folder).stat().st_size > 500
    assert "(../%EB%82%B4%20%EA%B3%A0%EC%96%91%EC%9D%B4.jpg)" in written.files_of()[CARD].decode()


def test_the_same_again_touches_no_file(written: Search) -> None:
    before = {path: path.stat().st_mtime_ns for path in written.folder.parent.rglob("*") if path.is_file()}
    assert written.write(range(1, 7), [90]).notes == []
    assert {path: path.stat().st_mtime_ns for path in written.folder.parent.rglob("*") if path.is_file()} == before


def test_a_persons_files_survive_ten_runs_of_every_kind(written: Search) -> None:
    theirs = {
        "labels.csv": b"img_0001.png,tabby",
        "notes/today.txt": b"mine",
        "img_0001.txt": b"0 0.5 0.5 1 1",
        "img_0008.png": b"a picture of my own",
        "img_12345.jpg": b"another",
        ".hidden": b"hidden",
        OLD_SHEET: b"my sheet",
        "img_0003.png": b"cropped",
    }
    (written.folder / "notes").mkdir()
    for name, content in theirs.items():
        (written.folder / name).write_bytes(content)
    (written.folder / image(2)).unlink()
    kinds: list[tuple[Sequence[int], dict[str, Any]]] = [
        (range(1, 7), {}),
        (range(1, 10), {}),
        (range(1, 10), {"reencoded": True}),
        ((5, 1), {"refresh": True}),
        (range(3, 30), {}),
        ((41, 42), {"refresh": True}),
        (range(1, 40), {}),
        (range(1, 40), {"reencoded": True}),
        ((), {"refresh": True}),
        (range(1, 7), {}),
    ]
    for kept, options in kinds:
        written.write(kept, **options)
        for name, content in theirs.items():
            assert (written.folder / name).read_bytes() == content, (kept, name)
        assert not (written.folder / image(2)).exists()
        assert not (written.folder / "img_0002.jpg").exists()
    assert written.line(2)["reason"] == DELETED


def test_a_picture_keeps_its_number_and_nobody_else_gets_it(written: Search) -> None:
    written.write([7, 3, 1, 2, 4, 5, 6])
    assert [line["file"] for line in written.manifest()[:3]] == [image(7), image(3), image(1)]
    written.write([3], refresh=True)
    assert [line["file"] for line in written.manifest() if line["kept"]] == [image(3)]
    assert written.line(7)["reason"] == LEFT
    written.write([3, 8, 7])
    assert [line["file"] for line in written.manifest() if line["kept"]] == [image(3), image(8), image(7)]
    assert {name for name in written.files_of() if name.startswith("img")} == {image(3), image(8), image(7)}


def test_what_was_deleted_by_hand_stays_away_and_is_recorded_also_when_the_search_forgets_it(written: Search) -> None:
    (written.folder / image(4)).unlink()
    done = written.write(range(1, 7))
    (row,) = [row for row in done.rows if row["image_id"] == written.image_id(4)]
    assert (row["kept"], row["file"], row["reason"]) == (False, None, DELETED)
    assert done.notes == ["1 images deleted by hand, stay away: img_0004"]
    for kept in ([1, 2, 3], [1, 2, 3, 4, 9]):
        written.write(kept, refresh=True)
        line = written.line(4)
        assert (line["kept"], line["reason"], line["by_hand"], line["number"]) == (False, DELETED, "deleted", 4)
        assert image(4) not in written.files_of()


def test_what_was_deleted_and_put_back_is_in_the_dataset_again(written: Search) -> None:
    content = written.files_of()[image(4)]
    (written.folder / image(4)).unlink()
    written.write(range(1, 7))
    (written.folder / image(4)).write_bytes(content)
    assert written.write(range(1, 7)).notes == []
    assert (written.line(4)["kept"], written.line(4)["file"], written.line(4)["by_hand"]) == (True, image(4), None)


def test_a_changed_image_is_said_aloud_and_never_overwritten_or_taken_away(written: Search) -> None:
    (written.folder / image(5)).write_bytes(b"cropped")
    assert written.write(range(1, 7)).notes == ["1 images changed by hand, stay as they are: img_0005.png"]
    assert (written.line(5)["kept"], written.line(5)["file"], written.line(5)["by_hand"]) == (
        True,
        image(5),
        "changed",
    )
    written.write([1], refresh=True)
    assert (written.line(5)["kept"], written.line(5)["file"]) == (False, None)
    assert set(written.files_of()) == {image(1), image(5), MANIFEST, CARD}
    written.write([1, 5])
    assert (written.line(5)["file"], written.line(5)["by_hand"]) == (image(5), "changed")
    assert written.files_of()[image(5)] == b"cropped"


def test_a_link_or_a_folder_in_an_images_place_is_left(written: Search) -> None:
    (written.folder / image(1)).rename(written.folder / "first.png")
    (written.folder / image(1)).symlink_to("first.png")
    (written.folder / image(2)).unlink()
    (written.folder / image(2)).mkdir()
    written.write([3], refresh=True)
    assert (written.folder / image(1)).is_symlink()
    assert (written.folder / image(2)).is_dir()
    assert (written.folder / "first.png").exists()


def test_a_card_with_notes_and_another_file_in_the_sheets_place_stay(written: Search) -> None:
    card, sheet = written.folder / CARD, sheet_of(written.folder)
    card.write_text("my notes")
    sheet.write_bytes(b"my picture")
    notes = written.write(range(1, 9)).notes
    assert (card.read_text(), sheet.read_bytes()) == ("my notes", b"my picture")
    assert any(CARD in note for note in notes)
    assert any("no contact sheet" in note and str(sheet) in note for note in notes)


def test_images_of_the_folder_come_before_others_and_then_those_that_were_deleted(written: Search) -> None:
    (written.folder / image(4)).unlink()
    order = preferences(written.folder)
    assert {order[written.image_id(number)] for number in (1, 2, 3, 5, 6)} == {0}
    assert order[written.image_id(4)] == 1
    assert written.image_id(90) not in order


def test_made_anew_as_jpeg_they_keep_their_numbers_and_are_not_made_twice(written: Search) -> None:
    written.write(range(1, 7), reencoded=True)
    assert {f"img_{number:04}.jpg" for number in range(1, 7)} | {MANIFEST, CARD} == set(written.files_of())
    before = {path: path.stat().st_mtime_ns for path in written.folder.iterdir() if path.is_file()}
    assert written.write(range(1, 7), reencoded=True).notes == []
    assert {path: path.stat().st_mtime_ns for path in written.folder.iterdir() if path.is_file()} == before


def test_an_image_whose_bytes_rotted_is_not_put_into_the_dataset(search: Search) -> None:
    row = search.row(0, 1, kept=True)
    search.files[row["image_id"]].write_bytes(b"rotten")
    with pytest.raises(StorageError, match="its bytes are not those of its name"):
        write_folder(search.folder, [row], search.files, ASKED)
    assert search.files_of() == {}


def test_searches_into_one_folder_take_turns(search: Search) -> None:
    for number in range(1, 13):
        search.image_id(number)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda last: search.write(range(1, last), refresh=True), range(7, 13)))
    kept = {line["file"] for line in search.manifest() if line["kept"]}
    assert {name for name in search.files_of() if name.startswith("img")} == kept
    assert len({line["sha256"] for line in search.manifest()}) == len(search.manifest())
