"""Dagster homes of tests: on stock storage, and on the two storages that are shipped, each a copy of one made once."""

import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from instagram_assets.homes import HOMES
from instagram_assets_tests.servers.postgres import Cluster

STOCK = "telemetry: {enabled: false}\n"
STOCK_POSTGRES = f"""{STOCK}
storage:
  postgres:
    postgres_db:
      scheme: postgresql+psycopg2
      username: {{env: POSTGRES_USER}}
      password: {{env: POSTGRES_PASSWORD}}
      hostname: {{env: POSTGRES_HOST}}
      port: {{env: POSTGRES_PORT}}
      db_name: {{env: POSTGRES_DB}}
"""
IN_THIS_PROCESS = """
run_launcher: {module: dagster._core.launcher.sync_in_memory_run_launcher, class: SyncInMemoryRunLauncher}
"""
"""What a home says besides, when the runs that the UI or the daemon launches are to run here."""


def settings_of(kind: str) -> str:
    """The dagster.yaml of a home: `stock`, `stock postgres`, or one that is shipped, `sqlite` or `postgres`."""
    stock = {"stock": STOCK, "stock postgres": STOCK_POSTGRES}
    return stock.get(kind) or (HOMES / kind / "dagster.yaml").read_text("utf-8")


@contextmanager
def instance_of(
    kind: str, home: Path, cluster: Cluster | None, copy_of: Path | None = None, batch: int = 15, more: str = ""
) -> Generator[dg.DagsterInstance]:
    """The instance of a home, which is made when it is not there: empty, or with the history of another."""
    is_new = not home.exists()
    if is_new and copy_of:
        shutil.copytree(copy_of, home)
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text(settings_of(kind) + more, "utf-8")
    with pytest.MonkeyPatch.context() as patch:
        if "postgres" in kind:
            assert cluster
            if is_new:
                cluster.create(_database(home), _database(copy_of) if copy_of else "template1")
            for name, value in cluster.variables(_database(home)).items():
                patch.setenv(name, value)
        patch.setenv("DAGSTER_HOME", str(home))
        patch.setenv("FILES", str(home / "files"))
        patch.setenv("DAGSTER_EVENT_BATCH_SIZE", str(batch))
        with dg.DagsterInstance.from_config(str(home)) as instance:
            yield instance


def _database(home: Path) -> str:
    """A name for the database of a home; PostgreSQL takes 63 letters."""
    return re.sub(r"\W", "_", str(home))[-60:]
