"""The facts of the platform status: each is a finding with its count, its reason and its remedy."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from upath import UPath

from instagram_assets.errors import InstagramAssetsError, StorageError
from instagram_assets.lake_index.index_files import INDEX_FOLDER
from instagram_assets.lake_index.lake_changes import find_index
from instagram_assets.settings import Settings
from instagram_assets.status.data_status import DataStatus, ExportFiles, LeftOut, read_data_status
from instagram_assets.web.index_updater import updater_of
from instagram_assets.web.words import Words

Level = Literal["bad", "warning", "busy", "info"]
AS_IT_SHOULD_BE = ("merged", "passed over")
"""Values of `LeftOut.how` that need no action."""

_MOST_NAMED = 5


@dataclass(frozen=True)
class Fact:
    """One finding about the platform: `bad` and `warning` need the user's action, `busy` and `info` do not.

    `busy` is work in progress. `name` identifies the type of finding, and `title` is its translated text; `subject` is
    the table, account, file or job it is about. `why` and `remedy` are in the language of their source, and can be
    empty. `run` is the id of a failed Dagster run.
    """

    name: str
    level: Level
    count: int = 1
    subject: str = ""
    why: str = ""
    remedy: str = ""
    run: str = ""
    title: str = ""

    def translated(self, words: Words) -> "Fact":
        """Returns the fact with its translated title, and a general remedy if it has none of its own."""
        one = f"status.facts_one.{self.name}"
        name = one if self.count == 1 and one in words.texts else f"status.facts.{self.name}"
        title = words(name, count=f"{self.count:,}", subject=self.subject)
        return replace(self, title=title, remedy=self.remedy or words.known(f"status.remedies.{self.name}", ""))


def of_settings(settings: Settings) -> Iterator[Fact]:
    """Yields facts about settings that do not work on this machine, with the error that commands would raise."""
    from instagram_assets.status.preflight import check_reels, check_stages

    for check in (check_stages, check_reels):
        try:
            check(settings)
        except InstagramAssetsError as error:
            why, remedy = _parted(error)
            yield Fact("settings_wrong", "bad", why=why, remedy=remedy)


def of_machine(settings: Settings) -> Iterator[Fact]:
    """Yields facts about a nearly full disk, and about requirements of processing stages that this machine lacks."""
    from instagram_assets.status.doctor import examine_read_only

    for finding in examine_read_only(settings):
        if finding.what == "disk" and not finding.well:
            yield Fact("disk_nearly_full", "bad", why=finding.found, remedy=finding.remedy)
        elif not finding.well and not finding.what.startswith("model for"):  # reported by their stages
            yield Fact("not_on_this_machine", "info", subject=finding.what, why=finding.found, remedy=finding.remedy)


def free_bytes(settings: Settings) -> int | None:
    """Returns the free bytes on the disk of the data folder; None if unknown."""
    with suppress(OSError):
        return shutil.disk_usage(settings.data_dir).free
    return None


def of_lake(root: UPath, settings: Settings, tell: Callable[[Fact], None]) -> DataStatus | None:
    """Returns the state of the lake; None if it is unreadable. `tell` is called with facts about damaged files."""
    from instagram_assets.storage.migration import refuse_older

    def damaged(name: str, error: StorageError) -> None:
        tell(Fact("table_damaged", "bad", 1, name, *_parted(error)))

    try:
        refuse_older(root)
    except StorageError as error:
        tell(Fact("layout_older", "bad", 1, "", *_parted(error)))
        return None
    try:
        return read_data_status(root, settings, damaged)
    except Exception as error:  # every file system of fsspec raises its own kind
        why, remedy = _parted(error)
        tell(Fact("lake_unreadable", "bad", 1, "", why or type(error).__name__, remedy))
        return None


def of_state(state: DataStatus, settings: Settings) -> Iterator[Fact]:
    """Yields facts about export files, skipped stages, rejected records, and alerts that were not sent."""
    yield from _of_files(state.files, f"{settings.folder('inbox')}/")
    for skipped in state.skipped:
        yield Fact("stage_skipped", "warning", 1, skipped.stage, skipped.reason, skipped.remedy)
    for trouble in state.alerts:
        why = f"{trouble.reason} ({trouble.since.astimezone(settings.zone):%Y-%m-%d %H:%M}, {trouble.tries})"
        yield Fact("alert_not_sent", "bad", trouble.tries, trouble.channel, why, "instagram-assets alerts test")
    for stage in state.stages:
        for left in stage.left_out:
            if left.how == "waiting" and stage.name == "records":
                yield Fact("posts_outside", "busy", left.count, "", *_first(left))
            elif left.how == "quarantined":
                yield Fact("quarantined", "warning", left.count, stage.name, *_first(left))


def of_index(root: UPath, settings: Settings) -> Iterator[Fact]:
    """Yields a fact if the index is missing, out of date, or cannot be updated."""
    folder = settings.folder(INDEX_FOLDER)
    updater = updater_of(folder)
    if updater and updater.problem:
        yield Fact("index_failed", "bad", 1, "", *_parted(updater.problem))
        return
    try:
        found = find_index(root, folder)
    except Exception as error:  # every file system of fsspec raises its own kind
        why, remedy = _parted(error)
        yield Fact("index_failed", "bad", 1, "", why or type(error).__name__, remedy)
        return
    if found.how in ("missing", "behind"):
        levels: dict[str, Level] = {"missing": "info", "behind": "warning"}
        yield Fact(f"index_{found.how}", "busy" if updater else levels[found.how])


def of_runs(settings: Settings) -> Iterator[Fact]:
    """Yields facts from Dagster's history: failed, crashed, queued and active runs, and sensors that are off."""
    from instagram_assets.automation import shell_runs
    from instagram_assets.automation.run_states import read_history
    from instagram_assets.automation.sensors import switched_off

    try:
        with shell_runs.look_at_instance(settings.folder("dagster")) as dagster:
            if dagster is None:
                return
            history, off = read_history(dagster), switched_off(dagster)
    except Exception as error:  # SQLAlchemy, psycopg2 and Dagster each have their own
        why, remedy = _parted(error)
        yield Fact("history_unreadable", "bad", 1, "", why or type(error).__name__, remedy)
        return
    for failed in history.failed:
        level: Level = "info" if failed.succeeded_since else "bad"
        name = "run_failed_before" if failed.succeeded_since else "run_failed"
        yield Fact(name, level, 1, failed.job, f"{failed.time}: {failed.error}", "", failed.run)
    yield from (Fact("runs_died", "bad", count, job) for job, count in history.died.items())
    yield from (Fact("runs_queued", "busy", count, job) for job, count in history.queued.items())
    yield from (Fact("runs_running", "busy", count, job) for job, count in history.running.items())
    yield from (Fact("stopped_by_hand", "warning", subject=name) for name in off.by_hand)
    if off.by_default:
        yield Fact("not_switched_on", "info", len(off.by_default), ", ".join(off.by_default))


