"""Instagram's site as it is asked: profile first, then every page once; every record becomes its row."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPRedirectHandler, build_opener
from urllib.request import Request as UrlRequest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets import read_export
from instagram_assets.collect.cookies import Cookies
from instagram_assets.collect.instagram_site import InstagramSite
from instagram_assets.collect.site_adapter import Classification, CrawlPage, Request, Response, ResponseOutcome
from instagram_assets.settings import CollectionSettings
from instagram_assets_tests.servers import instagram_site as words
from instagram_assets_tests.servers.instagram_people import SitePerson, SitePost
from instagram_assets_tests.servers.instagram_site import SESSION, InstagramSiteServer

SUN = SitePerson.made("sun_diary", 31, pinned=(20, 3))
LOGIN = Cookies("77", SESSION, "canary-token")


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: Any) -> None:
        return None


def send(request: Request) -> Response:
    """An answer by the standard library, which knows nothing of ours."""
    url = f"{request.url}?{urlencode(request.params)}" if request.params else request.url
    sent = UrlRequest(url, urlencode(request.form).encode() if request.form else None, dict(request.headers))
    try:
        with build_opener(_NoRedirect).open(sent) as response:
            status, headers, body = response.status, response.headers, response.read()
    except HTTPError as error:
        with error:
            status, headers, body = error.code, error.headers, error.read()
    packed = headers.get("Content-Encoding") == "gzip"
    return Response(
        status, {name.lower(): value for name, value in headers.items()}, gzip.decompress(body) if packed else body
    )


@pytest.fixture
def server() -> Iterator[InstagramSiteServer]:
    with InstagramSiteServer({"sun_diary": SUN}) as server:
        yield server


def site_of(server: InstagramSiteServer, cookies: Cookies | None = None) -> InstagramSite:
    return InstagramSite(CollectionSettings(instagram_url=server.url), cookies)


def collected(site: InstagramSite, subject: str = "sun_diary") -> list[CrawlPage]:
    """All pages of a subject, each as it comes back out of the books."""
    pages: list[CrawlPage] = []
    while (request := site.next_request(subject, pages)) is not None:
        classification = site.classify(request, send(request))
        assert classification.outcome is ResponseOutcome.OK, classification
        page = site.parse(request, classification.content)
        pages.append(replace(page, facts=json.loads(json.dumps(page.facts))))
    return pages


def exported(pages: list[CrawlPage], folder: Path) -> Any:
    file = folder / "pages.json"
    file.write_text("\n".join(json.dumps(record, ensure_ascii=False) for page in pages for record in page.records))
    return read_export(file, observed_at=datetime(2026, 11, 27, tzinfo=UTC))


def verdict_of(server: InstagramSiteServer, word: str, at: int = 1, cookies: Cookies | None = None) -> Classification:
    """What the site's refusal of the request with this number is taken for; those before are answered."""
    server.script = lambda asked: word if asked.number == at else None
    site = site_of(server, cookies)
    pages: list[CrawlPage] = []
    while (request := site.next_request("sun_diary", pages)) is not None:
        classification = site.classify(request, send(request))
        if classification.outcome is not ResponseOutcome.OK:
            return classification
        pages.append(site.parse(request, classification.content))
    raise AssertionError("nothing was refused")


@pytest.mark.parametrize(("cookies", "requests"), [(None, 3), (LOGIN, 4)])
def test_every_post_is_seen_once_in_the_order_of_the_site(
    server: InstagramSiteServer, cookies: Cookies | None, requests: int
) -> None:
    pages = collected(site_of(server, cookies))

    posts = [post for page in pages for post in page.posts]
    assert [(post.shortcode, post.taken_at, post.is_pinned) for post in posts] == [
        (post.shortcode, post.taken_at, post.pinned) for post in SUN.shown()
    ]
    assert pages[0].facts == {"profile_id": SUN.profile_id, "username": "sun_diary", "posts_count": 31}
    assert len(server.asked) == len(set(server.answered)) == requests
    assert {one.logged_in for one in server.asked} == {cookies is not None}


