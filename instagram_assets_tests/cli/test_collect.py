"""`collect` as a person types it: the official API for everybody, the site for whom somebody allowed it."""

import json
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from instagram_assets.demo.graph_api_data import graph_account, graph_hashtag
from instagram_assets.demo.graph_api_server import GraphApiServer
from instagram_assets.demo.instagram_data import SitePerson
from instagram_assets_tests import commands
from instagram_assets_tests.servers.instagram_site import InstagramSiteServer

ROOT = Path(__file__).parents[2]
NOW = datetime.now(UTC)
TOKEN = "EAAcanaryGraphToken"
REGISTRY = """
accounts = [
    {name = "sun_diary"},
    {name = "sea.walks", source = "instagram"},
    {name = "#육아일기", source = "graph_api"},
    {name = "star", source = "apify"},
]
"""


@pytest.fixture
def site() -> Iterator[InstagramSiteServer]:
    with InstagramSiteServer({"sea.walks": SitePerson.made("sea.walks", 14)}) as server:
        yield server


@pytest.fixture
def api() -> Iterator[GraphApiServer]:
    accounts = [graph_account("sun_diary", 8, NOW - timedelta(hours=2))]
    hashtags = [graph_hashtag("육아일기", NOW - timedelta(days=2), 2, 5)]
    with GraphApiServer(accounts, hashtags, token=TOKEN) as server:
        yield server


def run(
    folder: Path, site: InstagramSiteServer, api: GraphApiServer, *words: str, **variables: str
) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "COLUMNS": "200",
        "PYTHONPATH": str(ROOT),
        "INSTAGRAM_GRAPH_TOKEN": TOKEN,
        "INSTAGRAM_ASSETS_GRAPH_API__API_URL": api.url,
        "INSTAGRAM_ASSETS_GRAPH_API__USER_ID": api.own_id,
        "INSTAGRAM_ASSETS_COLLECTION__PURPOSE": "A study of diaries; the writers agreed.",
        "INSTAGRAM_ASSETS_COLLECTION__ALLOWED": "registry",
        "INSTAGRAM_ASSETS_COLLECTION__RATELIMITS": "1000,1",
        "INSTAGRAM_ASSETS_COLLECTION__INSTAGRAM_URL": site.url,
        **variables,
    }
    return commands.run(*words, cwd=folder, environment=environment)


def register(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "accounts.toml").write_text(REGISTRY, "utf-8")


def inbox(folder: Path) -> dict[str, list[dict[str, object]]]:
    """The records of each file in the inbox, by the account that it is of."""
    found: dict[str, list[dict[str, object]]] = {}
    for path in (folder / "data" / "inbox").glob("collected_*.json"):
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        assert len({line["account"] for line in lines}) == 1
        found[lines[0]["account"]] = [line["record"] for line in lines]
    return found


