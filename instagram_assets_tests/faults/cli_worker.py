"""Commands as a person starts them, called in a process of their own by the fault harness."""

import os
import resource
from pathlib import Path

IMPORTS = (
    *(
        "pandas",
        "pyarrow.dataset",
        "pyarrow.parquet",
        "pyarrow.compute",
        "instagram_assets.automation.shell_runs",
        "alembic.command",
    ),
    *("dagster._core.storage.legacy_storage", "dagster._core.storage.sqlite_storage", "rich.console"),
    *("dagster._core.storage.event_log", "sqlalchemy.dialects.sqlite", "instagram_assets.cli.command_outcome"),
    "instagram_assets_tests.faults.migrations",
)


def command(home: str, *words: str) -> None:
    """Run `instagram-assets` with these words; prints what a person sees, and the exit status."""
    _use(home)
    from instagram_assets.cli import app

    try:
        app(list(words))
    except SystemExit as ended:
        print(f"exit status {ended.code}", flush=True)


def command_with_few_files(home: str, more: int, *words: str) -> None:
    """As `command`, where only so many more files can be open at once than are already."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    opened = max(int(name) for name in os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + more, most))
    command(home, *words)


def _use(home: str) -> None:
    os.environ["INSTAGRAM_ASSETS_DATA_DIR"] = str(Path(home, "data"))
    os.environ.pop("DAGSTER_HOME", None)
    for name in ("DOWNLOAD__DOWNLOAD_IMAGES", "CAPTIONS__ENABLED", "EMBEDDINGS__ENABLED"):
        os.environ[f"INSTAGRAM_ASSETS_{name}"] = "false"
    os.chdir(home)
    from instagram_assets.settings import settings

    settings.cache_clear()