@pytest.mark.parametrize("cookies", [None, LOGIN])
def test_every_record_becomes_the_row_that_its_person_made(
    server: InstagramSiteServer, cookies: Cookies | None, tmp_path: Path
) -> None:
    export = exported(collected(site_of(server, cookies)), tmp_path)

    assert export.quarantine.num_rows == 0
    rows = {row["shortcode"]: row for table in (export.posts, export.reels) for row in table.to_pylist()}
    assert rows.keys() == {post.shortcode for post in SUN.posts}
    for post in SUN.posts:
        assert _row(rows[post.shortcode]) == _expected(post)
    (profile,) = export.profiles.to_pylist()
    assert (profile["account"], profile["profile_id"]) == ("sun_diary", SUN.profile_id)
    assert (profile["followers"], profile["follows"], profile["posts_count"]) == (SUN.followers, SUN.follows, 31)
    assert profile["biography"] == SUN.biography


def _row(row: dict[str, Any]) -> dict[str, Any]:
    wanted = ("post_id", "owner", "taken_at", "likes", "likes_hidden", "comments", "pinned", "account")
    pictures = [medium["url"] for medium in row["media"] if medium["kind"] == "image"]
    return {**{name: row[name] for name in wanted}, "caption": row["caption"], "pictures": pictures}


def _expected(post: SitePost) -> dict[str, Any]:
    return {
        "post_id": str(post.number),
        "owner": post.owner,
        "taken_at": post.taken_at,
        "likes": post.likes,
        "likes_hidden": post.likes is None,
        "comments": post.comments,
        "pinned": post.pinned,
        "account": post.owner,
        "caption": post.caption,
        "pictures": [post.picture(place) for place in range(2 if post.kind == "sidecar" else 1)],
    }


def test_people_whom_the_site_merely_suggests_are_not_collected(server: InstagramSiteServer) -> None:
    assert "somebody.suggested" not in json.dumps([page.records for page in collected(site_of(server))])


@pytest.mark.parametrize("posts", [0, 1, 12, 13, 24])
@pytest.mark.parametrize("cookies", [None, LOGIN])
def test_a_profile_of_any_number_of_posts_has_an_end(
    server: InstagramSiteServer, posts: int, cookies: Cookies | None
) -> None:
    server.people["sun_diary"] = SitePerson.made("sun_diary", posts)

    pages = collected(site_of(server, cookies))

    assert sum(len(page.posts) for page in pages) == posts
    assert pages[-1].cursor is None


def test_a_name_that_somebody_else_took_shows_by_its_id(server: InstagramSiteServer) -> None:
    server.people["sun_diary"] = replace(SUN, profile_id="7000000123")

    assert collected(site_of(server))[0].facts["profile_id"] == "7000000123"


@pytest.mark.parametrize(
    ("word", "outcome"),
    [
        *((word, ResponseOutcome.THROTTLED) for word in words.THROTTLING),
        *((word, ResponseOutcome.AUTH_GONE) for word in words.LOGGING_IN),
        *((word, ResponseOutcome.CHECKPOINT) for word in words.STOPPING),
        *((word, ResponseOutcome.NOT_FOUND) for word in (words.MISSING, words.NOBODY)),
        *((word, ResponseOutcome.PRIVATE) for word in (words.PRIVATE, words.WALL)),
        *((word, ResponseOutcome.CONTRACT_CHANGED) for word in (words.CHANGED, words.DOCUMENT_GONE)),
        (words.HTML, ResponseOutcome.HTML),
        *((word, ResponseOutcome.TRANSIENT) for word in (words.BROKEN, words.BUSY, words.GARBAGE)),
    ],
)
def test_each_refusal_of_a_profile_has_its_meaning(
    server: InstagramSiteServer, word: str, outcome: ResponseOutcome
) -> None:
    assert verdict_of(server, word).outcome is outcome


