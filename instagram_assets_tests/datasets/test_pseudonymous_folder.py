"""A folder of images, declared pseudonymous: the pictures, and nothing that says whose they are."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from instagram_assets.datasets.image_folder import write_declared
from instagram_assets.datasets.image_folder_card import CARD
from instagram_assets.datasets.pseudonymous import check_pseudonymous
from instagram_assets.errors import IdentifierError
from instagram_assets.privacy.identifier_leaks import named_files
from instagram_assets.privacy.lake_names import make_lake_names
from instagram_assets.privacy.pseudonyms import Pseudonymizer
from instagram_assets.schemas.search import Override
from instagram_assets_tests.datasets.search_folder import Search

LAKE = make_lake_names(["sun_diary"])
PSEUDONYMS = Pseudonymizer(bytes(32), LAKE.alone)
ASKED: dict[str, object] = {"query": "sun_diary 고양이", "limit": 50}
URL = "https://cdn.example/sun_diary/1.jpg"


def test_manifest_and_card_name_nobody_and_the_rows_for_the_lake_stay(tmp_path: Path) -> None:
    search = Search(tmp_path)
    rows = [search.row(n, n, kept=True) | {"url": URL, "page_url": URL, "query": "sun_diary"} for n in range(2)]
    write_declared(None, search.folder, rows, search.files, ASKED)
    with pytest.raises(IdentifierError, match=r"manifest\.jsonl, line 1: the name sun…"):
        check_pseudonymous(named_files([search.folder]), LAKE)
    written = write_declared(PSEUDONYMS, search.folder, rows, search.files, ASKED)
    check_pseudonymous(named_files([search.folder]), LAKE)
    assert [row["url"] for row in written.rows] == [URL, URL]
    assert [row["file"] for row in written.rows] == ["img_0001.png", "img_0002.png"]
    assert [line["url"] for line in search.manifest()] == [None, None]
    said = Override("drop", "sun_diary again", datetime(2026, 11, 27, tzinfo=UTC))
    rows[1] |= {"kept": False, "reason": said.reason}
    by_hand = {rows[1]["image_id"]: said}
    written = write_declared(PSEUDONYMS, search.folder, rows, search.files, ASKED, by_hand)
    check_pseudonymous(named_files([search.folder]), LAKE)
    assert written.rows[1]["reason"] == "dropped by hand: sun_diary again"
    assert search.manifest()[1]["reason"] == f"dropped by hand: {PSEUDONYMS.person('sun_diary')} again"
    assert PSEUDONYMS.person("sun_diary") in (search.folder / CARD).read_text("utf-8").replace("\\_", "_")


def test_what_was_kept_by_hand_goes_without_asking_when_that_is_taken_back(tmp_path: Path) -> None:
    search = Search(tmp_path)
    rows = [search.row(n, n, kept=True) for n in range(2)]
    said = Override("keep", "sun_diary herself", datetime(2026, 11, 27, tzinfo=UTC))
    write_declared(PSEUDONYMS, search.folder, rows, search.files, ASKED, {rows[1]["image_id"]: said})
    rows[1] |= {"kept": False, "reason": "blurred"}
    written = write_declared(PSEUDONYMS, search.folder, rows, search.files, ASKED)
    assert [row["file"] for row in written.rows] == ["img_0001.png", None]
