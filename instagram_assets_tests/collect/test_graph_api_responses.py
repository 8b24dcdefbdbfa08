"""What answers of the Graph API mean: its error codes, its usage, and bytes that are no answer at all."""

import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.graph_api_site import GraphApiSite
from instagram_assets.collect.graph_api_usage import parse_usage
from instagram_assets.collect.site_adapter import Classification, Request, Response, ResponseOutcome
from instagram_assets.demo.graph_api_server import ACCOUNT_REQUEST, RECENT_REQUEST, SEARCH_REQUEST, graph_api_error
from instagram_assets.settings import GraphApiSettings
from instagram_assets_tests.collect.graph import DIARY, SUN, TAG, Told, desk
from instagram_assets_tests.collect.virtual_clock import VirtualClock
from instagram_assets_tests.servers.graph_api import Failure

TOKEN = "EAAcanary0123456789"
GOOD = {"business_discovery": {"id": "1", "username": "sun_diary", "followers_count": 3, "media_count": 0}, "id": "17"}


def a_site(logged: Told | None = None) -> GraphApiSite:
    return GraphApiSite(
        GraphApiSettings(user_id="17"), TOKEN, CollectorDatabase(Path("unused")), VirtualClock(), logged or Told()
    )


def of_account(site: GraphApiSite) -> Request:
    request = site.next_request("sun_diary", [])
    assert request is not None
    return request


