"""Ledger of paid model calls: one row per call, written before the call with its maximum cost and updated afterwards.

So the daily budget is never exceeded, with any number of concurrent calls and processes. A call whose response was lost
keeps the status `unanswered` and its maximum cost, since it is unknown whether it was charged. A response is kept in
its row until it is cached elsewhere, so that no paid response is lost if the process is killed.
"""

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa

from instagram_assets.calendar import day_of
from instagram_assets.reels.ledger_database import LedgerFile

T = TypeVar("T")

UNANSWERED = "unanswered"
UNREADABLE_CALL = "unreadable"
"""The status for a video, not a call: Gemini received it and could not read it."""

HYPOTHESES = "hypotheses"
"""The prefix of the call kinds for hypotheses."""

CALLS = pa.schema(
    [
        ("day", pa.string()),
        ("at", pa.string()),
        ("video_id", pa.string()),
        ("kind", pa.string()),
        ("model", pa.string()),
        ("prompt", pa.string()),
        ("prompt_tokens", pa.int64()),
        ("answer_tokens", pa.int64()),
        ("cost_usd", pa.float64()),
        ("seconds", pa.float64()),
        ("status", pa.string()),
        ("reason", pa.string()),
    ]
)
"""The schema of the ledger of model calls: day in the settings' time zone, timestamp in UTC, request and cost.

`seconds` is the time from the start of the upload, or of the request, to the response.
"""

_MANY = 500
_ROUNDING = 1e-9


class Prices(NamedTuple):
    """Prices in US dollars per million tokens: of the prompt, and of the response."""

    prompt: float
    answer: float

    def cost(self, prompt_tokens: int, answer_tokens: int) -> float:
        """Returns the cost in US dollars of a call with these numbers of prompt and response tokens."""
        return (prompt_tokens * self.prompt + answer_tokens * self.answer) / 1e6


class CallSubject(NamedTuple):
    """What a call is about: its video, kind of call, model and prompt version."""

    video_id: str
    kind: str
    model: str
    prompt: str


class LedgerAnswer(NamedTuple):
    """A response stored in the ledger; `id` is its row number."""

    id: int
    video_id: str
    prompt: str
    answer: str
    seconds: float
    reason: str | None


@dataclass
class Spent:
    """The total tokens and cost of a video's calls, and their failures: numbers by kind, and the last failure.

    `failures` is the number of failed calls for the analysis, `lasting` the number of those whose failure is permanent;
    `unsupposed` is the number of permanent failures for hypotheses. `unanswered` is the number of calls without a
    response. Their maximum cost `unanswered_usd` is included in `cost_usd`; their tokens are unknown and not included.
    """

    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost_usd: float = 0.0
    failures: int = 0
    lasting: int = 0
    unsupposed: int = 0
    unanswered: int = 0
    unanswered_usd: float = 0.0
    last_status: str = ""
    last_reason: str = ""