@pytest.mark.parametrize("word", [words.LIMIT, words.LIMIT_DATE])
def test_the_time_that_the_site_asks_for_is_the_least_pause(server: InstagramSiteServer, word: str) -> None:
    assert verdict_of(server, word).pause == words.RETRY_SECONDS


@pytest.mark.parametrize("word", [words.MISSING, words.CHANGED, words.DOCUMENT_GONE])
@pytest.mark.parametrize("cookies", [None, LOGIN])
def test_a_page_of_posts_that_is_not_there_is_no_account_that_is_not_there(
    server: InstagramSiteServer, word: str, cookies: Cookies | None
) -> None:
    assert verdict_of(server, word, 2, cookies).outcome is ResponseOutcome.CONTRACT_CHANGED


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_wall_is_about_one_account_without_a_login_and_about_the_login_with_one(
    server: InstagramSiteServer, at: int
) -> None:
    assert verdict_of(server, words.WALL, at).outcome is ResponseOutcome.PRIVATE
    server.asked.clear()
    assert verdict_of(server, words.WALL, at, LOGIN).outcome is ResponseOutcome.AUTH_GONE


def test_who_asks_without_a_login_is_told_where_one_would_go(server: InstagramSiteServer) -> None:
    assert "COLLECTION__COOKIE_FILE" in verdict_of(server, words.LOGIN).reason


@pytest.mark.parametrize("word", [words.CHANGED, words.DOCUMENT_GONE, words.MISSING])
def test_an_answer_in_an_unknown_form_comes_along_to_be_looked_at(server: InstagramSiteServer, word: str) -> None:
    content = verdict_of(server, word, 2).content

    assert content["status"] == (404 if word == words.MISSING else 200)
    assert content["body"]


def test_a_private_account_is_open_to_its_followers_and_to_itself(server: InstagramSiteServer) -> None:
    request = site_of(server).next_request("sun_diary", [])
    assert request is not None
    user = {"id": "77", "username": "sun_diary", "is_private": True}
    closed = Response(200, {}, json.dumps({"data": {"user": user}}).encode())
    followed = Response(
        200, {}, json.dumps({"data": {"user": {**user, "id": "5", "followed_by_viewer": True}}}).encode()
    )

    assert site_of(server).classify(request, closed).outcome is ResponseOutcome.PRIVATE
    assert site_of(server, LOGIN).classify(request, closed).outcome is ResponseOutcome.OK
    assert site_of(server, LOGIN).classify(request, followed).outcome is ResponseOutcome.OK


def test_posts_that_are_counted_and_not_shown_are_not_taken_for_none(server: InstagramSiteServer) -> None:
    site = site_of(server)
    profile = CrawlPage([{}], (), "start", {"profile_id": "7", "username": "sun_diary", "posts_count": 9})
    request = site.next_request("sun_diary", [profile])
    assert request is not None
    empty = {"count": 9, "page_info": {"has_next_page": False, "end_cursor": None}, "edges": []}
    response = Response(200, {}, json.dumps({"data": {"user": {"edge_owner_to_timeline_media": empty}}}).encode())

    assert site.classify(request, response).outcome is ResponseOutcome.PRIVATE


def test_pages_that_lead_round_in_a_circle_are_a_changed_form(server: InstagramSiteServer) -> None:
    site = site_of(server)
    profile = CrawlPage([{}], (), "here", {"profile_id": "7", "username": "sun_diary", "posts_count": 9})
    request = site.next_request("sun_diary", [profile])
    assert request is not None
    edges = [{"node": {"shortcode": "A"}}]
    media = {"page_info": {"has_next_page": True, "end_cursor": "here"}, "edges": edges}
    response = Response(200, {}, json.dumps({"data": {"user": {"edge_owner_to_timeline_media": media}}}).encode())

    assert site.classify(request, response).outcome is ResponseOutcome.CONTRACT_CHANGED


