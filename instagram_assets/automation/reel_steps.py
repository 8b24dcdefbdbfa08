"""The chain of runs from new reels to the weekly report: labels, analysis of reels in batches, hypotheses, datasets.

The next step is derived from the current state of the lake. No state is stored between steps, so that after a crash the
next evaluation finds the steps that are still pending.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from datetime import date, timedelta
from typing import NamedTuple

import dagster as dg

from instagram_assets.automation.jobs import RESULTS_OF_REELS, datasets
from instagram_assets.automation.jobs import reels as reels_job
from instagram_assets.automation.run_states import has_active_run, newest_run_failed
from instagram_assets.automation.stale_datasets import last_materialized
from instagram_assets.calendar import today
from instagram_assets.engagement.viral_labels import outdated_rule
from instagram_assets.engagement.virality_rules import rule_description
from instagram_assets.ingest.inbox import waiting_entries
from instagram_assets.ingest.manifests import pending_files
from instagram_assets.partitions import PLAN, Box, Cell, boxes, known_accounts, window
from instagram_assets.reels.pending_reels import PendingReel, find_pending_reels
from instagram_assets.settings import settings
from instagram_assets.storage.lake import Days, open_lake

STEP_TAG = "instagram_assets/reels_step"
"""Tag of a run that the sensor requested, with the run key of its step."""
NOT_WATCHED = "Reels are not watched: set INSTAGRAM_ASSETS_REELS__ENABLED=true"
LABELS_TABLE = "viral_labels"
_LABELLED = ("posts", "raw_ads")
WATCHED_TABLES = ("reel_videos", "reel_analyses")
# While a run of one of these jobs is active, the next step cannot be determined.
_JOBS = ("collect_accounts", "scrape", "landing", "profiles", "box", "datasets", "reels")


class ReelStep(NamedTuple):
    """A pending run: its job, tags and assets, and a run key that is the same as long as the lake does not change.

    A step without a job means that export files are still being ingested or processed, which has to finish first.
    """

    job: str
    key: str
    words: str
    assets: tuple[str, ...] = ()
    box: Box | None = None
    reels: int = 0

    @property
    def tags(self) -> dict[str, str]:
        """The run tags of this step."""
        return self.box.tags | {PLAN: "reels"} if self.box else {}

    @property
    def selection(self) -> list[dg.AssetKey]:
        return [dg.AssetKey(name) for name in self.assets]


def days_back(days: int) -> Days:
    """The first and last day of the period from `days` days ago to today, limited to the lake's days."""
    last = today(settings().zone)
    return max(last - timedelta(days=days), window()[0]), last


def next_step(
    instance: dg.DagsterInstance, days: Days, *, tried: Collection[Cell] = (), again: bool = True
) -> ReelStep | None:
    """The next pending step for reels of these days; None when there is none.

    Reels in the partitions `tried` are skipped, and without `again` also reels whose analysis failed before.
    """
    if _files_wait():
        return ReelStep("", "files", "files wait for their tables")
    due = [reel for reel in find_pending_reels(open_lake(settings()), days, settings()) if again or not reel.again]
    due = [reel for reel in due if Cell(reel.account, reel.day) not in tried]
    watched = _newest(instance, WATCHED_TABLES)
    if not due and not watched:
        return None
    if _labels_are_old(instance):
        key = f"labels:{_newest(instance, _LABELLED)}:{rule_description(settings().virality)}"
        return ReelStep(datasets.name, key, "labels", (LABELS_TABLE,))
    if due:
        return _next_of(instance, due)
    made_of = max(watched, last_materialized(instance, LABELS_TABLE))
    if any(made_of > last_materialized(instance, name) for name in RESULTS_OF_REELS):
        return ReelStep(datasets.name, f"results:{made_of}", "hypotheses, Delta tables and the page", RESULTS_OF_REELS)
    return None


def next_batch(instance: dg.DagsterInstance, days: Days) -> ReelStep | str:
    """The next batch of reels to analyse, including those that failed before; or the reason why there is none."""
    if busy := _busy(instance):
        return busy
    if _files_wait():
        return "Files wait for their tables"
    due = find_pending_reels(open_lake(settings()), days, settings())
    if not due:
        return "No reel waits to be watched"
    if not settings().reels.hide_label and _labels_are_old(instance):
        return "Labels wait to be made, and the prompt tells them"
    return _next_of(instance, due)


def _next_of(instance: dg.DagsterInstance, due: Sequence[PendingReel]) -> ReelStep:
    """The first batch of the pending reels `due`, of new ones if possible, so that failed ones do not block them."""
    fresh = [reel for reel in due if not reel.again]
    return next(batches(fresh or due, known_accounts(instance), settings().reels.batch_reels))


