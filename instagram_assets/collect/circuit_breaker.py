"""Circuit breaker and suspension per identity (a login, token or anonymous client), stored in the database.

The breaker opens when an identity is throttled: for 15 minutes the first time, doubled each further time in a row, up
to six hours or longer if the site demands it. A suspension ("stop") blocks all requests until a person clears it. A
pause that the site demanded in a successful response is stored in the same table.
"""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass

from instagram_assets.collect.clock import time_until_text, utc_datetime
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.site_adapter import STOPPING_OUTCOMES, Classification, ResponseOutcome

FIRST_BREAKER_PAUSE = 15 * 60.0
MAX_BREAKER_PAUSE = 6 * 3_600.0
MAX_REQUESTED_PAUSE = 30 * 86_400.0
"""Longest pause in seconds that a site can demand; longer ones are considered a mistake and reduced to it."""
_LONGEST_REASON = 500
ANSWERED_OUTCOMES = frozenset((ResponseOutcome.OK, ResponseOutcome.NOT_FOUND, ResponseOutcome.PRIVATE))
"""Outcomes of requests that the site answered, which close the circuit breaker."""
ADVICE: Mapping[ResponseOutcome, str] = {
    ResponseOutcome.AUTH_GONE: "Log in again and give the new cookies, or make a new token",
    ResponseOutcome.CHECKPOINT: "Open the site with this login in a browser, confirm what it asks for, and leave it "
    "alone for a day: every further request would make it worse",
    ResponseOutcome.NO_PERMISSION: "Give the token the permission that it lacks",
}
CLEAR_HINT = "then say so with `instagram-assets collect --cleared`"


@dataclass(frozen=True)
class IdentityState:
    """State of an identity: no request is sent before `open_until` (Unix seconds), and none at all while `stopped`.

    `stopped` is the response outcome that suspended the identity until a person clears it; None if it is not suspended.
    `opened` counts how often in a row the breaker opened; `reason` says why the identity is paused or suspended.
    """

    open_until: float = 0.0
    opened: int = 0
    stopped: ResponseOutcome | None = None
    reason: str = ""
    stopped_at: float | None = None

    def in_words(self, now: float) -> str:
        """Message why no request is sent, and what to do or until when to wait; empty if requests are allowed."""
        if self.stopped:
            since = f" since {utc_datetime(self.stopped_at):%Y-%m-%d %H:%M} UTC" if self.stopped_at is not None else ""
            advice = ADVICE.get(self.stopped, "See what the site wants")
            return f"stopped{since} ({self.stopped}: {self.reason}). {advice}, {CLEAR_HINT}."
        if self.open_until > now:
            why = f" ({self.reason})" if self.reason else ""
            return f"left alone{why}: the next request goes out {time_until_text(self.open_until, now)}."
        return ""


def identity_state(database: CollectorDatabase, identity: str) -> IdentityState:
    """Load the state of an identity (login, token or client); a state without pause if it is not in the database."""
    with database.reading() as connection:
        return _state(connection, identity)


def identity_states(database: CollectorDatabase) -> dict[str, IdentityState]:
    """Load the state of every identity that was ever throttled, paused or suspended, keyed by its name."""
    with database.reading() as connection:
        return {row["identity"]: _of(row) for row in connection.execute("SELECT * FROM identities ORDER BY identity")}


def clear_stop(database: CollectorDatabase, identity: str) -> bool:
    """Clear an identity's suspension after a person has resolved its cause; returns False if it was not suspended.

    If the circuit breaker is open, it stays open until its time is over.
    """
    with database.writing() as connection:
        cleared = connection.execute(
            "UPDATE identities SET stopped = '', reason = '', stopped_at = NULL WHERE identity = ? AND stopped != ''",
            (identity,),
        )
        return cleared.rowcount > 0


def record_classification(
    database: CollectorDatabase, request_id: int, identity: str, classification: Classification, now: float
) -> IdentityState:
    """Store a response's classification and update the identity's state; returns the new state.

    As the outcome demands, the identity is suspended or paused, or its circuit breaker is opened or closed. All changes
    are one transaction. `request_id` is the row of the request in the database.
    """
    with database.writing() as connection:
        connection.execute(
            "UPDATE requests SET outcome = ?, reason = ? WHERE id = ?",
            (classification.outcome, classification.reason[:_LONGEST_REASON], request_id),
        )
        if classification.outcome in STOPPING_OUTCOMES:
            _stop(connection, identity, classification.outcome, classification.reason, now)
        elif classification.outcome is ResponseOutcome.THROTTLED:
            _open(connection, identity, now, classification.pause, classification.reason)
        else:
            if classification.outcome in ANSWERED_OUTCOMES:
                _close(connection, identity)
            if classification.pause > 0:
                _pause(connection, identity, now + _bounded(classification.pause), classification.reason)
        return _state(connection, identity)


def _open(connection: sqlite3.Connection, identity: str, now: float, least: float, reason: str) -> IdentityState:
    before = _state(connection, identity)
    wait = min(FIRST_BREAKER_PAUSE * 2 ** min(before.opened, 20), MAX_BREAKER_PAUSE)
    until = max(before.open_until, now + max(wait, _bounded(least)))
    _put(
        connection,
        identity,
        open_until=until,
        opened=before.opened + 1,
        reason=before.reason if before.stopped else reason,
    )
    return _state(connection, identity)


def _close(connection: sqlite3.Connection, identity: str) -> None:
    connection.execute(
        "UPDATE identities SET open_until = 0, opened = 0, reason = CASE stopped WHEN '' THEN '' ELSE reason END "
        "WHERE identity = ? AND (opened > 0 OR open_until > 0)",
        (identity,),
    )


def _pause(connection: sqlite3.Connection, identity: str, until: float, reason: str) -> None:
    before = _state(connection, identity)
    if until > before.open_until:
        _put(
            connection,
            identity,
            open_until=until,
            reason=before.reason if before.stopped else reason or "the site's wish",
        )


def _stop(connection: sqlite3.Connection, identity: str, outcome: ResponseOutcome, reason: str, now: float) -> None:
    _put(connection, identity, stopped=outcome, reason=reason, stopped_at=now)


def _put(connection: sqlite3.Connection, identity: str, **values: float | str) -> None:
    connection.execute("INSERT OR IGNORE INTO identities (identity) VALUES (?)", (identity,))
    columns = ", ".join(f"{name} = ?" for name in values)
    short = [value[:_LONGEST_REASON] if isinstance(value, str) else value for value in values.values()]
    connection.execute(f"UPDATE identities SET {columns} WHERE identity = ?", (*short, identity))


def _state(connection: sqlite3.Connection, identity: str) -> IdentityState:
    row = connection.execute("SELECT * FROM identities WHERE identity = ?", (identity,)).fetchone()
    return _of(row) if row else IdentityState()


def _of(row: sqlite3.Row) -> IdentityState:
    stopped = ResponseOutcome(row["stopped"]) if row["stopped"] else None
    return IdentityState(row["open_until"], row["opened"], stopped, row["reason"], row["stopped_at"])


def _bounded(seconds: float) -> float:
    # A value from a header can be anything, including NaN.
    return min(seconds, MAX_REQUESTED_PAUSE) if seconds > 0 else 0.0
