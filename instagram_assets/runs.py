"""The runs of the Dagster UI, started from a shell: same jobs, same history."""

import os
import re
import subprocess
import sys
from collections.abc import Collection, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.execution.api import execute_run_iterator
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from instagram_assets.automation.dead_runs import PROCESS_TAG, STOPPED, close_dead_runs, reason_of, this_process
from instagram_assets.automation.home import make_home
from instagram_assets.automation.jobs import AGE_JOBS, jobs
from instagram_assets.automation.plan import account_range, exact_ranges, plan
from instagram_assets.datasets.folder import why_not
from instagram_assets.datasets.folder_state import check_growing
from instagram_assets.datasets.json import json_name
from instagram_assets.definitions import defs
from instagram_assets.errors import InstagramAssetsError, SettingsError
from instagram_assets.ingest.landing import pending, settle, touched
from instagram_assets.ingest.manifests import manifests
from instagram_assets.ingest.search_errors import QueryError
from instagram_assets.ingest.search_requests import SearchRequest, find_request, search_name
from instagram_assets.partitions import (
    PARTITION,
    PLAN,
    RANGE_END,
    RANGE_START,
    Cell,
    boxes,
    is_outdated,
    known_accounts,
    register_accounts,
    register_search,
    window,
)
from instagram_assets.preflight import check_selected, missing_models, skipped_line
from instagram_assets.settings import settings
from instagram_assets.storage.atomic import remedy
from instagram_assets.storage.lake import lake, read_table, values_in

# Dagster writes the events of a box in batches of this size; without it the batched log does nothing.
EVENT_BATCH_SIZE = "1000"
_RAW_TABLES = ("raw_posts", "raw_reels", "raw_profiles")
LOCATION = "instagram_assets"
"""The name of the code location, as `workspace.yaml` has it."""
# Boxes are many, and their stages short.
_STAGES_OF_BOXES: dict[str, Any] = {"loggers": {"stages": {"config": {"seconds": 2.0}}}}
_STAGES: dict[str, Any] = {"loggers": {"stages": {"config": {"seconds": 0.0}}}}


class RunFailedError(InstagramAssetsError):
    """A run ended with an error; the message is the error's own."""


def prepare_home(deployment: str = "sqlite") -> Path:
    """Make DAGSTER_HOME with the deployment's dagster.yaml and databases; point this process and its children at it.

    Whoever opens Dagster's instance comes by here first: of two first starts one waits. Raises SettingsError when the
    folder cannot be written or the deployment is not known, StorageError when a database is damaged.
    """
    home = settings().folder("dagster")
    source = Path(__file__).parent.parent / "deploy" / deployment / "dagster.yaml"
    if not source.is_file():
        raise SettingsError(
            f"{source} is missing. Run from a checkout of the project, installed with `pip install -e .`."
        )
    try:
        settings().folder("inbox").mkdir(parents=True, exist_ok=True)
        make_home(home, source, databases=deployment == "sqlite")
    except OSError as error:
        raise SettingsError(f"{home} cannot be written ({error.strerror}). {remedy(error)}.") from error
    os.environ["DAGSTER_HOME"] = str(home)
    os.environ["DAGSTER_EVENT_BATCH_SIZE"] = EVENT_BATCH_SIZE
    os.environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    return home


@contextmanager
def open_instance() -> Generator[dg.DagsterInstance]:
    """The Dagster instance of DAGSTER_HOME."""
    prepare_home()
    with dg.DagsterInstance.get() as instance:
        close_dead_runs(instance)
        _register_again(instance)
        yield instance


def _register_again(instance: dg.DagsterInstance) -> None:
    """Register what the lake has rows of in a new record of Dagster: its database was damaged, or left behind."""
    if not known_accounts(instance):
        register_accounts(instance, sorted(set().union(*(values_in(lake(), name) for name in _RAW_TABLES))))
    if not instance.get_dynamic_partitions("searches"):
        for name in sorted(values_in(lake(), "search_results")):
            register_search(instance, name)