def judged(body: bytes | Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Classification:
    site = a_site()
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return site.classify(of_account(site), Response(status, headers or {}, content))


@pytest.mark.parametrize(
    ("code", "subcode", "outcome", "logged"),
    [
        *((code, 0, ResponseOutcome.THROTTLED, "too many requests") for code in (4, 17, 32, 613, 80002)),
        (190, 463, ResponseOutcome.AUTH_GONE, "the token has expired"),
        (190, 460, ResponseOutcome.AUTH_GONE, "the password of the account was changed"),
        (190, 0, ResponseOutcome.AUTH_GONE, "the token is not valid"),
        (190, 459, ResponseOutcome.CHECKPOINT, "log in at facebook.com"),
        (368, 0, ResponseOutcome.CHECKPOINT, "a person"),
        (10, 0, ResponseOutcome.NO_PERMISSION, "instagram_manage_insights"),
        (200, 0, ResponseOutcome.NO_PERMISSION, "instagram_basic"),
        (299, 0, ResponseOutcome.NO_PERMISSION, "instagram_basic"),
        (100, 0, ResponseOutcome.CONTRACT_CHANGED, "error 100"),
        (100, 33, ResponseOutcome.NO_PERMISSION, "GRAPH_API__USER_ID"),
        (110, 2207013, ResponseOutcome.NOT_FOUND, "no such professional account"),
        (110, 0, ResponseOutcome.NOT_FOUND, "no such professional account"),
        (1, 0, ResponseOutcome.TRANSIENT, "error 1"),
        (2, 0, ResponseOutcome.TRANSIENT, "error 2"),
        (12345, 0, ResponseOutcome.CONTRACT_CHANGED, "error 12345"),
    ],
)
def test_an_error_of_an_account_means_what_its_code_says(
    tmp_path: Path, code: int, subcode: int, outcome: ResponseOutcome, logged: str
) -> None:
    with desk(tmp_path, [SUN]) as at:
        at.graph.failures.append(Failure(ACCOUNT_REQUEST, graph_api_error(code, f"said by {at.graph.token}", subcode)))
        classification = at.classification("sun_diary")
        assert classification.outcome is outcome
        assert logged in classification.reason
        assert at.graph.token not in f"{classification}"


@pytest.mark.parametrize(
    ("code", "outcome", "logged"),
    [
        (24, ResponseOutcome.NOT_FOUND, "sensitive"),
        (18, ResponseOutcome.BUDGET_SPENT, "30 different hashtags"),
        (10, ResponseOutcome.NO_PERMISSION, "Instagram Public Content Access"),
        (2, ResponseOutcome.TRANSIENT, "error 2"),
    ],
)
@pytest.mark.parametrize("kind", [SEARCH_REQUEST, RECENT_REQUEST])
def test_an_error_of_a_hashtag_means_what_its_code_says(
    tmp_path: Path, kind: str, code: int, outcome: ResponseOutcome, logged: str
) -> None:
    with desk(tmp_path, [], [DIARY]) as at:
        if kind == RECENT_REQUEST:
            at.pages(TAG)
        at.graph.failures.append(Failure(kind, graph_api_error(code, "no")))
        classification = at.classification(TAG)
        assert (classification.outcome, logged in classification.reason) == (outcome, True)


def test_an_answer_that_is_too_much_for_the_api_says_which_setting_makes_it_smaller() -> None:
    message = "Please reduce the amount of data you're asking for, then retry your request"
    classification = judged({"error": {"message": message, "type": "OAuthException", "code": 1}}, 500)
    assert (classification.outcome, "GRAPH_API__PAGE_SIZE lower" in classification.reason) == (
        ResponseOutcome.TRANSIENT,
        True,
    )


def test_an_unknown_account_and_an_unknown_hashtag_are_not_found(tmp_path: Path) -> None:
    with desk(tmp_path) as at:
        assert at.classification("nobody").outcome is ResponseOutcome.NOT_FOUND
        assert at.classification("#nothing").outcome is ResponseOutcome.NOT_FOUND


def test_a_permission_that_the_token_lacks_is_named(tmp_path: Path) -> None:
    with desk(tmp_path, [SUN], [DIARY]) as at:
        at.graph.permissions.clear()
        for subject, needed in (("sun_diary", "pages_read_engagement"), (TAG, "Public Content Access")):
            classification = at.classification(subject)
            assert (classification.outcome, needed in classification.reason) == (ResponseOutcome.NO_PERMISSION, True)


def test_an_account_of_ours_that_is_not_the_tokens_says_which_setting(tmp_path: Path) -> None:
    with desk(tmp_path, [SUN]) as at:
        at.graph.own_id = "5"
        classification = at.classification("sun_diary")
        assert (classification.outcome, "USER_ID" in classification.reason) == (ResponseOutcome.NO_PERMISSION, True)


@pytest.mark.parametrize(
    ("body", "status", "outcome"),
    [
        (b"", 0, ResponseOutcome.TRANSIENT),
        (b"", 200, ResponseOutcome.TRANSIENT),
        (b'{"business_disc', 200, ResponseOutcome.TRANSIENT),
        (b'{"error": {"mess', 400, ResponseOutcome.TRANSIENT),
        (b"<!DOCTYPE html><title>Error</title>", 200, ResponseOutcome.HTML),
        (b"  <html>", 503, ResponseOutcome.HTML),
        (b"Sorry, something went wrong.", 500, ResponseOutcome.TRANSIENT),
        (b"no", 404, ResponseOutcome.CONTRACT_CHANGED),
        (b"", 302, ResponseOutcome.CONTRACT_CHANGED),
        (b"{}", 503, ResponseOutcome.TRANSIENT),
        (b"{}", 429, ResponseOutcome.THROTTLED),
        (b"<html>slow down", 429, ResponseOutcome.THROTTLED),
        (b"[]", 200, ResponseOutcome.CONTRACT_CHANGED),
        (b"null", 200, ResponseOutcome.CONTRACT_CHANGED),
        (b'{"data": []}', 200, ResponseOutcome.CONTRACT_CHANGED),
        (b'{"business_discovery": {"id": "1", "media": {}}}', 200, ResponseOutcome.CONTRACT_CHANGED),
        (b'{"business_discovery": {"id": "1", "media": {"data": [7]}}}', 200, ResponseOutcome.CONTRACT_CHANGED),
        (b'{"error": "gone"}', 200, ResponseOutcome.CONTRACT_CHANGED),
        (b"[" * 100_000, 200, ResponseOutcome.TRANSIENT),
        (b"\xff\xfe", 200, ResponseOutcome.TRANSIENT),
    ],
)
def test_what_is_no_answer_is_told_apart_by_its_content(body: bytes, status: int, outcome: ResponseOutcome) -> None:
    assert judged(body, status).outcome is outcome


def test_a_cursor_that_could_change_what_is_asked_for_is_no_cursor() -> None:
    paging = {"cursors": {"after": "x).limit(1){id}"}}
    media = {"data": [{"id": "1"}], "paging": paging}
    classification = judged({"business_discovery": {"id": "1", "username": "x", "media": media}})
    assert (classification.outcome, "cursor" in classification.reason) == (ResponseOutcome.CONTRACT_CHANGED, True)


@given(body=st.binary() | st.text().map(str.encode), status=st.integers(0, 599), header=st.text())
def test_any_bytes_have_a_verdict(body: bytes, status: int, header: str) -> None:
    site = a_site()
    asks = [of_account(site), site.token_request()]
    headers = {"x-app-usage": header, "x-business-use-case-usage": header, "retry-after": header}
    for request in asks:
        classification = site.classify(request, Response(status, headers, body))
        assert isinstance(classification.outcome, ResponseOutcome)
        assert 0 <= classification.pause <= 86_400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(TOKEN),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(
                ("error", "code", "error_subcode", "message", "business_discovery", "media", "data", "paging")
            )
            | st.sampled_from(("cursors", "after", "next", "id", "username", "permalink", "timestamp", "expires_at")),
            inner,
        )
    ),
)


