"""What many tests need: a data folder of their own, a Dagster instance in it, and small models."""

import atexit
import gc
import importlib
import json
import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.execution import compute_logs
from hypothesis import settings as hypothesis_settings
from sqlalchemy import Engine, event
from xdist.scheduler import LoadFileScheduling

from instagram_assets.settings import settings
from instagram_assets_tests.dagster_instances import instance_of
from instagram_assets_tests.models.small_models import save_bert, save_blip, save_clip, save_siglip
from instagram_assets_tests.servers.postgres import Cluster, postgres_cluster

OpenHome = Callable[..., AbstractContextManager[dg.DagsterInstance]]
Posts = Callable[..., Path]

# Read once, here and in what is forked from here.
importlib.import_module("instagram_assets_tests.faults.migrations")

# A machine with other work takes its time; how long an example takes is no promise of ours.
# The same examples each time, so that a change is judged by what it changed; `make explore` looks for new ones.
hypothesis_settings.register_profile("same", deadline=None, derandomize=True, max_examples=30)
hypothesis_settings.register_profile("explore", deadline=None, max_examples=5_000)
hypothesis_settings.load_profile("same")


# What temporary folders may take of a file system in memory.
ROOM = 4 << 30

# Begun first, so that no worker is left alone with one of them at the end; those of a folder `with_…` come together.
SLOWEST = (
    *("test_every_page", "test_files", "test_collecting", "test_wheel", "test_dev_inbox", "test_forgetting"),
    *("test_dagster_api", "test_images", "test_collection_jobs", "test_api_jobs", "test_interrupted", "test_search"),
    *("test_erasure", "test_interrupted_erasure", "test_outputs_faults", "test_without_models", "test_dagster_ui"),
    *(
        "test_dagster_away",
        "test_dev_processes",
        "test_commands",
        "test_command_outcome",
        "test_mutations",
        "test_landing_faults",
    ),
    *(
        "test_history_faults",
        "test_event_log_pages",
        "test_tombstone_matcher",
        "test_alert_sensor",
        "test_reel_pipeline",
    ),
    *("test_running", "test_pages", "test_accessible", "test_schema", "test_collector_killed", "test_table_parts"),
    *("test_caption", "test_batch_failures", "test_notebook", "test_dagster_home", "test_interrupted_training"),
    *("test_killed_scrape", "test_index_updater", "test_gallery", "test_insights", "test_pipeline"),
    *("test_demo_models", "test_event_log_failures"),
)


def pytest_configure() -> None:
    # A shell's background jobs ignore SIGINT. Dagster gives SIGTERM what SIGINT has, at the end of each run: it would
    # be ignored from then on, also by every process that a test starts and wants to end.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # Runs in this process write what their steps print to files, as ever; for showing it, too, Dagster would start two
    # times `tail` and two times Python for each run, and nobody looks. Commands and `dev` of tests show it.
    compute_logs.tail_to_stream = _not_shown
    # Tests need not wait for a disk: that bytes survive is proven by faults in the calls, not by cutting the power.
    memory = Path("/dev/shm")
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


@contextmanager
def _not_shown(path: str, stream: object) -> Generator[tuple[None, None]]:
    yield None, None


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    return FolderScheduling(config, log) if config.option.dist == "loadfile" else None


