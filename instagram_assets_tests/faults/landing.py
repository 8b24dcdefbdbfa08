"""Landing under faults: files with an account of their own each, and the plan of what has to run after them."""

import json
import os
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from upath import UPath

from instagram_assets.ingest.manifests import pending_files
from instagram_assets_tests.faults.campaign import Scenario

# Loaded before the trials: what a Dagster instance loads when it is opened.
IMPORTS = (
    *(
        "instagram_assets_tests.faults.warm",
        "pyarrow.dataset",
        "instagram_assets.automation.shell_runs",
        "instagram_assets.automation.partitions_to_run",
    ),
    *("dagster._core.storage.sqlite_storage", "dagster._core.storage.event_log", "dagster._core.storage.runs"),
    *("dagster._core.storage.schedules", "dagster._core.storage.legacy_storage", "alembic.command"),
    *("dagster._core.instance.factory", "instagram_assets_tests.faults.migrations", "pyarrow.acero"),
)


def land_and_plan(home: str) -> None:
    """Called in the worker: one plain landing of the inbox, and the plan; raises what a person would see."""
    _use(home)
    import dagster as dg

    from instagram_assets.automation.partitions_to_run import plan_runs
    from instagram_assets.automation.shell_runs import prepare_home
    from instagram_assets.ingest import inbox
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    result = inbox.land_files([], open_lake(settings()), settings())
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        due = plan_runs(instance)
        print(len(due.files), len(due.boxes), len(instance.get_dynamic_partitions("accounts")))
    if result.failures:
        raise RuntimeError("\n".join(map(str, result.failures)))


def fill(home: Path, files: int) -> None:
    """The state before: files in the inbox, and a Dagster instance without an account."""
    shutil.copytree(_filled(files), home, dirs_exist_ok=True)


def _use(home: str) -> None:
    os.environ["INSTAGRAM_ASSETS_DATA_DIR"] = home
    os.chdir(home)  # away from anybody's .env
    from instagram_assets.settings import settings

    settings.cache_clear()


@cache
def _filled(files: int) -> Path:
    home = Path(tempfile.mkdtemp(prefix="faults-landing-"))
    (home / "inbox").mkdir()
    for number in range(files):
        (home / "inbox" / f"f{number:02d}.json").write_text(json.dumps([post(number)]))
    before = os.environ.copy(), Path.cwd()
    try:
        _use(str(home))
        from instagram_assets.automation.shell_runs import open_instance

        with open_instance():
            pass
    finally:
        os.environ.clear()
        os.environ.update(before[0])
        os.chdir(before[1])
        from instagram_assets.settings import settings

        settings.cache_clear()
    return home


def post(number: int) -> dict[str, Any]:
    return {
        "id": str(9000 + number),
        "shortCode": f"M{number}",
        "type": "Image",
        "caption": "",
        "likesCount": number,
        "timestamp": f"2025-07-{1 + number % 20:02d}T11:15:43.000Z",
        "displayUrl": "https://cdn.example/a.jpg",
        "ownerUsername": f"multi{number}",
        "ownerId": str(number),
    }


def _whole_files(home: Path, files: int) -> str:
    """Nothing is lost, and what has landed has landed whole and waits for its cells."""
    from instagram_assets.ingest import landing, manifests

    lying = sorted(path.name for path in (home / "inbox").rglob("*.json"))
    if len(lying) != files:
        return f"{len(lying)} of {files} files are there: {lying}"
    lake = UPath(home / "lake")
    landed = manifests.manifests(lake)
    if broken := [file.file for file in landed if not landing.has_all_tables(lake, file)]:
        return f"these have not landed whole: {broken}"
    waiting = {file.sha256 for file in pending_files(lake)}
    if forgotten := [file.file for file in landed if file.sha256 not in waiting]:
        return f"these have landed, and no cell waits for them: {forgotten}"
    return ""


def _complete(home: Path, files: int) -> str:
    from instagram_assets.ingest import manifests
    from instagram_assets.storage.atomic import is_temporary

    done = sorted(path.name for path in (home / "inbox" / "done").iterdir())
    if len(done) != files or len(list((home / "inbox").iterdir())) != 1:
        return f"put aside are {done}"
    if len(manifests.manifests(UPath(home / "lake"))) != files:
        return "not every file has landed"
    left = [path.name for path in (home / "lake").rglob("*") if is_temporary(path.name)]
    return f"left half done: {left}" if left else _whole_files(home, files)


def landing_of(files: int) -> Scenario:
    """So many files that land in one go."""
    return Scenario(
        f"landing {files} files",
        f"{__name__}:land_and_plan",
        prepare=lambda folder: fill(folder, files),
        arguments=lambda folder: [str(folder)],
        after_fault=lambda folder: _whole_files(folder, files),
        after_rerun=lambda folder: _complete(folder, files),
        imports=IMPORTS,
    )


LANDING = landing_of(20)
