"""What a search's folder promises to people who work in it: what they put, change or delete stays so."""

import hashlib
import io
import json
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from instagram_assets.datasets.image_folder import CARD, DELETED, LEFT, WrittenFolder, write_folder
from instagram_assets.errors import SearchRequestError, StorageError
from instagram_assets.schemas import SEARCH_DATASET
from instagram_assets.schemas.search import Decision, Override
from instagram_assets.storage.image_folder_state import (
    MANIFEST,
    OLD_SHEET,
    check_growing,
    preferences,
    read_folder_manifest,
    sheet_of,
)
from instagram_assets.storage.owned_files import HIDDEN

ASKED = {"query": "고양이", "limit": 50}
AT = datetime(2026, 11, 27, 9, tzinfo=UTC)
REFUSED = r"holds 6 images.*--refresh"


class Search:
    """A search whose candidates are pictures of one colour each, in the order of their numbers."""

    def __init__(self, folder: Path) -> None:
        self.media = folder / "media"
        self.media.mkdir()
        self.folder = folder / "search" / "내 고양이"
        self.files: dict[str, Path] = {}
        self.by_hand: dict[str, Override] = {}

    def write(self, kept: Sequence[int], others: Sequence[int] = (), **options: bool) -> WrittenFolder:
        rows = [self.row(rank, number, kept=rank < len(kept)) for rank, number in enumerate([*kept, *others])]
        return write_folder(self.folder, rows, self.files, ASKED, **options, by_hand=self.by_hand)

    def decide(self, number: int, decision: Decision, minutes: int = 0) -> None:
        """Somebody keeps or drops a picture, so many minutes after 9 o'clock."""
        self.by_hand[self.image_id(number)] = Override(decision, "", AT + timedelta(minutes=minutes))

    def row(self, rank: int, number: int, *, kept: bool) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(SEARCH_DATASET.schema.names)
        image_id = self.image_id(number)
        said = {"search": "s", "query": "q", "rank": rank + 1, "kept": kept, "reason": None if kept else "blurred: 3"}
        return row | said | {"image_id": image_id, "width": 400, "height": 300, "sharpness": 90.0}

    def image_id(self, number: int) -> str:
        out = io.BytesIO()
        Image.new("RGB", (40, 30), (number * 7 % 256, number, 9)).save(out, "PNG")
        image_id = hashlib.sha256(out.getvalue()).hexdigest()
        self.files[image_id] = self.media / f"{image_id}.png"
        if not self.files[image_id].exists():
            self.files[image_id].write_bytes(out.getvalue())
        return image_id

    def manifest(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / MANIFEST).read_text("utf-8").splitlines()]

    def line(self, number: int) -> dict[str, Any]:
        (line,) = [line for line in self.manifest() if line["sha256"] == self.image_id(number)]
        return line

    def files_of(self) -> dict[str, bytes]:
        """Everything in the folder but what is hidden."""
        there = [path for path in self.folder.rglob("*") if path.is_file()]
        names = {path.relative_to(self.folder).as_posix(): path for path in there}
        return {name: path.read_bytes() for name, path in names.items() if not name.startswith(".")}


@pytest.fixture
def search(tmp_path: Path) -> Search:
    return Search(tmp_path)


@pytest.fixture
def written(search: Search) -> Search:
    """A folder of the pictures 1 to 6, with one candidate left out."""
    search.write(range(1, 7), [90])
    return search


def image(number: int) -> str:
    return f"img_{number:04}.png"


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


def test_fewer_images_than_before_need_a_word_and_nothing_changes_without(written: Search) -> None:
    before = written.files_of()
    with pytest.raises(SearchRequestError, match=REFUSED):
        written.write([1, 2, 3, 9, 8])
    assert written.files_of() == before
    assert written.write([1, 2, 3, 9, 8], refresh=True).notes == [
        "3 images taken away: img_0004.png, img_0005.png, img_0006.png"
    ]


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ((5, 300, 50), "limit 5 would take 1 away"),
        ((6, 301, 50), "min_side 301 would take 6 away"),
        ((6, 300, 90.5), r"min_sharpness 90\.5 would take 6 away"),
    ],
)
def test_limits_that_would_take_images_away_are_refused_before_any_work(
    written: Search, limits: tuple[int, int, float], said: str
) -> None:
    check_growing(written.folder, 6, 300, 90.0)
    with pytest.raises(SearchRequestError, match=rf"holds 6 images, and {said}.*--refresh"):
        check_growing(written.folder, *limits)


