"""Graph API: values of the query parameter `fields`, and the classification of responses and error codes.

An error response is `{"error": {"message", "type", "code", "error_subcode", "fbtrace_id"}}` (Meta's reference of 2026);
field names are those of the reference of v25.0 (2026-08). Only fields that become columns are requested, since one
unknown field makes the whole request fail. https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from instagram_assets.collect.site_adapter import Classification, Response, ResponseOutcome
from instagram_assets.report.safe_text import printable

_SHOWN = 120
_TOO_MANY = 429
_NO_ANSWER = 0
_JSON = (b"{", b"[")


def response_content(response: Response) -> Any | Classification:
    """The JSON content of a response, be it data or an API error; a Classification if the body is not JSON."""
    if response.status == _NO_ANSWER:
        why = printable(response.body.decode("utf-8", "replace"), _SHOWN)
        return Classification(ResponseOutcome.TRANSIENT, f"no answer: {why or 'the connection failed'}")
    start = response.body.lstrip()[:1]
    if start == b"<" or (start not in _JSON and "html" in response.headers.get("content-type", "").lower()):
        found = classify_status(response.status)
        throttled = found if found and found.outcome is ResponseOutcome.THROTTLED else None
        return throttled or Classification(ResponseOutcome.HTML, f"a page of HTML came (status {response.status})")
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        cut = Classification(
            ResponseOutcome.TRANSIENT, f"the answer is cut off or damaged ({len(response.body):,} bytes)"
        )
        found = classify_status(response.status)
        is_other = found and (start not in _JSON or found.outcome is ResponseOutcome.THROTTLED)
        return found if found and is_other else cut


def as_object(value: Any) -> Mapping[str, Any]:
    """The value if it is a JSON object (a mapping), else an empty mapping."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]  keys of JSON are text


def without_token(body: bytes, token: str) -> str:
    """A response body as text with the access token removed."""
    text = body.decode("utf-8", "replace")
    return text.replace(token, "…") if token else text


def classify_status(status: int) -> Classification | None:
    """Classification by HTTP status, for a body without an error message; None for status 200 (no error)."""
    if status == _TOO_MANY:
        return Classification(ResponseOutcome.THROTTLED, "too many requests (status 429)")
    if status >= 500:
        return Classification(ResponseOutcome.TRANSIENT, f"the server is not well (status {status})")
    if status != 200:
        return Classification(ResponseOutcome.CONTRACT_CHANGED, f"status {status}, and no error of the API")
    return None


PERMISSIONS_OF_ACCOUNTS = "instagram_basic, instagram_manage_insights and pages_read_engagement"
PERMISSIONS_OF_HASHTAGS = "instagram_basic and, by App Review, the feature Instagram Public Content Access"

_NO_ACCOUNT = 2207013
_AUTH = frozenset((102, 190))
_CHECKPOINTS = frozenset((459, 490))
_BLOCKED = 368
_GONE = {
    458: "the app was removed from the account",
    460: "the password of the account was changed",
    463: "the token has expired",
    464: "the account is not confirmed",
    467: "the token was revoked",
}
_THROTTLED = frozenset((4, 17, 32, 613, *range(80_000, 80_015)))
_TRANSIENT = frozenset((-1, 1, 2))
_HASHTAG, _HASHTAG_BUDGET = 24, 18
_FIELD, _USER, _NOT_THERE = 100, 110, 33
_TOO_MUCH = "reduce the amount of data"
_LONGEST_MESSAGE = 200
_TOKEN = re.compile(r"EAA\w*")


