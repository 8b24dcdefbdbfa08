"""Answers of the Graph API on their way to a verdict: bytes to JSON, what is none told apart, secrets taken out."""

import json
from collections.abc import Mapping
from typing import Any

from instagram_assets.collect.asking import Answer, Outcome, Verdict
from instagram_assets.printable import printable

_SHOWN = 120
_TOO_MANY = 429
_NO_ANSWER = 0
_JSON = (b"{", b"[")


def content_of(answer: Answer) -> Any | Verdict:
    """The JSON of an answer, an error of the API as well; the verdict where there is none."""
    if answer.status == _NO_ANSWER:
        why = printable(answer.body.decode("utf-8", "replace"), _SHOWN)
        return Verdict(Outcome.TRANSIENT, f"no answer: {why or 'the connection failed'}")
    start = answer.body.lstrip()[:1]
    if start == b"<" or (start not in _JSON and "html" in answer.headers.get("content-type", "").lower()):
        found = status_verdict(answer.status)
        throttled = found if found and found.outcome is Outcome.THROTTLED else None
        return throttled or Verdict(Outcome.HTML, f"a page of HTML came (status {answer.status})")
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        cut = Verdict(Outcome.TRANSIENT, f"the answer is cut off or damaged ({len(answer.body):,} bytes)")
        found = status_verdict(answer.status)
        is_other = found and (start not in _JSON or found.outcome is Outcome.THROTTLED)
        return found if found and is_other else cut


def as_object(value: Any) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]  keys of JSON are text


def without_token(body: bytes, token: str) -> str:
    """A body without the token, wherever it stands; what else is secret is taken out of an answer that is kept."""
    text = body.decode("utf-8", "replace")
    return text.replace(token, "…") if token else text


def status_verdict(status: int) -> Verdict | None:
    """What a status means where the body says nothing; null for the status of an answer."""
    if status == _TOO_MANY:
        return Verdict(Outcome.THROTTLED, "too many requests (status 429)")
    if status >= 500:
        return Verdict(Outcome.TRANSIENT, f"the server is not well (status {status})")
    if status != 200:
        return Verdict(Outcome.CONTRACT_CHANGED, f"status {status}, and no error of the API")
    return None
