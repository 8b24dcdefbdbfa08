"""Tags of partition events, read from the events: in runs of many partitions Dagster's tag table does not have them.

Three rows per event and their indexes would be a fifth of a partition's bytes on disk. Written against dagster 1.13.27.
"""

# pyright: reportPrivateUsage=false

from collections.abc import Iterable, Iterator, Mapping, Sequence

import sqlalchemy as sa
from dagster import AssetKey, DagsterEventType, EventLogEntry
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.storage.event_log import SqlEventLogStorage
from dagster._core.storage.event_log.schema import AssetEventTagsTable, SqlEventLogStorageTable
from dagster._serdes import deserialize_value

from instagram_assets.storage.event_log_entries import MADE, OBSERVED
from instagram_assets.storage.event_log_plans import LOG

_TAGS = AssetEventTagsTable.c
_OF_MANY = sa.and_(LOG.step_key.is_(None), ~sa.exists().where(_TAGS.event_id == LOG.id))
"""SQL condition: rows of partition events that have their tags in the event only, not in the tag table."""


def newest_tags_of_many(
    storage: SqlEventLogStorage,
    key: AssetKey,
    kind: DagsterEventType,
    names: Iterable[str],
    partitions: Sequence[str] | None,
    before: int | None,
    after: int | None,
) -> dict[str, dict[str, str]]:
    """Returns partition → tag name → value, of partitions whose newest event of type `kind` is not in the tag table.

    Only tags in `names` are returned, for `partitions` (None: all). `before` and `after` are exclusive limits of the
    event id.
    """
    newest = storage._latest_event_ids_by_partition_subquery(key, [kind], partitions, before, after)
    query = sa.select(LOG.partition, LOG.event).where(LOG.id.in_(sa.select(newest.c.id)), _OF_MANY)
    wanted = set(names)
    with storage.index_connection() as connection:
        tags = {cell: _tags_of(text) for cell, text in connection.execute(query)}
    chosen = {cell: {name: tag for name, tag in own.items() if name in wanted} for cell, own in tags.items()}
    return {cell: own for cell, own in chosen.items() if own}


def newest_versions(
    storage: SqlEventLogStorage, key: AssetKey, partitions: Sequence[str], when: sa.ColumnElement[bool]
) -> dict[str, str]:
    """Returns partition → data version, from the newest materialization, or observation that has a data version.

    `when` is an SQL condition that restricts the events. Partitions without a data version are left out.
    """
    named = sa.and_(_TAGS.event_id == LOG.id, _TAGS.key == DATA_VERSION_TAG)
    is_made, is_observed = LOG.dagster_event_type == MADE.value, LOG.dagster_event_type == OBSERVED.value
    newest = (
        sa.select(sa.func.max(LOG.id))
        .where(LOG.asset_key == key.to_string(), LOG.partition.in_(partitions), when)
        .where(sa.or_(is_made, sa.and_(is_observed, sa.exists().where(named))))
        .group_by(LOG.partition)
    )
    joined = SqlEventLogStorageTable.outerjoin(AssetEventTagsTable, named)
    query = sa.select(LOG.partition, LOG.event, _TAGS.value).select_from(joined).where(LOG.id.in_(newest))
    with storage.index_connection() as connection:
        rows = connection.execute(query).all()
    versions = {cell: in_table or _tags_of(text).get(DATA_VERSION_TAG) for cell, text, in_table in rows}
    return {cell: version for cell, version in versions.items() if version}


def tags_of_many(
    storage: SqlEventLogStorage, key: AssetKey, filter_tags: Mapping[str, str], event_id: int | None
) -> Iterator[dict[str, str]]:
    """Yields the tags of each materialization that has all of `filter_tags` and no rows in the tag table.

    Only tags that stock Dagster would store in the tag table are yielded. With `event_id` only this event is searched.
    """
    query = sa.select(LOG.event).where(LOG.asset_key == key.to_string(), LOG.dagster_event_type == MADE.value, _OF_MANY)
    if event_id is not None:
        query = query.where(LOG.id == event_id)
    query = storage._add_assets_wipe_filter_to_query(query, storage._get_assets_details([key]), [key])
    with storage.index_connection() as connection:
        found = [_tags_of(text) for text in connection.execute(query).scalars()]
    indexed = storage.get_asset_tags_to_index(set().union(*found)) if found else set[str]()
    for tags in found:
        if tags.items() >= filter_tags.items() and (kept := {name: tags[name] for name in tags if name in indexed}):
            yield kept


def _tags_of(text: str) -> Mapping[str, str]:
    event = deserialize_value(text, EventLogEntry).get_dagster_event()
    if event.is_step_materialization:
        return event.step_materialization_data.materialization.tags or {}
    return event.asset_observation_data.asset_observation.tags if event.is_asset_observation else {}
