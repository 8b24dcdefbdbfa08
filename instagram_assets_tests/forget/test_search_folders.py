"""Folders of image searches without a picture that is forgotten: it, what was made of it, and what shows it."""

import json
from pathlib import Path

import pytest

from instagram_assets.forget.search_folders import search_folder_steps
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.storage.image_folder_state import sheet_of
from instagram_assets.storage.owned_files import HIDDEN, claims_of
from instagram_assets_tests.datasets.search_folder import Search


@pytest.fixture
def search(tmp_path: Path) -> Search:
    made = Search(tmp_path)
    made.write([1, 2, 3], [4])
    return made


def test_the_picture_its_line_and_the_sheet_go_and_the_rest_stays(search: Search, tmp_path: Path) -> None:
    before = search.files_of()
    (search.folder / "notes.txt").write_text("mine")
    _forget(search, tmp_path, search.image_id(2))
    left = {path.name for path in search.folder.iterdir() if path.name != HIDDEN}
    assert left == {"img_0001.png", "img_0003.png", "manifest.jsonl", "dataset_card.md", "notes.txt"}
    assert (search.folder / "img_0001.png").read_bytes() == before["img_0001.png"]
    assert [line["sha256"] for line in search.manifest()] == [search.image_id(number) for number in (1, 3, 4)]
    assert not sheet_of(search.folder).exists()
    assert search.image_id(2) not in json.dumps(claims_of(search.folder))
    assert not list(search_folder_steps(search.folder.parent, tmp_path, _identifiers(search.image_id(2))))


def test_what_somebody_made_of_it_goes_as_well(search: Search, tmp_path: Path) -> None:
    (search.folder / "img_0002.png").write_bytes(b"cropped by hand")
    _forget(search, tmp_path, search.image_id(2))
    assert not (search.folder / "img_0002.png").exists()


def test_a_candidate_that_was_not_kept_loses_its_line_only(search: Search, tmp_path: Path) -> None:
    before = search.files_of()
    _forget(search, tmp_path, search.image_id(4))
    after = search.files_of()
    assert [name for name in before if before[name] != after.get(name) and not name.startswith(HIDDEN)] == [
        "manifest.jsonl"
    ]
    assert len(search.manifest()) == 3


def test_the_folder_goes_on_as_before(search: Search, tmp_path: Path) -> None:
    _forget(search, tmp_path, search.image_id(2))
    search.write([1, 3, 5])
    assert {line["file"] for line in search.manifest() if line["kept"]} == {
        "img_0001.png",
        "img_0003.png",
        search.line(5)["file"],
    }


def test_a_search_for_the_subject_goes_whole(search: Search, tmp_path: Path) -> None:
    search.folder.rename(search.folder.with_name("jane_94"))
    forgotten = Identifiers(accounts={"jane_94": "forgotten_1"})
    for step in list(search_folder_steps(search.folder.parent, tmp_path, forgotten)):
        assert "jane_94" not in step.path
        step.apply()
    assert not search.folder.with_name("jane_94").exists()


@pytest.mark.parametrize(
    ("name", "bare", "goes"),
    [("jane", [], False), ("@jane", [], True), ("jane", ["jane"], True), ("sea jane", [], False)],
)
def test_a_search_for_an_ordinary_word_is_for_the_account_only_behind_a_sign_or_when_the_bare_word_goes(
    search: Search, tmp_path: Path, name: str, bare: list[str], goes: bool
) -> None:
    folder = search.folder.rename(search.folder.with_name(name))
    forgotten = Identifiers(accounts={"jane": "forgotten_1"}, bare=frozenset(bare))
    for step in list(search_folder_steps(folder.parent, tmp_path, forgotten)):
        step.apply()
    assert folder.exists() != goes


@pytest.mark.parametrize(
    ("name", "bare", "new"),
    [
        ("I jane it", ["jane"], "I forgotten_1 it"),
        ("I%20jane%20it", ["jane"], "I%20forgotten_1%20it"),
        ("sea @jane", [], "sea @forgotten_1"),
        ("I jane it", [], "I jane it"),
    ],
)
def test_the_folder_of_a_search_for_it_among_other_words_is_called_otherwise(
    search: Search, tmp_path: Path, name: str, bare: list[str], new: str
) -> None:
    folder = search.folder.rename(search.folder.with_name(name))
    sheet_of(search.folder).rename(sheet_of(folder))
    pictures = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    forgotten = Identifiers(accounts={"jane": "forgotten_1"}, bare=frozenset(bare))
    for step in list(search_folder_steps(folder.parent, tmp_path, forgotten)):
        step.apply()
    after = folder.with_name(new)
    assert {path.name: path.read_bytes() for path in after.glob("*.png")} == pictures
    assert sheet_of(after).exists()
    assert {path.name for path in folder.parent.iterdir()} == {after.name, sheet_of(after).name, HIDDEN}
    assert not list(search_folder_steps(folder.parent, tmp_path, forgotten))


def test_two_searches_that_are_called_alike_afterwards_stay_two(search: Search, tmp_path: Path) -> None:
    for name in ("Jane walks", "jane walks"):
        (search.folder.parent / name).mkdir()
        (search.folder.parent / name / "notes.txt").write_text("mine")
    forgotten = Identifiers(accounts={"jane": "forgotten_1"}, bare=frozenset(["jane"]))
    for step in list(search_folder_steps(search.folder.parent, tmp_path, forgotten)):
        step.apply()
    made = {path.name for path in search.folder.parent.glob("forgotten*")}
    assert made == {"forgotten_1 walks", "forgotten_1 walks-2"}


def test_a_folder_without_it_keeps_its_bytes(search: Search, tmp_path: Path) -> None:
    assert not list(search_folder_steps(search.folder.parent, tmp_path, _identifiers("ef" * 32)))


def _forget(search: Search, root: Path, image_id: str) -> None:
    for step in list(search_folder_steps(search.folder.parent, root, _identifiers(image_id))):
        step.apply()


def _identifiers(image_id: str) -> Identifiers:
    return Identifiers(images=frozenset({image_id}))
