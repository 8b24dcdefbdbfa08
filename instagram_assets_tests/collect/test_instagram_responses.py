"""What an answer of Instagram's site means follows from what it says, whatever its status and its bytes are."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.collect.instagram_responses import MAX_RETRY_AFTER, classify_response
from instagram_assets.collect.site_adapter import Classification, Response, ResponseOutcome

NOW = 1_790_000_000.0
WAIT = "Please wait a few minutes before you try again."
PAGE = b"<!DOCTYPE html><html><head><title>Instagram</title></head></html>"


def answered(status: int, body: object = b"", **headers: str) -> Classification:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return classify_response(
        Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content), NOW
    )


def failed(message: str, **more: Any) -> dict[str, Any]:
    return {"message": message, "status": "fail", **more}


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (401, failed(WAIT, require_login=True), ResponseOutcome.THROTTLED),
        (403, failed(WAIT), ResponseOutcome.THROTTLED),
        (400, failed(WAIT), ResponseOutcome.THROTTLED),
        (200, failed(WAIT), ResponseOutcome.THROTTLED),
        (401, PAGE.replace(b"Instagram", WAIT.encode()), ResponseOutcome.THROTTLED),
        (429, b"", ResponseOutcome.THROTTLED),
        (429, PAGE, ResponseOutcome.THROTTLED),
        (
            200,
            {"data": None, "errors": [{"message": "Rate limit exceeded", "code": 1675004}]},
            ResponseOutcome.THROTTLED,
        ),
        (401, b"", ResponseOutcome.THROTTLED),
        (403, failed("forbidden"), ResponseOutcome.THROTTLED),
        (403, failed("login_required", logout_reason=8), ResponseOutcome.AUTH_GONE),
        (401, failed("", require_login=True), ResponseOutcome.AUTH_GONE),
        (200, failed("", require_login=True), ResponseOutcome.AUTH_GONE),
        (400, failed("Please log in to see this profile."), ResponseOutcome.AUTH_GONE),
        (403, failed("CSRF token missing or incorrect"), ResponseOutcome.AUTH_GONE),
        (200, PAGE.replace(b"Instagram", b"Login \xe2\x80\xa2 Instagram"), ResponseOutcome.AUTH_GONE),
        (400, failed("checkpoint_required", checkpoint_url="/challenge/1/"), ResponseOutcome.CHECKPOINT),
        (400, failed("challenge_required", challenge={"url": "x"}), ResponseOutcome.CHECKPOINT),
        (400, failed("feedback_required", spam=True, feedback_title="Try Again Later"), ResponseOutcome.CHECKPOINT),
        (400, failed("", lock=True), ResponseOutcome.CHECKPOINT),
        (403, failed("Your account has been suspended"), ResponseOutcome.CHECKPOINT),
        (429, failed("checkpoint_required"), ResponseOutcome.CHECKPOINT),
        (404, b"", ResponseOutcome.NOT_FOUND),
        (404, failed(""), ResponseOutcome.NOT_FOUND),
        (404, PAGE, ResponseOutcome.NOT_FOUND),
        (200, {"data": {"user": None}, "status": "ok"}, ResponseOutcome.NOT_FOUND),
        (400, failed("User not found"), ResponseOutcome.NOT_FOUND),
        (400, failed("Not authorized to view user"), ResponseOutcome.PRIVATE),
        (200, PAGE, ResponseOutcome.HTML),
        (403, PAGE, ResponseOutcome.HTML),
        (0, b"cannot connect", ResponseOutcome.TRANSIENT),
        (500, PAGE, ResponseOutcome.TRANSIENT),
        (502, b"", ResponseOutcome.TRANSIENT),
        (503, failed("unavailable"), ResponseOutcome.TRANSIENT),
        (408, b"", ResponseOutcome.TRANSIENT),
        (200, failed("Sorry, something went wrong."), ResponseOutcome.TRANSIENT),
        (400, failed("Temporarily unavailable"), ResponseOutcome.TRANSIENT),
        (200, b"", ResponseOutcome.TRANSIENT),
        (200, b'{"data": {"user": {"id": "7', ResponseOutcome.TRANSIENT),
        (200, [1], ResponseOutcome.CONTRACT_CHANGED),
        (200, {"status": "ok"}, ResponseOutcome.CONTRACT_CHANGED),
        (200, {"data": None, "errors": [{"message": "execution error"}]}, ResponseOutcome.CONTRACT_CHANGED),
        (200, {"data": {"user": None}, "errors": [{"message": "execution error"}]}, ResponseOutcome.CONTRACT_CHANGED),
        (400, failed("useragent mismatch"), ResponseOutcome.CONTRACT_CHANGED),
        (405, b"", ResponseOutcome.CONTRACT_CHANGED),
    ],
)
def test_the_words_of_an_answer_count_before_its_status(status: int, body: object, outcome: ResponseOutcome) -> None:
    classification = answered(status, body)

    assert classification.outcome is outcome
    assert classification.reason


@pytest.mark.parametrize(
    ("target", "outcome"),
    [
        ("https://www.instagram.com/accounts/login/?next=%2Fapi", ResponseOutcome.AUTH_GONE),
        ("/accounts/login", ResponseOutcome.AUTH_GONE),
        ("/challenge/?next=/accounts/login/", ResponseOutcome.CHECKPOINT),
        ("https://i.instagram.com/challenge/123/abc/", ResponseOutcome.CHECKPOINT),
        ("/accounts/suspended/", ResponseOutcome.CHECKPOINT),
        ("/consent/?flow=ad", ResponseOutcome.CHECKPOINT),
        ("/accounts/login_by_somebody", ResponseOutcome.CONTRACT_CHANGED),
        ("/sun_diary/", ResponseOutcome.CONTRACT_CHANGED),
        ("", ResponseOutcome.CONTRACT_CHANGED),
        ("http://[", ResponseOutcome.CONTRACT_CHANGED),
    ],
)
def test_a_redirect_is_an_answer_and_means_where_it_leads(target: str, outcome: ResponseOutcome) -> None:
    assert answered(302, location=target).outcome is outcome


@pytest.mark.parametrize("text", [WAIT, "checkpoint_required", "login_required", "Rate limit exceeded", "log in"])
def test_what_people_write_cannot_refuse(text: str) -> None:
    node = {"shortcode": "A", "edge_media_to_caption": {"edges": [{"node": {"text": text}}]}, "message": text}
    content = {"data": {"user": {"biography": text, "edges": [node]}}, "message": text, "status": "ok"}

    classification = answered(200, content)

    assert classification == Classification(ResponseOutcome.OK, content=content)


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry-after": "1200"}, 1_200),
        ({"retry-after": " 0 "}, 0),
        ({"retry-after": "999999999999999999999"}, MAX_RETRY_AFTER),
        ({"retry-after": "-5"}, 0),
        ({"retry-after": "1e9"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "٣"}, 0),
        ({"retry-after": "Fri, 27 Nov 2026 09:20:00 GMT", "date": "Fri, 27 Nov 2026 09:00:00 GMT"}, 1_200),
        ({"retry-after": "Mon, 21 Sep 2026 14:14:20 GMT"}, 60),
        ({"retry-after": "Mon, 21 Sep 2026 14:14:20 -0000"}, 60),
        ({"retry-after": "Fri, 01 Jan 1999 00:00:00 GMT"}, 0),
        ({"retry-after": "Fri, 31 Dec 9999 23:59:59 GMT"}, MAX_RETRY_AFTER),
        ({}, 0),
    ],
)
def test_a_pause_is_what_the_site_asks_for_within_bounds(headers: dict[str, str], pause: float) -> None:
    assert classify_response(Response(429, headers, b""), NOW) == Classification(
        ResponseOutcome.THROTTLED, "it was asked too much (status 429)", pause=pause
    )


def test_a_busy_server_is_given_the_time_that_it_asks_for_and_not_hours() -> None:
    assert answered(503, retry_after="7").pause == 7
    assert answered(503, retry_after="20000").pause == 3_600
    assert answered(503, failed("Temporarily unavailable"), retry_after="7").pause == 7


def test_json_behind_a_guard_or_with_half_a_character_is_read() -> None:
    assert answered(200, b'for (;;);{"data": {"user": {"id": "7"}}}').content == {"data": {"user": {"id": "7"}}}
    assert answered(200, b'{"data": {"user": {"biography": "\\ud83d"}}}').content["data"]["user"]["biography"] == "?"


def test_a_reason_is_one_printable_line_of_bounded_length() -> None:
    reason = answered(400, failed("feedback_required \x1b[31m\n" + "x" * 9_000)).reason

    assert reason.isprintable()
    assert len(reason) <= 200


_STATUSES = st.integers(-1, 999)
_WORDS = st.sampled_from(["message", "status", "fail", "ok", "data", "user", "errors", "require_login", "spam", WAIT])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | _WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS | st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)
_BODIES = st.binary() | st.text().map(str.encode) | _VALUES.map(lambda value: json.dumps(value).encode())
_NESTED = st.integers(1, 200_000).map(lambda depth: b"[" * depth + b"]" * depth)
_HEADERS = st.dictionaries(st.sampled_from(["retry-after", "location", "date", "content-type"]), st.text())


@given(_STATUSES, _HEADERS, _BODIES | _NESTED)
def test_any_answer_has_a_meaning(status: int, headers: dict[str, str], body: bytes) -> None:
    classification = classify_response(Response(status, headers, body), NOW)

    assert classification.outcome in ResponseOutcome
    assert 0 <= classification.pause <= MAX_RETRY_AFTER
    assert (classification.outcome is ResponseOutcome.OK) == (classification.content is not None)
    assert classification.outcome is ResponseOutcome.OK or classification.reason.isprintable()
