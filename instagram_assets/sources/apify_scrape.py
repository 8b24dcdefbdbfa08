"""Runs a scrape on one of Apify's actors and saves its posts, reels or profiles as an export file in the inbox.

One request is one run, even if the process is killed: a record is written before the start, and the same request
resumes from it. After a start without a response, the actor's runs are searched before it is retried. For unfinished
requests of earlier scrapes no run is started; only results that are already paid for are fetched.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import NamedTuple
from uuid import uuid4

from instagram_assets.errors import GoneError, NothingDoneError, ScrapeError, UnansweredError
from instagram_assets.settings import ApifySettings
from instagram_assets.settings.environment import read_secret
from instagram_assets.sources import apify_run_records
from instagram_assets.sources.apify_api import CONSOLE, ENDED, PATIENT, SUCCEEDED, ActorRun, Apify, Limits, Patience
from instagram_assets.sources.apify_inputs import NEWER_THAN, ScrapeRequest
from instagram_assets.sources.apify_run_records import RunRecord
from instagram_assets.sources.inbox_files import export_file_name, locate_inbox_file, write_inbox_file
from instagram_assets.storage.locks import folder_lock

MARKER = "instagramAssetsStart"
"""The input field that identifies runs started by this program; actors ignore unknown fields."""

_GONE = "GONE"
"""The status of a record whose run or dataset Apify no longer has."""

_TRIES_FOR_OTHERS = 2
"""Number of tries for other requests' runs, lower than for the current one: the next scrape tries them again."""

_SHOWN = 3

_Log = Callable[[str], object]


class Scraped(NamedTuple):
    """The result of a scrape: the run's id, its file (None if it has no records), number of records, and cost.

    `is_known` is true if an equal request had recently succeeded, so that no run was started.
    """

    run: str
    file: Path | None
    items: int
    charge_usd: float | None
    is_known: bool = False


def scrape(
    request: ScrapeRequest,
    options: ApifySettings,
    inbox: Path,
    folder: Path,
    log: _Log,
    *,
    again: bool = False,
    patience: Patience = PATIENT,
) -> Scraped:
    """Run the request's actor, wait for it, and save its dataset in the inbox; `folder` holds the records of starts.

    Finished runs of earlier requests of this name are fetched first; problems with them are logged and do not stop this
    request. A request that succeeded within the last twelve hours is not run again unless `again` is true; if its file
    is gone, it is fetched again, which costs nothing. An interruption (Ctrl-C, or Dagster's SIGTERM) aborts the run.
    `log` is called with a line for each step. Raises SettingsError for a missing token, ScrapeRequestError and
    ScrapeError when Apify rejects the request, cannot be reached, or its run does not succeed, NothingDoneError when it
    collected nothing.
    """
    work = _Work(request, options, inbox, folder / request.name, log, patience)
    with folder_lock(work.folder, "Put the data folder on a local disk: INSTAGRAM_ASSETS_DATA_DIR"):
        try:
            return work.do(again=again)
        except Exception:
            raise
        except BaseException:  # Ctrl-C, or Dagster's interruption
            work.abort()
            raise


