"""The loopback Instagram itself: every post is on one page, in the order of the real site, and it keeps account."""

import gzip
import json
from collections.abc import Iterator
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from instagram_assets_tests.servers.instagram_people import SitePerson
from instagram_assets_tests.servers.instagram_site import (
    GRAPHQL_PATH,
    LIMIT,
    PROFILE_PATH,
    SESSION,
    WAIT,
    InstagramSiteServer,
)


@pytest.fixture
def site() -> Iterator[InstagramSiteServer]:
    with InstagramSiteServer(
        {"sun_diary": SitePerson.made("sun_diary", 31, pinned=(20, 3))}, now=lambda: 7.0
    ) as server:
        yield server


def ask(site: InstagramSiteServer, path: str, form: dict[str, Any] | None = None, cookie: str = "") -> Any:
    data = None if form is None else urlencode({"variables": json.dumps(form), "doc_id": "1"}).encode()
    request = Request(f"{site.url}{path}", data=data, headers={"X-IG-App-ID": "1", "Cookie": cookie})
    with urlopen(request) as answer:
        return json.loads(gzip.decompress(answer.read()))


def test_who_is_logged_out_gets_every_post_once_with_the_pinned_ones_first(site: InstagramSiteServer) -> None:
    person = site.people["sun_diary"]
    user = ask(site, f"{PROFILE_PATH}?username=sun_diary")["data"]["user"]
    codes: list[str] = []
    media = user["edge_owner_to_timeline_media"]
    while True:
        codes += [edge["node"]["shortcode"] for edge in media["edges"]]
        if not media["page_info"]["has_next_page"]:
            break
        form = {"id": user["id"], "first": 12, "after": media["page_info"]["end_cursor"]}
        media = ask(site, GRAPHQL_PATH, form)["data"]["user"]["edge_owner_to_timeline_media"]

    assert codes == [post.shortcode for post in person.shown()]
    assert codes[:2] == [person.posts[3].shortcode, person.posts[20].shortcode]
    assert [(one.number, one.at, one.subject) for one in site.asked] == [(n, 7.0, "sun_diary") for n in (1, 2, 3)]


def test_who_is_logged_in_gets_the_same_posts_by_cursors_of_another_kind(site: InstagramSiteServer) -> None:
    cookie = f"sessionid={SESSION}"
    codes: list[str] = []
    after = None
    while True:
        form = {"username": "sun_diary", "data": {"count": 12}, "after": after}
        (connection, _) = ask(site, GRAPHQL_PATH, form, cookie)["data"].values()
        codes += [edge["node"]["code"] for edge in connection["edges"]]
        if not connection["page_info"]["has_next_page"]:
            break
        after = connection["page_info"]["end_cursor"]

    assert codes == [post.shortcode for post in site.people["sun_diary"].shown()]


def test_pages_go_on_where_they_were_when_posts_came_and_went(site: InstagramSiteServer) -> None:
    before = site.people["sun_diary"]
    media = ask(site, f"{PROFILE_PATH}?username=sun_diary")["data"]["user"]["edge_owner_to_timeline_media"]
    last = media["edges"][-1]["node"]["shortcode"]
    site.people["sun_diary"] = before.with_newer(2).without(last)

    form = {"id": before.profile_id, "first": 12, "after": media["page_info"]["end_cursor"]}
    page = ask(site, GRAPHQL_PATH, form)["data"]["user"]["edge_owner_to_timeline_media"]

    assert [edge["node"]["shortcode"] for edge in page["edges"]] == [p.shortcode for p in before.shown()[12:24]]


def test_refusals_follow_the_script_and_are_told_apart_from_answers(site: InstagramSiteServer) -> None:
    site.script = lambda asked: {1: WAIT, 2: LIMIT}.get(asked.number)
    statuses: list[int] = []
    for _ in range(2):
        with pytest.raises(HTTPError) as refusal:
            ask(site, f"{PROFILE_PATH}?username=sun_diary")
        statuses.append(refusal.value.code)
        refusal.value.close()
    ask(site, f"{PROFILE_PATH}?username=sun_diary")

    assert statuses == [401, 429]
    assert [one.refused for one in site.asked] == [WAIT, LIMIT, None]
    assert site.answered == [("sun_diary", "profile")]
