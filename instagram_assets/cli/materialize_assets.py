"""Materializes selected assets from a shell, for some accounts and days."""

from collections.abc import Iterator, Sequence
from datetime import date

import dagster as dg

from instagram_assets.automation.jobs import AGE_JOBS, jobs
from instagram_assets.automation.partitions_to_run import account_range, exact_ranges
from instagram_assets.automation.shell_runs import run_job, span
from instagram_assets.cli.command_options import parse_accounts, parse_days_in_lake
from instagram_assets.definitions import defs
from instagram_assets.errors import SettingsError
from instagram_assets.ingest.manifests import manifests
from instagram_assets.ingest.observations import affected_cells
from instagram_assets.partitions import PARTITION, PLAN, Cell, boxes, known_accounts
from instagram_assets.settings import settings
from instagram_assets.status.preflight import check_selected, missing_models, skipped_line
from instagram_assets.storage.lake import Days, open_lake, read_table
from instagram_assets.storage.retention_horizon import read_horizon


def materialize_selection(
    instance: dg.DagsterInstance, selection: str, accounts: str = "", days: str = ""
) -> Iterator[str]:
    """Materialize the selected assets again, one job after another; yields a line for each run.

    `accounts` is names separated by commas or a file with one per line, `days` one day or first..last; empty means all
    accounts, and all days that have posts. If other assets are selected as well, a disabled age model and stages whose
    models are missing are left out. Raises SettingsError for unknown assets or accounts. Raises ModelError, before any
    work, if all selected stages lack their models.
    """
    selected = _select_assets(selection)
    missing = missing_models(settings())
    check_selected([key.path[-1] for key in selected & _asset_keys_of("box")], missing)
    left_out = {key for key in selected if key.path[-1] in missing}
    if left_out:
        yield skipped_line({name: why for name, why in missing.items() if dg.AssetKey(name) in left_out})
    selected -= left_out
    order = known_accounts(instance)
    account_names = parse_accounts(accounts, order)
    for job in jobs:
        assets = [key for key in selected if key in _asset_keys_of(job.name)]
        if not assets:
            continue
        if job.name in AGE_JOBS and not settings().age.enabled and not selected <= _asset_keys_of(*AGE_JOBS):
            yield f"{job.name}: left out, the age model is off"
            continue
        for tags in _run_tags(instance, job.name, account_names, days):
            run_job(instance, job.name, tags=tags, assets=assets)
            yield f"{job.name}: {', '.join(sorted(key.path[-1] for key in assets))}  {span(tags)}".rstrip()


def _select_assets(selection: str) -> set[dg.AssetKey]:
    graph = defs.resolve_asset_graph()
    try:
        selected = dg.AssetSelection.from_string(selection).resolve(graph)
    except Exception as error:  # the parser raises its own error types, with long messages
        selected, cause = set[dg.AssetKey](), error
    else:
        cause = None
    selected &= graph.materializable_asset_keys  # tables of manual decisions are not computed by a run
    if not selected:
        names = ", ".join(sorted(key.path[-1] for key in graph.materializable_asset_keys))
        raise SettingsError(f"{selection!r} selects no asset. Assets are: {names}.") from cause
    # Assets of one function are computed together.
    return {other for key in selected for other in graph.get(key).execution_set_asset_keys}


def _asset_keys_of(*jobs: str) -> set[dg.AssetKey]:
    return {key for job in jobs for key in defs.resolve_job_def(job).asset_layer.executable_asset_keys}


def _run_tags(
    instance: dg.DagsterInstance, job: str, account_names: Sequence[str], days: str
) -> Sequence[dict[str, str] | None]:
    """The Dagster tags of each run of a job that is needed for these accounts and days, or for all image searches."""
    order = known_accounts(instance)
    if job in ("landing", "datasets", "age_training"):
        return [None]
    if job == "search":
        return [{PARTITION: name} for name in instance.get_dynamic_partitions("searches")]
    if job == "age_estimates":
        return exact_ranges(order, account_names)
    if job == "profiles":
        tags = account_range(order, account_names)
        return [tags] if tags else []
    known = _cells_with_posts(parse_days_in_lake(days))
    cells = (Cell(account, day) for account, day in known if account in set(account_names))
    return [part.tags | {PLAN: "materialize"} for part in boxes(cells, order)]


def _cells_with_posts(days: Days) -> set[tuple[str, date]]:
    """The partitions (account, day) in `days` that have posts, also if retention has deleted the posts' raw rows."""
    lake = open_lake(settings())
    cells = affected_cells(lake, manifests(lake), *days).cells
    if read_horizon(lake).raw:
        posts = read_table(lake, "posts", days=days, columns=["account", "day"])
        cells |= set(zip(posts["account"].to_pylist(), posts["day"].to_pylist(), strict=True))
    return cells