def run_job(
    instance: dg.DagsterInstance,
    name: str,
    *,
    tags: dict[str, str] | None = None,
    config: dict[str, Any] | None = None,
    assets: Sequence[dg.AssetKey] | None = None,
    resources: Mapping[str, object] | None = None,
) -> list[dg.AssetMaterialization]:
    """Run one job, or only some of its assets, in this process; what was materialized that has no partitions.

    `resources` stand in the place of those of the definitions. Raises RunFailedError with the error's message, and
    KeyboardInterrupt when a signal stopped the run.
    """
    job = defs.resolve_job_def(name)
    if resources:
        given = {key: dg.ResourceDefinition.hardcoded_resource(value) for key, value in resources.items()}
        job = job.with_top_level_resources({**job.resource_defs, **given})
    if assets:
        job = job.get_subset(asset_selection=set(assets))
    run = instance.create_run_for_job(
        job,
        run_config={**_STAGES_OF_BOXES, **(config or {})},
        # A command that failed says so; the daemon must not start it again.
        tags={**job.run_tags, **(tags or {}), PROCESS_TAG: this_process(), "dagster/max_retries": "0"},
        asset_selection=frozenset(assets) if assets else None,
        remote_job_origin=_shown_as(name),
    )
    made: list[dg.AssetMaterialization] = []
    failure = ""
    # Events are looked at one by one: those of 20,000 cells take hundreds of megabytes together.
    for event in execute_run_iterator(InMemoryJob(job), run, instance):
        if event.is_step_failure:
            failure = failure or f"{name}, step {event.step_key}: {reason_of(event)}"
        elif event.event_type == dg.DagsterEventType.RUN_FAILURE:
            failure = failure or f"{name}: {reason_of(event)}"
        elif event.is_step_materialization and event.partition is None:
            made.append(event.step_materialization_data.materialization)
    if failure.endswith(STOPPED):
        raise KeyboardInterrupt(failure)  # and not an error, after which a command may go on
    if instance.get_run_by_id(run.run_id).status != dg.DagsterRunStatus.SUCCESS:  # pyright: ignore[reportOptionalMemberAccess] it was made here
        raise RunFailedError(failure or f"{name}: the run failed; see it in the Dagster UI")
    return made


def _shown_as(job: str) -> RemoteJobOrigin:
    """Where the Dagster UI shows a run: at the job of the code location that `dev` serves."""
    location = RegisteredCodeLocationOrigin(LOCATION)
    return RemoteJobOrigin(RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME), job)


def land(instance: dg.DagsterInstance, files: Sequence[Path], observed_at: str = "") -> None:
    """Land files, or what lies in the inbox when none are named."""
    named = tuple(file.absolute() for file in files)
    options = {"ops": {"landed": {"config": {"observed_at": observed_at}}}}
    run_job(instance, "landing", config=options, resources={"landing_files": named})


def bring_up_to_date(instance: dg.DagsterInstance) -> int:
    """Make all tables that landed files still wait for, also those of an interrupted run; how many runs it took."""
    due = plan(instance)
    if due.profiles:
        run_job(instance, "profiles", tags=due.profiles)
    for number, part in enumerate(due.boxes, start=1):
        if len(due.boxes) > 1:
            print(f"tables: run {number} of {len(due.boxes)}, {_span(part.tags)}", file=sys.stderr)
        run_job(instance, "box", tags=due.tags_of(part), assets=due.assets)
    settle(lake(), due.files)
    return len(due.boxes) + bool(due.profiles)


