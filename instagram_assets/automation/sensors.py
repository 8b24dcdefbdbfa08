"""Sensors that ingest inbox files, start runs for ingested files and log failures; and which sensors are disabled."""

import hashlib
import json
import math
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import time

import dagster as dg

from instagram_assets.automation.alert_sensor import alerts_sensor
from instagram_assets.automation.code_server import NO_CODE_SERVER, reload_location
from instagram_assets.automation.dead_runs import close_dead_runs
from instagram_assets.automation.failure_reasons import failure_reason
from instagram_assets.automation.jobs import box, landing, profiles
from instagram_assets.automation.landing_retries import (
    InboxAttempt,
    files_of_active_runs,
    read_attempts,
    write_attempts,
)
from instagram_assets.automation.partitions_to_run import plan_runs
from instagram_assets.automation.reel_steps import reel_steps
from instagram_assets.automation.run_states import has_active_run, newest_run_failed
from instagram_assets.automation.schedules import schedules
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.ingest import inbox
from instagram_assets.ingest.folder_scan import modification_time
from instagram_assets.ingest.manifests import clear_pending
from instagram_assets.partitions import PLAN, RANGE_END, RANGE_START, is_outdated
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.settings import settings
from instagram_assets.status.preflight import skipped_line
from instagram_assets.storage.lake import open_lake

_RUNNING = dg.DefaultSensorStatus.RUNNING
# Launching a run takes the daemon a moment, and a tick has a time limit.
_BOXES_PER_TICK = 50
# Files up to this size are hashed by the sensor, which then needs no run to detect duplicates.
_HASHED_BY_SENSOR = 64 << 20
# A file that cannot land must not block the processing of others.
_PATIENCE = 300
_TOLD_FILES = 20


@dg.sensor(job=landing, minimum_interval_seconds=10, default_status=_RUNNING)
def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Start one landing run for all complete files in the inbox for which no run is queued or running.

    For a file that is still in the inbox after its run, another run is requested, with exponential backoff from 30 s to
    an hour.
    """
    folder, now = settings().folder("inbox"), time()
    asked = read_attempts(context.cursor)
    close_dead_runs(context.instance, of_shells=True)
    # Queried before the folder is listed: a run that ends in between has moved its files by then.
    under_way = files_of_active_runs(context.instance)
    if under_way is None:
        return dg.SkipReason("A run lands files that it does not name, and these may be among them")
    forgotten = load_tombstones(settings().folder("privacy"))
    # Run configs are stored, and contain the file names.
    renamed = [
        inbox.rename_without_forgotten(path, forgotten) if _is_settled(path) else path
        for path in inbox.waiting_entries(folder)
    ]
    present = {path.name: path for path in renamed}
    new: dict[str, InboxAttempt] = {}
    for name, path in present.items():
        if name in under_way or not _is_settled(path):
            continue
        earlier = asked.get(name, InboxAttempt("", 0, 0.0))
        try:
            mark = inbox.entry_fingerprint(path) if _can_be_read(path) else "not a file"
            if mark == earlier.mark and earlier.is_fresh(now):
                continue
            if (
                not forgotten  # else the run decides which files must not be moved to the rejected folder
                and path.is_file()
                and path.stat().st_size <= _HASHED_BY_SENSOR
                and inbox.is_already_landed(path, open_lake(settings()), settings())
            ):
                inbox.move_to_done(path)
                context.log.info(f"{name} has landed before, under this name or another: it went to done/")
                continue
        except (InstagramAssetsError, OSError) as error:
            if not os.path.lexists(path):
                continue
            # The landing run reports the reason; a reason that differs each time would make Dagster log every tick.
            mark = f"cannot be read: {type(error).__name__}"
            if mark == earlier.mark and earlier.is_fresh(now):
                continue
        if earlier.times and mark == earlier.mark:
            context.log.warning(f"{name} was asked for before and lies in the inbox still; another run is asked for it")
        new[name] = earlier.again(mark, now)
    kept = {name: ask for name, ask in asked.items() if name in present} | new
    if not new:
        context.update_cursor(write_attempts(kept))
        late = [ask.told(name) for name, ask in kept.items() if name not in under_way]
        return dg.SkipReason("\n".join(late[:_TOLD_FILES]) or f"Nothing new in {folder}")
    request = dg.RunRequest(
        # A run key per try: Dagster starts no second run with the key of a failed one.
        run_key=f"landing:{_digest(new)}",
        run_config={"ops": {"landed": {"config": {"files": sorted(new)}}}},
    )
    return dg.SensorResult(run_requests=[request], cursor=write_attempts(kept))


@dg.sensor(jobs=[profiles, box], minimum_interval_seconds=10, default_status=_RUNNING)
def landed_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """When no files are landing any more: start one run for new profiles, then the fewest runs over ranges of
    accounts × days for the changed partitions.
    """
    if has_active_run(context.instance, "landing") or _files_on_their_way():
        return dg.SkipReason("Files are still landing")
    if has_active_run(context.instance, "profiles"):
        return dg.SkipReason("The profiles are still running")
    if has_active_run(context.instance, "retention"):
        return dg.SkipReason("Old observations are being taken away, and runs would read them meanwhile")
    if is_outdated():
        # Dagster's daily partitions are those at the time when the definitions were loaded.
        known = reload_location()
        return dg.SkipReason(f"Older posts have landed: {'days are loaded anew' if known else NO_CODE_SERVER}")
    due = plan_runs(context.instance)
    if not due.files:
        return dg.SkipReason("No landed file waits for its tables")
    if due.profiles and context.cursor != due.key:
        tags = due.profiles | {PLAN: due.key}
        request = dg.RunRequest(job_name="profiles", run_key=f"profiles:{due.key}", tags=tags)
        return dg.SensorResult(run_requests=[request], cursor=due.key)
    if due.profiles and newest_run_failed(context.instance, "profiles", {PLAN: due.key}):
        return dg.SkipReason("The run of the profiles failed: mend what its page says and re-execute it there")
    begun = context.instance.get_runs(dg.RunsFilter(job_name="box", tags={PLAN: due.key}))
    known = {run.tags.get(RANGE_START, "") + run.tags.get(RANGE_END, "") for run in begun}
    missing = [part for part in due.boxes if part.tags[RANGE_START] + part.tags[RANGE_END] not in known]
    if not missing:
        # The runs are stored now, so the pending files can be cleared.
        clear_pending(open_lake(settings()), due.files)
        return dg.SkipReason(f"{len(due.boxes)} box runs cover the landed files")
    if line := skipped_line(due.missing):
        context.log.warning(line)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                job_name="box",
                run_key=f"box:{due.key}:{_digest(part)}",
                tags=due.tags_of(part),
                asset_selection=due.assets,
            )
            for part in missing[:_BOXES_PER_TICK]
        ]
    )


@dg.run_failure_sensor(default_status=_RUNNING)
def failure_log(context: dg.RunFailureSensorContext) -> None:
    """Append every failed run, with its error, to data/reports/failures.jsonl."""
    run = context.dagster_run
    entry = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "job": run.job_name,
        "run": run.run_id,
        "error": context.failure_event.message,
        "steps": {event.step_key: failure_reason(event) for event in context.get_step_failure_events()},
    }
    path = settings().folder("reports") / "failures.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _digest(value: object) -> str:
    """A hash of a JSON-serialisable value, for run keys: Postgres limits the length of indexed values."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _can_be_read(path: Path) -> bool:
    return path.is_file() or (path.is_dir() and not path.is_symlink())


