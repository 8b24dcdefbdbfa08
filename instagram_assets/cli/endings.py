"""The outcome of a command: failures are collected, and raised as one error after the summary."""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg

from instagram_assets.automation import shell_runs
from instagram_assets.automation.run_states import COMMAND_TAG, RunHistory, folders_read, row_outcomes
from instagram_assets.cli.state_lines import told
from instagram_assets.errors import InstagramAssetsError, NothingDoneError, StorageError
from instagram_assets.ingest.landing import lacks_wanted_comments
from instagram_assets.ingest.manifests import LandedFile, newest_manifests, read_manifest
from instagram_assets.partitions import first_day, window
from instagram_assets.settings import settings
from instagram_assets.status.data_status import DataStatus, LeftOut
from instagram_assets.storage.lake import open_lake

_MOST_NAMED = 5


@dataclass
class Work:
    """What a command did.

    New files, names of files read before, contents of folders, runs, outcomes of their rows by table, and errors.
    """

    files: list[LandedFile] = field(default_factory=list[LandedFile])
    known: list[str] = field(default_factory=list[str])
    folders: list[str] = field(default_factory=list[str])
    runs: int = 0
    endings: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    errors: list[InstagramAssetsError] = field(default_factory=list[InstagramAssetsError])

    @property
    def came_to_nothing(self) -> list[str]:
        """The tables for which the runs produced no row."""
        return [table for table, counts in self.endings.items() if not counts["ok"] and counts.total()]

    def without_told(self, state: DataStatus) -> DataStatus:
        """The status without the rejected files that are part of `errors`, so that each is reported only once."""
        told = "\n".join(map(str, self.errors))
        rejected = [reason for reason in state.files.rejected if reason.words not in told]
        return replace(state, files=replace(state.files, rejected=rejected))

    def raise_errors(self) -> None:
        """Raise the collected errors as one."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise InstagramAssetsError("\n".join(map(str, self.errors)))


@contextmanager
def watched(instance: dg.DagsterInstance) -> Generator[Work]:
    """Context manager: record the outcomes of the runs that the block starts, not of concurrent ones."""
    work, name = Work(), uuid4().hex
    with shell_runs.as_command(name):
        yield work
    made = instance.get_runs(dg.RunsFilter(tags={COMMAND_TAG: name}))
    work.runs = len(made)
    work.endings = row_outcomes(instance, made)
    work.folders = folders_read(instance, made)


def ingest(
    instance: dg.DagsterInstance,
    files: Sequence[Path],
    observed_at: str = "",
    account: str = "",
    leave: Sequence[str] = (),
) -> Work:
    """Land files and process all that is pending; errors are collected, so that good files are processed anyway.

    Assets in `leave` are left to a later step.
    """
    before, without = set(newest_manifests(open_lake(settings()))), _without_comments()
    with watched(instance) as work:
        for step in (
            lambda: shell_runs.land(instance, files, observed_at, account),
            lambda: shell_runs.finish(instance, leave),
        ):
            try:
                step()
            except InstagramAssetsError as error:
                work.errors.append(error)
    unchanged = before - (without - _without_comments())
    names = (name for name in newest_manifests(open_lake(settings())) if name not in unchanged)
    found = (read_manifest(open_lake(settings()), name) for name in names)
    work.files = [file for file in found if file]
    if not work.errors:
        single = {file.name for file in files if not file.is_dir()}
        work.known = sorted(single - {file.file for file in work.files})
    return work


def judge(work: Work, state: DataStatus) -> None:
    """Add an error if all new files were rejected, or all rows of a stage failed."""
    first, last = first_day(), window()[1]
    used = sum(file.taken - file.outside(first, last) for file in work.files)
    if not used and work.files:
        brought = "; ".join(f"{file.file}: {_brought(file)}" for file in work.files[:_MOST_NAMED])
        if len(work.files) > _MOST_NAMED:
            brought += f"; and {len(work.files) - _MOST_NAMED:,} more files"
        work.errors.append(NothingDoneError(f"Nothing of what came could be used. {brought}. The lines above say why."))
    left_out = {stage.name: stage.left_out for stage in state.stages}
    for table in work.came_to_nothing:
        words = _nothing(work.endings[table].total(), left_out.get(table, []))
        work.errors.append(NothingDoneError(f"{table}: {words}"))


def as_json(state: DataStatus, history: RunHistory | None, work: Work | None = None) -> dict[str, Any]:
    """Status, run history and the outcome of a command as one JSON-serialisable object."""
    whole = state.as_json() | {"dagster": asdict(history) if history else None}
    if work is None:
        return whole
    did = {
        "files": {file.file: {name: getattr(file, name) for name in ("records", "quarantined")} for file in work.files},
        "known": work.known,
        "folders": work.folders,
        "endings": {table: dict(counts) for table, counts in work.endings.items()},
        "errors": [str(error) for error in work.errors],
    }
    return whole | {"run": did}


def _without_comments() -> set[str]:
    """The names of landed files whose comments were skipped and would be ingested now."""
    if not settings().ingest.keep_comments:
        return set()
    found = set[str]()
    for name in newest_manifests(open_lake(settings())):
        with suppress(StorageError):  # it will be read again anyway
            if (file := read_manifest(open_lake(settings()), name)) and lacks_wanted_comments(file, settings()):
                found.add(name)
    return found


def _nothing(rows: int, left_out: Sequence[LeftOut]) -> str:
    """The message that a run produced no rows, with the reasons of the table where they explain all of them."""
    reasons = "; ".join(map(told, left_out))
    if sum(left.count for left in left_out) != rows:
        return f"all {rows:,} of this run came to nothing. Of the whole table: {reasons}"
    return f"all {reasons}" if len(left_out) == 1 else f"all {rows:,} came to nothing: {reasons}"


def _brought(file: LandedFile) -> str:
    waiting = file.outside(first_day(), window()[1])
    return f"{file.records:,} records, {file.quarantined:,} quarantined, {waiting:,} waiting"
