"""Homes of Dagster in which runs over four accounts left all that Dagster keeps, with names wherever names can be."""

import json
import zlib
from base64 import b64encode
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._core.storage.event_log import SqlEventLogStorage

from instagram_assets_tests.storage import event_log_chain as chain

TAG = "#육아일기"
POST, IMAGE = "C1a_b-Dxyz9", "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
_REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("here"), "repository")


def lived(instance: dg.DagsterInstance) -> None:
    """Runs: a box of all accounts, a box with rows in few cells, a cell of each account; and names all over."""
    for job, tags in (("chain", None), ("few_job", None), *(("chain", cell_of(name)) for name in chain.ACCOUNTS)):
        chain.execute(instance, chain.start(instance, job, tags))
    instance.add_dynamic_partitions("searches", [TAG, "고양이"])
    for name in chain.ACCOUNTS:
        with_mentions(instance, name)
    for asset in chain.NAMES:
        chain.states(instance, asset)  # Dagster keeps them


def cell_of(name: str) -> dict[str, str]:
    """The tags of the run of one cell of an account."""
    return chain.of_cell(f"{name}|2025-01-03")


def texts_of(name: str) -> tuple[str, ...]:
    """What a home says of an account, and of the hashtag."""
    return name, TAG, f"{POST}{name[-1]}", f"{IMAGE}{name[-1]}"


def with_mentions(instance: dg.DagsterInstance, name: str) -> None:
    """Names where the daemon, sensors, backfills and steps put them."""
    _, tag, post, image = texts_of(name)
    texts = {"plain": name, "tag": tag, "url": f"https://www.instagram.com/{name}/p/{post}/", "image": image}
    packed = "0" + b64encode(zlib.compress(json.dumps(texts).encode())).decode()
    instance.run_storage.set_cursor_values({f"of {name}": json.dumps(texts), f"packed {name[-1]}": packed})
    _with_events(instance, texts)
    _with_sensor(instance, name, json.dumps({"packed": packed, f"{name}.json": 3}))
    instance.add_backfill(
        PartitionBackfill(
            f"backfill{name[-1]}",
            BulkActionStatus.COMPLETED_SUCCESS,
            from_failure=False,
            tags={"of": name},
            backfill_timestamp=0.0,
            title=f"for {name}",
            asset_selection=[dg.AssetKey("first")],
            partition_names=[f"{each}|2025-01-01" for each in chain.ACCOUNTS],
        )
    )
    home = Path(instance.root_directory)
    for path in ("dev/daemon.log", f"storage/elsewhere/compute_logs/step{name[-1]}.err"):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        with (home / path).open("a", encoding="utf-8") as log:
            log.write(f"{name} of {TAG}: {json.dumps(texts)}\n")
    (home / "dev" / "code.log").write_text("nothing of anybody\n")
    (home / "storage" / "first").mkdir(parents=True, exist_ok=True)
    (home / "storage" / "first" / f"{name}|2025-01-01").write_bytes(b"\x80\x04" + name.encode() + b"\x94")


def sensor_of(name: str) -> RemoteInstigatorOrigin:
    """A sensor whose cursor has an account."""
    return RemoteInstigatorOrigin(_REPOSITORY, f"sensor_{name[-1]}")


def _with_events(instance: dg.DagsterInstance, texts: Mapping[str, str]) -> None:
    """Events outside runs: of an asset without partitions, and of searches, whose names have letters beyond ASCII."""
    for event in (
        dg.AssetMaterialization("landed", metadata={"accounts": dg.MetadataValue.json(dict(texts)), "files": 2}),
        dg.AssetMaterialization("found", partition=TAG),
        dg.AssetMaterialization("found", partition="고양이"),
        dg.AssetMaterialization("only it", partition=TAG),
        dg.AssetObservation("landed", metadata={"note": f"{texts['plain']} and {TAG}"}),
    ):
        instance.report_runless_asset_event(event)


def _with_sensor(instance: dg.DagsterInstance, name: str, cursor: str) -> None:
    origin = sensor_of(name)
    data = SensorInstigatorData(last_run_key=f"landing:{name}", cursor=cursor)
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, data)
    instance.add_instigator_state(state)
    instance.create_tick(
        TickData(
            origin.get_id(),
            origin.instigator_name,
            InstigatorType.SENSOR,
            TickStatus.SUCCESS,
            datetime.now(UTC).timestamp(),
            selector_id=origin.get_selector().get_id(),
            cursor=cursor,
            run_ids=[],
            run_keys=[f"landing:{name}"],
        )
    )


def tables(instance: dg.DagsterInstance) -> list[str]:
    """The addresses of the databases of a home."""
    log = instance.event_log_storage
    assert isinstance(log, SqlEventLogStorage)
    if log.is_run_sharded:
        return [f"sqlite:///{path}" for path in sorted(Path(instance.root_directory).rglob("*.db"))]
    with log.index_connection() as connection:
        return [connection.engine.url.render_as_string(hide_password=False)]


def all_rows(instance: dg.DagsterInstance) -> dict[str, list[Any]]:
    """All that the databases of a home say, for a comparison."""
    return rows_of(tables(instance))


def rows_of(urls: Iterable[str]) -> dict[str, list[Any]]:
    """All rows of databases, by the name of a file and table."""
    found: dict[str, list[Any]] = {}
    for url in urls:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        metadata = sa.MetaData()
        with engine.connect() as connection:
            metadata.reflect(connection)
            for table in metadata.sorted_tables:
                rows = [tuple(map(_comparable, row)) for row in connection.execute(sa.select(table))]
                found[f"{Path(url).name if 'sqlite' in url else ''} {table.name}"] = sorted(rows, key=str)
    return found


def _comparable(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value
