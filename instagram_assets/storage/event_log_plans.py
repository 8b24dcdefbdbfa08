"""Planned events of many partitions: one row per asset during the run, then one row per failed partition.

For a run of many partitions Dagster stores one planned event per asset, with all its partitions. Until the run ends,
these partitions count as in progress. If the run fails, one planned event per failed partition is added, as in stock
Dagster, so that the UI shows these partitions as failed.
"""

# pyright: reportPrivateUsage=false

from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from functools import cache, cached_property

import sqlalchemy as sa
from dagster import AssetKey, DagsterEventType, DagsterInstance, EventLogEntry, RunsFilter
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._serdes import deserialize_value

from instagram_assets.storage.event_log_entries import MADE, PLANNED, cells_of, planned

LOG = SqlEventLogStorageTable.c
OF_MANY = sa.and_(LOG.dagster_event_type == PLANNED.value, LOG.partition.is_(None), LOG.step_key.is_(None))
"""SQL condition: planned events of many partitions, which have no partition key; rows of the index have no step key."""


class Plan:
    """A planned event of many partitions: the intention of a run to materialize these partitions of an asset."""

    def __init__(self, storage_id: int, run_id: str, event: str) -> None:
        self.storage_id = storage_id
        self.run_id = run_id
        self._event = event

    @cached_property
    def entry(self) -> EventLogEntry:
        return deserialize_value(self._event, EventLogEntry)

    @cached_property
    def cells(self) -> Set[str]:
        return cells_of(self.entry)

    @property
    def key(self) -> AssetKey:
        return self.entry.get_dagster_event().asset_materialization_planned_data.asset_key


def plans_of_run(storage: SqlEventLogStorage, run_id: str) -> list[Plan]:
    """Returns the multi-partition plans of a run, except for assets that were wiped after the plan."""
    found = _plans(storage, LOG.run_id == run_id)
    keys = [plan.key for plan in found]
    return [
        plan
        for plan, details in zip(found, storage._get_assets_details(keys), strict=True)
        if not details or (details.last_wipe_timestamp or 0) < plan.entry.timestamp
    ]


def plans_of_asset(storage: SqlEventLogStorage, key: AssetKey, after: int | None = None) -> list[Plan]:
    """Returns the multi-partition plans of an asset with an event id above `after`, oldest first."""
    details = storage._get_assets_details([key])
    kept = sa.select(LOG.id).where(LOG.asset_key == key.to_string(), OF_MANY, LOG.id > (after or 0))
    return _plans(storage, LOG.id.in_(storage._add_assets_wipe_filter_to_query(kept, details, [key])))


def _plans(storage: SqlEventLogStorage, chosen: sa.ColumnElement[bool]) -> list[Plan]:
    query = sa.select(LOG.id, LOG.run_id, LOG.event).where(chosen, OF_MANY).order_by(LOG.id)
    with storage.index_connection() as connection:
        return [Plan(*row) for row in connection.execute(query)]


def with_plans_of_many(
    storage: SqlEventLogStorage,
    instance: DagsterInstance | None,
    key: AssetKey,
    attempts: Mapping[str, tuple[str, int]],
    after: int | None,
) -> dict[str, tuple[str, int]]:
    """Returns partition → (run id, event id) for partitions that were planned but not materialized.

    They come from `attempts` (planned events of single partitions) and from multi-partition plans with an event id
    above `after`. All partitions of a plan count while its run is in progress. After the run, each failed partition has
    a planned event of its own. A planned partition without one did not fail, so its earlier failed attempts are left
    out.
    """
    found = dict(attempts)
    plans = plans_of_asset(storage, key, after)
    going = _runs_going_on(instance) if plans else set()
    for plan in plans:
        if plan.run_id in going:
            made = storage.get_latest_storage_id_by_partition(key, MADE, after_cursor=plan.storage_id)
            attempt = (plan.run_id, plan.storage_id)
            found |= {cell: attempt for cell in plan.cells - made.keys() if _is_before(found.get(cell), plan)}
        elif any(_is_before(attempt, plan) for attempt in found.values()):
            found = {cell: was for cell, was in found.items() if cell not in plan.cells or not _is_before(was, plan)}
    return found


def _is_before(attempt: tuple[str, int] | None, plan: Plan) -> bool:
    return attempt is None or attempt[1] < plan.storage_id


def _runs_going_on(instance: DagsterInstance | None) -> set[str]:
    return set(instance.get_run_ids(RunsFilter(statuses=NOT_FINISHED_STATUSES))) if instance else set()


def what_failed(storage: SqlEventLogStorage, instance: DagsterInstance | None, run_id: str) -> list[EventLogEntry]:
    """Returns planned events for the partitions that a failed run should have materialized but did not.

    An asset should have the partitions that its upstream assets in the run materialized, so that an empty partition
    does not count as failed. An asset without upstream assets in the run should have all partitions of the plan.
    Partitions that were materialized or planned again after the plan are left out.
    """
    plans = plans_of_run(storage, run_id)
    if not plans:
        return []
    reached = _reached(storage, instance, plans)
    return [
        planned(plan.entry, cell)
        for plan in plans
        for cell in sorted((plan.cells & reached(str(plan.entry.step_key))) - _settled(storage, plan))
    ]


def _settled(storage: SqlEventLogStorage, plan: Plan) -> set[str]:
    settled: set[str] = set()
    for kind in (MADE, PLANNED):
        settled |= storage.get_latest_storage_id_by_partition(plan.key, kind, after_cursor=plan.storage_id).keys()
    for later in plans_of_asset(storage, plan.key, plan.storage_id):
        settled |= later.cells
    return settled


def _reached(
    storage: SqlEventLogStorage, instance: DagsterInstance | None, plans: Sequence[Plan]
) -> Callable[[str], Set[str]]:
    """Returns a function: step key → partitions that its upstream steps materialized; without any, all planned ones."""
    run_id = plans[0].run_id
    parents = _steps_before(instance, run_id)
    finished = steps_that_succeeded(storage, run_id)
    of_step: dict[str, list[Plan]] = {}
    for plan in plans:
        of_step.setdefault(str(plan.entry.step_key), []).append(plan)

    def given_by(step: str) -> Set[str]:
        if step not in finished:
            return reached(step)
        made = (
            storage.get_latest_storage_id_by_partition(plan.key, MADE, after_cursor=plan.storage_id)
            for plan in of_step[step]
        )
        return _all_of(cells.keys() for cells in made)

    @cache
    def reached(step: str) -> Set[str]:
        before = [parent for parent in parents.get(step, ()) if parent in of_step]
        return _all_of(map(given_by, before)) if before else _all_of(plan.cells for plan in of_step[step])

    return reached


def _all_of(sets: Iterable[Set[str]]) -> Set[str]:
    return set().union(*sets)


def _steps_before(instance: DagsterInstance | None, run_id: str) -> Mapping[str, set[str]]:
    run = instance.get_run_by_id(run_id) if instance else None
    if instance is None or run is None or run.execution_plan_snapshot_id is None:
        return {}
    snapshot = instance.get_execution_plan_snapshot(run.execution_plan_snapshot_id)
    return {step.key: {key for each in step.inputs for key in each.upstream_step_keys} for step in snapshot.steps}


def steps_that_succeeded(storage: SqlEventLogStorage, run_id: str) -> set[str]:
    """Returns the keys of a run's successful steps."""
    query = sa.select(LOG.step_key).where(
        LOG.run_id == run_id, LOG.dagster_event_type == DagsterEventType.STEP_SUCCESS.value
    )
    with storage.run_connection(run_id) as connection:
        return set(connection.execute(query).scalars())
