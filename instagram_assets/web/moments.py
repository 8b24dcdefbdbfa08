"""Times and stretches of time as people read them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from instagram_assets.web.jobs import Job
from instagram_assets.web.words import Words


def moment(at: datetime, zone: ZoneInfo) -> str:
    """A time to the minute, in the time zone of the settings: the same in every language, and sorted as it is read."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def clock(seconds: float, zone: ZoneInfo) -> str:
    """The time of day to the second of a moment in seconds since 1970."""
    return datetime.fromtimestamp(seconds, zone).strftime("%H:%M:%S")


def stretch(length: timedelta, words: Words) -> str:
    """A length of time by its two largest units, such as `3 min 20 s`."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return words("job.seconds", seconds=seconds)
    if seconds < 3_600:
        return words("job.minutes", minutes=seconds // 60, seconds=seconds % 60)
    return words("job.hours", hours=seconds // 3_600, minutes=seconds % 3_600 // 60)


def took(job: Job, words: Words) -> str:
    """How long a job took, or has been at work until now; empty before it began, and where its end is not known."""
    if job.started_at is None or (job.finished_at is None and not job.is_open):
        return ""
    return stretch((job.finished_at or datetime.now(UTC)) - job.started_at, words)
