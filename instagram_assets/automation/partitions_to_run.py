"""Plans the runs after files were ingested: accounts with new profiles, then the fewest ranges of accounts × days."""

import hashlib
from collections.abc import Collection, Sequence
from itertools import groupby
from typing import NamedTuple

import dagster as dg

from instagram_assets.automation.jobs import box_assets, skipped_tags
from instagram_assets.errors import StorageError
from instagram_assets.ingest.landing_repair import repair_landing
from instagram_assets.ingest.manifests import LandedFile, pending_files
from instagram_assets.ingest.observations import affected_cells
from instagram_assets.partitions import (
    PLAN,
    RANGE_END,
    RANGE_START,
    Box,
    Cell,
    boxes,
    known_accounts,
    register_accounts,
    window,
)
from instagram_assets.settings import settings
from instagram_assets.status.preflight import missing_models
from instagram_assets.storage.lake import open_lake


class RunPlan(NamedTuple):
    """The runs that process the ingested `files`; `missing` maps stages whose models are missing to the reason."""

    files: list[LandedFile]
    profiles: dict[str, str] | None
    boxes: list[Box]
    assets: list[dg.AssetKey]
    missing: dict[str, str]

    def tags_of(self, part: Box) -> dict[str, str]:
        """All run tags for the run over `part`, one of the plan's ranges of accounts × days."""
        return part.tags | {PLAN: self.key} | skipped_tags(self.missing)

    @property
    def key(self) -> str:
        """The run key; it depends only on the set of files, so that Dagster starts the plan's runs only once."""
        return hashlib.sha256(" ".join(sorted(file.sha256 for file in self.files)).encode()).hexdigest()[:16]


def plan_runs(instance: dg.DagsterInstance) -> RunPlan:
    """Plan the runs for all ingested files that are not processed yet; an empty plan if there are none.

    Registers their accounts as partitions first, so that the planned partitions exist even after a crash. Damaged files
    in the landing zone are ingested again from the original; raises StorageError if that is impossible.
    """
    if not pending_files(open_lake(settings())):
        return RunPlan([], None, [], [], {})
    if lost := repair_landing(open_lake(settings()), settings(), also_older=False).lost:
        raise StorageError("\n".join(map(str, lost)))
    files = pending_files(open_lake(settings()))
    touched = affected_cells(open_lake(settings()), files, *window())
    named = [*(name for file in files for name in file.accounts), *(account for account, _ in touched.cells)]
    register_accounts(instance, sorted({*named, *touched.accounts_with_profiles}))
    order = known_accounts(instance)
    cells = (Cell(account, day) for account, day in touched.cells)
    missing = missing_models(settings())
    assets = box_assets(reels=any(file.reels for file in files), missing=missing)
    return RunPlan(files, account_range(order, touched.accounts_with_profiles), boxes(cells, order), assets, missing)


def account_range(order: Sequence[str], chosen: Sequence[str]) -> dict[str, str] | None:
    """The run tags of one run over the range from the first to the last chosen account; None if none is chosen.

    `order` lists all accounts in the order of the partitions; accounts in between are included.
    """
    positions = sorted(position for position, name in enumerate(order) if name in set(chosen))
    return {RANGE_START: order[positions[0]], RANGE_END: order[positions[-1]]} if positions else None


def exact_ranges(order: Sequence[str], chosen: Collection[str]) -> list[dict[str, str]]:
    """The run tags of the fewest runs that cover exactly the chosen accounts; `order` lists all, in partition order."""
    members = set(chosen)
    groups = (list(group) for is_chosen, group in groupby(order, members.__contains__) if is_chosen)
    return [{RANGE_START: group[0], RANGE_END: group[-1]} for group in groups]
