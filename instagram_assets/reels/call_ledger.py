"""What asking a model costs: a row per call, written before it at the most that it can cost, and then as it was.

So the money of a day is never passed, whatever is under way, in however many processes. A call whose answer died on its
way to us keeps the status `unanswered` and its worst cost, since nobody can know whether it was charged.
An answer stands in the row of its call until it is kept elsewhere: what was paid is not lost by a kill.
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
"""Of a video, not a call: Gemini took it and could not read it."""

HYPOTHESES = "hypotheses"
"""What the kinds of calls for hypotheses begin with."""

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
"""The columns of the ledger: day in the settings' time zone, moment in UTC, what the call was and cost.

`seconds` are those from when the video was to be sent, or a question of it asked, to the answer.
"""

_MANY = 500
_ROUNDING = 1e-9


class Prices(NamedTuple):
    """US dollars per million tokens, sent and received."""

    prompt: float
    answer: float

    def cost(self, prompt_tokens: int, answer_tokens: int) -> float:
        """What so many tokens cost."""
        return (prompt_tokens * self.prompt + answer_tokens * self.answer) / 1e6


class CallSubject(NamedTuple):
    """What a call is about."""

    video_id: str
    kind: str
    model: str
    prompt: str


class LedgerAnswer(NamedTuple):
    """An answer that stands in the ledger; `id` is its row."""

    id: int
    video_id: str
    prompt: str
    answer: str
    seconds: float
    reason: str | None


@dataclass
class Spent:
    """What a video's calls cost together, and how they failed: how often, how often for good, and how the last time.

    `failures` and `lasting` are of calls for the analysis, `unsupposed` those for hypotheses that failed for good.
    `unanswered` calls are in the cost with `unanswered_usd`, the most that they can have been charged, and not in the
    tokens, which nobody knows.
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
    """The calls of all days in one SQLite file, and the money of each. Safe for several threads and processes.

    Raises StorageError when the disk refuses or the file is damaged: without it nobody knows what was spent.
    """

    def __init__(self, file: Path, prices: Prices, max_usd_per_day: float, zone: ZoneInfo) -> None:
        self._file, self._prices, self._most, self._zone = LedgerFile(file), prices, max_usd_per_day, zone
        self._settled = threading.Condition()
        self._under_way = 0
        self._held: dict[str, float] = {}

    def hold(self, video_id: str, prompt_tokens: int, answer_tokens: int) -> bool:
        """Set money aside for the first call about a video while it is sent, at its worst cost: whether that fits.

        `reserve` takes it, `release` gives it back. Only this process knows of it; it waits as `reserve` does.
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
        """Give back what is held for a video, if anything still is."""
        with self._settled:
            if self._held.pop(video_id, None) is not None:
                self._settled.notify_all()

    def reserve(self, about: CallSubject, prompt_tokens: int, answer_tokens: int) -> int | None:
        """Write a call down at the most that it can cost, before it is made: the number of its row.

        None when that could pass the day's money, or what is left of it by those who hold some. While calls of this
        process are under way, which may turn out cheaper, it waits for them first; and where nothing is held for its
        video, for those who hold some.
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
            # Two who hold money must not wait for each other.
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
        """Write down what became of a call: with what it really cost, and its answer; durable when this returns."""
        cost = self._prices.cost(prompt_tokens, answer_tokens)
        row = (status, prompt_tokens, answer_tokens, cost, seconds, reason, answer, number)
        self._end(
            "UPDATE calls SET status=?, prompt_tokens=?, answer_tokens=?, cost_usd=?, seconds=?, reason=?, answer=?"
            " WHERE id=?",
            row,
        )

    def leave_unanswered(self, number: int, reason: str, seconds: float) -> None:
        """A call that may have been charged, or not: its worst cost stays."""
        self._end("UPDATE calls SET reason=?, seconds=? WHERE id=?", (reason, seconds, number))

    def note(self, about: CallSubject, status: str, reason: str) -> None:
        """Write down what failed and costs nothing, such as a video that cannot be read."""
        moment = datetime.now(UTC)
        row = (*about, self._day(), moment.isoformat(timespec="milliseconds"), status, reason)
        self._write(
            "INSERT INTO calls (video_id, kind, model, prompt, day, at, status, reason, prompt_tokens, answer_tokens,"
            " cost_usd, seconds) VALUES (?,?,?,?,?,?,?,?,0,0,0,0)",
            [row],
        )

    def answers(self, model: str, prompts: Collection[str], videos: Iterable[str] | None = None) -> list[LedgerAnswer]:
        """The answers to these prompts that stand here, of all videos or of some, oldest first."""
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
        """Whether such a call was answered in a way that can be used, wherever the answer is now."""
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
        """Take answers away that are kept elsewhere; what they cost stays."""
        self._write("UPDATE calls SET answer=NULL WHERE id=?", [(number,) for number in numbers])

    def spent(self, video_ids: Iterable[str], model: str, prompts: Collection[str]) -> dict[str, Spent]:
        """What the calls for each video cost, and how they failed; of these prompts, and of sending the video."""
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
        """What a day cost, today's if none is given; calls under way and unanswered ones at their worst."""
        return self._file.do(lambda connection: _sum(connection, day or self._day()))

    def table(self) -> pa.Table:
        """All calls, oldest first."""
        names = ", ".join(CALLS.names)
        rows = self._file.do(lambda connection: connection.execute(f"SELECT {names} FROM calls ORDER BY id").fetchall())
        return pa.Table.from_pylist([dict(zip(CALLS.names, row, strict=True)) for row in rows], schema=CALLS)

    def close(self) -> None:
        """Close the file; the next call opens it again."""
        self._file.close()

    def _day(self) -> str:
        return day_of(datetime.now(UTC), self._zone).isoformat()

    def _fits(self, connection: sqlite3.Connection, day: str, cost: float) -> bool:
        return _sum(connection, day) + cost <= self._most + _ROUNDING

    def _when_settled(
        self, work: Callable[[str, sqlite3.Connection], T | None], may_change: Callable[[], bool]
    ) -> T | None:
        """What `work` gives in a transaction of its own; tried again after each call that ends, while that may help."""
        while True:
            result = self._file.alone(partial(work, self._day()))
            if result is not None:
                return result
            if not may_change():
                return None
            self._settled.wait()

    def _end(self, statement: str, row: Sequence[object]) -> None:
        """Write down how a call ended, and tell those who wait for its money."""
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
