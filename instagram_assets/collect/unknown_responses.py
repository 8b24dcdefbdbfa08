"""Saves responses in an unknown format to files for debugging, with secrets removed."""

import json
import re
from datetime import UTC
from pathlib import Path
from typing import Any

from instagram_assets.collect.clock import utc_datetime
from instagram_assets.storage.atomic import write_atomic

RESPONSES_FOLDER = "answers"
_KEPT = 20
_LONGEST = 1_000_000
_SECRET = re.compile(
    r"token|secret|session|csrf|cookie|authori[sz]ation|password|passwd|credential|signature|nonce|fb_?dtsg|jazoest|^lsd$|"
    r"^rur$|^mid$|^ig_?did$|^datr$|machine_id|device_id",
    re.IGNORECASE,
)
_IN_TEXT = re.compile(
    r"(?P<name>[\"']?[\w.-]*(?:token|secret|session_?id|csrf|cookie|password|fb_?dtsg|signature)[\w.-]*[\"']?\s*[=:]\s*[\"']?)"
    r"(?P<value>(?:Bearer\s+)?[^\s\"'&<>,;}]{4,})",
    re.IGNORECASE,
)
_BEARER = re.compile(r"(?i)\bbearer\s+[^\s\"'<>]+")
_HIDDEN = "(taken out)"


def save_response(folder: Path, site: str, subject: str, what: str, reason: str, at: float, content: object) -> Path:
    """Save a response in the subfolder `answers` of `folder`, readable by this user only; returns the file's path.

    `what` describes the request, `reason` says why the format is unknown, and `at` is the Unix timestamp. Only the 20
    newest files are kept.
    """
    seen = utc_datetime(at).astimezone(UTC)
    path = folder / RESPONSES_FOLDER / f"{site}_{seen:%Y-%m-%dT%H-%M-%S}.{seen.microsecond:06}Z.json"
    note = {
        "site": site,
        "subject": subject,
        "what": what,
        "reason": reason,
        "seen_at": seen.isoformat(),
        "answer": redact_secrets(content),
    }
    text = json.dumps(note, ensure_ascii=True, indent=1, default=str)
    write_atomic(path, lambda stream: stream.write(text.encode()), private=True)
    for old in sorted(path.parent.glob("*.json"), key=lambda file: file.name.partition("_20")[2])[:-_KEPT]:
        old.unlink(missing_ok=True)
    return path


def redact_secrets(content: Any) -> Any:
    """A copy of JSON content without tokens, cookies and session ids, also in strings that are JSON themselves."""
    if isinstance(content, (bytes, bytearray)):
        content = bytes(content[:_LONGEST]).decode("utf-8", "replace")
    if isinstance(content, str):
        try:
            parsed = json.loads(content)
        except (ValueError, RecursionError):
            parsed = None
        if isinstance(parsed, (dict, list)):
            return redact_secrets(parsed)
        return _BEARER.sub(_HIDDEN, _IN_TEXT.sub(rf"\g<name>{_HIDDEN}", content[:_LONGEST]))
    if isinstance(content, dict):
        fields: dict[Any, Any] = content
        return {name: _HIDDEN if _hides(name, value) else redact_secrets(value) for name, value in fields.items()}
    if isinstance(content, (list, tuple)):
        return [redact_secrets(value) for value in content]  # pyright: ignore[reportUnknownVariableType]
    return content


def _hides(name: object, value: object) -> bool:
    """Whether a field has to be removed: it has the name of a secret, and its value is a string, no number or flag."""
    return isinstance(value, str) and _SECRET.search(str(name)) is not None


def subject_of_response(file: Path) -> str:
    """The account or hashtag that a saved response is about; empty if the file does not say it."""
    try:
        return str(json.loads(file.read_bytes())["subject"])
    except (ValueError, KeyError, TypeError):
        return ""
