"""Deletes the runs of erased accounts from Dagster's list of runs, and erases these accounts from all other runs.

Written against the tables of dagster 1.13.27, where a snapshot's id is the hash of its content.
"""

import hashlib
import json
import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._serdes import deserialize_value, serialize_value

from instagram_assets.storage.dagster_history.erased_cells import RANGE_END, RANGE_START, ErasedCells
from instagram_assets.storage.dagster_history.table_rewriter import ChangeCounts, Tables, delete_rows, in_batches
from instagram_assets.storage.dagster_history.value_rewriter import ValueRewriter

_UNFINISHED = {status.value for status in NOT_FINISHED_STATUSES}


class HistoryRun(NamedTuple):
    """A row of Dagster's table `runs`, with the run's tags, config and snapshot ids."""

    run_id: str
    status: str
    job: str
    tags: Mapping[str, str]
    config: Any
    snapshots: frozenset[str]

    @property
    def is_unfinished(self) -> bool:
        """Whether the run is queued or in progress."""
        return self.status in _UNFINISHED


def load_runs(connection: sa.Connection, tables: Tables) -> list[HistoryRun]:
    """Returns all runs of a history."""
    tags: dict[str, dict[str, str]] = {}
    for row in connection.execute(sa.select(tables["run_tags"])):
        tags.setdefault(row.run_id, {})[row.key] = row.value
    return [_run(row, tags.get(row.run_id, {})) for row in connection.execute(sa.select(tables["runs"]))]


def _run(row: sa.Row[Any], tags: Mapping[str, str]) -> HistoryRun:
    body: dict[str, Any] = json.loads(row.run_body)
    named = {row.snapshot_id, body.get("execution_plan_snapshot_id")}
    own = {**(body.get("tags") or {}), **tags}
    return HistoryRun(
        row.run_id,
        row.status,
        row.pipeline_name,
        own,
        body.get("run_config"),
        frozenset(name for name in named if name),
    )


def runs_to_erase(runs: Sequence[HistoryRun], cells: ErasedCells) -> list[HistoryRun]:
    """Returns the runs that concern only erased accounts, by their partition tags or their config."""
    return [run for run in runs if cells.are_all(run.tags) or cells.are_all_of(run.config)]


def erase_runs(
    connection: sa.Connection,
    tables: Tables,
    rewriter: ValueRewriter,
    gone: Sequence[HistoryRun],
    changed: ChangeCounts,
) -> None:
    """Delete the runs `gone` with their snapshots, shrink the partition ranges of other runs, and rewrite snapshots.

    Names in the other columns of the remaining runs are not replaced here, but by `rewrite_table`.
    """
    erase_run_rows(connection, tables, [run.run_id for run in gone], changed)
    _move_ends(connection, tables, rewriter.cells, changed)
    _forget_snapshots(connection, tables, frozenset[str]().union(*(run.snapshots for run in gone)), changed)
    _rewrite_snapshots(connection, tables, rewriter, changed)


def erase_run_rows(connection: sa.Connection, tables: Tables, runs: Collection[str], changed: ChangeCounts) -> None:
    """Delete these runs' rows from all tables but the event log; those of the table `runs` last (foreign keys)."""
    of_runs = [table for name, table in tables.items() if "run_id" in table.c and name != "event_logs"]
    of_runs.sort(key=lambda table: table.name == "runs")
    for each in in_batches(runs):
        for table in of_runs:
            delete_rows(connection, table, table.c.run_id.in_(each), changed)


def _move_ends(connection: sa.Connection, tables: Tables, cells: ErasedCells, changed: ChangeCounts) -> None:
    """Shrink partition ranges in run tags to the keys that are not erased; the two ends are tags in separate rows."""
    tags = tables["run_tags"]
    ends: dict[str, dict[str, str]] = {}
    for row in connection.execute(sa.select(tags).where(tags.c.key.in_([RANGE_START, RANGE_END]))):
        ends.setdefault(row.run_id, {})[row.key] = row.value
    for run_id, own in ends.items():
        if len(own) < 2 or not (left := cells.left_of(own[RANGE_START], own[RANGE_END])):
            continue
        for name, value in zip((RANGE_START, RANGE_END), left, strict=True):
            if value != own[name]:
                of_run = sa.and_(tags.c.run_id == run_id, tags.c.key == name)
                connection.execute(sa.update(tags).where(of_run).values(value=value))
                changed.rewritten[tags.name] += 1
                changed.runs.add(run_id)


def _forget_snapshots(connection: sa.Connection, tables: Tables, named: Collection[str], changed: ChangeCounts) -> None:
    """Delete those of the named snapshots that no run and no other snapshot refers to any more."""
    table, left = tables["snapshots"], set(named)
    while left:
        used = frozenset[str]().union(*(run.snapshots for run in load_runs(connection, tables)))
        texts = _snapshots(connection, table)
        inner = {name for name in left for other, text in texts.items() if other != name and name in text}
        unused = left - used - inner
        for each in in_batches(unused):
            delete_rows(connection, table, table.c.snapshot_id.in_(each), changed)
        if not unused:
            return
        left -= unused


def _snapshots(connection: sa.Connection, table: sa.Table) -> dict[str, str]:
    rows = connection.execute(sa.select(table.c.snapshot_id, table.c.snapshot_body))
    return {name: zlib.decompress(bytes(body)).decode("utf-8") for name, body in rows}


def _rewrite_snapshots(
    connection: sa.Connection, tables: Tables, rewriter: ValueRewriter, changed: ChangeCounts
) -> None:
    """Rewrite snapshots that contain erased names, with their ids (content hashes) and all references to these."""
    table = tables["snapshots"]
    texts = _snapshots(connection, table)
    new = {name: rewriter.text(text) for name, text in texts.items()}
    names: dict[str, str] = {}
    while True:  # an execution plan contains the id of its job snapshot, so its own id changes after the job's
        now = {name: _renamed(text, names) for name, text in new.items()}
        found = {name: _name(now[name]) for name in new if now[name] != texts[name]}
        if found == names:
            break
        names = found
    runs = tables["runs"]
    for old, fresh in names.items():
        kind = connection.execute(sa.select(table.c.snapshot_type).where(table.c.snapshot_id == old)).scalar_one()
        body = zlib.compress(_canonical(_renamed(new[old], names)).encode("utf-8"))
        if connection.execute(sa.select(table.c.id).where(table.c.snapshot_id == fresh)).first() is None:
            connection.execute(sa.insert(table).values(snapshot_id=fresh, snapshot_body=body, snapshot_type=kind))
        naming = sa.or_(runs.c.snapshot_id == old, runs.c.run_body.contains(old))
        for row in connection.execute(sa.select(runs).where(naming)).mappings().all():
            values = {"snapshot_id": names.get(row["snapshot_id"], row["snapshot_id"])}
            values["run_body"] = _renamed(row["run_body"], names)
            connection.execute(sa.update(runs).where(runs.c.id == row["id"]).values(values))
            changed.runs.add(row["run_id"])
        connection.execute(sa.delete(table).where(table.c.snapshot_id == old))
        changed.rewritten[table.name] += 1


def _renamed(text: str, names: Mapping[str, str]) -> str:
    for old, fresh in names.items():
        text = text.replace(old, fresh)
    return text


def _canonical(text: str) -> str:
    """Returns a JSON text as Dagster would serialize the same object."""
    return serialize_value(deserialize_value(text))


def _name(text: str) -> str:
    return hashlib.sha1(_canonical(text).encode("utf-8")).hexdigest()