def batches(due: Sequence[PendingReel], order: Sequence[str], most: int) -> Iterator[ReelStep]:
    """Yield runs over ranges of accounts × days, each with at most `most` of the pending reels `due`.

    The reels of one account and day are never split, so that a batch can be larger. `order` lists all accounts in the
    order of the partitions.
    """
    counts = Counter(Cell(reel.account, reel.day) for reel in due)
    places = {name: place for place, name in enumerate(order)}
    for part in boxes(counts, order):
        inside = [cell for cell in counts if _is_inside(cell, part, places)]
        for cells in _divided(sorted(inside, key=lambda cell: (places[cell.account], cell.day)), counts, most):
            box = _around(cells)
            chosen = sorted(reel for reel in due if Cell(reel.account, reel.day) in set(cells))
            key = hashlib.sha256(
                repr([(reel.account, str(reel.day), reel.post_id) for reel in chosen]).encode()
            ).hexdigest()
            yield ReelStep(
                reels_job.name, f"watch:{key[:16]}", _words(box, len(chosen)), WATCHED_TABLES, box, len(chosen)
            )


def due_cells(step: ReelStep, due: Sequence[PendingReel], order: Sequence[str]) -> set[Cell]:
    """The partitions (account, day) within the range of a step that contain pending reels."""
    places = {name: place for place, name in enumerate(order)}
    found = (Cell(reel.account, reel.day) for reel in due)
    return {cell for cell in found if step.box and _is_inside(cell, step.box, places)}


def _divided(cells: list[Cell], counts: Counter[Cell], most: int) -> Iterator[list[Cell]]:
    """Split partitions (account, day) into groups with at most `most` reels: first by account, then by day.

    `counts` is the number of reels per partition.
    """
    if len(cells) == 1 or sum(counts[cell] for cell in cells) <= most:
        yield cells
        return
    accounts = list(dict.fromkeys(cell.account for cell in cells))
    if len(accounts) > 1:
        first = set(accounts[: len(accounts) // 2])
        parts = ([cell for cell in cells if (cell.account in first) == chosen] for chosen in (True, False))
    else:
        parts = iter([cells[: len(cells) // 2], cells[len(cells) // 2 :]])
    for part in parts:
        yield from _divided(part, counts, most)


def _around(cells: Sequence[Cell]) -> Box:
    """The smallest range of accounts × days that contains these partitions, which are sorted by account."""
    days = [cell.day for cell in cells]
    return Box(cells[0].account, cells[-1].account, min(days), max(days))


def _is_inside(cell: Cell, box: Box, places: dict[str, int]) -> bool:
    inside = places[box.first_account] <= places[cell.account] <= places[box.last_account]
    return inside and box.first_day <= cell.day <= box.last_day


def _words(box: Box, reels: int) -> str:
    def span(first: str | date, last: str | date) -> str:
        return str(first) if first == last else f"{first} … {last}"

    days, accounts = span(box.first_day, box.last_day), span(box.first_account, box.last_account)
    return f"{reels:,} reel{'' if reels == 1 else 's'} of {accounts}, {days}"


def _busy(instance: dg.DagsterInstance) -> str:
    """Message with the job of an active run that must finish before the next step; empty when there is none."""
    job = next((name for name in _JOBS if has_active_run(instance, name)), "")
    return f"A run of {job} goes on" if job else ""


def _files_wait() -> bool:
    return bool(waiting_entries(settings().folder("inbox")) or pending_files(open_lake(settings())))


def _labels_are_old(instance: dg.DagsterInstance) -> bool:
    """Whether the viral labels are outdated: posts are newer, or the configured labelling rule has changed."""
    newer = _newest(instance, _LABELLED) > last_materialized(instance, LABELS_TABLE)
    return newer or outdated_rule(open_lake(settings()), settings().virality) != ""


def _newest(instance: dg.DagsterInstance, names: Sequence[str]) -> float:
    return max(last_materialized(instance, name) for name in names)


@dg.sensor(jobs=[datasets, reels_job], minimum_interval_seconds=60, default_status=dg.DefaultSensorStatus.STOPPED)
def reel_steps(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Start the next step from new reels to the weekly report when the last one has ended. Off until switched on."""
    if not settings().reels.enabled:
        return dg.SkipReason(NOT_WATCHED)
    if busy := _busy(context.instance):
        return dg.SkipReason(busy)
    # Failures are retried by the schedule, not every minute.
    step = next_step(context.instance, days_back(settings().reels.days), again=False)
    if step is None:
        return dg.SkipReason("No reel waits, and all that is made of them is there")
    if not step.job:
        return dg.SkipReason("Files wait for their tables")
    if newest_run_failed(context.instance, step.job, {STEP_TAG: step.key}):
        return dg.SkipReason(f"The run for {step.words} failed: mend what its page says and re-execute it there")
    return _request_of(step)


def _request_of(step: ReelStep) -> dg.RunRequest:
    """The run request of a step; its run key makes Dagster start it only once as long as the lake does not change."""
    tags = step.tags | {STEP_TAG: step.key}
    return dg.RunRequest(run_key=f"reels:{step.key}", job_name=step.job, tags=tags, asset_selection=step.selection)
