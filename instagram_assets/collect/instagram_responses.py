"""Classification of responses of Instagram's website by their content, since the HTTP status alone is ambiguous.

A 401 most often means throttling, a 400 a checkpoint, and a 200 can be an HTML page or a missing account. Only the
site's own messages are read, never users' text, so that a caption is not mistaken for an error message.
"""

import json
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any, TypeGuard
from urllib.parse import urlsplit

import msgspec

from instagram_assets.collect.site_adapter import Classification, Response, ResponseOutcome
from instagram_assets.ingest.formats.registry import has_no_user
from instagram_assets.report.safe_text import printable

MAX_RETRY_AFTER = 86_400.0
"""Longest `Retry-After` in seconds; a site that wants a longer wait will repeat it after this one."""
_LONGEST_BETWEEN_TRIES = 3_600.0
_REASON = 200
_MOST_KEPT = 100_000
_GUARD = b"for (;;);"
"""Prefix of some of the site's JSON, which prevents other pages from executing it as a script."""

# The first match counts: a checkpoint's message can also say "try again later".
_WORDS: tuple[tuple[ResponseOutcome, tuple[str, ...]], ...] = (
    (
        ResponseOutcome.CHECKPOINT,
        (
            *("checkpoint", "challenge", "feedback_required", "consent_required", "sentry_block", "unusual activity"),
            *("suspended", "account has been disabled", "inactive user", "suspicious", "automated behavior"),
        ),
    ),
    (
        ResponseOutcome.THROTTLED,
        ("wait a few minutes", "please wait", "rate limit", "ratelimit", "too many", "try again later", "throttled"),
    ),
    (ResponseOutcome.NOT_FOUND, ("user not found", "user_not_found", "invalid target user", "page not found")),
    (ResponseOutcome.PRIVATE, ("not authorized to view", "private user", "account is private")),
    (
        ResponseOutcome.AUTH_GONE,
        (
            *("login_required", "login required", "log in", "logged out", "logged_out", "csrf", "session expired"),
            *("not authenticated", "authentication required", "unauthenticated"),
        ),
    ),
    (ResponseOutcome.TRANSIENT, ("something went wrong", "temporarily", "internal error", "internal server error")),
)
_OLD_QUERY = ("execution error", "useragent mismatch", "secfetch policy", "invalid query", "document")
_SAID_IN = ("message", "error_type", "error_title", "error", "feedback_message", "feedback_title", "title", "summary")
_PATHS = (
    (ResponseOutcome.AUTH_GONE, ("/accounts/login",)),
    (
        ResponseOutcome.CHECKPOINT,
        ("/challenge", "/checkpoint", "/accounts/suspended", "/accounts/disabled", "/consent"),
    ),
)
_REDIRECTED = {
    ResponseOutcome.AUTH_GONE: "it leads to the page for logging in",
    ResponseOutcome.CHECKPOINT: "it leads to a page on which a person has to confirm something",
}


def classify_response(response: Response, now: float) -> Classification:
    """Classify any response; the content of an `ok` is the JSON object.

    `not_found` is about the URL; whether that means a missing account depends on the request. `now` (Unix seconds) is
    used for a `Retry-After` with a date if the response has no `Date` header.
    """
    status = response.status
    pause = retry_after(response.headers, now)
    if status == 0:
        return Classification(
            ResponseOutcome.TRANSIENT, _shown(response.body.decode("utf-8", "replace")) or "no answer"
        )
    if 300 <= status < 400:
        return _redirected(response)
    content = decode_json(response.body)
    said = ""
    if _is_refusal(content, status):
        said = error_text(content)
        outcome = _meant(said, content)
        pauses = {ResponseOutcome.THROTTLED: pause, ResponseOutcome.TRANSIENT: min(pause, _LONGEST_BETWEEN_TRIES)}
        if outcome is not None:
            return Classification(outcome, said or f"status {status}", pause=pauses.get(outcome, 0.0))
    if status == 429:
        return Classification(ResponseOutcome.THROTTLED, said or "it was asked too much (status 429)", pause=pause)
    if status in (408, 425) or status >= 500 or status < 200:
        words = said or f"the server is busy or broken (status {status})"
        return Classification(ResponseOutcome.TRANSIENT, words, pause=min(pause, _LONGEST_BETWEEN_TRIES))
    if content is None:
        return _unreadable(status, response.body, pause)
    if status >= 400:
        return _refused(status, said, pause)
    return _read(content, said)


def retry_after(headers: Mapping[str, str], now: float) -> float:
    """Seconds to wait by the `Retry-After` header (seconds or an HTTP date), at most a day; 0 without a valid one."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:9]), MAX_RETRY_AFTER)
    until = _moment(text)
    if until is None:
        return 0.0
    # The site's clock can differ from ours, so the wait is computed from the response's own `Date`.
    since = _moment(headers.get("date", ""))
    return min(max(0.0, until - (now if since is None else since)), MAX_RETRY_AFTER)


def decode_json(body: bytes) -> Any:
    """Parse a body as JSON; None if it is not JSON. Lone surrogates are replaced by question marks."""
    text = body.strip().removeprefix(_GUARD)
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    try:
        found = json.loads(text.decode("utf-8", "replace"), parse_constant=_refuse_constant)
        return msgspec.json.decode(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def response_summary(response: Response) -> dict[str, Any]:
    """A response as a debugging record: status, redirect path, and body as JSON or text."""
    try:
        path = urlsplit(response.headers.get("location", "")).path
    except ValueError:
        path = ""
    content = decode_json(response.body)
    body = response.body[:_MOST_KEPT].decode("utf-8", "replace") if content is None else content
    return {"status": response.status, "location": path, "body": body}


def error_text(content: object) -> str:
    """The site's own error messages in a response, joined to one line; empty if there are none."""
    if not isinstance(content, dict):
        return ""
    record: dict[str, Any] = content
    found = [record[name] for name in _SAID_IN if isinstance(record.get(name), str)]
    for error in record["errors"] if isinstance(record.get("errors"), list) else ():
        if isinstance(error, dict):
            found += [error[name] for name in _SAID_IN if isinstance(error.get(name), str)]
    # Without duplicates, since a message is often repeated as the title.
    return _shown("; ".join(dict.fromkeys(text for text in found if text.strip())))


