"""Images that people keep or drop by hand, and limits that would take images from a folder."""

import pytest

from instagram_assets.datasets.image_folder import DELETED, LEFT
from instagram_assets.datasets.image_folder_card import CARD
from instagram_assets.errors import SearchRequestError
from instagram_assets.storage.image_folder_state import (
    MANIFEST,
    check_growing,
)
from instagram_assets_tests.datasets.search_folder import Search, image

REFUSED = r"holds 6 images.*--refresh"


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
