"""Where a lake can lie, on a disk and in an object store; and where Dagster's record can, in SQLite and PostgreSQL."""

import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import Engine, event
from upath import UPath

from instagram_assets_tests.servers.object_store import object_store, store_path
from instagram_assets_tests.servers.postgres import Cluster, postgres_cluster
from instagram_assets_tests.storage.homes import instance_of

OpenHome = Callable[..., AbstractContextManager[dg.DagsterInstance]]


@pytest.fixture(scope="session")
def store() -> Iterator[str]:
    """The address of an S3 server."""
    with object_store() as address:
        yield address


@pytest.fixture(params=["disk", "object store"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> UPath:
    """An empty lake."""
    if request.param == "disk":
        return UPath(tmp_path / "lake")
    return store_path(request.getfixturevalue("store"), uuid.uuid4().hex)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL server."""
    with postgres_cluster() as running:
        yield running


@pytest.fixture(scope="session")
def open_home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenHome]:
    """`instance_of` with a server where one is needed; a new home is a copy of an empty one, which is quicker."""

    def not_synced(connection: Any, _: object) -> None:
        # Durability is the database's promise, not ours: tests need not wait for the disk.
        if isinstance(connection, sqlite3.Connection):
            connection.execute("pragma synchronous = off")

    def cluster_of(kind: str) -> Cluster | None:
        return request.getfixturevalue("cluster") if "postgres" in kind else None

    @cache
    def empty(kind: str) -> Path:
        home = tmp_path_factory.mktemp("empty") / kind.replace(" ", "_")
        with instance_of(kind, home, cluster_of(kind)):
            return home

    def open_it(kind: str, home: Path, **options: Any) -> AbstractContextManager[dg.DagsterInstance]:
        if not home.exists():
            options.setdefault("copy_of", empty(kind))
        return instance_of(kind, home, cluster_of(kind), **options)

    event.listen(Engine, "connect", not_synced)
    yield open_it
    event.remove(Engine, "connect", not_synced)