def test_images_of_the_folder_come_before_others_and_then_those_that_were_deleted(written: Search) -> None:
    (written.folder / image(4)).unlink()
    order = preferences(written.folder)
    assert {order[written.image_id(number)] for number in (1, 2, 3, 5, 6)} == {0}
    assert order[written.image_id(4)] == 1
    assert written.image_id(90) not in order


def test_dropped_pictures_go_without_asking_and_come_back_at_their_numbers(written: Search) -> None:
    written.decide(2, "drop")
    assert written.write([1, 3, 4, 5, 6], [2]).notes == ["1 images taken away: img_0002.png"]
    assert (written.line(2)["by_hand"], written.line(2)["file"]) == ("dropped", None)
    assert image(2) not in written.files_of()
    with pytest.raises(SearchRequestError, match=r"holds 5 images.*--refresh"):
        written.write([1, 3, 4, 5], [2])
    written.by_hand.clear()
    written.write(range(1, 7))
    assert (written.line(2)["by_hand"], written.line(2)["file"]) == (None, image(2))


def test_all_pictures_may_be_dropped(written: Search) -> None:
    for number in range(1, 7):
        written.decide(number, "drop")
    written.write([], range(1, 7))
    assert set(written.files_of()) == {MANIFEST, CARD}


def test_a_dropped_picture_that_somebody_changed_stays_as_their_file(written: Search) -> None:
    (written.folder / image(2)).write_bytes(b"cropped")
    written.decide(2, "drop")
    for _ in range(2):
        written.write([1, 3, 4, 5, 6], [2])
        assert written.files_of()[image(2)] == b"cropped"
        assert (written.line(2)["kept"], written.line(2)["by_hand"]) == (False, "dropped")
    written.decide(2, "keep", 1)
    written.write(range(1, 7))
    assert written.files_of()[image(2)] == b"cropped"
    assert (written.line(2)["kept"], written.line(2)["by_hand"]) == (True, "changed")


def test_a_deleted_picture_comes_back_once_for_each_time_that_somebody_says_keep(written: Search) -> None:
    (written.folder / image(2)).unlink()
    written.write(range(1, 7), refresh=True)
    assert image(2) not in written.files_of()
    written.decide(2, "keep")
    written.write(range(1, 7))
    assert (written.line(2)["by_hand"], written.line(2)["file"]) == ("kept", image(2))
    (written.folder / image(2)).unlink()
    for _ in range(2):
        written.write(range(1, 7))
        assert (written.line(2)["by_hand"], written.line(2)["reason"]) == ("deleted", DELETED)
        assert image(2) not in written.files_of()
    written.decide(2, "keep", 1)
    written.write(range(1, 7))
    assert image(2) in written.files_of()


def test_a_kept_picture_stays_also_when_the_search_does_not_find_it_any_more(written: Search) -> None:
    written.decide(2, "keep")
    written.write(range(1, 7))
    for _ in range(2):
        written.write([1, 3, 4, 5, 6, 7], refresh=True)
        assert written.line(2)["file"] == image(2)
        assert (written.line(2)["kept"], written.line(2)["reason"]) == (True, "kept by hand")
        assert image(2) in written.files_of()
    written.by_hand.clear()
    written.write([1, 3, 4, 5, 6, 7], refresh=True)
    assert (written.line(2)["kept"], written.line(2)["reason"]) == (False, LEFT)
    assert image(2) not in written.files_of()


