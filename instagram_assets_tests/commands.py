"""`instagram-assets` as a person types it: each command in a process of its own, forked from one that is warm.

Loading Dagster, pandas and DuckDB takes five seconds of a processor, which are no part of what most tests are about;
here they are spent once in each process that runs tests. Nothing of ours is loaded before the fork: its modules read
settings. `run_anew` is for tests about the process itself: its environment, where it is installed, what it loads.
"""

import atexit
import gc
import importlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from functools import cache
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).parents[1]
# These read a home folder when they are loaded.
ABOUT_HOME = ("huggingface_hub", "transformers")
# What commands load of others besides.
LIBRARIES = (
    *(
        "dagster",
        "pandas",
        "deltalake",
        "scipy.sparse.linalg",
        "msgspec.json",
        "pyarrow.acero",
        "pyarrow.dataset",
        "pyarrow.parquet",
        "pyarrow.compute",
        "duckdb",
        "sqlalchemy",
    ),
    *("alembic.command", "dagster._core.storage.legacy_storage", "dagster._core.storage.sqlite_storage"),
    *("dagster._core.storage.root", "dagster._core.storage.local_compute_log_manager"),
    *("dagster._core.executor.in_process", "dagster._core.execution.plan.active"),
    *("dagster._core.storage.event_log", "dagster._core.storage.runs", "dagster._core.storage.schedules"),
    *("sqlalchemy.dialects.sqlite", "matplotlib.figure", "matplotlib.backends.backend_agg", "wordcloud", "kiwipiepy"),
    *("typer", "rich.console", "rich.progress", "rich.table", "pydantic_settings", "upath", "fsspec", "aiohttp"),
    *("emoji", "charset_normalizer", "PIL.Image", "instagram_assets_tests.faults.migrations"),
)


def run(*words: object, cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run one command in a folder, with these variables and no others."""
    command = list(map(str, words))
    with tempfile.TemporaryDirectory() as folder:
        told = [str(Path(folder, name)) for name in ("stdout", "stderr")]
        status = _ask({"words": command, "cwd": str(cwd), "environment": environment, "told": told})
        stdout, stderr = (Path(name).read_text("utf-8") for name in told)
    return subprocess.CompletedProcess(["instagram-assets", *command], status, stdout, stderr)


def run_anew(*words: object, cwd: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """As `run`, in a process that has to load everything itself."""
    command = [sys.executable, "-m", "instagram_assets.cli", *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True)


def _ask(request: dict[str, object]) -> int:
    warm = _warm()
    assert warm.stdin
    assert warm.stdout
    warm.stdin.write(json.dumps(request) + "\n")
    warm.stdin.flush()
    return int(warm.stdout.readline())


@cache
def _warm() -> subprocess.Popen[str]:
    """The warm process of this one; it ends with it."""
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    given = {name: value for name, value in os.environ.items() if not name.startswith(("INSTAGRAM_ASSETS", "DAGSTER"))}
    warm = subprocess.Popen(
        [sys.executable, "-m", "instagram_assets_tests.commands"],
        cwd=ROOT,
        env=given | {"PYTHONPATH": os.pathsep.join(paths)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(warm.communicate)
    return warm


def _serve() -> None:
    """Run a command for each line of standard input, and tell its exit status."""
    for name in LIBRARIES:
        importlib.import_module(name)
    if set(ABOUT_HOME) & sys.modules.keys():
        raise RuntimeError(f"one of {ABOUT_HOME} is loaded, which a command has to do with its own environment")
    if threading.active_count() > 1:
        raise RuntimeError(f"a library started threads, which do not survive a fork: {threading.enumerate()}")
    gc.collect()
    gc.freeze()  # no child looks through, and so copies, what is loaded
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _command(**json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    gc.unfreeze()  # as in conftest: DuckDB tells what it finds left


def _command(words: list[str], cwd: str, environment: dict[str, str], told: list[str]) -> NoReturn:
    """What `python -m instagram_assets.cli` does, in a process that has just been forked."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    for standard, path in enumerate([os.devnull, *told]):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(descriptor, standard)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = (
        open(standard, mode, encoding="utf-8", buffering=1, closefd=False)  # noqa: SIM115
        for standard, mode in enumerate("rww")
    )
    status = 1
    try:
        from instagram_assets.cli import app

        sys.argv = ["instagram-assets", *words]
        app(prog_name="instagram-assets")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    # As at the end of any program, but for what is only taken down.
    threading._shutdown()  # pyright: ignore[reportAttributeAccessIssue]
    atexit._run_exitfuncs()  # pyright: ignore[reportPrivateUsage]
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    _serve()