def finish(instance: dg.DagsterInstance) -> None:
    """Make all tables that landed files wait for, then the datasets. Raises RunFailedError.

    When older posts have landed another process does it: Dagster's days are those of the time when it was loaded.
    """
    if not is_outdated():
        bring_up_to_date(instance)
        run_job(instance, "datasets")
        return
    done = subprocess.run([sys.executable, "-m", "instagram_assets.cli", "finish"], stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RunFailedError("the tables could not be made; the reason stands above")


def estimate_ages(instance: dg.DagsterInstance, accounts: Collection[str]) -> None:
    """Train the age model, unless nothing changed, and ask it about these accounts. Raises RunFailedError."""
    run_job(instance, "age_training")
    for tags in exact_ranges(known_accounts(instance), accounts):
        run_job(instance, "age_estimates", tags=tags)


class SearchResult(NamedTuple):
    """What a search left: its name, the images kept, the candidates, and how many were left out for which reason."""

    search: str
    kept: int
    candidates: int
    left_out: dict[str, int]


def search_folder(search: str) -> Path:
    """Where the images of a search lie."""
    return settings().folder("datasets") / "search" / search


def search_request(query: str, out: str = "", *, refresh: bool = False, **given: Any) -> SearchRequest:
    """What a search is asked for, checked against what is there; as `search`.

    Raises QueryError for what makes no sense, for a path in the place of a name, and, unless `refresh` is given, where
    `out` is the name of another query's search or images would be taken away that the folder has.
    """
    if "/" in out or "\\" in out:
        name = search_name(re.split(r"[/\\]+", out.rstrip("/\\"))[-1] or query)
        raise QueryError(
            f"--out {out}: a path, and a name is wanted: folders of searches lie in {search_folder('')}. "
            f"With --out {name!r} the images come into {search_folder(name)}."
        )
    request = SearchRequest.of(settings(), query, out and search_name(out), **given)
    before = find_request(lake(), request.search)
    if before and before.query != request.query and not refresh:
        raise QueryError(
            f"{request.search} holds the images of {before.query!r}. Give --out another name, "
            "or replace them with --refresh."
        )
    if not refresh:
        check_growing(search_folder(request.search), request.limit, request.min_side, request.min_sharpness)
    return request


def search(
    instance: dg.DagsterInstance, query: str, out: str = "", *, refresh: bool = False, **given: Any
) -> SearchResult:
    """Make the folder of one image search, with progress on the standard error; `out` names it, else the query does.

    `given` are fields of SearchRequest; null is as the settings say. What was finished before is not done again.
    Raises QueryError before any work, as `search_request` does, RunFailedError with the reason when no image is kept
    or, without `refresh`, when the folder would have fewer than before.
    """
    request = search_request(query, out, refresh=refresh, **given)
    register_search(instance, request.search)
    options = {"query": request.query, "refresh": refresh, **request.model_dump(exclude={"search", "query"})}
    config = {"ops": {"search_results": {"config": options}}, **_STAGES}
    run_job(instance, "search", tags={PARTITION: request.search}, config=config)
    rows = read_table(lake(), "search_dataset", [request.search])
    candidates = rows.to_pylist()
    return SearchResult(request.search, sum(rows["kept"].to_pylist()), len(candidates), why_not(candidates))


def is_complete() -> bool:
    """True when the lake has posts, no landed file waits for its tables, and all that is made of the lake is there."""
    written = (settings().folder("datasets") / json_name(settings().mode)).exists()
    asked = not settings().age.enabled or (lake() / "age_predictions").exists()
    return written and asked and (lake() / "posts").exists() and not pending(lake())


def materialize(instance: dg.DagsterInstance, selection: str, accounts: str = "", days: str = "") -> Iterator[str]:
    """Make the selected assets again, one job after another; yields a line for each run.

    `accounts` is names separated by commas or a file with one per line, `days` one day or first..last; empty
    means all accounts, and the days that hold posts. The age model is left out where it is off and not all that is
    selected; so are captions and embeddings without their models. Raises SettingsError for what is not known,
    ModelError before any work for missing models.
    """
    wanted = _select(selection)
    missing = missing_models(settings())
    check_selected([key.path[-1] for key in wanted & _keys_of("box")], missing)
    left_out = {key for key in wanted if key.path[-1] in missing}
    if left_out:
        yield skipped_line({name: why for name, why in missing.items() if dg.AssetKey(name) in left_out})
    wanted -= left_out
    order = known_accounts(instance)
    chosen = chosen_accounts(accounts, order)
    for job in jobs:
        assets = [key for key in wanted if key in _keys_of(job.name)]
        if not assets:
            continue
        if job.name in AGE_JOBS and not settings().age.enabled and not wanted <= _keys_of(*AGE_JOBS):
            yield f"{job.name}: left out, the age model is off"
            continue
        for tags in _tags(instance, job.name, chosen, days):
            run_job(instance, job.name, tags=tags, assets=assets)
            yield f"{job.name}: {', '.join(sorted(key.path[-1] for key in assets))}  {_span(tags)}".rstrip()


def _select(selection: str) -> set[dg.AssetKey]:
    graph = defs.resolve_asset_graph()
    try:
        wanted = dg.AssetSelection.from_string(selection).resolve(graph)
    except Exception as error:  # the parser raises kinds of its own, each with a page of text
        wanted, cause = set[dg.AssetKey](), error
    else:
        cause = None
    if not wanted:
        names = ", ".join(sorted(key.path[-1] for key in graph.get_all_asset_keys()))
        raise SettingsError(f"{selection!r} selects no asset. Assets are: {names}.") from cause
    # What one function makes together is made together.
    return {other for key in wanted for other in graph.get(key).execution_set_asset_keys}


def _keys_of(*jobs: str) -> set[dg.AssetKey]:
    return {key for job in jobs for key in defs.resolve_job_def(job).asset_layer.executable_asset_keys}


def chosen_accounts(text: str, order: Sequence[str]) -> list[str]:
    """Account names from a list or a file with one per line; comments, blank lines and doubles are left out.

    Empty means all of `order`, the accounts there are. Raises SettingsError for accounts that are not among them.
    """
    try:
        names = [line.split("#", 1)[0].strip() for line in Path(text or ".").read_text("utf-8-sig").splitlines()]
    except UnicodeDecodeError as error:
        raise SettingsError(f"--accounts {text}: not a text file in UTF-8") from error
    except OSError:  # no such file: it is a list of names
        names = [name.strip() for name in text.split(",")]
    names = list(dict.fromkeys(name.lower().removeprefix("@") for name in names if name))
    if text and not names:
        raise SettingsError(f"--accounts {text}: no account in it")
    if unknown := [name for name in names if name not in order]:
        raise SettingsError(f"--accounts: not a known account: {', '.join(unknown)}. Ingest a file that has it first.")
    return names or list(order)


def _tags(instance: dg.DagsterInstance, job: str, chosen: Sequence[str], days: str) -> Sequence[dict[str, str] | None]:
    """The tags of each run that a job needs for these accounts and days, or for all searches."""
    order = known_accounts(instance)
    if job in ("landing", "datasets", "age_training"):
        return [None]
    if job == "search":
        return [{PARTITION: name} for name in instance.get_dynamic_partitions("searches")]
    if job == "age_estimates":
        return exact_ranges(order, chosen)
    if job == "profiles":
        tags = account_range(order, chosen)
        return [tags] if tags else []
    landed = touched(lake(), manifests(lake()), *day_range(days)).cells
    cells = (Cell(account, day) for account, day in landed if account in set(chosen))
    return [part.tags | {PLAN: "materialize"} for part in boxes(cells, order)]


def day_range(text: str) -> tuple[date, date]:
    """The first and the last day of one day or `first..last`; of the whole lake when empty.

    Raises SettingsError for what is no day, or outside the lake's window.
    """
    if not text:
        return window()
    first, dots, last = text.partition("..")
    try:
        chosen = date.fromisoformat(first), date.fromisoformat(last if dots else first)
    except ValueError as error:
        raise SettingsError(f"--days {text}: not a day. Use 2026-11-01 or 2026-11-01..2026-11-14.") from error
    start, end = window()
    if not start <= chosen[0] <= chosen[1] <= end:
        raise SettingsError(f"--days {text}: allowed are {start}..{end}, first day first.")
    return chosen


def _span(tags: dict[str, str] | None) -> str:
    if not tags:
        return ""
    return tags.get(PARTITION) or f"{tags[RANGE_START]} … {tags[RANGE_END]}"