@given(body=JSON, status=st.sampled_from((200, 400, 500)), subject=st.sampled_from(("sun_diary", "top", "recent")))
def test_any_json_has_a_verdict_and_an_ok_can_be_read(body: Any, status: int, subject: str) -> None:
    site = a_site()
    request = of_account(site)
    if subject != "sun_diary":
        request = Request(f"https://graph.facebook.com/v25.0/9/{subject}_media", "posts")
    for each in (request, site.token_request()):
        classification = site.classify(each, Response(status, {}, json.dumps(body).encode()))
        assert TOKEN not in classification.reason
    classification = site.classify(request, Response(status, {}, json.dumps(body).encode()))
    if classification.outcome is ResponseOutcome.OK:
        site.parse(request, classification.content)


def usage(percent: float, minutes: float = 0) -> dict[str, str]:
    """Headers that tell so much use in the one and in the other."""
    case = {"type": "instagram", "call_count": percent, "total_cputime": 1, "total_time": 1}
    return {"x-business-use-case-usage": json.dumps({"17": [{**case, "estimated_time_to_regain_access": minutes}]})}


def test_from_75_percent_on_pauses_grow_and_at_95_they_last_until_it_may_go_on() -> None:
    pauses = [judged(GOOD, headers=usage(percent)).pause for percent in (0, 74, 75, 80, 85, 90, 94, 95)]
    assert pauses[:3] == [0, 0, 5]
    assert all(earlier < later for earlier, later in pairwise(pauses[1:]))
    assert pauses[-1] == 3_600
    stopped = judged(GOOD, headers=usage(96, 42))
    assert (stopped.outcome, stopped.pause) == (ResponseOutcome.OK, 42 * 60)
    assert "96 %" in stopped.reason
    assert judged(GOOD, headers=usage(20, 7)).pause == 7 * 60


def test_the_limit_of_the_app_counts_like_those_of_the_account() -> None:
    shares = {"call_count": 10, "total_cputime": 20, "total_time": 85}
    assert judged(GOOD, headers={"x-app-usage": json.dumps(shares)}).pause == judged(GOOD, headers=usage(85)).pause > 0


def test_a_throttled_answer_says_how_long_the_breaker_stays_open_at_least() -> None:
    limit = {"error": {"message": "limit", "type": "OAuthException", "code": 4}}
    assert judged(limit, 400, usage(100, 30)).pause == 1_800
    assert judged(limit, 400, {"retry-after": "90"}).pause == 90
    dates = {"date": "Fri, 27 Nov 2026 09:00:00 GMT", "retry-after": "Fri, 27 Nov 2026 09:10:00 GMT"}
    assert judged(limit, 400, dates).pause == 600
    assert judged(limit, 400, {"retry-after": "soon"}).pause == 0


@pytest.mark.parametrize(
    "header",
    ["{", "[]", "7", '{"17": 3}', '{"17": [3]}', '{"17": [{"call_count": "much"}]}', '{"17": [{"call_count": NaN}]}'],
)
def test_usage_that_cannot_be_read_is_told_once_and_stops_nothing(header: str) -> None:
    logged = Told()
    site, body = a_site(logged), json.dumps(GOOD).encode()
    for _ in range(3):
        classification = site.classify(of_account(site), Response(200, {"x-business-use-case-usage": header}, body))
        assert (classification.outcome, classification.pause) == (ResponseOutcome.OK, 0)
    assert len(logged.lines) == 1
    assert "x-business-use-case-usage cannot be read" in logged.lines[0]


def test_no_usage_is_no_word_about_it() -> None:
    logged = Told()
    assert parse_usage({}, logged).pause == 0
    assert logged.lines == []
