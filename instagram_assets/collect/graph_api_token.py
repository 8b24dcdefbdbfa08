"""Expiry of the Graph API token: requested once a day, with a warning before it expires.

The expiry date is stored in the database, in the column `reason` of the request's row.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any

from instagram_assets.collect.clock import Clock, utc_datetime
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.graph_api_responses import as_object
from instagram_assets.collect.site_adapter import Classification, Request, RequestSender, ResponseOutcome
from instagram_assets.report.safe_text import printable

_WHAT = "how long the token lives"
TOKEN_SUBJECT = ""
"""Subject of requests about the token, which concern no account or hashtag."""
WARN_DAYS = 14

_DAY = 86_400.0
_ENDS = "the token ends on "
_ENDLESS = "the token does not end"
_NOT_TOLD = "the API does not tell when the token ends"


def token_request(url: str, token: str, headers: Mapping[str, str]) -> Request:
    """The request for a token's expiry date; the token is sent as a form field, so that it is in no URL."""
    # A keyed hash of the token, so that a stored response about an older token is not used for this one.
    mark = blake2b(token.encode(), key=_WHAT.encode(), digest_size=4).hexdigest()
    return Request(url, f"{_WHAT} ({mark})", form={"input_token": token, "method": "get"}, headers=headers)


def is_about_token(request: Request) -> bool:
    """Whether a request asks for a token's expiry date."""
    return request.what.startswith(_WHAT)


def classify_token_info(content: Any, now: float) -> Classification:
    """Classify the API's response about the token as valid or expired; a token without an expiry date is valid."""
    about = as_object(as_object(content).get("data"))
    if about.get("is_valid") is False:
        return Classification(ResponseOutcome.AUTH_GONE, "the token is not valid any more")
    # Expiry of the token, and of its access to data; 0 means that it does not expire.
    ends = [at for name in ("expires_at", "data_access_expires_at") if (at := _seconds(about.get(name))) is not None]
    if not ends:
        return Classification(ResponseOutcome.OK, _NOT_TOLD)
    first = min((at for at in ends if at > 0), default=0)
    if 0 < first <= now:
        return Classification(ResponseOutcome.AUTH_GONE, f"the token ended on {utc_datetime(first):%Y-%m-%d}")
    return Classification(ResponseOutcome.OK, f"{_ENDS}{utc_datetime(first).isoformat()}" if first else _ENDLESS)


def check_token_expiry(
    requester: RequestSender,
    question: Request,
    database: CollectorDatabase,
    identity: str,
    clock: Clock,
    log: Callable[[str], object],
) -> datetime | None:
    """When the token expires, None if unknown; requested from the API if the stored result is older than a day.

    `question` is the request to send. Logs a warning from 14 days before the expiry. Errors of `requester` are passed
    on, such as IdentityStoppedError for an expired token.
    """
    now = clock.now()
    at, said = _last_answer(database, identity, question) or (None, "")
    if at is None or not now - _DAY < at <= now:
        classification = requester.fetch(TOKEN_SUBJECT, question)
        said = classification.reason if classification.outcome is ResponseOutcome.OK else ""
        if classification.outcome is not ResponseOutcome.OK:
            log(f"How long the token lives is not known: {printable(classification.reason, 200)}")
    ends = _end_in(said)
    if ends is not None and (left := days_left(ends, now)) <= WARN_DAYS:
        log(
            f"The token of the Graph API ends on {ends:%Y-%m-%d}, in {left} day{'' if left == 1 else 's'}: make a new "
            "long-lived one and put it in its place."
        )
    return ends


def days_left(ends: datetime, now: float) -> int:
    """Whole days from now until the time `ends`, at which the token expires; at least 0."""
    return max(0, int((ends.timestamp() - now) // _DAY))


def _last_answer(database: CollectorDatabase, identity: str, question: Request) -> tuple[float, str] | None:
    with database.reading() as connection:
        row = connection.execute(
            "SELECT at, reason FROM requests WHERE identity = ? AND what = ? AND outcome = ? ORDER BY at DESC LIMIT 1",
            (identity, question.what, ResponseOutcome.OK),
        ).fetchone()
    return (row["at"], row["reason"]) if row else None


def _end_in(said: str) -> datetime | None:
    if not said.startswith(_ENDS):
        return None
    try:
        ends = datetime.fromisoformat(said.removeprefix(_ENDS))
    except ValueError:
        return None
    return ends.astimezone(UTC)


def _seconds(value: object) -> float | None:
    """A Unix timestamp from the API, if it is in the range of datetime; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 253_370_764_800:
        return None
    return float(value)
