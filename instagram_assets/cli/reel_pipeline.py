"""Runs all steps from new reels to the weekly report from a shell, and summarises the result."""

import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa

from instagram_assets.automation import shell_runs
from instagram_assets.automation.reel_steps import ReelStep, due_cells, next_step
from instagram_assets.calendar import monday
from instagram_assets.cli.messages import print_stderr, relative_path
from instagram_assets.errors import AnalyserRefusedError, InstagramAssetsError, NothingDoneError, RunFailedError
from instagram_assets.ingest.inbox import waiting_entries
from instagram_assets.partitions import Cell, is_outdated, known_accounts
from instagram_assets.reels.analyses import is_from_before, rows_by_video
from instagram_assets.reels.pending_reels import PendingReel, find_pending_reels
from instagram_assets.reels.run_analysis import check_gemini, unanswered_usd
from instagram_assets.reels.weekly_report_files import write_pages
from instagram_assets.settings import settings
from instagram_assets.storage.lake import Days, open_lake, read_table

# New files may arrive during processing; files that never become tables must not block the pipeline.
_MOST_INGEST_ATTEMPTS = 3


@dataclass
class ReelPipelineResult:
    """The result of a pipeline run so far: the steps done, the reels analysed, and errors."""

    days: Days
    steps: list[str] = field(default_factory=list[str])
    tried: list[PendingReel] = field(default_factory=list[PendingReel])
    errors: list[InstagramAssetsError] = field(default_factory=list[InstagramAssetsError])

    @property
    def cells(self) -> set[Cell]:
        return {Cell(reel.account, reel.day) for reel in self.tried}

    def raise_errors(self) -> None:
        """Raise the collected errors as one, each message once; also an error if no new reel could be analysed."""
        messages = list(dict.fromkeys(map(str, self.errors)))  # a wrong key is that of every batch
        if messages:
            raise self.errors[0] if len(messages) == 1 else InstagramAssetsError("\n".join(messages))
        rows = _rows(self.days, "reel_analyses", "post_id", "account", "status", "reason")
        statuses = {(row["account"], row["post_id"]): row for row in rows}
        fresh = [(reel.account, reel.post_id) for reel in self.tried if not reel.again]
        outcomes = [statuses[key] for key in fresh if key in statuses]
        if outcomes and not any(row["status"] == "ok" for row in outcomes):
            words = "; ".join(
                f"{count:,} {reason}" for reason, count in Counter(map(_status_and_reason, outcomes)).most_common(3)
            )
            raise NothingDoneError(f"None of {len(outcomes):,} reels could be watched: {words}")


class OlderPostsError(Exception):
    """Posts older than the daily partitions known to this process were ingested, so a new process has to continue."""


def run_pipeline(dagster: dg.DagsterInstance, days: Days) -> ReelPipelineResult:
    """Run the steps for the reels of these days until none is pending; each batch of reels is tried once.

    A failed batch of reels does not stop the others; any other failed step ends the pipeline. Errors are collected in
    the result. Raises OlderPostsError if a new process has to continue.
    """
    result = ReelPipelineResult(days)
    while step := next_step(dagster, days, tried=result.cells):
        if step.box and not result.tried:
            _warn_of_refusal()
        try:
            run_step(dagster, step, result)
        except RunFailedError as error:
            result.errors.append(error)
            if not step.box:
                break
    return result


def run_step(dagster: dg.DagsterInstance, step: ReelStep, result: ReelPipelineResult) -> None:
    """Run one step of the reel pipeline, and record it in the result."""
    result.steps.append(step.key)
    if step.box:
        _analyse_reels(dagster, step, result)
    elif step.job:
        print_stderr(f"reels: {step.words}")
        shell_runs.run_job(dagster, step.job, assets=step.selection)
    elif result.steps.count(step.key) > _MOST_INGEST_ATTEMPTS:
        raise RunFailedError("Files wait that cannot be made into tables. See: instagram-assets status")
    else:
        _ingest_waiting_files(dagster, result)


def _warn_of_refusal() -> None:
    """Print a warning if Gemini refuses the key or the model; videos are downloaded anyway, since their URLs expire."""
    try:
        check_gemini(settings())
    except AnalyserRefusedError as error:
        print_stderr(f"reels: {error} Until then videos are fetched and not watched.")


