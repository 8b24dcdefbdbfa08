"""How the work of a command ended: what of it came to nothing is an error, said after the summary."""

from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg

from instagram_assets import runs
from instagram_assets.automation.run_history import RunHistory, endings_since
from instagram_assets.errors import InstagramAssetsError, NothingDoneError
from instagram_assets.ingest.manifests import LandedFile, newest, read_manifest
from instagram_assets.partitions import first_day, window
from instagram_assets.state import State
from instagram_assets.state_lines import told
from instagram_assets.storage.lake import lake


@dataclass
class Work:
    """What a command did.

    Files that were new, names of those that had been read before, its runs, how their rows ended by table, and errors
    on the way.
    """

    files: list[LandedFile] = field(default_factory=list[LandedFile])
    known: list[str] = field(default_factory=list[str])
    runs: int = 0
    endings: dict[str, Counter[str]] = field(default_factory=dict[str, Counter[str]])
    errors: list[InstagramAssetsError] = field(default_factory=list[InstagramAssetsError])

    @property
    def came_to_nothing(self) -> list[str]:
        """The tables of which the runs could make no row."""
        return [table for table, counts in self.endings.items() if not counts["ok"] and counts.total()]

    def raise_errors(self) -> None:
        """Raise what went wrong, as one error."""
        if len(self.errors) == 1:
            raise self.errors[0]
        if self.errors:
            raise InstagramAssetsError("\n".join(map(str, self.errors)))


@contextmanager
def watched(instance: dg.DagsterInstance) -> Generator[Work]:
    """Work whose endings are those of the runs that are made while the block runs."""
    begun, work = _now(), Work()
    yield work
    work.runs = instance.get_runs_count(dg.RunsFilter(created_after=begun))
    work.endings = endings_since(instance, begun)


def ingest(instance: dg.DagsterInstance, files: Sequence[Path], observed_at: str = "") -> Work:
    """Land files and make all that they touch; what goes wrong is kept, so that the good files do not wait for it."""
    before = set(newest(lake()))
    with watched(instance) as work:
        for step in (lambda: runs.land(instance, files, observed_at), lambda: runs.finish(instance)):
            try:
                step()
            except InstagramAssetsError as error:
                work.errors.append(error)
    found = (read_manifest(lake(), name) for name in newest(lake()) if name not in before)
    work.files = [file for file in found if file]
    if not work.errors:
        work.known = sorted({file.name for file in files} - {file.file for file in work.files})
    return work


def judge(work: Work, state: State) -> None:
    """Add to the errors of the work what came to nothing: all files that were new, or all rows of a stage."""
    first, last = first_day(), window()[1]
    used = sum(file.posts + file.reels + file.profiles - file.outside(first, last) for file in work.files)
    if not used and work.files:
        brought = "; ".join(f"{file.file}: {_brought(file)}" for file in work.files)
        work.errors.append(NothingDoneError(f"Nothing of what came could be used. {brought}. The lines above say why."))
    reasons = {stage.name: [told(left) for left in stage.left_out] for stage in state.stages}
    for table in work.came_to_nothing:
        count, why = work.endings[table].total(), "; ".join(reasons.get(table, []))
        work.errors.append(NothingDoneError(f"{table}: all {count:,} of this run failed. {why}"))


def as_json(state: State, history: RunHistory | None, work: Work | None = None) -> dict[str, Any]:
    """The state, the run history, and what a command did, as one object of plain values."""
    whole = state.as_json() | {"dagster": asdict(history) if history else None}
    if work is None:
        return whole
    did = {
        "files": {file.file: {name: getattr(file, name) for name in ("records", "quarantined")} for file in work.files},
        "known": work.known,
        "endings": {table: dict(counts) for table, counts in work.endings.items()},
        "errors": [str(error) for error in work.errors],
    }
    return whole | {"run": did}


def _brought(file: LandedFile) -> str:
    waiting = file.outside(first_day(), window()[1])
    return f"{file.records:,} records, {file.quarantined:,} quarantined, {waiting:,} waiting"


def _now() -> datetime:
    """This moment, in the whole seconds of Dagster's run history."""
    return datetime.now(UTC) - timedelta(seconds=1)