def test_what_was_decided_by_hand_does_not_count_where_limits_would_take_images_away(written: Search) -> None:
    check_growing(written.folder, 6, 300, 50, written.by_hand)
    written.decide(1, "drop")
    check_growing(written.folder, 5, 300, 50, written.by_hand)
    for number in range(2, 7):
        written.decide(number, "keep")
    check_growing(written.folder, 1, 500, 200, written.by_hand)


def test_what_was_kept_by_hand_goes_without_asking_when_that_is_taken_back(written: Search) -> None:
    for number in [*range(1, 7), 90, 91]:
        written.decide(number, "keep")
    written.write([*range(1, 7), 90, 91])
    (written.folder / written.line(91)["file"]).write_bytes(b"cropped")
    written.write([*range(1, 7), 90, 91])
    cropped = written.line(91)["file"] or image(8)
    written.by_hand.clear()
    check_growing(written.folder, 4, 300, 50)
    written.write(range(1, 5), [5, 6, 90, 91])
    assert {*written.files_of()} == {*map(image, range(1, 5)), cropped, MANIFEST, CARD}
    assert written.files_of()[cropped] == b"cropped"
    with pytest.raises(SearchRequestError, match=r"holds 4 images.*--refresh"):
        written.write(range(1, 4))


def test_a_kept_one_that_the_search_has_lost_goes_without_asking_when_that_is_taken_back(written: Search) -> None:
    written.decide(2, "keep")
    written.write([1, 3, 4, 5, 6])
    written.by_hand.clear()
    written.write([1, 3, 4, 5, 6])
    assert (written.line(2)["kept"], written.line(2)["reason"]) == (False, LEFT)
    assert image(2) not in written.files_of()


@pytest.mark.parametrize("limits", [(5, 300, 50), (6, 301, 50), (6, 300, 91)])
def test_limits_may_take_away_what_was_kept_by_hand_once_that_is_taken_back(
    written: Search, limits: tuple[int, int, float]
) -> None:
    for number in range(1, 7):
        written.decide(number, "keep")
    written.write(range(1, 7))
    written.by_hand.clear()
    check_growing(written.folder, *limits)
    written.write(range(1, 7))
    with pytest.raises(SearchRequestError, match=REFUSED):
        check_growing(written.folder, *limits)


def test_made_anew_as_jpeg_they_keep_their_numbers_and_are_not_made_twice(written: Search) -> None:
    written.write(range(1, 7), reencoded=True)
    assert {f"img_{number:04}.jpg" for number in range(1, 7)} | {MANIFEST, CARD} == set(written.files_of())
    before = {path: path.stat().st_mtime_ns for path in written.folder.iterdir() if path.is_file()}
    assert written.write(range(1, 7), reencoded=True).notes == []
    assert {path: path.stat().st_mtime_ns for path in written.folder.iterdir() if path.is_file()} == before


def test_a_folder_with_the_sheet_among_its_images_loses_that_one_and_no_other(search: Search) -> None:
    search.folder.mkdir(parents=True)
    rows = [search.row(number, number, kept=True) | {"file": image(number)} for number in (1, 2)]
    for row in rows:
        (search.folder / row["file"]).write_bytes(search.files[row["image_id"]].read_bytes())
    lines = [{"sha256" if name == "image_id" else name: value for name, value in row.items()} for row in rows]
    (search.folder / MANIFEST).write_text("".join(json.dumps(line) + "\n" for line in lines))
    (search.folder / OLD_SHEET).write_bytes(b"our sheet")
    search.write([2, 1, 3])
    assert OLD_SHEET not in search.files_of()
    assert [line["file"] for line in search.manifest()] == [image(2), image(1), image(3)]
    (search.folder / OLD_SHEET).write_bytes(b"mine")
    search.write([2, 1, 3])
    assert search.files_of()[OLD_SHEET] == b"mine"


