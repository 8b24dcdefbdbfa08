"""The runs of the Dagster UI, started from a shell: same jobs, same history."""

import os
import shutil
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg

from instagram_assets.automation.jobs import jobs
from instagram_assets.automation.plan import account_range, plan
from instagram_assets.definitions import defs
from instagram_assets.errors import InstagramAssetsError, SettingsError
from instagram_assets.ingest.landing import settle, touched
from instagram_assets.ingest.manifests import manifests
from instagram_assets.partitions import RANGE_END, RANGE_START, Cell, boxes, known_accounts, window
from instagram_assets.settings import settings
from instagram_assets.storage.lake import lake

# Dagster writes the events of a box in batches of this size; without it the batched log does nothing.
EVENT_BATCH_SIZE = "1000"
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RunFailedError(InstagramAssetsError):
    """A run ended with an error; the message is the error's own."""


def prepare_home(deployment: str = "sqlite") -> Path:
    """Make DAGSTER_HOME with the deployment's dagster.yaml, and point this process and its children at it.

    Raises SettingsError when the folder cannot be written or the deployment is not known.
    """
    home = settings().folder("dagster")
    source = Path(__file__).parent.parent / "deploy" / deployment / "dagster.yaml"
    if not source.is_file():
        raise SettingsError(
            f"{source} is missing. Run from a checkout of the project, installed with `pip install -e .`."
        )
    try:
        for folder in (home, settings().folder("inbox")):
            folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, home / "dagster.yaml")
    except OSError as error:
        raise SettingsError(
            f"{home} cannot be written ({error.strerror}). Set INSTAGRAM_ASSETS_DATA_DIR to a folder that can."
        ) from error
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_EVENT_BATCH_SIZE"] = EVENT_BATCH_SIZE
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    return home


@contextmanager
def open_instance() -> Generator[dg.DagsterInstance]:
    """Dagster's books, in DAGSTER_HOME."""
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        yield instance


def run_job(
    instance: dg.DagsterInstance,
    name: str,
    *,
    tags: dict[str, str] | None = None,
    config: dict[str, Any] | None = None,
    assets: Sequence[dg.AssetKey] | None = None,
) -> dg.ExecuteInProcessResult:
    """Run one job, or only some of its assets, in this process. Raises RunFailedError with the error's message."""
    result = defs.resolve_job_def(name).execute_in_process(
        run_config={**_QUIET, **(config or {})},
        instance=instance,
        tags=tags,
        asset_selection=assets,
        raise_on_error=False,
    )
    if not result.success:
        raise RunFailedError(_why(result, name))
    return result


def land(instance: dg.DagsterInstance, files: Sequence[Path], observed_at: str = "") -> None:
    """Land files, or what lies in the inbox when none are named."""
    options = {"files": [str(file.absolute()) for file in files], "observed_at": observed_at}
    run_job(instance, "landing", config={"ops": {"landed": {"config": options}}})


def bring_up_to_date(instance: dg.DagsterInstance) -> int:
    """Make all tables that landed files still wait for, also those of an interrupted run; how many runs it took."""
    due = plan(instance)
    if due.profiles:
        run_job(instance, "profiles", tags=due.profiles)
    for part in due.boxes:
        run_job(instance, "box", tags=part.tags)
    settle(lake(), due.files)
    return len(due.boxes) + bool(due.profiles)


def _why(result: dg.ExecuteInProcessResult, name: str) -> str:
    """The error of the step that failed first, in its own words."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            told = data.user_failure_data.description if data.user_failure_data else _innermost(data.error)
            return f"{name}, step {event.step_key}: {(told or event.message or '').strip()}"
    return f"{name}: the run failed; see it in the Dagster UI"


def _innermost(error: Any) -> str | None:
    """The message of our own error where there is one, else of the first cause of all."""
    ours = {kind.__name__ for kind in InstagramAssetsError.__subclasses__()}
    while error and error.cause and error.cls_name not in ours:
        error = error.cause
    return error.message.removeprefix(f"{error.cls_name}: ") if error else None


def holds_posts() -> bool:
    """True when the lake has posts already."""
    return (lake() / "posts").exists()


def materialize(instance: dg.DagsterInstance, selection: str, accounts: str = "", days: str = "") -> Iterator[str]:
    """Make the selected assets again, one job after another; yields a line for each run.

    `accounts` is names separated by commas or a file with one per line, `days` one day or first..last; empty
    means all accounts, and the days that hold posts. Raises SettingsError for what is not known.
    """
    wanted = _select(selection)
    order = known_accounts(instance)
    chosen = _chosen_accounts(accounts, order)
    for job in jobs:
        assets = [key for key in wanted if key in _keys_of(job.name)]
        if not assets:
            continue
        for tags in _tags(job.name, order, chosen, days):
            run_job(instance, job.name, tags=tags, assets=assets)
            yield f"{job.name}: {', '.join(sorted(key.path[-1] for key in assets))}  {_span(tags)}".rstrip()


def _select(selection: str) -> set[dg.AssetKey]:
    graph = defs.resolve_asset_graph()
    try:
        wanted = dg.AssetSelection.from_string(selection).resolve(graph)
    except Exception as error:  # the parser raises kinds of its own, each with a page of text
        wanted, cause = None, error
    else:
        cause = None
    if not wanted:
        names = ", ".join(sorted(key.path[-1] for key in graph.get_all_asset_keys()))
        raise SettingsError(f"{selection!r} selects no asset. Assets are: {names}.") from cause
    return set(wanted)


def _keys_of(job: str) -> set[dg.AssetKey]:
    return set(defs.resolve_job_def(job).asset_layer.executable_asset_keys)


def _chosen_accounts(text: str, order: Sequence[str]) -> list[str]:
    """Account names from a list or a file with one per line; comments, blank lines and doubles are left out."""
    path = Path(text) if text else None
    if path and path.is_file():
        lines = path.read_text("utf-8-sig").splitlines()
        names = [line.split("#", 1)[0].strip() for line in lines]
    else:
        names = [name.strip() for name in text.split(",")]
    names = list(dict.fromkeys(name.lower().removeprefix("@") for name in names if name))
    if text and not names:
        raise SettingsError(f"--accounts {text}: no account in it")
    if unknown := [name for name in names if name not in order]:
        raise SettingsError(f"--accounts: not a known account: {', '.join(unknown)}. Ingest a file that has it first.")
    return names or list(order)


def _tags(job: str, order: Sequence[str], chosen: Sequence[str], days: str) -> Sequence[dict[str, str] | None]:
    """The tags of each run that a job needs for these accounts and days."""
    if job in ("landing", "datasets"):
        return [None]
    if job == "profiles":
        tags = account_range(order, chosen)
        return [tags] if tags else []
    landed = touched(lake(), manifests(lake()), *_day_range(days)).cells
    cells = (Cell(account, day) for account, day in landed if account in set(chosen))
    return [part.tags for part in boxes(cells, order)]


def _day_range(text: str) -> tuple[date, date]:
    if not text:
        return window()
    first, _, last = text.partition("..")
    try:
        chosen = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError as error:
        raise SettingsError(f"--days {text}: not a day. Use 2026-11-01 or 2026-11-01..2026-11-14.") from error
    start, end = window()
    if not start <= chosen[0] <= chosen[1] <= end:
        raise SettingsError(f"--days {text}: allowed are {start}..{end}, first day first.")
    return chosen


def _span(tags: dict[str, str] | None) -> str:
    return f"{tags[RANGE_START]} … {tags[RANGE_END]}" if tags else ""