def test_a_post_without_its_owners_name_gets_it_and_anothers_does_not(server: InstagramSiteServer) -> None:
    site = site_of(server)
    profile = CrawlPage([{}], (), "here", {"profile_id": "7", "username": "sun_diary", "posts_count": 9})
    request = site.next_request("sun_diary", [profile])
    assert request is not None
    nodes = [{"shortcode": "A", "owner": {"id": "7"}}, {"shortcode": "B", "owner": {"id": "8"}}, {"code": "C"}]
    media = {"page_info": {"has_next_page": False}, "edges": [{"node": node} for node in nodes]}

    own, others, app = site.parse(request, {"data": {"user": {"edge_owner_to_timeline_media": media}}}).records

    assert own["owner"] == {"id": "7", "username": "sun_diary"}
    assert others["owner"] == {"id": "8"}
    assert app["user"] == {"id": "7", "username": "sun_diary"}


def test_a_post_that_is_pinned_elsewhere_is_not_pinned_here(server: InstagramSiteServer) -> None:
    site = site_of(server)
    profile = CrawlPage([{}], (), "here", {"profile_id": "7", "username": "sun_diary", "posts_count": 9})
    request = site.next_request("sun_diary", [profile])
    assert request is not None
    nodes = [
        {"shortcode": "A", "pinned_for_users": [{"id": "8", "username": "moon"}]},
        {"shortcode": "B", "pinned_for_users": [{"id": "8"}, {"id": "7"}]},
        {"code": "C", "timeline_pinned_user_ids": [7]},
        {"code": "D", "timeline_pinned_user_ids": []},
        {"code": "E", "pinned_for_users": None, "taken_at": 10**30},
    ]
    media = {"page_info": {"has_next_page": False}, "edges": [{"node": node} for node in nodes]}

    page = site.parse(request, {"data": {"user": {"edge_owner_to_timeline_media": media}}})

    assert [post.is_pinned for post in page.posts] == [False, True, True, False, False]
    assert page.posts[-1].taken_at is None


@pytest.mark.parametrize("subject", ["#육아일기", "two words", "a..b", ""])
def test_what_is_no_account_is_refused_before_it_is_asked(server: InstagramSiteServer, subject: str) -> None:
    assert site_of(server).refusal(subject)
    assert not site_of(server).refusal("sun_diary")


def test_secrets_are_in_headers_alone_and_never_shown(server: InstagramSiteServer) -> None:
    site = site_of(server, LOGIN)
    pages = collected(site)
    for request in (site.next_request("sun_diary", []), site.next_request("sun_diary", pages[:1])):
        assert request is not None
        assert SESSION in request.headers["Cookie"]
        shown = f"{request!r} {request.url} {request.params} {request.form} {request.what}"
        assert SESSION not in shown
        assert "canary-token" not in shown
    assert SESSION not in site.identity + repr(LOGIN) + str(vars(site))


_KEYS = st.sampled_from(
    [
        *("data", "user", "node", "edges", "page_info", "end_cursor", "has_next_page", "id", "username", "status"),
        *("edge_owner_to_timeline_media", "xdt_api__v1__feed__user_timeline_graphql_connection", "shortcode", "code"),
        *("taken_at", "pinned_for_users", "owner", "is_private"),
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=5),
    max_leaves=25,
)
_PROFILE = CrawlPage([{}], (), "here", {"profile_id": "7", "username": "sun_diary", "posts_count": 9})


@given(st.sampled_from([[], [_PROFILE]]), st.sampled_from([None, LOGIN]), _JSON, st.sampled_from([200, 400, 404]))
def test_any_form_of_an_answer_has_a_meaning_and_an_ok_can_be_read(
    pages: list[CrawlPage], cookies: Cookies | None, value: Any, status: int
) -> None:
    site = InstagramSite(CollectionSettings(), cookies)
    request = site.next_request("sun_diary", pages)
    assert request is not None
    for content in (value, {"data": value}, {"data": {"user": value}}):
        classification = site.classify(request, Response(status, {}, json.dumps(content).encode()))
        if classification.outcome is ResponseOutcome.OK:
            json.dumps(site.parse(request, classification.content).records)
