"""The Graph API as a site: accounts by business discovery and hashtags, page by page, against a server on loopback."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from instagram_assets.collect.clock import SystemClock
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.graph_api_site import GraphApiSite, open_graph_api_site
from instagram_assets.collect.site_adapter import CrawlPage, Response, ResponseOutcome
from instagram_assets.demo.graph_api_data import graph_account, graph_hashtag
from instagram_assets.demo.graph_api_server import (
    ACCOUNT_REQUEST,
    RECENT_REQUEST,
    SEARCH_REQUEST,
    TOP_REQUEST,
    graph_api_error,
)
from instagram_assets.errors import SettingsError
from instagram_assets.settings import GraphApiSettings
from instagram_assets_tests.collect.graph import BEGIN, DIARY, SUN, TAG, days, desk
from instagram_assets_tests.servers.graph_api import Failure


def codes(pages: list[CrawlPage]) -> list[str]:
    return [post.shortcode for page in pages for post in page.posts]


def test_an_account_is_its_profile_and_all_its_posts_newest_first(tmp_path: Path) -> None:
    with desk(tmp_path, [SUN]) as at:
        pages = at.pages("sun_diary")
        assert [len(page.posts) for page in pages] == [50, 50, 20]
        assert codes(pages) == [post.code for post in SUN.posts]
        assert [post.taken_at for post in pages[0].posts][:3] == [post.taken_at for post in SUN.posts[:3]]
        profile = pages[0].records[0]
        assert (profile["username"], profile["followers_count"]) == ("sun_diary", SUN.followers)
        assert "profile_picture_url" not in profile
        assert [page.facts for page in pages] == [{"profile_id": SUN.id}] * 3
        assert [len(page.records) for page in pages] == [51, 50, 20]


def test_a_post_is_kept_with_its_children_and_without_likes_that_are_hidden(tmp_path: Path) -> None:
    with desk(tmp_path, [SUN]) as at:
        records = {record["id"]: record for page in at.pages("sun_diary") for record in page.records}
    hidden = [post for post in SUN.posts if post.likes is None]
    albums = [post for post in SUN.posts if post.media_type == "CAROUSEL_ALBUM"]
    assert hidden
    assert albums
    assert all("like_count" not in records[post.id] for post in hidden)
    assert all(records[post.id]["children"] == post.node["children"] for post in albums)


def test_an_account_without_posts_is_its_profile(tmp_path: Path) -> None:
    with desk(tmp_path, [graph_account("quiet", 0, BEGIN)]) as at:
        (page,) = at.pages("quiet")
        assert (len(page.records), page.posts, page.cursor) == (1, [], None)


def test_a_hashtag_is_the_newest_posts_of_a_day_and_the_top_ones_and_its_id_is_asked_once(tmp_path: Path) -> None:
    with desk(tmp_path, [], [DIARY]) as at:
        expected = {post.code for post in DIARY.posts if BEGIN - days(1) < post.taken_at <= BEGIN}
        pages = at.pages(TAG)
        assert set(codes(pages[1:3])) == expected
        assert len(codes(pages[1:3])) == len(expected) == 80
        assert [asked.kind for asked in at.graph.requests] == [
            SEARCH_REQUEST,
            RECENT_REQUEST,
            RECENT_REQUEST,
            TOP_REQUEST,
        ]
        at.clock.sleep(43_200)
        at.pages(TAG)
        assert [asked.kind for asked in at.graph.requests][4:] == [RECENT_REQUEST, RECENT_REQUEST, TOP_REQUEST]


def test_top_posts_are_left_out_where_the_setting_says_so(tmp_path: Path) -> None:
    with desk(tmp_path, [], [DIARY], top_media=False) as at:
        at.pages(TAG)
        assert [asked.kind for asked in at.graph.requests] == [SEARCH_REQUEST, RECENT_REQUEST, RECENT_REQUEST]


def test_a_cursor_that_is_the_same_on_every_page_still_leads_through_all_of_them(tmp_path: Path) -> None:
    with desk(tmp_path, [], [DIARY], same_cursor=True, page_size=30) as at:
        pages = at.pages(TAG)
        expected = {post.code for post in DIARY.posts if BEGIN - days(1) < post.taken_at <= BEGIN}
        assert set(codes(pages[1:4])) == expected
        assert at.graph.count(RECENT_REQUEST) == 3


def test_a_cursor_that_leads_nowhere_ends_the_newest_posts_and_the_top_ones_come_all_the_same(tmp_path: Path) -> None:
    with desk(tmp_path, [], [DIARY]) as at:
        node = DIARY.posts[0].node
        page = {"data": [node], "paging": {"cursors": {"after": "same"}, "next": "https://graph.facebook.com/x"}}
        at.graph.failures.append(
            Failure(RECENT_REQUEST, graph_api_error(0, "")._replace(status=200, body=page), times=1_000)
        )
        at.pages(TAG)
        assert [asked.kind for asked in at.graph.requests] == [
            SEARCH_REQUEST,
            RECENT_REQUEST,
            RECENT_REQUEST,
            TOP_REQUEST,
        ]


def test_a_full_page_goes_on_where_the_api_names_no_next_one(tmp_path: Path) -> None:
    with desk(tmp_path, [], [DIARY]) as at:
        nodes = [post.node for post in DIARY.posts[:50]]
        page = {"data": nodes, "paging": {"cursors": {"after": "MQ=="}}}
        at.graph.failures += [
            Failure(RECENT_REQUEST, graph_api_error(0, "")._replace(status=200, body=page)),
            Failure(
                RECENT_REQUEST,
                graph_api_error(0, "")._replace(status=200, body={**page, "data": [DIARY.posts[51].node]}),
            ),
        ]
        assert len(codes(at.pages(TAG))) == 51
        assert at.graph.count(RECENT_REQUEST) == 2


def test_top_posts_are_as_many_pages_as_are_worth_it(tmp_path: Path) -> None:
    busy = graph_hashtag("산책", BEGIN - days(10), 10, 20)
    with desk(tmp_path, [], [replace(busy, top=busy.posts)], page_size=10) as at:
        at.pages("#산책")
        assert at.graph.count(TOP_REQUEST) == 4


def test_posts_of_a_hashtag_have_no_owner(tmp_path: Path) -> None:
    with desk(tmp_path, [], [DIARY]) as at:
        records = [record for page in at.pages(TAG) for record in page.records]
    assert records
    assert all("username" not in record and "owner" not in record for record in records)


def test_the_token_stands_in_the_header_alone_and_nowhere_in_the_books_or_in_words(tmp_path: Path) -> None:
    with desk(tmp_path, [SUN], [DIARY]) as at:
        at.graph.failures.append(
            Failure(ACCOUNT_REQUEST, graph_api_error(190, f"Malformed access token {at.graph.token}"), about="other")
        )
        at.graph.failures.append(
            Failure(ACCOUNT_REQUEST, graph_api_error(1, f"with {at.graph.token} in it"), about="third")
        )
        pages = [*at.pages("sun_diary"), *at.pages(TAG)]
        verdicts = [at.classification("other"), at.classification("third")]
        asked = repr([at.site.next_request("sun_diary", []), at.site.token_request(), at.site])
        assert at.graph.token not in f"{pages} {verdicts} {asked} {at.logged.lines}"
        assert all(request.request.headers["authorization"] for request in at.graph.requests)
        assert at.graph.token.encode() not in at.database.file.read_bytes()


def test_an_answer_of_unknown_form_is_kept_for_a_person_without_the_token(tmp_path: Path) -> None:
    with desk(tmp_path, [SUN]) as at:
        body = {"surprise": f"https://graph.facebook.com/x?access_token={at.graph.token}&limit=5"}
        at.graph.failures.append(Failure(ACCOUNT_REQUEST, graph_api_error(0, "")._replace(status=200, body=body)))
        classification = at.classification("sun_diary")
        assert classification.outcome is ResponseOutcome.CONTRACT_CHANGED
        assert "surprise" in classification.content
        assert at.graph.token not in classification.content


@pytest.mark.parametrize(
    ("fields", "logged"),
    [
        ({"page_size": 7}, "limit(7)"),
        ({"version": "v24.0"}, "/v24.0/"),
    ],
)
def test_version_and_size_of_pages_are_settings(tmp_path: Path, fields: dict[str, Any], logged: str) -> None:
    with desk(tmp_path, [SUN], **fields) as at:
        assert at.classification("sun_diary").outcome is ResponseOutcome.OK
        (asked,) = at.graph.requests
        assert logged in f"{asked.request.path} {asked.request.query}"


def test_a_version_that_is_gone_is_told_as_a_changed_contract(tmp_path: Path) -> None:
    with desk(tmp_path, [SUN], version="v1.0") as at:
        classification = at.classification("sun_diary")
        assert (classification.outcome, "deprecated version" in classification.reason) == (
            ResponseOutcome.CONTRACT_CHANGED,
            True,
        )


@pytest.mark.parametrize("subject", ["sun diary", "x){id}", "a" * 31, ""])
def test_what_is_no_accounts_name_is_never_asked_for(tmp_path: Path, subject: str) -> None:
    with desk(tmp_path) as at:
        assert "is no account's name" in at.site.refusal(subject)


def test_a_hashtag_with_an_emoji_is_refused_before_it_is_asked(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        assert "emoji" in at.site.refusal("#육아🌙")
        assert at.site.refusal("#육아_2026") == ""


def test_what_a_site_needs_is_said_before_anything_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(token: str | None, user_id: str = "17") -> GraphApiSite:
        monkeypatch.delenv("INSTAGRAM_GRAPH_TOKEN", raising=False)
        if token is not None:
            monkeypatch.setenv("INSTAGRAM_GRAPH_TOKEN", token)
        return open_graph_api_site(GraphApiSettings(user_id=user_id), CollectorDatabase(tmp_path), SystemClock(), print)

    with pytest.raises(SettingsError, match="INSTAGRAM_GRAPH_TOKEN is not set"):
        opened(None)
    with pytest.raises(SettingsError, match="INSTAGRAM_GRAPH_TOKEN is empty"):
        opened("")
    with pytest.raises(SettingsError, match="a line break") as raised:
        opened("EAAsecret\nEAAother")
    assert "secret" not in str(raised.value)
    with pytest.raises(SettingsError, match="GRAPH_API__USER_ID is not set"):
        opened("EAAx", user_id="")
    assert opened("EAAx").identity == "graph_api:17"


def test_a_post_with_a_strange_time_or_address_is_kept_and_only_not_known_by_them(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        media = [
            {"id": "1", "permalink": "https://www.instagram.com/p/DNQuxufAih9/", "timestamp": "soon"},
            {"id": "2", "timestamp": "2026-11-01T00:00:00+0000"},
            {"id": "3", "permalink": 7, "timestamp": None},
        ]
        request = at.site.next_request("sun_diary", [])
        assert request is not None
        page = at.site.parse(request, {"business_discovery": {"id": "9", "username": "x", "media": {"data": media}}})
        assert len(page.records) == 4
        assert [(post.shortcode, post.taken_at) for post in page.posts] == [("DNQuxufAih9", None)]


def test_only_the_fields_that_were_asked_for_come(tmp_path: Path) -> None:
    with desk(tmp_path, [SUN], [graph_hashtag("산책", BEGIN - timedelta(hours=3), 1, 5)]) as at:
        (page, *_) = at.pages("sun_diary")
        assert set(page.records[1]) >= {"id", "permalink", "timestamp", "username", "media_product_type"}
        of_hashtags = {key for page in at.pages("#산책") for record in page.records for key in record}
        assert of_hashtags.isdisjoint({"media_product_type", "thumbnail_url", "view_count"})


def test_a_connection_that_failed_is_transient(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        request = at.site.next_request("sun_diary", [])
        assert request is not None
        classification = at.site.classify(request, Response(0, {}, b"timed out"))
        assert (classification.outcome, classification.reason) == (ResponseOutcome.TRANSIENT, "no answer: timed out")
