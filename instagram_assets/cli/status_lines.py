"""Formats the status of the data and Dagster's run history as a table and lines for a terminal."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from instagram_assets.alerts.deliver import trouble_line
from instagram_assets.automation.run_states import RunHistory
from instagram_assets.cli.messages import relative_path
from instagram_assets.ingest.folder_scan import REJECTED
from instagram_assets.settings import Settings
from instagram_assets.status.data_status import (
    AgeModelQuality,
    DataStatus,
    ExportFiles,
    LeftOut,
    Reason,
    read_age_model_quality,
)
from instagram_assets.status.preflight import skipped_line

_MOST_NAMED = 5
_INGEST = "run instagram-assets ingest"


def print_status(state: DataStatus, settings: Settings, *notes: str) -> None:
    """Print each stage with its rows in and out, the dataset files, and lines about rows that were left out.

    `notes` are further lines to print.
    """
    table = Table(title="What there is now", title_justify="left")
    for column in ("table", "in", "out", "left out"):
        table.add_column(column, justify="right" if column in ("in", "out") else "left", overflow="fold")
    for stage in state.stages:
        left_out = ", ".join(f"{left.count:,} {left.how}" for left in stage.left_out)
        table.add_row(stage.name, f"{stage.rows_in:,}", f"{stage.rows_out:,}", left_out)
    if age_model := read_age_model_quality(settings):
        table.add_row("age model", "", "", _age_model(age_model))
    console = Console()
    console.print(table)
    rejected, zone = settings.folder("inbox") / REJECTED, settings.zone
    lines = [
        left_out_lines(state),
        file_lines(state.files, rejected),
        skipped_lines(state),
        alert_lines(state, zone),
    ]
    for line in chain(*lines, path_lines(state, settings), notes):
        console.print(escape(line), soft_wrap=True)


def path_lines(state: DataStatus, settings: Settings) -> Iterator[str]:
    """The paths of lake, media and datasets, with the sizes of datasets."""
    yield f"Tables are in {_shown_path(settings.lake_uri)}, pictures in {relative_path(settings.folder('media'))}."
    yield from (f"{_shown_path(output.path)}  {decimal(output.bytes)}" for output in state.datasets)


def left_out_lines(state: DataStatus) -> Iterator[str]:
    """Lines about left out rows, one for each stage and outcome (such as `failed`), with reasons and remedies."""
    for stage in state.stages:
        yield from (f"{stage.name} {left_out_text(left)}" for left in stage.left_out)


def left_out_text(left: LeftOut) -> str:
    """A line such as `46 refused: http addresses; set INSTAGRAM_ASSETS_DOWNLOAD__ALLOW_HTTP=true`."""
    single = len(left.reasons) == 1
    reasons = [_reason(reason, counted=not single) for reason in left.reasons]
    location = [f"each is in {_shown_path(left.where)}"] if left.where else []
    return f"{left.count:,} {left.how}: {' · '.join([*reasons, *location])}"


def skipped_lines(state: DataStatus) -> Iterator[str]:
    """Yield a line about the stages that are skipped because their models are missing, if there are any."""
    if state.skipped:
        yield skipped_line({skipped.stage: skipped.reason for skipped in state.skipped})


def alert_lines(state: DataStatus, zone: ZoneInfo) -> Iterator[str]:
    """Lines about alert channels whose last delivery failed."""
    yield from (trouble_line(trouble, zone) for trouble in state.alerts)


def file_lines(found: ExportFiles, rejected: Path) -> Iterator[str]:
    """Lines about export files that are pending, rejected (moved to the folder `rejected`) or damaged."""
    if found.waiting:
        yield f"{_waiting_files(found.waiting, 'file')} in the inbox: {_first_names(found.waiting)}; {_INGEST}"
    if found.pending:
        yield f"{_waiting_files(found.pending, 'landed file')} for tables: {_first_names(found.pending)}; {_INGEST}"
    yield from (f"rejected, in {relative_path(rejected)}: {reason.words}" for reason in found.rejected[:_MOST_NAMED])
    if len(found.rejected) > _MOST_NAMED:
        yield f"and {len(found.rejected) - _MOST_NAMED:,} more rejected files"
    yield from (f"damaged: {_reason(reason, counted=False)}" for reason in found.damaged)


def empty_inbox_line(inbox: Path) -> str:
    """The message that the inbox has no files to ingest, and what the user can do."""
    return (
        f"Nothing new: the inbox, {relative_path(inbox)}, is empty. Put export files or folders of them into it, "
        "or name them: instagram-assets ingest FILE"
    )


def moved_line(files: int, rejected: Path) -> str:
    """Message that files were rejected and moved to the folder `rejected`; their errors are printed separately."""
    moved = "1 file was" if files == 1 else f"{files:,} files were"
    return f"{moved} moved to {relative_path(rejected)}; the error below says why"


def history_lines(history: RunHistory) -> Iterator[str]:
    """Lines about queued, active and failed runs in Dagster."""
    for word, counts in (("wait", history.queued), ("run", history.running)):
        if counts:
            yield f"runs that {word}: {', '.join(f'{count:,} {job}' for job, count in counts.items())}"
    if history.died:
        died = ", ".join(f"{count:,} {job}" for job, count in history.died.items())
        yield f"runs whose process ended without a word: {died}; {_INGEST}"
    for run in history.failed:
        since = " (a later run succeeded)" if run.succeeded_since else ""
        yield f"last failed run of {run.job}, {run.time}, {run.run[:8]}{since}: {run.error}"


def _reason(reason: Reason, *, counted: bool) -> str:
    words = f"{reason.count:,} × {reason.words}" if counted else reason.words
    return f"{words}; {reason.remedy}" if reason.remedy else words


def _waiting_files(names: list[str], kind: str) -> str:
    return f"1 {kind} waits" if len(names) == 1 else f"{len(names):,} {kind}s wait"


def _first_names(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _shown_path(path: str) -> str:
    return relative_path(Path(path)) if "://" not in path else path


def _age_model(model: AgeModelQuality) -> str:
    """Text with the age model's accuracy on test users, next to that of the majority-class baseline."""
    if model.problem:
        return f"[red]{escape(model.problem)}[/]"
    if model.accuracy is None:
        return "not judged"
    return f"{model.accuracy:.1%} right\n({model.low:.1%} to {model.high:.1%})\n{model.without_model:.1%} without it"
