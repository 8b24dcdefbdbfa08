"""Hides runs from the web app's history by removing a tag, since deleting a run would delete its materializations.

If a hidden run is executed again, the new run gets the tag from its job and is shown in the history.

Dagster's GraphQL API cannot tag a run, and `DagsterInstance.add_run_tags` uses one transaction per run, which takes
minutes for 10,000 runs. Written against dagster 1.13.27; the tables of its run storage are private.
"""

import json
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable

from instagram_assets.errors import StorageError
from instagram_assets.partitions import FOLDER_TAG, HISTORY_TAG, SHOWN_IN_HISTORY

_RUNS_AT_ONCE = 500
_RUNS, _TAGS = RunsTable.c, RunTagsTable.c
_ENDED = _RUNS.status.in_([status.value for status in FINISHED_STATUSES])


def hide_runs(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> int:
    """Hide finished runs from the web app's history, but keep their materializations; returns how many it hid."""
    runs = sql_storage(instance)
    slices = (run_ids[start : start + _RUNS_AT_ONCE] for start in range(0, len(run_ids), _RUNS_AT_ONCE))
    return sum(_hide(runs, each) for each in slices)


def ended_runs(instance: dg.DagsterInstance) -> dict[str, str]:
    """Ids of the finished runs in the web app's history, each with its output folder's name (empty without one)."""
    shown = sa.select(_TAGS.run_id).where(_TAGS.key == HISTORY_TAG, _TAGS.value == SHOWN_IN_HISTORY)
    folders = sa.select(_TAGS.run_id, _TAGS.value).where(_TAGS.key == FOLDER_TAG)
    with sql_storage(instance).connect() as connection:
        # Three queries, since SQLite takes minutes to join a table of tags with itself.
        of_history = set(connection.execute(shown).scalars())
        folder_of = {row.run_id: row.value for row in connection.execute(folders)}
        ended = connection.execute(sa.select(_RUNS.run_id).where(_ENDED)).scalars()
        return {run_id: folder_of.get(run_id, "") for run_id in ended if run_id in of_history}


def sql_storage(instance: dg.DagsterInstance) -> SqlRunStorage:
    """Dagster's run storage. Raises StorageError if it is not an SQL database."""
    runs = instance.run_storage
    if not isinstance(runs, SqlRunStorage):
        raise StorageError(f"{type(runs).__name__} is no SQL database; Dagster's history is left as it is.")
    return runs


def _hide(runs: SqlRunStorage, run_ids: Sequence[str]) -> int:
    """Remove the history tag of these runs from the tags table and from each run's JSON body, in one transaction.

    The rows are locked. If Dagster adds tags at the same time, it can write the old body back; hiding the run again
    repairs that.
    """
    chosen = sa.select(_RUNS.run_id, _RUNS.run_body).where(_RUNS.run_id.in_(run_ids), _ENDED).with_for_update()
    with transaction(runs) as connection:
        # SQLite has no row locks; it locks the database at the first write statement, even one that changes nothing.
        connection.execute(sa.update(RunsTable).where(_RUNS.run_id.is_(None)).values(run_id=_RUNS.run_id))
        ended = {row.run_id: row.run_body for row in connection.execute(chosen)}
        of_runs = sa.and_(_TAGS.run_id.in_(list(ended)), _TAGS.key == HISTORY_TAG, _TAGS.value == SHOWN_IN_HISTORY)
        hidden = set(connection.execute(sa.select(_TAGS.run_id).where(of_runs)).scalars())
        connection.execute(sa.delete(RunTagsTable).where(of_runs))
        bodies = [{"of": run_id, "body": body} for run_id, text in ended.items() if (body := _hidden(text))]
        if bodies:
            changed = sa.update(RunsTable).where(_RUNS.run_id == sa.bindparam("of"))
            connection.execute(changed.values(run_body=sa.bindparam("body")), bodies)
        return len(hidden.union(body["of"] for body in bodies))


def _hidden(text: str) -> str | None:
    """A run's JSON body without the history tag; None if it does not have the tag."""
    body: dict[str, Any] = json.loads(text)
    if (body.get("tags") or {}).get(HISTORY_TAG) != SHOWN_IN_HISTORY:
        return None
    del body["tags"][HISTORY_TAG]
    return json.dumps(body)


@contextmanager
def transaction(runs: SqlRunStorage) -> Generator[sa.Connection]:
    """Context manager: a connection in a transaction that is committed at the end."""
    with runs.connect() as connection:
        if connection.in_transaction():  # of SQLite
            yield connection
            return
        connection.execution_options(isolation_level="READ COMMITTED")  # Dagster sets AUTOCOMMIT
        with connection.begin():
            yield connection
