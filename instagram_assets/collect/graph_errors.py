"""What the Graph API's errors mean, told by their codes.

`{"error": {"message", "type", "code", "error_subcode", "fbtrace_id"}}`, read in Meta's references of 2026.
https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

import re
from collections.abc import Mapping
from typing import Any

from instagram_assets.collect.asking import Outcome, Verdict
from instagram_assets.printable import printable

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
_SHOWN = 200
_TOKEN = re.compile(r"EAA\w*")


def verdict_of(error: Mapping[str, Any], *, of_hashtag: bool, own_id: str, token: str) -> Verdict:
    """What an error means for a request about a hashtag or an account; its message is quoted without any token."""
    code, subcode = _integer(error.get("code")), _integer(error.get("error_subcode"))
    said = f"error {code}{f'/{subcode}' if subcode else ''}: {_message(error, token)}"
    if subcode in _CHECKPOINTS or code == _BLOCKED:
        return Verdict(
            Outcome.CHECKPOINT, f"Meta wants a person to confirm something: log in at facebook.com and look ({said})"
        )
    if code in _AUTH:
        # Meta quotes a token that it cannot read.
        return Verdict(Outcome.AUTH_GONE, f"{_GONE.get(subcode, 'the token is not valid')} (error {code})")
    if code in _THROTTLED:
        return Verdict(Outcome.THROTTLED, f"too many requests ({said})")
    if code in (3, 10) or 200 <= code <= 299:
        permissions = PERMISSIONS_OF_HASHTAGS if of_hashtag else PERMISSIONS_OF_ACCOUNTS
        return Verdict(Outcome.NO_PERMISSION, f"the token lacks a permission; this needs {permissions} ({said})")
    if subcode == _NO_ACCOUNT or code == _USER:
        return Verdict(
            Outcome.NOT_FOUND, "there is no such professional account: it is personal, restricted by age, or not there"
        )
    if code == _HASHTAG:
        return Verdict(
            Outcome.NOT_FOUND, "no posts are given of this hashtag: there is none, or Meta calls it sensitive"
        )
    if code == _HASHTAG_BUDGET:
        return Verdict(Outcome.BUDGET_SPENT, "30 different hashtags were asked in seven days, says the API")
    if code in _TRANSIENT or error.get("is_transient") is True:
        smaller = "; set INSTAGRAM_ASSETS_GRAPH_API__PAGE_SIZE lower" if _TOO_MUCH in said else ""
        return Verdict(Outcome.TRANSIENT, said + smaller)
    if code == _FIELD and subcode == _NOT_THERE and not of_hashtag:
        return Verdict(
            Outcome.NO_PERMISSION,
            f"the token may not use the account {own_id}: set INSTAGRAM_ASSETS_GRAPH_API__USER_ID to the Instagram "
            f"user id of its own professional account ({said})",
        )
    return Verdict(Outcome.CONTRACT_CHANGED, said)


def _integer(value: object) -> int:
    """A code as a number, also out of text; 0 for anything else."""
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
    return printable(_TOKEN.sub("…", message), _SHOWN)