class Ledger:
    """The ledger of all calls with the daily budget, in one SQLite file. Safe for several threads and processes.

    Raises StorageError on a disk error or if the file is damaged, since it is then unknown how much was spent.
    """

    def __init__(self, file: Path, prices: Prices, max_usd_per_day: float, zone: ZoneInfo) -> None:
        self._file, self._prices, self._most, self._zone = LedgerFile(file), prices, max_usd_per_day, zone
        self._settled = threading.Condition()
        self._under_way = 0
        self._held: dict[str, float] = {}

    def hold(self, video_id: str, prompt_tokens: int, answer_tokens: int) -> bool:
        """Reserves budget for a video's first call during its upload, at the maximum cost; returns whether it fits.

        Waits for running calls and other reservations of this process if they leave too little. `reserve` consumes the
        reservation, `release` cancels it. Other processes do not see it.
        """
        cost = self._prices.cost(prompt_tokens, answer_tokens)

        def fits(day: str, connection: sqlite3.Connection) -> bool | None:
            return self._fits(connection, day, cost + sum(self._held.values())) or None

        with self._settled:
            held = self._when_settled(fits, lambda: bool(self._under_way or self._held))
            if held:
                self._held[video_id] = cost
            return bool(held)

    def release(self, video_id: str) -> None:
        """Cancels the budget reservation for a video, if there still is one."""
        with self._settled:
            if self._held.pop(video_id, None) is not None:
                self._settled.notify_all()

    def reserve(self, about: CallSubject, prompt_tokens: int, answer_tokens: int) -> int | None:
        """Records a call with its maximum cost before it is made; returns its row number.

        `about` says for which video and prompt the call is. Returns None if the cost could exceed the daily budget,
        less the reservations for other videos. Before that it waits for running calls of this process, since they can
        turn out cheaper than their maximum; without a reservation for its video it also waits for the reservations of
        other videos.
        """
        cost = self._prices.cost(prompt_tokens, answer_tokens)
        moment = datetime.now(UTC)
        row = (*about, prompt_tokens, answer_tokens, cost)

        def held_by_others() -> float:
            return 0.0 if about.video_id in self._held else sum(self._held.values())

        def write(day: str, connection: sqlite3.Connection) -> int | None:
            if not self._fits(connection, day, cost + held_by_others()):
                return None
            return connection.execute(
                "INSERT INTO calls (video_id, kind, model, prompt, prompt_tokens, answer_tokens, cost_usd,"
                " day, at, status) VALUES (?,?,?,?,?,?,?,?,?,?)",
                (*row, day, moment.isoformat(timespec="milliseconds"), UNANSWERED),
            ).lastrowid

        with self._settled:
            # Two holders of reservations must not wait for each other.
            number = self._when_settled(write, lambda: bool(self._under_way or held_by_others()))
            if number is not None:
                self._under_way += 1
                self._held.pop(about.video_id, None)
            return number

    def settle(
        self,
        number: int,
        status: str,
        *,
        prompt_tokens: int = 0,
        answer_tokens: int = 0,
        seconds: float = 0.0,
        reason: str | None = None,
        answer: str | None = None,
    ) -> None:
        """Records the result of the call in row `number`: status, actual tokens and cost, response.

        It is durable on return.
        """
        cost = self._prices.cost(prompt_tokens, answer_tokens)
        row = (status, prompt_tokens, answer_tokens, cost, seconds, reason, answer, number)
        self._end(
            "UPDATE calls SET status=?, prompt_tokens=?, answer_tokens=?, cost_usd=?, seconds=?, reason=?, answer=?"
            " WHERE id=?",
            row,
        )

    def leave_unanswered(self, number: int, reason: str, seconds: float) -> None:
        """Records that the call in row `number` got no response; as it may be charged, its maximum cost is kept."""
        self._end("UPDATE calls SET reason=?, seconds=? WHERE id=?", (reason, seconds, number))

    def note(self, about: CallSubject, status: str, reason: str) -> None:
        """Records a failure that cost nothing, such as a video that cannot be read, as a row of its own."""
        moment = datetime.now(UTC)
        row = (*about, self._day(), moment.isoformat(timespec="milliseconds"), status, reason)
        self._write(
            "INSERT INTO calls (video_id, kind, model, prompt, day, at, status, reason, prompt_tokens, answer_tokens,"
            " cost_usd, seconds) VALUES (?,?,?,?,?,?,?,?,0,0,0,0)",
            [row],
        )

    def answers(self, model: str, prompts: Collection[str], videos: Iterable[str] | None = None) -> list[LedgerAnswer]:
        """Returns the ledger's responses to these prompt versions for `videos` (None: for all), oldest first."""
        some = set(videos) if videos is not None else None

        def read(connection: sqlite3.Connection) -> list[LedgerAnswer]:
            marks = ",".join("?" * len(prompts))
            rows = connection.execute(
                "SELECT id, video_id, prompt, answer, seconds, reason FROM calls"
                f" WHERE answer IS NOT NULL AND model=? AND prompt IN ({marks}) ORDER BY id",
                (model, *prompts),
            )
            return [LedgerAnswer(*row) for row in rows if some is None or row[1] in some]

        return self._file.do(read)

    def was_answered(self, video_id: str, model: str, prompt: str) -> bool:
        """Whether there ever was a usable response to this prompt version about a video, wherever it is stored now."""
        return self._file.do(
            lambda connection: (
                connection.execute(
                    "SELECT 1 FROM calls WHERE video_id=? AND model=? AND prompt=? AND status='ok' LIMIT 1",
                    (video_id, model, prompt),
                ).fetchone()
                is not None
            )
        )

    def forget_answers(self, numbers: Sequence[int]) -> None:
        """Deletes the responses in the rows with these numbers, as they are cached elsewhere; their costs are kept."""
        self._write("UPDATE calls SET answer=NULL WHERE id=?", [(number,) for number in numbers])

    def spent(self, video_ids: Iterable[str], model: str, prompts: Collection[str]) -> dict[str, Spent]:
        """Returns video_id → tokens, cost and failures of its calls with these prompt versions, including uploads."""
        wanted = list(dict.fromkeys(video_ids))
        found = {video_id: Spent() for video_id in wanted}

        def read(connection: sqlite3.Connection) -> None:
            for start in range(0, len(wanted), _MANY):
                some = wanted[start : start + _MANY]
                rows = connection.execute(
                    "SELECT video_id, kind, prompt_tokens, answer_tokens, cost_usd, status, reason FROM calls"
                    f" WHERE video_id IN ({','.join('?' * len(some))}) AND model=?"
                    f" AND prompt IN ({','.join('?' * len(prompts))}) ORDER BY id",
                    (*some, model, *prompts),
                )
                for video_id, *row in rows:
                    _add(found[video_id], *row)

        self._file.do(read)
        return found

    def day_usd(self, day: str | None = None) -> float:
        """Returns the cost of a day (default: today) in US dollars; running and unanswered calls at the maximum."""
        return self._file.do(lambda connection: _sum(connection, day or self._day()))

    def table(self) -> pa.Table:
        """Returns all calls as a table with the schema `CALLS`, oldest first."""
        names = ", ".join(CALLS.names)
        rows = self._file.do(lambda connection: connection.execute(f"SELECT {names} FROM calls ORDER BY id").fetchall())
        return pa.Table.from_pylist([dict(zip(CALLS.names, row, strict=True)) for row in rows], schema=CALLS)

    def close(self) -> None:
        """Closes the file; the next call opens it again."""
        self._file.close()

    def _day(self) -> str:
        return day_of(datetime.now(UTC), self._zone).isoformat()

    def _fits(self, connection: sqlite3.Connection, day: str, cost: float) -> bool:
        return _sum(connection, day) + cost <= self._most + _ROUNDING

    def _when_settled(
        self, work: Callable[[str, sqlite3.Connection], T | None], may_change: Callable[[], bool]
    ) -> T | None:
        """Returns the first non-null result of `work`, which runs in a transaction, and again whenever a call ends."""
        while True:
            result = self._file.alone(partial(work, self._day()))
            if result is not None:
                return result
            if not may_change():
                return None
            self._settled.wait()

    def _end(self, statement: str, row: Sequence[object]) -> None:
        """Executes the SQL `statement` that records a call's end, and notifies the threads that wait for budget."""
        try:
            self._write(statement, [row])
        finally:
            with self._settled:
                self._under_way -= 1
                self._settled.notify_all()

    def _write(self, statement: str, rows: Sequence[Sequence[object]]) -> None:
        self._file.alone(lambda connection: connection.executemany(statement, rows))


def _sum(connection: sqlite3.Connection, day: str) -> float:
    return connection.execute("SELECT TOTAL(cost_usd) FROM calls WHERE day=?", (day,)).fetchone()[0]


def _add(
    spent: Spent, kind: str, prompt_tokens: int, answer_tokens: int, cost_usd: float, status: str, reason: str | None
) -> None:
    spent.cost_usd += cost_usd
    if status == UNANSWERED:
        spent.unanswered += 1
        spent.unanswered_usd += cost_usd
    else:
        spent.prompt_tokens += prompt_tokens
        spent.answer_tokens += answer_tokens
    if status == "ok":
        return
    lasts = status not in ("failed", UNANSWERED)
    if kind.startswith(HYPOTHESES):
        spent.unsupposed += lasts
    else:
        spent.failures += 1
        spent.lasting += lasts
    spent.last_status, spent.last_reason = status, reason or "no answer came"
