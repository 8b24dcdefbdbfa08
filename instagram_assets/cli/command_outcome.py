"""The outcome of a command: files, runs, rows by status, and errors, which are raised as one after the summary."""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any
from uuid import uuid4

import dagster as dg

from instagram_assets.automation import shell_runs
from instagram_assets.automation.run_states import COMMAND_TAG, RunHistory, folders_read, row_outcomes
from instagram_assets.cli.status_lines import left_out_text
from instagram_assets.errors import InstagramAssetsError, NothingDoneError
from instagram_assets.ingest.manifests import LandedFile
from instagram_assets.partitions import first_day, window
from instagram_assets.status.data_status import DataStatus, LeftOut

_MOST_NAMED = 5


@dataclass
class CommandOutcome:
    """What a command did: newly ingested files, names of files ingested earlier, number of runs, errors.

    `folders` are lines about the contents of ingested folders. `row_statuses` counts rows by table and status, such as
    `ok`.
    """

    files: list[LandedFile] = field(default_factory=list[LandedFile])
    known: list[str] = field(default_factory=list[str])
    folders: list[str] = field(default_factory=list[str])
    runs: int = 0
    row_statuses: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    errors: list[InstagramAssetsError] = field(default_factory=list[InstagramAssetsError])

    @property
    def empty_tables(self) -> list[str]:
        """The tables for which the runs produced no row with the status `ok`."""
        return [table for table, counts in self.row_statuses.items() if not counts["ok"] and counts.total()]

    def without_reported_files(self, state: DataStatus) -> DataStatus:
        """A copy of the data status without rejected files that `errors` mention, so that each is reported once."""
        messages = "\n".join(map(str, self.errors))
        rejected = [reason for reason in state.files.rejected if reason.words not in messages]
        return replace(state, files=replace(state.files, rejected=rejected))

    def raise_errors(self) -> None:
        """Raise the collected errors as one."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise InstagramAssetsError("\n".join(map(str, self.errors)))


@contextmanager
def record_runs(instance: dg.DagsterInstance) -> Generator[CommandOutcome]:
    """Context manager: record the outcomes of the runs started in the block, not of other concurrent runs."""
    work, name = CommandOutcome(), uuid4().hex
    with shell_runs.as_command(name):
        yield work
    made = instance.get_runs(dg.RunsFilter(tags={COMMAND_TAG: name}))
    work.runs = len(made)
    work.row_statuses = row_outcomes(instance, made)
    work.folders = folders_read(instance, made)


def check_outcome(work: CommandOutcome, state: DataStatus) -> None:
    """Add an error if all new files were rejected, or all rows of a stage failed."""
    first, last = first_day(), window()[1]
    usable = sum(file.taken - file.outside(first, last) for file in work.files)
    if not usable and work.files:
        counts = "; ".join(f"{file.file}: {_file_counts(file)}" for file in work.files[:_MOST_NAMED])
        if len(work.files) > _MOST_NAMED:
            counts += f"; and {len(work.files) - _MOST_NAMED:,} more files"
        work.errors.append(NothingDoneError(f"Nothing of what came could be used. {counts}. The lines above say why."))
    left_out = {stage.name: stage.left_out for stage in state.stages}
    for table in work.empty_tables:
        words = _no_rows_message(work.row_statuses[table].total(), left_out.get(table, []))
        work.errors.append(NothingDoneError(f"{table}: {words}"))


def status_json(state: DataStatus, history: RunHistory | None, work: CommandOutcome | None = None) -> dict[str, Any]:
    """Status, run history and the outcome of a command as one JSON-serialisable object."""
    whole = state.as_json() | {"dagster": asdict(history) if history else None}
    if work is None:
        return whole
    did = {
        "files": {file.file: {name: getattr(file, name) for name in ("records", "quarantined")} for file in work.files},
        "known": work.known,
        "folders": work.folders,
        "endings": {table: dict(counts) for table, counts in work.row_statuses.items()},
        "errors": [str(error) for error in work.errors],
    }
    return whole | {"run": did}


def _no_rows_message(rows: int, left_out: Sequence[LeftOut]) -> str:
    """The message that all `rows` rows of a table failed, with the reasons if these explain all of them."""
    reasons = "; ".join(map(left_out_text, left_out))
    if sum(left.count for left in left_out) != rows:
        return f"all {rows:,} of this run came to nothing. Of the whole table: {reasons}"
    return f"all {reasons}" if len(left_out) == 1 else f"all {rows:,} came to nothing: {reasons}"


def _file_counts(file: LandedFile) -> str:
    waiting = file.outside(first_day(), window()[1])
    return f"{file.records:,} records, {file.quarantined:,} quarantined, {waiting:,} waiting"