def test_whom_the_registry_names_is_collected_each_from_its_site(
    site: InstagramSiteServer, api: GraphApiServer, tmp_path: Path
) -> None:
    register(tmp_path)
    done = run(tmp_path, site, api, "collect")
    assert done.returncode == 0, done.stderr
    assert "1 entry was left out, since others collect them (apify, files)" in done.stderr
    assert "graph_api: 1 account and 1 hashtag, at most " in done.stderr
    assert "Read it with: instagram-assets ingest" in done.stderr
    assert {name: len(records) for name, records in inbox(tmp_path).items()}.keys() == {
        *("sun_diary", "sea.walks", "#육아일기")
    }
    assert {one.subject for one in site.asked} == {"sea.walks"}
    assert TOKEN not in done.stdout + done.stderr
    assert not any(TOKEN.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert api.leaks == []
    asked = len(site.asked), len(api.requests)
    again = run(tmp_path, site, api, "collect")
    assert again.returncode == 0, again.stderr
    assert "fresh" in again.stdout
    assert (len(site.asked), len(api.requests)) == asked


def test_those_that_are_named_go_by_the_official_api_unless_told_otherwise(
    site: InstagramSiteServer, api: GraphApiServer, tmp_path: Path
) -> None:
    done = run(tmp_path, site, api, "collect", "https://www.instagram.com/sun_diary/", "#육아일기", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert [(one["subject"], one["outcome"]) for one in told["collected"]] == [
        ("sun_diary", "complete"),
        ("#육아일기", "complete"),
    ]
    assert site.asked == []
    allowed = {"INSTAGRAM_ASSETS_COLLECTION__ALLOWED": "sea.walks"}
    other = run(tmp_path, site, api, "collect", "sea.walks", "--by", "instagram", "--posts", "12", **allowed)
    assert other.returncode == 0, other.stderr
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("words", "variables", "problem"),
    [
        (("sun diary",), {}, "sun diary: it holds a blank"),
        (("sun_diary",), {"INSTAGRAM_GRAPH_TOKEN": ""}, "INSTAGRAM_GRAPH_TOKEN is empty"),
        (("sun_diary",), {"INSTAGRAM_ASSETS_GRAPH_API__USER_ID": ""}, "GRAPH_API__USER_ID is not set"),
        (("sun_diary",), {"INSTAGRAM_ASSETS_GRAPH_API__RATELIMITS": "5/60"}, "'5/60' is no rate"),
        (
            ("sun_diary", "--by", "instagram"),
            {"INSTAGRAM_ASSETS_COLLECTION__ALLOWED": "moon"},
            "sun_diary: is not among",
        ),
        (("#cats", "--by", "instagram"), {}, "#cats: the site shows hashtags to nobody"),
        (("sun_diary", "--newer-than", "2009-01-01"), {}, "there are no posts of that day"),
        (("sun_diary", "--posts", "0"), {}, "POSTS_PER_ACCOUNT=0"),
        ((), {}, "there is no registry of accounts"),
    ],
)
def test_a_mistake_is_told_before_anything_is_asked(
    site: InstagramSiteServer,
    api: GraphApiServer,
    tmp_path: Path,
    words: tuple[str, ...],
    variables: dict[str, str],
    problem: str,
) -> None:
    done = run(tmp_path, site, api, "collect", *words, **variables)
    assert done.returncode == 1
    assert problem in done.stderr
    assert (site.asked, api.requests) == ([], [])


def test_collected_says_how_it_stands_with_each(site: InstagramSiteServer, api: GraphApiServer, tmp_path: Path) -> None:
    nothing = run(tmp_path, site, api, "collected")
    assert nothing.stdout == "Nothing was collected yet. See: instagram-assets collect --help\n"
    register(tmp_path)
    assert run(tmp_path, site, api, "collect").returncode == 0
    told = json.loads(run(tmp_path, site, api, "collected", "--json").stdout)
    states = {one["subject"]: one["outcome"] for one in told["collected"]}
    assert states == {"sun_diary": "complete", "sea.walks": "complete", "#육아일기": "complete"}
    assert told["hashtags"] == ["#육아일기"]
    shown = run(tmp_path, site, api, "collected")
    assert "1 of 30 hashtags count in these seven days: #육아일기" in shown.stdout
    assert f"{len(site.asked) + len(api.requests)} of 1,000 requests were made today" in shown.stdout
    assert "instagram:anonymous: 2 requests today, 2 in the last hour" in shown.stdout


def test_after_a_person_did_what_was_wanted_nothing_is_asked_until_somebody_is_named(
    site: InstagramSiteServer, api: GraphApiServer, tmp_path: Path
) -> None:
    register(tmp_path)
    done = run(tmp_path, site, api, "collect", "--cleared")
    assert (done.returncode, done.stderr) == (0, "Nothing was stopped\n")
    assert (site.asked, api.requests) == ([], [])
    named = run(tmp_path, site, api, "collect", "--cleared", "sun_diary")
    assert named.returncode == 0, named.stderr
    assert {one.about for one in api.requests if one.about} == {"sun_diary"}


def test_what_a_command_collected_stands_in_the_table_that_the_ui_shows(
    site: InstagramSiteServer, api: GraphApiServer, tmp_path: Path
) -> None:
    assert run(tmp_path, site, api, "collect", "sun_diary").returncode == 0
    table = tmp_path / "data" / "lake" / "collected_accounts"
    (made,) = table.rglob("*.parquet")
    assert pq.read_table(made).column("account").to_pylist() == ["sun_diary"]
    before = made.stat().st_mtime_ns
    again = run(tmp_path, site, api, "collect", "sun_diary")
    assert "fresh" in again.stdout
    assert "Read it with" not in again.stderr
    assert made.stat().st_mtime_ns == before


def test_an_entry_that_nobody_allowed_is_an_error_of_its_site_alone(
    site: InstagramSiteServer, api: GraphApiServer, tmp_path: Path
) -> None:
    register(tmp_path)
    done = run(tmp_path, site, api, "collect", INSTAGRAM_ASSETS_COLLECTION__PURPOSE="")
    assert done.returncode == 1
    assert "COLLECTION__PURPOSE is empty" in done.stderr
    assert inbox(tmp_path).keys() == {"sun_diary", "#육아일기"}
    assert site.asked == []