def _is_settled(path: Path) -> bool:
    """Whether a file, or all files of a folder, have not been modified for the settling time in the settings."""
    try:
        return all(abs(time() - stamp) >= settings().ingest.settle_seconds for stamp in modification_time(path))
    except FileNotFoundError:
        return False
    except OSError:
        return True  # the landing run reports the error


def _files_on_their_way() -> bool:
    """Whether a complete file in the inbox still has to be ingested; files that are there for too long do not count."""
    waiting = inbox.waiting_entries(settings().folder("inbox"))
    return any(_is_settled(path) and _age(path) < _PATIENCE for path in waiting)


def _age(path: Path) -> float:
    """Seconds since a file was added to the inbox; infinite if it no longer exists."""
    try:
        return time() - path.lstat().st_ctime
    except FileNotFoundError:
        return math.inf


sensors = [inbox_sensor, landed_sensor, reel_steps, failure_log, alerts_sensor]


@dataclass(frozen=True)
class SwitchedOff:
    """Names of disabled schedules and sensors: `by_hand` stopped by a person, `by_default` never switched on."""

    by_hand: list[str]
    by_default: list[str]


def switched_off(instance: dg.DagsterInstance) -> SwitchedOff:
    """The disabled schedules and sensors, by their state stored in Dagster, else by the default of the definition."""
    stored = {state.instigator_name: state.status.value for state in instance.all_instigator_state()}
    by_hand: list[str] = []
    by_default: list[str] = []
    for one in (*schedules, *sensors):
        runs_unasked = one.default_status.value == "RUNNING"
        said = stored.get(one.name, "DECLARED_IN_CODE")
        if said == "STOPPED" or (said == "DECLARED_IN_CODE" and not runs_unasked):
            (by_hand if runs_unasked else by_default).append(one.name)
    return SwitchedOff(by_hand, by_default)
