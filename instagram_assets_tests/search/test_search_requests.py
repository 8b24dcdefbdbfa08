"""What a search was asked for: names that are safe as folders, and results that are not asked for twice."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from upath import UPath

from instagram_assets.errors import SearchRequestError, StorageError
from instagram_assets.search.results_page import SearchHit
from instagram_assets.search.search_requests import (
    SearchRequest,
    load_hits,
    load_search_request,
    save_hits,
    save_request,
    search_name,
)
from instagram_assets.settings import Settings

HITS = [SearchHit(1, "https://a.example/1.jpg", "", "img", "https://a.example/"), SearchHit(2, "u", "f", "s", "p")]


def request(query: str = "고양이", search: str = "", **given: object) -> SearchRequest:
    return SearchRequest.of(Settings(), query, search, **given)


@given(st.text(min_size=1))
def test_a_name_is_one_folder_that_every_disk_takes(text: str) -> None:
    name = search_name(text)
    assert Path("x", name).parts == ("x", name)
    assert not {*name} & set("./\\|:*?\"<>'\n\0")
    assert 0 < len(quote(name, safe="")) <= 120
    assert search_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("고양이", "고양이"),
        ("my_cats", "my_cats"),
        ("red star 2", "red star 2"),
        ("../../etc/passwd", "etc-passwd-"),
        ("..", "search-"),
        ("🐈", "search-"),
        ("x" * 500, "x" * 111 + "-"),
    ],
)
def test_short_words_are_their_own_name_and_others_get_a_hash(text: str, name: str) -> None:
    assert search_name(text).startswith(name)
    assert (search_name(text) == text) == (not name.endswith("-"))


def test_different_words_have_different_names() -> None:
    words = ["a/b", "a.b", "a-b/", "..", "...", "🐈", "🐕", "x" * 500, "x" * 501]
    assert len({search_name(word) for word in words}) == len(words)


@pytest.mark.parametrize("name", ["a/b", "..", "🐈", "x" * 500])
def test_a_name_that_is_not_safe_is_refused_with_one_that_is(name: str) -> None:
    with pytest.raises(SearchRequestError, match=f"not safe as a folder; '{search_name(name)}' would be"):
        request(search=name)


def test_a_kept_request_comes_back_and_replaces_the_older_one(tmp_path: Path) -> None:
    lake = UPath(tmp_path)
    save_request(lake, request(limit=5))
    save_request(lake, request(limit=7, eps=0.3, subject="query", reencode=True))
    assert load_search_request(lake, "고양이") == request(limit=7, eps=0.3, subject="query", reencode=True)
    with pytest.raises(SearchRequestError, match="never asked for"):
        load_search_request(lake, "강아지")


def test_results_are_taken_again_only_for_the_same_question(tmp_path: Path) -> None:
    lake = UPath(tmp_path)
    assert load_hits(lake, request(), "naver") is None
    save_hits(lake, request(), "naver", HITS)
    assert load_hits(lake, request(eps=0.3, min_side=10), "naver") == HITS
    assert load_hits(lake, request(limit=99), "naver") is None
    assert load_hits(lake, request(), "another") is None
    assert load_hits(lake, request("강아지", search="고양이"), "naver") is None


@pytest.mark.parametrize("content", ["", "[]", '{"query": 1}', "\0"])
def test_a_damaged_request_is_named(tmp_path: Path, content: str) -> None:
    lake = UPath(tmp_path)
    save_request(lake, request())
    path = next(tmp_path.rglob("request.json"))
    path.write_text(content)
    with pytest.raises(StorageError, match=r"request\.json"):
        load_search_request(lake, "고양이")