@dataclass
class _Work:
    request: ScrapeRequest
    options: ApifySettings
    inbox: Path
    folder: Path
    log: _Log
    patience: Patience
    token: str = field(init=False, repr=False)
    record: RunRecord | None = None
    """The record of the current request, not of an earlier scrape."""

    def __post_init__(self) -> None:
        self.token = check_token(self.options)

    def do(self, *, again: bool) -> Scraped:
        for record in apify_run_records.open_records(self.folder, log_damaged=lambda error: self.log(str(error))):
            if record.digest != self.request.digest:
                self._fetch_earlier(record)
        known = apify_run_records.find_record(self.folder, self.request.digest)
        if known and known.is_open and known.run and known.is_old(apify_run_records.utc_now()):
            self._fetch_earlier(known)  # an old failure must not become the answer to today's request
            known = apify_run_records.find_record(self.folder, self.request.digest)
        if known and known.is_open:
            self.log(f"going on with what began at {known.asked_at}")
            return self._finish(known)
        if known and not again and known.is_repetition(apify_run_records.utc_now()):
            is_there = not known.file or locate_inbox_file(self.inbox / known.file)
            return self._scraped(known, is_known=True) if is_there else self._finish(known)
        return self._finish(self._start_new())

    def abort(self) -> None:
        """Abort the current run; if it has already succeeded, the next scrape with this request fetches its data."""
        record = self.record
        if record is None or not record.is_open:
            return
        apify = self._apify(record)
        try:
            if not record.run:
                record = apify_run_records.save_record(self.folder, replace(record, is_cancelled=True))
            started = record.run or getattr(self._find_run(apify, record, searches=1), "id", "")
            if not started:
                self.log("Apify lists no run of this start; should there be one, the same command goes on with it")
                return
            run = apify.abort(started)
        except ScrapeError as error:
            self.log(str(error))
            return
        if run.status == SUCCEEDED:
            self.log(f"Apify's run {run.id} has ended already: the same command fetches what it collected")
            return
        self._end(replace(record, run=run.id), "ABORTED", run)
        self.log(f"Apify's run {run.id} was aborted")

    def _fetch_earlier(self, record: RunRecord) -> None:
        """Fetches the data of an earlier request's run if it has finished; starts no run and does not wait for one."""
        scrape = f"an earlier scrape of {record.name} for {_names_text(record, self.request.names_field)}"
        apify = replace(self._apify(record), patience=self.patience._replace(tries=_TRIES_FOR_OTHERS))
        try:
            run = apify.look(record.run) if record.run else self._find_run(apify, record, searches=1)
            if run is None:
                self._report_unstarted(record, scrape)
                return
            record = apify_run_records.save_record(self.folder, replace(record, run=run.id))
            if run.status not in ENDED and record.is_cancelled:
                run = apify.abort(run.id)
            if run.status not in ENDED:
                self.log(f"{scrape} still runs, {run.page}: a later scrape of {record.name} fetches what it collects")
                return
            count = self._save_dataset(apify, run, record) if run.status == SUCCEEDED else 0
        except GoneError as error:
            self._end(record, _GONE)
            self.log(f"{scrape}: {error}")
        except ScrapeError as error:
            self.log(f"{scrape} is left as it is: {error}")
        else:
            file = export_file_name(record.actor, run) if count else ""
            self._end(record, run.status, run, file, count)
            self.log(f"{scrape} {_outcome(run, count, file)}")

    def _report_unstarted(self, record: RunRecord, scrape: str) -> None:
        """Log that Apify has no run for an earlier actor start; delete its record if it was cancelled or is old.

        `scrape` describes that earlier scrape for the message.
        """
        if record.is_cancelled or record.is_old(apify_run_records.utc_now()):
            apify_run_records.delete_record(self.folder, record)
        if not record.is_cancelled:
            self.log(f"{scrape} was never started; the same command starts it")

    def _start_new(self) -> RunRecord:
        """Writes the record of a new request, starts its run, and returns the record."""
        apify = self._apify(self.request)
        marked = apify.check_input(self.request.input)
        newest = apify.newest_run()
        for line in self.request.capped(self.options):
            self.log(line)
        record = RunRecord(
            self.request.name,
            self.request.digest,
            self.request.actor,
            dict(self.request.input),
            marker=uuid4().hex if marked else "",
            asked_at=apify_run_records.utc_now().isoformat(timespec="seconds"),
            after=newest.id if newest else "",
            after_at=newest.started_at.isoformat() if newest else "",
        )
        started = self._with_run(apify, apify_run_records.save_record(self.folder, record), doubtful=False)
        self.log(f"{record.actor}: run {started.run} was started, {CONSOLE}/actors/runs/{started.run}")
        return started

    def _finish(self, record: RunRecord) -> Scraped:
        self.record = record
        apify = self._apify(record)
        if not record.run:
            record = self._with_run(apify, record, doubtful=True)
        try:
            run = apify.wait(record.run, self._limits.time, self.log)
            items = self._save_dataset(apify, run, record) if run.status == SUCCEEDED else 0
        except GoneError:
            self.record = self._end(record, _GONE)
            raise
        if run.status != SUCCEEDED:
            self.record = self._end(record, run.status, run)
            reason = f" ({run.message})" if run.message else ""
            raise ScrapeError(
                f"{record.name}: Apify's run {run.id} of {record.actor} ended as {run.status}{reason}. See {run.page}; "
                "the same command starts another run."
            )
        if items >= self._limits.max_items:
            self.log(f"{items:,} came, which is the limit, so there may be more: APIFY__MAX_ITEMS, max_items")
        self.record = self._end(record, SUCCEEDED, run, export_file_name(record.actor, run) if items else "", items)
        return self._scraped(self.record)

    def _with_run(self, apify: Apify, record: RunRecord, *, doubtful: bool) -> RunRecord:
        """Returns the record with the id of its run, which is searched or started.

        `doubtful` means that a run may have been started before, so that it is searched first. If it stays unknown
        whether there is a run, the record is kept.
        """
        self.record = record
        pause, tries = self.patience.pause.total_seconds(), self.patience.tries
        marked = {MARKER: record.marker} if record.marker else {}
        run = self._find_run(apify, record, tries) if doubtful else None
        last = UnansweredError()
        for attempt in range(tries):
            if run:
                break
            try:
                run = apify.start({**record.input, **marked}, self._limits)
            except UnansweredError as error:
                doubtful, last = True, error
                sleep(pause * 2**attempt)
                run = self._find_run(apify, record, searches=1)
            except ScrapeError:
                run = self._find_run(apify, record, tries) if doubtful else None
                if run is None:
                    apify_run_records.delete_record(self.folder, record)
                    self.record = None
                    raise
        if run is None:
            raise last
        self.record = apify_run_records.save_record(self.folder, replace(record, run=run.id, is_cancelled=False))
        return self.record

    def _find_run(self, apify: Apify, record: RunRecord, searches: int) -> ActorRun | None:
        """Returns the run of an actor start that got no response; None if `searches` searches do not find it."""

        def is_ours(run_input: object) -> bool:
            if not isinstance(run_input, Mapping):
                return False
            if record.marker:
                return run_input.get(MARKER) == record.marker
            return all(run_input.get(name) == value for name, value in record.input.items())

        for attempt in range(searches):
            if attempt:
                sleep(self.patience.pause.total_seconds())
            if run := apify.find(record.after, record.after_at, is_ours):
                return run
        return None

    def _save_dataset(self, apify: Apify, run: ActorRun, record: RunRecord) -> int:
        """Writes the run's dataset to an inbox file and returns its number of records.

        A file that already exists, or was already ingested, is not written again.
        """
        return write_inbox_file(self.inbox / export_file_name(record.actor, run), lambda: apify.items(run))

    def _end(
        self, record: RunRecord, status: str, run: ActorRun | None = None, file: str = "", items: int = 0
    ) -> RunRecord:
        ended = replace(
            record,
            status=status,
            file=file,
            items=items,
            charge_usd=run.charge_usd if run else record.charge_usd,
            ended_at=record.ended_at or apify_run_records.utc_now().isoformat(timespec="seconds"),
        )
        return apify_run_records.save_record(self.folder, ended)

    def _scraped(self, record: RunRecord, *, is_known: bool = False) -> Scraped:
        if not record.items and NEWER_THAN not in record.input:
            raise NothingDoneError(
                f"{record.name}: Apify's run {record.run} of {record.actor} succeeded and collected nothing. Check the "
                f"names in its input: {CONSOLE}/actors/runs/{record.run}. With --again the same is asked once more."
            )
        file = locate_inbox_file(self.inbox / record.file) if record.file else None
        return Scraped(record.run, file, record.items, record.charge_usd, is_known)

    def _apify(self, source: RunRecord | ScrapeRequest) -> Apify:
        options = self.options
        return Apify(
            source.actor, self.request.file, options.api_url, options.token_variable, self.token, self.patience
        )

    @property
    def _limits(self) -> Limits:
        return Limits(*self.request.limits(self.options), timedelta(minutes=self.options.run_minutes))


def check_token(options: ApifySettings) -> str:
    """Returns Apify's token. Raises SettingsError, which says what to set, if there is none."""
    variable = options.token_variable
    remedy = f"Copy it from {CONSOLE}/settings/integrations and set it with: export {variable}=…"
    return read_secret(variable, "Apify's token", remedy)


def _names_text(record: RunRecord, field: str) -> str:
    """Returns the first few accounts or hashtags of a recorded request, joined to a string for messages.

    `field` is the input field that lists them.
    """
    names = record.input.get(field)
    if not isinstance(names, list) or not names:
        return "whom its file names"
    first: list[object] = names[:_SHOWN]  # pyright: ignore[reportUnknownVariableType]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""  # pyright: ignore[reportUnknownArgumentType]
    since = f" since {record.input[NEWER_THAN]}" if NEWER_THAN in record.input else ""
    return f"{', '.join(map(str, first))}{more}{since}"


def _outcome(run: ActorRun, count: int, file: str) -> str:
    if run.status != SUCCEEDED:
        reason = f" ({run.message})" if run.message else ""
        return f"ended as {run.status}{reason}, {run.page}; the same command starts another run"
    if not count:
        return f"succeeded and collected nothing, {run.page}"
    return f"is in the inbox now: {file}"