def of_collectors(settings: Settings) -> Iterator[Fact]:
    """Yields facts about collector identities that are suspended until the user acts, or paused until a set time."""
    from instagram_assets.collect.clock import SystemClock
    from instagram_assets.collect.collection_status import identity_statuses
    from instagram_assets.collect.collector_database import CollectorDatabase

    database = CollectorDatabase(settings.folder("collection"))
    if not database.file.exists():
        return
    try:
        found = identity_statuses(database, SystemClock().now(), settings.zone)
    except InstagramAssetsError as error:
        yield Fact("collector_unreadable", "bad", 1, "", *_parted(error))
        return
    for one in found:
        if one.stopped:
            why = one.reason or one.stopped.replace("_", " ")
            yield Fact("collector_stopped", "bad", 1, one.identity, why, "instagram-assets collect --cleared")
        elif one.open_until:
            until = one.open_until.astimezone(settings.zone)
            yield Fact("collector_pauses", "busy", 1, one.identity, f"{one.reason} ({until:%Y-%m-%d %H:%M})")


def _of_files(files: ExportFiles, inbox: str) -> Iterator[Fact]:
    """Yields facts about export files; `inbox` is the path prefix that is removed from file names."""
    for reason in files.rejected[:_MOST_NAMED]:
        yield Fact("file_rejected", "bad", 1, "", *_parted(reason.words.replace(inbox, "")))
    for reason in files.damaged[:_MOST_NAMED]:
        yield Fact("file_damaged", "bad", 1, "", reason.words, reason.remedy)
    for name, all_of_them in (("more_rejected", files.rejected), ("more_damaged", files.damaged)):
        if (more := len(all_of_them) - _MOST_NAMED) > 0:
            yield Fact(name, "bad", more)
    if files.waiting:
        yield Fact("files_waiting", "busy", len(files.waiting), _some(files.waiting))
    if files.pending:
        yield Fact("files_pending", "busy", len(files.pending), _some(files.pending))


def _first(left: LeftOut) -> tuple[str, str]:
    """Returns the reasons why rows are missing from a table, as one string, and the first remedy among them."""
    several = len(left.reasons) > 1
    why = " · ".join(f"{reason.count:,} × {reason.words}" if several else reason.words for reason in left.reasons)
    return why, next((reason.remedy for reason in left.reasons if reason.remedy), "")


def _parted(error: object) -> tuple[str, str]:
    """Splits an error message of the form `FILE: PROBLEM. REMEDY.` into problem and remedy."""
    first = next((line for line in str(error).splitlines() if line.strip()), "")
    why, _, remedy = first.partition(". ")
    return (f"{why}." if remedy else why), remedy


def _some(names: list[str]) -> str:
    more = f", +{len(names) - _MOST_NAMED:,}" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
