"""An image search for whom is forgotten goes, however its folder is called; one among other words loses the name."""

from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import dagster as dg
import pytest

from instagram_assets.automation.search_runs import search_run_tags
from instagram_assets.automation.shell_runs import open_instance
from instagram_assets.cli.forget import history_erasure_planner
from instagram_assets.datasets.manual_overrides import decide
from instagram_assets.definitions import defs
from instagram_assets.forget import erasure, search_requests
from instagram_assets.partitions import HISTORY_TAG, SHOWN_IN_HISTORY
from instagram_assets.privacy.forgotten_identifiers import Identifiers
from instagram_assets.search.image_search import SearchHit
from instagram_assets.search.search_requests import SearchRequest, find_request, load_hits, save_hits, save_request
from instagram_assets.settings import Settings, settings
from instagram_assets.storage.lake import open_lake, values_in
from instagram_assets_tests.web.searches import Search

TABLES = ("search_results", "search_images", "search_clusters", "search_dataset", "overrides")


@pytest.fixture
def chosen(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", _env_file=None)  # pyright: ignore[reportCallIssue]


@pytest.mark.parametrize(
    ("account", "query", "folder"),
    [
        ("sun.diary", "sun.diary", ""),
        ("sun.diary", "@Sun.Diary", ""),
        ("sun_diary", "sun_diary", ""),
        ("sun_diary", "sun_diary", "cats"),
        ("love", "@love", ""),
        ("love", "@love", "cats"),
    ],
)
def test_a_search_for_the_account_goes_whole(chosen: Settings, account: str, query: str, folder: str) -> None:
    search = searched(chosen, query, folder)
    decide(search.lake, search.name, [search.ids[1]], "drop", "", datetime.now(UTC))
    _forget(chosen, account)
    assert {name: values_in(search.lake, name) for name in TABLES} == {name: set[str]() for name in TABLES}
    assert not search.folder.exists()
    assert find_request(search.lake, search.name) is None
    assert not list((chosen.folder("media")).rglob("*.jpg"))


def test_a_search_of_which_only_tables_are_left_goes_by_their_query(chosen: Settings) -> None:
    search = searched(chosen, "cats")  # whose rows say that they are of the query `cat`
    found = search_requests.searches_for_subject(
        search.lake, Identifiers(accounts={"cat": "x"}, bare=frozenset({"cat"}))
    )
    assert found == {"cats"}


@pytest.mark.parametrize(("account", "query"), [("love", "love"), ("sun.diary", "sun diary"), ("sun.diary", "cats")])
def test_other_searches_stay_as_they_are(chosen: Settings, account: str, query: str) -> None:
    search = searched(chosen, query)
    request = search.lake / "searches" / quote(search.name) / "request.json"
    before = request.read_bytes()
    _forget(chosen, account)
    assert request.read_bytes() == before
    assert values_in(search.lake, "search_results") == {search.name}
    assert (search.folder / "img_0001.jpg").exists()


@pytest.mark.parametrize("query", ["sun_diary cooks", "cats of @sun_diary"])
def test_a_search_for_the_name_among_other_words_keeps_its_pictures_and_loses_the_name(
    chosen: Settings, query: str
) -> None:
    search = searched(chosen, query)
    _forget(chosen, "sun_diary")
    (name,) = values_in(search.lake, "search_results")
    request = find_request(search.lake, name)
    assert request is not None
    assert "sun_diary" not in request.query
    assert {word for word in query.split() if "sun_diary" not in word} <= set(request.query.split())
    (hit,) = load_hits(search.lake, request, "naver") or []
    assert "sun_diary" not in hit.page_url
    assert len(list((chosen.folder("datasets") / "search").rglob("img_*.jpg"))) == 6


def test_what_a_page_showed_of_a_forgotten_picture_goes(chosen: Settings) -> None:
    search = searched(chosen, "cats")
    request = find_request(search.lake, "cats")
    assert request is not None
    known = Identifiers(urls=frozenset({"https://pictures.example/1.jpg"}))
    for step in list(search_requests.search_request_steps(search.lake, known)):
        step.apply()
    assert load_hits(search.lake, request, "naver") == []
    assert not list(search_requests.search_request_steps(search.lake, known))


def searched(chosen: Settings, query: str, folder: str = "") -> Search:
    """A search as its run leaves it."""
    request = SearchRequest.of(chosen, query, folder)
    search = Search(chosen, request.search).whole()
    save_request(search.lake, request)
    hit = SearchHit(1, "https://pictures.example/1.jpg", "", f"https://n.example/?q={query}", "img")
    save_hits(search.lake, request, "naver", [hit])
    return search


def _forget(chosen: Settings, account: str) -> None:
    """All of it, with the search byte by byte, which raises an error where something is left."""
    subject = erasure.find_subject(chosen, f"@{account}")
    erasure.erase(chosen, subject, erasure.planners_for(subject))
    assert not list(search_requests.search_request_steps(open_lake(chosen), subject.identifiers))


@pytest.mark.parametrize("query", ["sun.diary", "@Sun.Diary"])
def test_what_a_search_for_the_account_was_called_is_nowhere_any_more(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    chosen = settings()
    request = SearchRequest.of(chosen, query, "")
    search = Search(chosen, request.search).whole()
    save_request(search.lake, request)
    monkeypatch.setenv("DAGSTER_HOME", str(chosen.folder("dagster")))
    with open_instance() as instance:
        instance.add_dynamic_partitions("searches", [request.search])
        tags = {**search_run_tags(request), HISTORY_TAG: SHOWN_IN_HISTORY}
        job = defs.resolve_job_def("search")
        instance.create_run_for_job(job, status=dg.DagsterRunStatus.SUCCESS, tags=tags)
    subject = erasure.find_subject(chosen, "@sun.diary")
    erasure.erase(chosen, subject, erasure.planners_for(subject, [history_erasure_planner(chosen)]))
    slug = request.search.casefold()
    assert [path for path in data_dir.rglob("*") if slug in path.name.casefold()] == []
    assert [path for path in data_dir.rglob("*") if path.is_file() and slug.encode() in path.read_bytes().lower()] == []
    with open_instance() as instance:
        assert instance.get_dynamic_partitions("searches") == []
