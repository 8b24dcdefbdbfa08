"""Runs leave the history that people see with a tag: to delete a run would erase what it materialized.

The tag goes, and is not set to another value: a run that is made again has the tags of the first and those of its job,
so it is in the history like any other.

Dagster's GraphQL cannot tag a run, and `DagsterInstance.add_run_tags` takes a transaction for each: of 10,000 runs
minutes. Written against dagster 1.13.27; private there are the tables of its run storage.
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
    """Take runs that have ended out of the history; how many were in it. Nothing of what they made is touched."""
    runs = sql_storage(instance)
    slices = (run_ids[start : start + _RUNS_AT_ONCE] for start in range(0, len(run_ids), _RUNS_AT_ONCE))
    return sum(_hide(runs, each) for each in slices)


def ended_runs(instance: dg.DagsterInstance) -> dict[str, str]:
    """The runs of the history that have ended, each with the name of its folder, empty where it has none."""
    shown = sa.select(_TAGS.run_id).where(_TAGS.key == HISTORY_TAG, _TAGS.value == SHOWN_IN_HISTORY)
    folders = sa.select(_TAGS.run_id, _TAGS.value).where(_TAGS.key == FOLDER_TAG)
    with sql_storage(instance).connect() as connection:
        # Three questions, since SQLite joins a table of tags with itself in minutes.
        of_history = set(connection.execute(shown).scalars())
        folder_of = {row.run_id: row.value for row in connection.execute(folders)}
        ended = connection.execute(sa.select(_RUNS.run_id).where(_ENDED)).scalars()
        return {run_id: folder_of.get(run_id, "") for run_id in ended if run_id in of_history}


def sql_storage(instance: dg.DagsterInstance) -> SqlRunStorage:
    """The storage of runs. Raises StorageError where it is no SQL database."""
    runs = instance.run_storage
    if not isinstance(runs, SqlRunStorage):
        raise StorageError(f"{type(runs).__name__} is no SQL database; Dagster's history is left as it is.")
    return runs


def _hide(runs: SqlRunStorage, run_ids: Sequence[str]) -> int:
    """In one transaction, with the runs locked: a tag stands in a row of its own and in the run's body.

    Dagster may write the body of before again when it adds tags at the same time: hiding again mends that.
    """
    chosen = sa.select(_RUNS.run_id, _RUNS.run_body).where(_RUNS.run_id.in_(run_ids), _ENDED).with_for_update()
    with transaction(runs) as connection:
        # SQLite knows no lock of rows, and locks all at the first statement that writes, whatever it finds.
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
    """The body of a run without its tag; null where it has none."""
    body: dict[str, Any] = json.loads(text)
    if (body.get("tags") or {}).get(HISTORY_TAG) != SHOWN_IN_HISTORY:
        return None
    del body["tags"][HISTORY_TAG]
    return json.dumps(body)


@contextmanager
def transaction(runs: SqlRunStorage) -> Generator[sa.Connection]:
    """A connection in a transaction that is committed at the end."""
    with runs.connect() as connection:
        if connection.in_transaction():  # of SQLite
            yield connection
            return
        connection.execution_options(isolation_level="READ COMMITTED")  # of PostgreSQL each statement stands alone
        with connection.begin():
            yield connection
