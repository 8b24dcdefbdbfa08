"""The first start under faults: Dagster's home as one that nothing disturbed has it, whatever died in making it."""

import importlib
import multiprocessing
import os
import sqlite3
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from instagram_assets_tests.faults.campaign import Scenario

DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
IMPORTS = (
    *(
        "pandas",
        "instagram_assets.automation.shell_runs",
        "dagster._core.storage.legacy_storage",
        "dagster._core.storage.sqlite_storage",
    ),
    *("dagster._core.storage.event_log", "alembic.command", "sqlalchemy.dialects.sqlite", f"{__name__}"),
    "instagram_assets_tests.faults.migrations",
)


def start(home: str) -> None:
    """Called in the worker: what every command does first, and a word into each of Dagster's databases."""
    _use(home)
    from instagram_assets.automation.shell_runs import open_instance
    from instagram_assets.partitions import register_search

    with open_instance() as instance:
        register_search(instance, "cats")  # two at once may register one name, which Dagster's own call may not
        instance.run_storage.set_cursor_values({"seen": "1"})
        if not instance.has_dynamic_partition("searches", "cats") or instance.get_runs():
            raise RuntimeError("what was stored is not there")
        if instance.all_instigator_state():
            raise RuntimeError("there are sensors that nobody started")


def start_or_leave_to_dagster(home: str, ours: bool) -> None:
    """Called in the worker: as `start`, or as Dagster starts where nobody looks after it."""
    if ours:
        start(home)
        return
    _use(home)
    import dagster as dg

    folder = Path(home, "dagster")
    folder.mkdir(exist_ok=True)
    (folder / "dagster.yaml").write_bytes(_configuration().read_bytes())
    os.environ["DAGSTER_HOME"] = str(folder)
    with dg.DagsterInstance.get() as instance:
        instance.get_runs()


def problem(home: Path, *, finished: bool) -> str:
    """What is wrong with the databases: each is whole, or, while nothing has `finished`, not there."""
    for name in DATABASES:
        path = home / "dagster" / name
        if not path.exists():
            if finished:
                return f"{name} is not there"
            continue
        if found := sorted(_shape(path) ^ _whole_shape(name)):
            return f"{name} is not as it should be: {found}"
    left = [path.name for path in (home / "dagster").rglob(".*")]
    return f"left half done: {left}" if finished and left else ""


def two_at_once(homes: Sequence[Path]) -> list[str]:
    """Two first starts at the same moment in each folder, then one plain one; what went wrong, in words."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTS))
    barrier = context.Barrier(2)
    pipes: list[Connection] = []
    processes: list[Any] = []
    try:
        for _ in range(2):
            ours, theirs = context.Pipe()
            process = context.Process(target=_start_each, args=(theirs, barrier), daemon=True)
            process.start()
            theirs.close()
            pipes.append(ours)
            processes.append(process)
        return [text for number, home in enumerate(homes) for text in _trial(number, home, pipes)]
    finally:
        for process in processes:
            process.kill()
            process.join()


def _trial(number: int, home: Path, pipes: Sequence[Connection]) -> list[str]:
    for pipe in pipes:
        pipe.send((str(home), True))
    said = [pipe.recv() for pipe in pipes]
    pipes[0].send((str(home), False))
    said += [pipes[0].recv(), problem(home, finished=True)]
    return [f"trial {number}: {text}" for text in said if text]


def _start_each(pipe: Connection, barrier: Any) -> None:
    for name in IMPORTS:  # before the race, which is about what follows
        importlib.import_module(name)
    while True:
        home, together = pipe.recv()
        if together:
            barrier.wait()
        try:
            start(home)
        except Exception as error:
            pipe.send(repr(error))
        else:
            pipe.send("")


def _use(home: str) -> None:
    os.environ["INSTAGRAM_ASSETS_DATA_DIR"] = home
    os.chdir(home)  # away from anybody's .env
    from instagram_assets.settings import settings

    settings.cache_clear()


def _configuration() -> Path:
    from instagram_assets.homes import HOMES

    return HOMES / "sqlite" / "dagster.yaml"


@cache
def _whole() -> Path:
    """A home as it should be, made by Dagster itself with nobody in its way."""
    from dagster._core.storage.event_log import SqliteEventLogStorage
    from dagster._core.storage.runs import SqliteRunStorage
    from dagster._core.storage.schedules import SqliteScheduleStorage

    home = Path(tempfile.mkdtemp(prefix="faults-home-"))
    SqliteRunStorage.from_local(str(home / "history"))
    SqliteEventLogStorage(str(home / "history" / "runs"))
    SqliteScheduleStorage.from_local(str(home / "schedules"))
    return home


@cache
def _whole_shape(name: str) -> frozenset[tuple[str, ...]]:
    return _shape(_whole() / name)


def _shape(path: Path) -> frozenset[tuple[str, ...]]:
    """The tables and indexes of a database, its versions, and which of Dagster's own migrations it needs no more."""
    with closing(sqlite3.connect(path)) as database:
        tables = database.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master").fetchall()
        versions = database.execute("SELECT version_num FROM alembic_version").fetchall()
        marks = database.execute("SELECT name FROM secondary_indexes").fetchall()
        mode = database.execute("PRAGMA journal_mode").fetchall()
        return frozenset(map(tuple, [*tables, *versions, *marks, *mode]))


def _arguments(folder: Path) -> Sequence[object]:
    return [str(folder)]


FIRST_START = Scenario(
    "a first start",
    f"{__name__}:start",
    prepare=lambda folder: None,
    arguments=_arguments,
    after_fault=lambda folder: problem(folder, finished=False),
    after_rerun=lambda folder: problem(folder, finished=True),
    imports=IMPORTS,
)
