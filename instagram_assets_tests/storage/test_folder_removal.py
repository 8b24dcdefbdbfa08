"""What goes with a search's folder, and what stays: nothing that people put there or changed is taken away."""

from pathlib import Path

import pytest

from instagram_assets.datasets.image_folder_card import CARD
from instagram_assets.errors import StorageError
from instagram_assets.storage.image_folder_state import MANIFEST, Removed, remove_folder, sheet_of
from instagram_assets.storage.owned_files import HIDDEN
from instagram_assets_tests.datasets.search_folder import Search


@pytest.fixture
def search(tmp_path: Path) -> Search:
    made = Search(tmp_path)
    made.write([1, 2, 3], [4])
    return made


def test_a_folder_of_ours_alone_goes_whole(search: Search) -> None:
    # Three images, the manifest, the card and the contact sheet.
    assert remove_folder(search.folder) == Removed(6, [])
    assert not search.folder.exists()
    assert not sheet_of(search.folder).exists()


def test_the_same_search_makes_it_again(search: Search) -> None:
    before = search.files_of()
    remove_folder(search.folder)
    search.write([1, 2, 3], [4])
    assert search.files_of() == before


@pytest.mark.parametrize("name", ["notes.txt", "img_0099.png", "sub/mine.png", ".hidden", "img_0004.png"])
def test_what_somebody_put_there_stays(search: Search, name: str) -> None:
    path = search.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"mine")
    assert remove_folder(search.folder).left == [name.partition("/")[0]]
    assert path.read_bytes() == b"mine"
    assert search.files_of() == ({} if name.startswith(".") else {name: b"mine"})


@pytest.mark.parametrize("name", ["img_0002.png", MANIFEST, CARD])
def test_what_somebody_changed_stays(search: Search, name: str) -> None:
    path = search.folder / name
    changed = path.read_bytes() + b'{"file": null, "kept": false}\n'
    path.write_bytes(changed)
    assert remove_folder(search.folder).left == [name]
    assert search.files_of() == {name: changed}


def test_a_link_in_the_place_of_an_image_and_what_it_leads_to_stay(search: Search, tmp_path: Path) -> None:
    own = tmp_path / "own.png"
    image = search.folder / "img_0001.png"
    own.write_bytes(image.read_bytes())
    image.unlink()
    image.symlink_to(own)
    assert remove_folder(search.folder).left == ["img_0001.png"]
    assert own.exists()


def test_a_contact_sheet_that_is_somebody_elses_stays(search: Search) -> None:
    sheet_of(search.folder).write_bytes(b"mine")
    assert remove_folder(search.folder) == Removed(5, [])
    assert sheet_of(search.folder).read_bytes() == b"mine"


def test_where_nothing_says_what_was_written_only_what_the_manifest_names_goes(search: Search) -> None:
    (search.folder / HIDDEN / "written.json").write_text("{")
    assert remove_folder(search.folder) == Removed(4, [CARD, MANIFEST])  # the images, and the sheet beside the folder


def test_a_folder_that_is_not_there_is_no_error(tmp_path: Path) -> None:
    assert remove_folder(tmp_path / "none") == Removed(0, [])
    assert not (tmp_path / "none").exists()


def test_with_a_damaged_manifest_nothing_goes(search: Search) -> None:
    (search.folder / MANIFEST).write_text("no manifest\n")
    before = search.files_of()
    with pytest.raises(StorageError, match="line 1"):
        remove_folder(search.folder)
    assert search.files_of() == before
