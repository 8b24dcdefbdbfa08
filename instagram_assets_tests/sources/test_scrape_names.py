"""Who was forgotten is collected by nobody: not by name, not by the registry, not as a candidate, not by a search."""

from dataclasses import replace
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest

from instagram_assets.errors import ScrapeRequestError, SearchRequestError
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.privacy.tombstones import add_tombstones, load_tombstones
from instagram_assets.schemas import POSTS
from instagram_assets.search.results_page import SearchHit
from instagram_assets.search.search_requests import SearchRequest, without_forgotten
from instagram_assets.settings import load_settings
from instagram_assets.sources.account_candidates import POSTS_COLUMNS, account_candidates
from instagram_assets.sources.account_registry import load_registry
from instagram_assets.sources.apify_inputs import load_scrape_request
from instagram_assets.sources.scrape_names import names_from_registry, refuse_forgotten_names

FORGOTTEN = Identifiers(
    accounts={"sun_diary": "forgotten_1", "#육아일기": "#forgotten_2"}, shortcodes=frozenset({"DNQuxufAih9"})
)
DAY, SEOUL = date(2026, 11, 27), ZoneInfo("Asia/Seoul")


@pytest.mark.parametrize(
    ("request_name", "names"),
    [
        ("reels", ["moon.cafe", "Sun_Diary"]),
        ("reels", ["https://www.instagram.com/sun_diary/"]),
        ("hashtags", ["산책", "#육아일기"]),
    ],
)
def test_a_request_for_who_was_forgotten_is_refused_without_repeating_the_name(
    request_name: str, names: list[str]
) -> None:
    request = load_scrape_request(request_name).of(names, None, SEOUL)
    with pytest.raises(ScrapeRequestError, match="forgotten") as refused:
        refuse_forgotten_names(request, FORGOTTEN)
    assert "sun_diary" not in str(refused.value).casefold()
    refuse_forgotten_names(load_scrape_request(request_name).of(["moon"], None, SEOUL), FORGOTTEN)


@pytest.mark.parametrize("said", ["https://www.instagram.com/p/DNQuxufAih9/", "@sun_diary"])
def test_what_the_file_of_a_request_says_is_looked_at_as_well(said: str) -> None:
    request = replace(load_scrape_request("reels"), input={"directUrls": [said], "resultsLimit": 5})
    with pytest.raises(ScrapeRequestError, match="forgotten"):
        refuse_forgotten_names(request, FORGOTTEN)


def registry(folder: Path, *names: str, rotation: str = "") -> Path:
    file = folder / "accounts.toml"
    group = 'group = "a"\n' if rotation else ""
    entries = [f'[[accounts]]\nname = "{name}"\n{group}' for name in names]
    file.write_text("\n".join([*entries, rotation]), "utf-8")
    return file


def test_an_entry_that_was_forgotten_is_left_out_and_said(tmp_path: Path) -> None:
    file, told = registry(tmp_path, "sun_diary", "moon.cafe", "#육아일기"), list[str]()
    assert load_registry(file, FORGOTTEN).states(DAY) == {
        "sun_diary": "forgotten",
        "moon.cafe": "collected",
        "#육아일기": "forgotten",
    }
    assert names_from_registry(load_scrape_request("reels"), file, DAY, FORGOTTEN, told.append) == ["moon.cafe"]
    assert told == [f"{file}: 2 entries were forgotten and left out"]


def test_no_turn_of_a_rotation_is_lost_to_it(tmp_path: Path) -> None:
    rotation = "[rotation.a]\nper_week = 1\nfrom = 2026-11-23\n"
    file = registry(tmp_path, "sun_diary", "moon.cafe", rotation=rotation)
    assert [entry.name for entry in load_registry(file, FORGOTTEN).collected(DAY)] == ["moon.cafe"]


def test_candidates_are_neither_who_was_forgotten_nor_pseudonyms() -> None:
    names = ["sun_diary", "new.cafe", f"forgotten_{'a1' * 8}"]
    row = {"post_id": "1", "account": "moon.cafe", "owner": "moon.cafe", "day": DAY, "mentions": names}
    posts = pa.Table.from_pylist(
        [{**row, "coauthors": [], "tagged": []}], pa.schema([POSTS.schema.field(name) for name in POSTS_COLUMNS])
    )
    assert account_candidates(posts, (), FORGOTTEN)["account"].to_pylist() == ["new.cafe"]


def test_a_search_for_the_name_is_refused_and_its_pictures_are_not_shown(tmp_path: Path) -> None:
    settings = load_settings(data_dir=tmp_path)
    url = "https://example.org/a.jpg"
    known = replace(FORGOTTEN, urls=frozenset({url}))
    add_tombstones(settings.folder("privacy"), known, DAY)
    for query in ("sun_diary", "Sun_Diary 산책", "#육아일기"):
        with pytest.raises(SearchRequestError, match="forgotten") as refused:
            SearchRequest.of(settings, query)
        assert query not in str(refused.value)
    assert SearchRequest.of(settings, "산책").query == "산책"
    hits = [SearchHit(1, url, "", "img", "p"), SearchHit(2, "https://example.org/sun_diary.jpg", "", "img", "p")]
    tombstones = load_tombstones(settings.folder("privacy"))
    (left,) = without_forgotten(hits, tombstones)
    assert (left.rank, left.url) == (1, f"https://example.org/{tombstones.pseudonym('sun_diary')}.jpg")
