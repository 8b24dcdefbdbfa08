"""The job `retention`: delete observations and media files that are older than the settings allow."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from instagram_assets.automation.executor_and_retries import TIME_LIMIT
from instagram_assets.automation.run_states import has_active_run
from instagram_assets.errors import BusyError, SettingsError
from instagram_assets.partitions import window
from instagram_assets.retention.expired_items import RetentionLimits, retention_limits
from instagram_assets.retention.observation_tables import OBSERVATION_TABLES
from instagram_assets.retention.retention import RetentionResult, apply_retention, preview_retention
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake

NO_LIMIT_SET = (
    "Everything is kept: set INSTAGRAM_ASSETS_PRIVACY__KEEP_RAW_DAYS or INSTAGRAM_ASSETS_PRIVACY__KEEP_MEDIA_DAYS to a "
    "number of days"
)
# Runs of these jobs would lose files that they read or write.
_JOBS = ("landing", "profiles", "box", "reels", "search", "datasets")
_TRIES, _WAIT = 12, 300
ROWS_GONE, OBSERVED_BEFORE = "rows past retention", "observed before"
"""Metadata keys of the observation that reports deleted rows on a table's page."""


def current_limits() -> RetentionLimits:
    """The timestamps before which data is deleted, by the settings. Raises SettingsError if they set no limit."""
    found = retention_limits(settings().privacy, datetime.now(UTC))
    if not found:
        raise SettingsError(f"{NO_LIMIT_SET}.")
    return found


def preview_deletions(at: RetentionLimits) -> RetentionResult:
    """Dry run: the rows and files that retention with the cutoffs `at` would delete now."""
    return preview_retention(open_lake(settings()), settings(), at, window())


def delete_expired(instance: dg.DagsterInstance, at: RetentionLimits) -> RetentionResult:
    """Delete rows and files older than the cutoffs `at`. Raises BusyError, before any change, if runs are active."""
    refuse_busy(instance)
    return apply_retention(open_lake(settings()), settings(), at, window(), datetime.now(UTC))


def refuse_busy(instance: dg.DagsterInstance) -> None:
    """Raise BusyError if runs are active that read or write data which retention could delete."""
    if busy := next((job for job in _JOBS if has_active_run(instance, job)), None):
        raise BusyError(f"A run of the job {busy} goes on, and retention would take away what it works on.")


def observations(went: RetentionResult) -> Iterator[dg.AssetObservation]:
    """Yield an asset observation for each table with rows deleted by retention: their number, for the Dagster UI."""
    tables = set(_TABLES) & {total.what for total in went.totals}
    for name in sorted(tables):
        rows = sum(total.rows for total in went.totals if total.what == name and total.place in _TABLES[name])
        before = went.limits.media if name in ("images", "reel_videos") else went.limits.raw
        if rows and before:
            yield dg.AssetObservation(
                name, metadata={ROWS_GONE: rows, OBSERVED_BEFORE: before.isoformat(timespec="seconds")}
            )


_TABLES = {
    **dict.fromkeys((*OBSERVATION_TABLES, "quarantine", "landed_files"), ("tables",)),
    **dict.fromkeys(("images", "reel_videos"), ("rows of media",)),
}
"""Table whose rows or files retention deletes → locations in a RetentionResult under which they are counted."""


@dg.op(name="past_retention", description="Take away observations and media that are older than the settings keep.")
def retention_op(context: dg.OpExecutionContext) -> None:
    try:
        at = current_limits()
        before = preview_deletions(at)
        context.log.info("\n".join(["Is due:", *before.lines()]))
        went = delete_expired(context.instance, at)
    except BusyError as error:
        context.log.warning(f"{error} Tried again in {_WAIT // 60} minutes.")
        raise dg.RetryRequested(max_retries=_TRIES, seconds_to_wait=_WAIT) from error
    except SettingsError as error:
        raise dg.Failure(str(error), allow_retries=False) from error
    for observation in observations(went):
        context.log_event(observation)
    context.log.info("\n".join(["Went:", *went.lines()]))
    context.add_output_metadata({**went.numbers, "bytes": went.bytes, "what went": dg.MetadataValue.md(_as_list(went))})


def _as_list(went: RetentionResult) -> str:
    return "\n".join(f"- {line}" for line in went.lines())


@dg.job(
    name="retention",
    description="Take away observations and media that are older than the settings keep; what was made of them stays.",
    tags=TIME_LIMIT,
)
def retention_job() -> None:
    retention_op()
