"""A long history of image searches in Dagster's run storage, written as its rows are, many at a time."""

import random
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.runs import SqlRunStorage
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._serdes import serialize_value

from instagram_assets.partitions import PARTITION

_WORDS = ("고양이", "강아지", "penguin", "한복", "벚꽃", "sunset", "떡볶이", "자전거", "라벤더", "lighthouse")
_STATUSES = {dg.DagsterRunStatus.SUCCESS: 80, dg.DagsterRunStatus.FAILURE: 12, dg.DagsterRunStatus.CANCELED: 8}
_OLDEST = datetime(2026, 1, 1, 9, tzinfo=UTC)
_APART = timedelta(minutes=7)
_AT_ONCE = 1_000


def write_history(instance: dg.DagsterInstance, count: int, before: int = 0, last: str = "") -> list[str]:
    """Add runs of the job `search` that have ended, the oldest first, after `before` others; their ids.

    `last` is the word and the folder of the newest.
    """
    storage = instance.run_storage
    if not isinstance(storage, SqlRunStorage):
        raise TypeError(f"{type(storage).__name__} has no tables.")
    runs = list(_runs(range(before, before + count), last))
    for start in range(0, count, _AT_ONCE):
        _insert(storage, runs[start : start + _AT_ONCE])
    return [run.run_id for run, _ in runs]


def _runs(numbers: range, last: str) -> Iterator[tuple[dg.DagsterRun, datetime]]:
    for number in numbers:
        chance = random.Random(number)
        is_last = last and number == numbers[-1]
        word = last if is_last else f"{chance.choice(_WORDS)} {number % 500}"
        folder = word.replace(" ", "_")
        yield (
            dg.DagsterRun(
                job_name="search",
                run_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
                status=dg.DagsterRunStatus.SUCCESS if is_last else _status(chance),
                tags={
                    "instagram_assets/history": "shown",
                    "instagram_assets/query": word,
                    "instagram_assets/limit": str(chance.choice((20, 50, 100, 300))),
                    "instagram_assets/folder": folder,
                    PARTITION: folder,
                    ".dagster/repository": "__repository__@instagram_assets",
                },
            ),
            _OLDEST + _APART * number,
        )


def _status(chance: random.Random) -> dg.DagsterRunStatus:
    return chance.choices(list(_STATUSES), list(_STATUSES.values()))[0]


def _insert(storage: SqlRunStorage, runs: Sequence[tuple[dg.DagsterRun, datetime]]) -> None:
    rows = [
        {
            "run_id": run.run_id,
            "pipeline_name": run.job_name,
            "status": run.status.value,
            "run_body": serialize_value(run),
            "partition": run.tags[PARTITION],
            "create_timestamp": created.replace(tzinfo=None),
            "update_timestamp": created.replace(tzinfo=None),
            "start_time": created.timestamp() + 3,
            "end_time": created.timestamp() + 40,
        }
        for run, created in runs
    ]
    tags = [
        {"run_id": run.run_id, "key": key, "value": value}
        for run, _ in runs
        for key, value in run.tags_for_storage().items()
    ]
    with storage.connect() as connection:
        connection.execute(RunsTable.insert(), rows)
        connection.execute(RunTagsTable.insert(), tags)
