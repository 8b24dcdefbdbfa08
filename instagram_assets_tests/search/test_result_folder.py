"""What a search leaves where nothing, something, or by hand nothing is kept."""

from pathlib import Path

import pytest

from instagram_assets.errors import NothingKeptError
from instagram_assets.search.result_folder import SearchFolder, write_search_folder
from instagram_assets.settings import settings
from instagram_assets.storage.lake import read_table
from instagram_assets_tests.web.searches import Search


@pytest.fixture
def search(data_dir: Path) -> Search:
    return Search(settings()).whole()


def written(search: Search, if_none: Path, reason: str | None) -> SearchFolder:
    """The search once more, after which all its images are kept as they were, or left out for a reason."""
    rows = read_table(search.lake, "search_dataset", [search.name]).to_pylist()
    rows = [row | ({"kept": False, "reason": reason} if reason else {}) for row in rows]
    asked = {"query": "cat"}
    return write_search_folder(
        rows, search.files, asked, {}, None, folder=search.folder, if_none=if_none, reencoded=False, refresh=True
    )


def images(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("img_*"))


def test_where_nothing_is_good_enough_the_folder_stays_and_another_tells_why(search: Search, tmp_path: Path) -> None:
    before = images(search.folder)
    made = written(search, tmp_path / "none", "blurred: sharpness 1 below 50")
    assert images(search.folder) == before
    assert (made.folder / "manifest.jsonl").parent == tmp_path / "none"
    assert made.sheets("")["kept"] is None
    with pytest.raises(NothingKeptError, match=r"of 9 results: 9 blurred\. .*none tells why"):
        made.check()


def test_where_all_were_dropped_by_hand_the_folder_is_without_them(search: Search, tmp_path: Path) -> None:
    made = written(search, tmp_path / "none", "dropped by hand")
    made.check()
    assert made.folder == search.folder
    assert not images(search.folder)


def test_kept_images_and_those_left_out_are_counted(search: Search, tmp_path: Path) -> None:
    made = written(search, tmp_path / "none", None)
    made.check()
    assert len(made.kept) == 6
    assert made.left_out == {"blurred": 1, "in cluster 1, which is not the subject": 1, "not fetched": 1}