def _is_refusal(content: Any, status: int) -> TypeGuard[dict[str, Any]]:
    """Whether a response is a refusal: status 400 or above, `"status": "fail"`, or without any data."""
    if not isinstance(content, dict):
        return False
    return status >= 400 or content.get("status") == "fail" or not _has_data(content)


def _has_data(record: Mapping[str, Any]) -> bool:
    """Whether the object `data` of a response has any value that is not null."""
    data = record.get("data")
    return isinstance(data, dict) and any(value is not None for value in data.values())


def _meant(said: str, content: Mapping[str, Any]) -> ResponseOutcome | None:
    """The outcome of a refusal by its error messages (`said`) or, if these are unknown, by its flags.

    None if neither is known.
    """
    words = said.casefold()
    for outcome, signs in _WORDS:
        if any(sign in words for sign in signs):
            return outcome
    if content.get("checkpoint_url") or content.get("challenge") or content.get("lock") is True:
        return ResponseOutcome.CHECKPOINT
    if content.get("spam") is True:
        return ResponseOutcome.CHECKPOINT
    return ResponseOutcome.AUTH_GONE if content.get("require_login") is True or content.get("logout_reason") else None


def _redirected(response: Response) -> Classification:
    target = response.headers.get("location", "")
    try:
        path = urlsplit(target).path
    except ValueError:
        path = ""
    for outcome, beginnings in _PATHS:
        if any(f"{path}/".startswith(f"{beginning}/") for beginning in beginnings):
            return Classification(outcome, _REDIRECTED[outcome])
    return Classification(
        ResponseOutcome.CONTRACT_CHANGED, f"it leads elsewhere (status {response.status}, {_shown(path) or 'nowhere'})"
    )


def _unreadable(status: int, body: bytes, pause: float) -> Classification:
    """Classify a response whose body is not JSON: an HTML page, a truncated response, or an empty one."""
    beginning = body[:100_000].decode("utf-8", "replace").strip().casefold()
    if "wait a few minutes" in beginning:
        return Classification(ResponseOutcome.THROTTLED, "it asks to wait a few minutes", pause=pause)
    if status in (404, 410):
        return Classification(ResponseOutcome.NOT_FOUND, f"status {status}")
    is_page = beginning.startswith("<")
    if is_page and beginning.partition("<title>")[2].lstrip().startswith(("login", "log in")):
        return Classification(ResponseOutcome.AUTH_GONE, "it answers with the page for logging in")
    if is_page:
        return Classification(ResponseOutcome.HTML, f"it answers with a page for people (status {status})")
    if status >= 400:
        return _refused(status, "", pause)
    return Classification(ResponseOutcome.TRANSIENT, "the answer broke off" if beginning else "the answer is empty")


def _refused(status: int, said: str, pause: float) -> Classification:
    """Classify a refusal by its HTTP status, since its message (`said`) is unknown."""
    reason = said or f"status {status} without a word"
    if status in (404, 410):
        return Classification(ResponseOutcome.NOT_FOUND, said or f"status {status}")
    if status == 451:
        return Classification(ResponseOutcome.PRIVATE, "it is not shown in this country")
    if status in (401, 403):
        # Throttled or logged out: assume throttled, which passes by itself; if not, the breaker waits longer each time.
        return Classification(ResponseOutcome.THROTTLED, reason, pause=pause)
    return Classification(ResponseOutcome.CONTRACT_CHANGED, reason)


def _read(content: Any, said: str) -> Classification:
    if not isinstance(content, dict):
        return Classification(ResponseOutcome.CONTRACT_CHANGED, f"the answer is no object but {type(content).__name__}")
    record: dict[str, Any] = content
    if any(sign in said.casefold() for sign in _OLD_QUERY):
        return Classification(ResponseOutcome.CONTRACT_CHANGED, said)
    if has_no_user(record):
        return Classification(ResponseOutcome.NOT_FOUND, said or "there is no such account")
    if record.get("status") == "fail" or not _has_data(record):
        return Classification(ResponseOutcome.CONTRACT_CHANGED, said or "the answer has no data")
    return Classification(ResponseOutcome.OK, content=record)


def _moment(text: str) -> float | None:
    """Parse an HTTP date to Unix seconds; None if it is invalid."""
    try:
        moment = parsedate_to_datetime(text)
        # "-0000" leaves the time naive, yet HTTP dates are always UTC.
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _shown(text: str) -> str:
    return printable(text)[:_REASON]


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
