"""Materializes selected assets from a shell, for some accounts and days."""

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import dagster as dg

from instagram_assets.automation.jobs import AGE_JOBS, jobs
from instagram_assets.automation.partitions_to_run import account_range, exact_ranges
from instagram_assets.automation.shell_runs import run_job, span
from instagram_assets.definitions import defs
from instagram_assets.errors import SettingsError
from instagram_assets.ingest.manifests import manifests
from instagram_assets.ingest.observations import affected_cells
from instagram_assets.partitions import PARTITION, PLAN, Cell, boxes, known_accounts, window
from instagram_assets.settings import settings
from instagram_assets.status.preflight import check_selected, missing_models, skipped_line
from instagram_assets.storage.lake import Days, open_lake, read_table
from instagram_assets.storage.retention_horizon import read_horizon


def materialize(instance: dg.DagsterInstance, selection: str, accounts: str = "", days: str = "") -> Iterator[str]:
    """Materialize the selected assets again, one job after another; yields a line for each run.

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
            yield f"{job.name}: {', '.join(sorted(key.path[-1] for key in assets))}  {span(tags)}".rstrip()


def _select(selection: str) -> set[dg.AssetKey]:
    graph = defs.resolve_asset_graph()
    try:
        wanted = dg.AssetSelection.from_string(selection).resolve(graph)
    except Exception as error:  # the parser raises its own error types, with long messages
        wanted, cause = set[dg.AssetKey](), error
    else:
        cause = None
    wanted &= graph.materializable_asset_keys  # tables of manual decisions are not computed by a run
    if not wanted:
        names = ", ".join(sorted(key.path[-1] for key in graph.materializable_asset_keys))
        raise SettingsError(f"{selection!r} selects no asset. Assets are: {names}.") from cause
    # Assets of one function are computed together.
    return {other for key in wanted for other in graph.get(key).execution_set_asset_keys}


def _keys_of(*jobs: str) -> set[dg.AssetKey]:
    return {key for job in jobs for key in defs.resolve_job_def(job).asset_layer.executable_asset_keys}


def chosen_accounts(text: str, order: Sequence[str]) -> list[str]:
    """Account names from a list or a file with one per line; comments, blank lines and duplicates are left out.

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
    """The run tags of each run of a job for these accounts and days, or for all searches."""
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
    known = _cells_known(day_range(days))
    cells = (Cell(account, day) for account, day in known if account in set(chosen))
    return [part.tags | {PLAN: "materialize"} for part in boxes(cells, order)]


def _cells_known(days: Days) -> set[tuple[str, date]]:
    """The partitions of these days that have posts, including those whose observations were deleted by retention."""
    lake = open_lake(settings())
    cells = affected_cells(lake, manifests(lake), *days).cells
    if read_horizon(lake).raw:
        posts = read_table(lake, "posts", days=days, columns=["account", "day"])
        cells |= set(zip(posts["account"].to_pylist(), posts["day"].to_pylist(), strict=True))
    return cells


def day_range(text: str) -> tuple[date, date]:
    """The first and the last day of one day or `first..last`; of the whole lake when empty.

    Raises SettingsError for an invalid day, or one outside the lake's range.
    """
    if not text:
        return window()
    chosen = named_days(text)
    start, end = window()
    if not start <= chosen[0] <= chosen[1] <= end:
        raise SettingsError(f"--days {text}: allowed are {start}..{end}, first day first.")
    return chosen


def named_days(text: str) -> tuple[date, date]:
    """The first and the last day of one day or `first..last`. Raises SettingsError for an invalid day."""
    first, dots, last = text.partition("..")
    try:
        return date.fromisoformat(first), date.fromisoformat(last if dots else first)
    except ValueError as error:
        raise SettingsError(f"--days {text}: not a day. Use 2026-11-01 or 2026-11-01..2026-11-14.") from error
