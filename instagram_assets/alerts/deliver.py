"""Delivers alerts: each cause once a day per channel, across processes, with retries of failed deliveries.

Deliveries are recorded in `data/alerts/sent.json`. The folder is locked from reading this record to writing it, so that
two daemons do not send an alert twice. An alert is recorded after it was sent (at-least-once delivery), so that a
killed process or a lost response can cause a duplicate, never a missing alert.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, Field, ValidationError

from instagram_assets.alerts.channels import Channel, channels
from instagram_assets.alerts.message import Alert
from instagram_assets.errors import StorageError, UndeliveredError
from instagram_assets.settings import AlertSettings
from instagram_assets.storage.atomic import write_atomic
from instagram_assets.storage.locks import folder_lock

ALERTS_FOLDER = "alerts"
"""Folder in the data folder for the record of sent alerts."""
RECORD = "sent.json"
_ELSEWHERE = "Put the data folder on a local disk: INSTAGRAM_ASSETS_DATA_DIR"
# A sensor tick may take a minute: after this long no further alert is started, and the next tick continues.
_SECONDS_TO_BEGIN = 10.0
_DAYS_KEPT = 7
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
_LONGEST_ASKED = 86_400.0


@dataclass(frozen=True)
class Trouble:
    """A failing alert channel: the reason, since when it fails, the number of tries, and when the next try is due."""

    channel: str
    reason: str
    since: datetime
    tries: int
    next_try: datetime

    def as_json(self) -> dict[str, Any]:
        moments = {"since": self.since.isoformat(), "next_try": self.next_try.isoformat()}
        return {"channel": self.channel, "reason": self.reason, "tries": self.tries, **moments}


@dataclass(frozen=True)
class Delivery:
    """The result of a delivery: `sent` are titles of sent alerts with their channel, `remarks` messages about them."""

    sent: list[str] = field(default_factory=list[str])
    remarks: list[str] = field(default_factory=list[str])
    troubles: list[Trouble] = field(default_factory=list[Trouble])


class _Record(BaseModel):
    """The content of sent.json: for each channel, the days on which each cause was sent; and the failing channels."""

    sent: dict[str, dict[str, list[date]]] = Field(default_factory=dict[str, dict[str, list[date]]])
    troubles: dict[str, Trouble] = Field(default_factory=dict[str, Trouble])


def deliver(alerts: Sequence[Alert], options: AlertSettings, folder: Path, now: datetime) -> Delivery:
    """Sends by every channel the alerts whose cause was not sent yet on their day; `folder` contains the record.

    If a channel fails, its alerts are retried at the next call that includes them, then after 1, 2, 4 … at most 60
    minutes, and never before `Retry-After`. Raises StorageError if the record is damaged or cannot be written.
    """
    done = Delivery()
    if not alerts:
        return done
    until = monotonic() + _SECONDS_TO_BEGIN
    with folder_lock(folder, _ELSEWHERE):
        record = _read(folder)
        for channel in channels(options):
            unsent = [alert for alert in alerts if not _was_told(record, channel.name, alert)]
            _send(channel, unsent, record, folder, now, until, done)
    return done


def troubles(options: AlertSettings, folder: Path) -> list[Trouble]:
    """Returns the configured alert channels whose last delivery failed; `folder` contains the record."""
    names = {channel.name for channel in channels(options)}
    return [trouble for trouble in _read(folder).troubles.values() if trouble.channel in names]


def trouble_line(trouble: Trouble, zone: ZoneInfo) -> str:
    """Returns a message like `alerts: nothing goes out by webhook since 2026-11-27 09:00 (HTTP 503, 2 tries); …`."""
    since, until = (moment.astimezone(zone).strftime("%Y-%m-%d %H:%M") for moment in (trouble.since, trouble.next_try))
    tries = "1 try" if trouble.tries == 1 else f"{trouble.tries} tries"
    return (
        f"alerts: nothing goes out by {trouble.channel} since {since} ({trouble.reason}, {tries}); tried again from "
        f"{until} on, or now by instagram-assets alerts test"
    )


def end_trouble(name: str, folder: Path) -> None:
    """Marks the channel `name` as working, so that its pending alerts are sent at the next delivery."""
    with folder_lock(folder, _ELSEWHERE):
        record = _read(folder)
        if record.troubles.pop(name, None):
            _write(record, folder)


def _send(
    channel: Channel, alerts: list[Alert], record: _Record, folder: Path, now: datetime, until: float, done: Delivery
) -> None:
    """Sends alerts by one channel until it fails or `monotonic()` is past `until`; adds each to `record` and `done`."""
    for alert in alerts:
        if monotonic() > until:
            return
        before = record.troubles.get(channel.name)
        if before and now < before.next_try:
            done.troubles.append(before)
            return
        try:
            remark = channel.send(alert)
        except UndeliveredError as error:
            trouble = _trouble(channel.name, error, before, now)
            record.troubles[channel.name] = trouble
            done.troubles.append(trouble)
            _write(record, folder)
            return
        record.troubles.pop(channel.name, None)
        _note(record, channel.name, alert)
        _write(record, folder)
        done.sent.append(f"{alert.title}, by {channel.name}")
        if remark:
            done.remarks.append(f"{channel.name}: {remark}")


def _trouble(name: str, error: UndeliveredError, before: Trouble | None, now: datetime) -> Trouble:
    tries = before.tries + 1 if before else 1
    # The first failure may be transient: the very next tick retries.
    wait = min(_FIRST_WAIT * 2 ** min(tries - 2, 10), _LONGEST_WAIT) if tries > 1 else timedelta(0)
    asked = timedelta(seconds=min(error.seconds, _LONGEST_ASKED))
    return Trouble(name, str(error), before.since if before else now, tries, now + max(wait, asked))


def _was_told(record: _Record, channel: str, alert: Alert) -> bool:
    return alert.day in record.sent.get(channel, {}).get(alert.cause, [])


def _note(record: _Record, channel: str, alert: Alert) -> None:
    """Adds a sent alert to the record, and deletes old entries."""
    told = record.sent.setdefault(channel, {})
    told[alert.cause] = [*told.get(alert.cause, []), alert.day]
    oldest = alert.day - timedelta(days=_DAYS_KEPT)
    kept = {cause: [day for day in days if day >= oldest] for cause, days in told.items()}
    record.sent[channel] = {cause: days for cause, days in kept.items() if days}


def _read(folder: Path) -> _Record:
    path = folder / RECORD
    try:
        return _Record.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return _Record()
    except (OSError, ValidationError) as error:
        raise StorageError(
            f"{path}: the record of sent alerts cannot be read ({type(error).__name__}). Take the file away: what "
            "failed today is then told once more."
        ) from error


def _write(record: _Record, folder: Path) -> None:
    write_atomic(folder / RECORD, lambda stream: stream.write(record.model_dump_json(indent=1).encode()))
