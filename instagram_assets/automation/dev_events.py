"""Events printed by a running `dev`, one line each: files ingested, runs started and ended."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import dagster as dg

from instagram_assets.automation.imported_jobs import IMPORTED_SEARCH_JOB as IMPORTED
from instagram_assets.automation.jobs import SKIPPED
from instagram_assets.ingest.manifests import LANDING_TABLES, LandedFile, newest_manifests, read_manifest
from instagram_assets.partitions import PARTITION, RANGE_END, RANGE_START
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake

_STARTED = dg.DagsterRunStatus.STARTED
_ENDED = {dg.DagsterRunStatus.SUCCESS: "ended", dg.DagsterRunStatus.CANCELED: "was canceled"}
# Some databases keep the time of a run in whole seconds.
_OVERLAP = timedelta(seconds=2)

# Archives are folders of hundreds of files.
_MOST_NAMED = 5


class EventReporter:
    """Prints with `say` which files were ingested and which runs started or ended; `dev` itself prints failed runs."""

    def __init__(self, instance: dg.DagsterInstance, say: Callable[[str], None]) -> None:
        self._instance = instance
        self._say = say
        self._since = datetime.now(UTC)
        self._told: dict[str, dg.DagsterRunStatus] = {
            record.dagster_run.run_id: record.dagster_run.status for record in self._changed(self._since)
        }
        self._landed = set(newest_manifests(open_lake(settings())))

    def report(self) -> None:
        """Print the events since the last call."""
        now = datetime.now(UTC)
        for record in reversed(self._changed(self._since)):
            run = record.dagster_run
            before = self._told.get(run.run_id)
            if before == run.status or run.job_name == IMPORTED:  # which never ran here
                continue
            self._told[run.run_id] = run.status
            if run.status == _STARTED or (before is None and run.status in _ENDED):
                self._say(f"Run {run.run_id[:8]} of {run.job_name} started{_about(run)}")
            if run.job_name == "landing" and run.is_finished:
                self._tell_landed()
            if run.status in _ENDED:
                seconds = (record.end_time or 0) - (record.start_time or record.end_time or 0)
                self._say(f"Run {run.run_id[:8]} of {run.job_name} {_ENDED[run.status]} after {seconds:.0f} s")
        self._since = now

    def _changed(self, since: datetime) -> list[dg.RunRecord]:
        return list(self._instance.get_run_records(dg.RunsFilter(updated_after=since - _OVERLAP)))

    def _tell_landed(self) -> None:
        names = [name for name in newest_manifests(open_lake(settings())) if name not in self._landed]
        self._landed.update(names)
        found = list(filter(None, (read_manifest(open_lake(settings()), name) for name in names)))
        for file in found[:_MOST_NAMED]:
            self._say(f"Landed {file.file}: {_brought(file)}")
        if rest := found[_MOST_NAMED:]:
            self._say(f"Landed {len(rest):,} more files: {sum(file.records for file in rest):,} records")


def _about(run: dg.DagsterRun) -> str:
    """Text with the partitions of a run and the tables it skips because their models are missing; can be empty."""
    tags = run.tags
    cells = f"{tags[RANGE_START]} … {tags[RANGE_END]}" if RANGE_START in tags else tags.get(PARTITION, "")
    left_out = f"without {tags[SKIPPED]}: their models are missing" if SKIPPED in tags else ""
    told = ", ".join(part for part in (cells, left_out) if part)
    return f": {told}" if told else ""


def _brought(file: LandedFile) -> str:
    names = {table: "quarantined" if table == "quarantine" else table for table in LANDING_TABLES}
    counts = {name: file.rows(table) for table, name in names.items()}
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    return f"{file.records:,} records{f', {told}' if told else ''}"