class FolderScheduling(LoadFileScheduling):
    """One worker runs a file; those of a folder `with_…` too, one after the other: they share what it starts once."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        folder = file.rpartition("/")[0]
        return folder if folder.rpartition("/")[2].startswith("with_") else file


def pytest_sessionstart(session: pytest.Session) -> None:
    # What is loaded for the tests stays: garbage need not be looked for while they are collected.
    gc.disable()
    # pytest compiles each file of tests, and keeps the result for the next process. In a fresh checkout every worker
    # would compile all of them at the same time: each begins with its share of them, and finds the others compiled.
    if worker := getattr(session.config, "workerinput", None):
        number, count = int(worker["workerid"].removeprefix("gw")), int(worker["workercount"])
        root = Path(__file__).parent
        for path in sorted(root.rglob("test_*.py"))[number::count]:
            with suppress(Exception, pytest.skip.Exception):  # collecting it tells what is wrong with it
                importlib.import_module(".".join([root.name, *path.relative_to(root).with_suffix("").parts]))


def pytest_collection_finish() -> None:
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(100_000, 20, 100)  # by default a twelfth of the tests' time goes to looking for garbage
    # What ends with the process is looked through again, as DuckDB tells what it finds left; not by pytest before that.
    atexit.register(gc.unfreeze)


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem and nextitem.path != item.path:
        # What a file leaves, libraries that it loaded above all, is not looked through again in each later collection.
        gc.collect()
        gc.freeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: SLOWEST.index(name) if (name := item.path.stem) in SLOWEST else len(SLOWEST))


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """Small models are slower on several threads, which wait for one another, above all where other programs run."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty data folder, which the settings name; images are not fetched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INSTAGRAM_ASSETS_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES", "false")
    monkeypatch.setenv("INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS", "0")
    settings.cache_clear()
    (tmp_path / "data" / "inbox").mkdir(parents=True)
    yield tmp_path / "data"
    settings.cache_clear()


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


@pytest.fixture
def instance(request: pytest.FixtureRequest, data_dir: Path, open_home: OpenHome) -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in the data folder, as `make dev` has one; `on_both_storages` asks for PostgreSQL, too."""
    with open_home(getattr(request, "param", "sqlite"), data_dir / "dagster", batch=1000) as instance:
        yield instance


on_both_storages = pytest.mark.parametrize("instance", ["sqlite", "postgres"], indirect=True)


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small model of each kind, which no test may change."""
    folder = tmp_path_factory.mktemp("models")
    save_bert(folder / "bert")
    save_blip(folder / "blip")
    save_clip(folder / "clip")
    save_siglip(folder / "siglip")
    return folder


@pytest.fixture
def bert(saved: Path, tmp_path: Path) -> Path:
    """A language model to do with as one likes."""
    return shutil.copytree(saved / "bert", tmp_path / "bert")


@pytest.fixture
def blip(saved: Path, tmp_path: Path) -> Path:
    """A captioning model to do with as one likes."""
    return shutil.copytree(saved / "blip", tmp_path / "blip")


@pytest.fixture
def clip(saved: Path, tmp_path: Path) -> Path:
    """An embedding model to do with as one likes."""
    return shutil.copytree(saved / "clip", tmp_path / "clip")


def export(path: Path, posts: list[dict[str, Any]]) -> Path:
    """Write records as an Apify export."""
    path.write_text(json.dumps(posts, ensure_ascii=False), encoding="utf-8")
    return path


def post(number: int, account: str = "sun_diary", day: str = "2026-10-20", **changes: Any) -> dict[str, Any]:
    """An Apify post of an invented account."""
    return {
        "inputUrl": f"https://www.instagram.com/{account}/",
        "id": str(10_000 + number),
        "type": "Image",
        "shortCode": f"CODE{number}",
        "caption": "#산책",  # no prose: a process need not load Kiwi, which takes five seconds
        "commentsCount": 2,
        "likesCount": 10,
        "displayUrl": f"https://cdn.example/{number}_n.jpg",
        "images": [],
        "childPosts": [],
        "timestamp": f"{day}T03:00:00.000Z",
        "ownerUsername": account,
        "ownerId": f"9{sum(map(ord, account))}",
        "url": f"https://www.instagram.com/p/CODE{number}/",
    } | changes


def profile(account: str = "sun_diary", followers: int = 100, **changes: Any) -> dict[str, Any]:
    """An Apify profile of an invented account."""
    return {
        "inputUrl": f"https://www.instagram.com/{account}/",
        "id": f"9{sum(map(ord, account))}",
        "username": account,
        "fullName": account,
        "biography": "",
        "followersCount": followers,
        "followsCount": 1,
        "postsCount": 3,
        "private": False,
        "verified": False,
        "latestPosts": [],
    } | changes