def classify_error(error: Mapping[str, Any], *, of_hashtag: bool, own_id: str, token: str) -> Classification:
    """Classification of an API error by its code; the quoted message has access tokens removed.

    `of_hashtag` is whether the request was about a hashtag, `own_id` the Instagram user id that sends the requests.
    """
    code, subcode = _integer(error.get("code")), _integer(error.get("error_subcode"))
    said = f"error {code}{f'/{subcode}' if subcode else ''}: {_message(error, token)}"
    if subcode in _CHECKPOINTS or code == _BLOCKED:
        return Classification(
            ResponseOutcome.CHECKPOINT,
            f"Meta wants a person to confirm something: log in at facebook.com and look ({said})",
        )
    if code in _AUTH:
        # Meta's message is not quoted here, since it contains a token that Meta cannot parse.
        return Classification(
            ResponseOutcome.AUTH_GONE, f"{_GONE.get(subcode, 'the token is not valid')} (error {code})"
        )
    if code in _THROTTLED:
        return Classification(ResponseOutcome.THROTTLED, f"too many requests ({said})")
    if code in (3, 10) or 200 <= code <= 299:
        permissions = PERMISSIONS_OF_HASHTAGS if of_hashtag else PERMISSIONS_OF_ACCOUNTS
        return Classification(
            ResponseOutcome.NO_PERMISSION, f"the token lacks a permission; this needs {permissions} ({said})"
        )
    if subcode == _NO_ACCOUNT or code == _USER:
        return Classification(
            ResponseOutcome.NOT_FOUND,
            "there is no such professional account: it is personal, restricted by age, or not there",
        )
    if code == _HASHTAG:
        return Classification(
            ResponseOutcome.NOT_FOUND, "no posts are given of this hashtag: there is none, or Meta calls it sensitive"
        )
    if code == _HASHTAG_BUDGET:
        return Classification(
            ResponseOutcome.BUDGET_SPENT, "30 different hashtags were asked in seven days, says the API"
        )
    if code in _TRANSIENT or error.get("is_transient") is True:
        smaller = "; set INSTAGRAM_ASSETS_GRAPH_API__PAGE_SIZE lower" if _TOO_MUCH in said else ""
        return Classification(ResponseOutcome.TRANSIENT, said + smaller)
    if code == _FIELD and subcode == _NOT_THERE and not of_hashtag:
        return Classification(
            ResponseOutcome.NO_PERMISSION,
            f"the token may not use the account {own_id}: set INSTAGRAM_ASSETS_GRAPH_API__USER_ID to the Instagram "
            f"user id of its own professional account ({said})",
        )
    return Classification(ResponseOutcome.CONTRACT_CHANGED, said)


def _integer(value: object) -> int:
    """Convert an error code, which the API sends as an integer or a string, to an integer; 0 for anything else."""
    if isinstance(value, bool):
        return 0
    try:
        return int(value) if isinstance(value, (int, str)) else 0
    except ValueError:
        return 0


def _message(error: Mapping[str, Any], token: str) -> str:
    message = str(error.get("message") or error.get("type") or "no reason given")
    if token:
        message = message.replace(token, "…")
    return printable(_TOKEN.sub("…", message), _LONGEST_MESSAGE)


_PROFILE = (
    *("id", "username", "name", "biography", "website"),
    *("followers_count", "follows_count", "media_count"),
)
_MEDIA = (
    *("id", "caption", "comments_count", "like_count", "media_product_type", "media_type", "media_url", "permalink"),
    *("thumbnail_url", "timestamp", "username", "view_count", "children{id,media_type,media_url}"),
)
# For a hashtag's posts, the API does not offer the fields for owner, product type and thumbnail.
_OF_HASHTAGS = (
    *("id", "caption", "children{media_url,media_type}", "comments_count", "like_count", "media_type", "media_url"),
    *("permalink", "timestamp"),
)


def profile_and_posts(username: str, posts: int) -> str:
    """Value of the query parameter `fields` that requests an account's profile and its `posts` newest posts."""
    return f"business_discovery.username({username}){{{','.join(_PROFILE)},media.limit({posts}){{{','.join(_MEDIA)}}}}}"


def posts_after(username: str, cursor: str, posts: int) -> str:
    """Value of the query parameter `fields` that requests the next `posts` posts of an account after a cursor."""
    return f"business_discovery.username({username}){{media.after({cursor}).limit({posts}){{{','.join(_MEDIA)}}}}}"


def posts_of_hashtag() -> str:
    """Value of the query parameter `fields` that requests a hashtag's posts."""
    return ",".join(_OF_HASHTAGS)