@pytest.mark.parametrize("also_hidden", [False, True])
def test_without_its_manifest_images_are_known_by_their_bytes(written: Search, also_hidden: bool) -> None:
    before = written.files_of()
    (written.folder / MANIFEST).unlink()
    if also_hidden:
        shutil.rmtree(written.folder / HIDDEN)
    (written.folder / "img_0099.png").write_bytes(b"mine")
    written.write(range(1, 7), [90])
    assert written.files_of() == before | {"img_0099.png": b"mine"}


@pytest.mark.parametrize(
    "line",
    [
        *(
            "{",
            "[]",
            "null",
            "[" * 100_000,
            '{"a":' * 100_000,
            '{"file": "img_0001.png"}',
            '{"file": "img_0001.png", "kept": true}',
        ),
        *('{"kept": 1}', '{"kept": null}', '{"kept": true, "rank": "x"}', '{"kept": true, "rank": true}'),
        *('{"kept": true, "cluster": "1"}', '{"kept": true, "url": {"a": 1}}', '{"kept": true, "reason": 5}'),
        *(
            '{"kept": true, "sharpness": NaN}',
            '{"kept": true, "sharpness": 1e999}',
            '{"kept": true, "width": 99999999999}',
        ),
        *(
            '{"kept": true, "rank": ' + "9" * 5_000 + "}",
            '{"kept": true, "reason": "\\ud800"}',
            '{"kept": true, "decided_at": 7}',
        ),
        *(
            '{"kept": true, "sha256": 1}',
            '{"kept": true, "sha256": "../../secret"}',
            '{"kept": true, "sha256": "' + "a" * 5_000 + '"}',
        ),
        '{"kept": true, "number": 1000000000, "sha256": "' + "a" * 64 + '"}',
    ],
)
def test_a_damaged_manifest_is_named_with_its_line_and_nothing_is_lost(written: Search, line: str) -> None:
    path = written.folder / MANIFEST
    path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")
    before = written.files_of()
    with pytest.raises(StorageError, match=r"manifest\.jsonl, line 8: cannot be read"):
        written.write(range(1, 7))
    assert written.files_of() == before


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NAMES = st.sampled_from([*SEARCH_DATASET.schema.names, "sha256", "number", "file_sha256", "by_hand", "decided_at"])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changed=st.dictionaries(NAMES, VALUES, min_size=1, max_size=3), line=st.integers(0, 6))
def test_whatever_stands_in_a_manifest_is_told_or_can_be_worked_with(
    written: Search, changed: dict[str, Any], line: int
) -> None:
    path = written.folder / MANIFEST
    before = path.read_text("utf-8")
    lines = before.splitlines()
    lines[line] = json.dumps(json.loads(lines[line]) | changed)
    path.write_text("\n".join(lines) + "\n", "utf-8")
    problem, rows = "", list[dict[str, Any]]()
    try:
        rows = read_folder_manifest(written.folder) or []
        assert preferences(written.folder).keys() <= {row["image_id"] for row in rows}
    except StorageError as error:
        problem = str(error)
    finally:
        path.write_text(before, "utf-8")
    assert problem.startswith(f"{path}, line {line + 1}: cannot be read") or not problem
    for row in rows:
        json.dumps(
            {name: row.get(name) for name in SEARCH_DATASET.schema.names}, allow_nan=False, ensure_ascii=False
        ).encode()
        assert isinstance(row["kept"], bool)


def test_a_pipe_in_the_place_of_the_manifest_is_not_waited_for(written: Search) -> None:
    (written.folder / MANIFEST).unlink()
    os.mkfifo(written.folder / MANIFEST)
    with pytest.raises(StorageError, match=r"manifest\.jsonl: is no file"):
        preferences(written.folder)


def test_a_manifest_that_names_files_elsewhere_leads_to_none_of_them(written: Search, tmp_path: Path) -> None:
    (tmp_path / "mine.jpg").write_text("mine")
    lines = [line | {"file": "../../mine.jpg"} for line in written.manifest()]
    (written.folder / MANIFEST).write_text("".join(json.dumps(line) + "\n" for line in lines))
    written.write([], refresh=True)
    assert (tmp_path / "mine.jpg").exists()


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