def _analyse_reels(dagster: dg.DagsterInstance, step: ReelStep, result: ReelPipelineResult) -> None:
    due = [
        reel for reel in find_pending_reels(open_lake(settings()), result.days, settings()) if reel not in result.tried
    ]
    cells = due_cells(step, due, known_accounts(dagster))
    rest = sum(Cell(reel.account, reel.day) not in cells for reel in due)
    print_stderr(f"reels: {step.words}" + (f"; then {rest:,} more" if rest else ""))
    result.tried += [reel for reel in due if Cell(reel.account, reel.day) in cells]
    shell_runs.run_job(dagster, step.job, tags=step.tags, assets=step.selection)


def _ingest_waiting_files(dagster: dg.DagsterInstance, result: ReelPipelineResult) -> None:
    try:
        if waiting_entries(settings().folder("inbox")):
            shell_runs.land(dagster, [])
    except RunFailedError as error:  # bad files were rejected; the good ones have landed
        result.errors.append(error)
    if is_outdated():
        raise OlderPostsError
    shell_runs.bring_up_to_date(dagster)


def continue_in_new_process(days: int) -> int:
    """Run the command `reels` in a new process, which knows the older daily partitions; returns its exit code."""
    words = [sys.executable, "-m", "instagram_assets.cli", "reels", "--days", str(days)]
    return subprocess.run(words, stdin=subprocess.DEVNULL).returncode


def summary_lines(result: ReelPipelineResult) -> Iterator[str]:
    """Summary lines: reels, videos and analyses with their outcomes, the cost, and the report."""
    first, last = result.days
    if not result.steps:
        yield f"Nothing to do: no reel of {first} to {last} waits, and all that is made of them is there."
    reels = sum(row["kind"] == "reel" for row in _rows(result.days, "posts", "kind"))
    yield f"Reels of {first} to {last}: {reels:,}, tried now: {len(result.tried):,}"
    if videos := [row["status"] for row in _rows(result.days, "reel_videos", "status")]:
        yield f"Videos: {_counts_text(videos)}"
    if analyses := _rows(result.days, "reel_analyses", "status", "analyser", "reason"):
        yield f"Analyses: {_counts_text(map(_outcome, analyses))}"
    if cost := _cost_line(result.days):
        yield cost
    for page in write_weekly_pages({monday(reel.day) for reel in result.tried}):
        yield f"Page of the week: {relative_path(page)}"


def _counts_text(words: Iterable[str]) -> str:
    return ", ".join(f"{count:,} {word}" for word, count in sorted(Counter(words).items()))


def _outcome(analysis: dict[str, Any]) -> str:
    """Text for the outcome of an analysis, with a note if an earlier one was kept or Gemini was not the backend."""
    if is_from_before(analysis["reason"]):
        return f"{analysis['status']} from before"
    is_fallback = settings().reels.analyser == "gemini" and analysis["analyser"] == "local"
    return f"{analysis['status']} on this machine" if is_fallback else analysis["status"]


def write_weekly_pages(weeks: Collection[date] = ()) -> list[Path]:
    """Write the reports of these weeks and of the newest week with analysed reels; returns their paths, newest last."""
    media, reports = settings().folder("media"), settings().folder("reports")
    unanswered = partial(unanswered_usd, settings=settings())
    written = write_pages(open_lake(settings()), media, reports, weeks=weeks, unanswered=unanswered)
    return [path for _, path in written]


def _cost_line(days: Days) -> str:
    rows = rows_by_video(_rows(days, "reel_analyses", "video_id", "prompt_tokens", "answer_tokens", "cost_usd"))
    tokens = sum((row["prompt_tokens"] or 0) + (row["answer_tokens"] or 0) for row in rows)
    dollars = sum(row["cost_usd"] or 0 for row in rows)
    if not tokens and not dollars:
        return ""
    lost = unanswered_usd({row["video_id"] for row in rows if row["cost_usd"]}, settings())
    unanswered = f", up to {lost:,.4f} of them for calls whose answers never came" if lost else ""
    return f"Tokens: {tokens:,}, {dollars:,.4f} US dollars{unanswered}"


def _status_and_reason(row: dict[str, Any]) -> str:
    return ": ".join(str(row[name]) for name in ("status", "reason") if row[name])


def _rows(days: Days, name: str, *columns: str) -> list[dict[str, Any]]:
    table: pa.Table = read_table(open_lake(settings()), name, days=days, columns=columns)
    return table.to_pylist()
