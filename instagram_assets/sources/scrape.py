"""Runs a scrape on one of Apify's actors and saves its posts, reels or profiles as an export file in the inbox.

One request is one run, even if the process is killed: a record is written before the start, and the same request
resumes from it. After a start without a response, the actor's runs are searched before it is retried. Of other
requests' unfinished runs, only results that were already paid for are fetched.
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
from instagram_assets.sources import notes
from instagram_assets.sources.apify import CONSOLE, ENDED, PATIENT, SUCCEEDED, ActorRun, Apify, Limits, Patience
from instagram_assets.sources.arrivals import bring, file_name, place_of
from instagram_assets.sources.notes import Note
from instagram_assets.sources.requests import NEWER_THAN, ScrapeRequest
from instagram_assets.sources.secrets import read_secret
from instagram_assets.storage.locks import alone_in

MARKER = "instagramAssetsStart"
"""The input field that identifies runs started by this program; actors ignore unknown fields."""

GONE = "GONE"
"""The status of a record whose run or dataset Apify no longer has."""

_TRIES_FOR_OTHERS = 2
"""Number of tries for other requests' runs, lower than for the current one: the next scrape tries them again."""

_SHOWN = 3

Tell = Callable[[str], object]


class Scraped(NamedTuple):
    """The result of a scrape: its run, its file (None if it has no records), number of records, and cost.

    `is_known` is true if an equal request had recently succeeded, so that nothing was started.
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
    tell: Tell,
    *,
    again: bool = False,
    patience: Patience = PATIENT,
) -> Scraped:
    """Run the request's actor, wait for it, and save its dataset in the inbox; `folder` holds the records of starts.

    Finished runs of earlier requests of this name are fetched first; problems with them are reported and do not stop
    this one. A request that succeeded within the last twelve hours is not run again unless `again` is true; if its file
    is gone, it is fetched again, which costs nothing. An interruption (Ctrl-C, or Dagster's SIGTERM) aborts the run.
    `tell` is called with a line for each step. Raises SettingsError for a missing token, ScrapeRequestError and
    ScrapeError when Apify rejects the request, cannot be reached, or its run does not succeed, NothingDoneError when it
    collected nothing.
    """
    work = _Work(request, options, inbox, folder / request.name, tell, patience)
    with alone_in(work.folder, "Put the data folder on a local disk: INSTAGRAM_ASSETS_DATA_DIR"):
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
    tell: Tell
    patience: Patience
    token: str = field(init=False, repr=False)
    note: Note | None = None
    """The record of the current request, not of an earlier scrape."""

    def __post_init__(self) -> None:
        self.token = check_token(self.options)

    def do(self, *, again: bool) -> Scraped:
        for note in notes.open_notes(self.folder, tell_damaged=lambda error: self.tell(str(error))):
            if note.digest != self.request.digest:
                self._settle(note)
        known = notes.find(self.folder, self.request.digest)
        if known and known.is_open and known.run and known.is_old(notes.now()):
            self._settle(known)  # an old failure must not become the answer to today's request
            known = notes.find(self.folder, self.request.digest)
        if known and known.is_open:
            self.tell(f"going on with what began at {known.asked_at}")
            return self._finish(known)
        if known and not again and known.is_repetition(notes.now()):
            is_there = not known.file or place_of(self.inbox / known.file)
            return self._scraped(known, is_known=True) if is_there else self._finish(known)
        return self._finish(self._noted())

    def abort(self) -> None:
        """Abort the current run; if it has already succeeded, the next call fetches its data."""
        note = self.note
        if note is None or not note.is_open:
            return
        apify = self._apify(note)
        try:
            if not note.run:
                note = notes.save(self.folder, replace(note, is_cancelled=True))
            started = note.run or getattr(self._found(apify, note, looks=1), "id", "")
            if not started:
                self.tell("Apify lists no run of this start; should there be one, the same command goes on with it")
                return
            run = apify.abort(started)
        except ScrapeError as error:
            self.tell(str(error))
            return
        if run.status == SUCCEEDED:
            self.tell(f"Apify's run {run.id} has ended already: the same command fetches what it collected")
            return
        self._end(replace(note, run=run.id), "ABORTED", run)
        self.tell(f"Apify's run {run.id} was aborted")

    def _settle(self, note: Note) -> None:
        """Fetch the data of another request's earlier run, without starting or waiting for it."""
        whom = f"an earlier scrape of {note.name} for {_whom(note, self.request.names_field)}"
        apify = replace(self._apify(note), patience=self.patience._replace(tries=_TRIES_FOR_OTHERS))
        try:
            run = apify.look(note.run) if note.run else self._found(apify, note, looks=1)
            if run is None:
                self._unstarted(note, whom)
                return
            note = notes.save(self.folder, replace(note, run=run.id))
            if run.status not in ENDED and note.is_cancelled:
                run = apify.abort(run.id)
            if run.status not in ENDED:
                self.tell(f"{whom} still runs, {run.page}: a later scrape of {note.name} fetches what it collects")
                return
            count = self._brought(apify, run, note) if run.status == SUCCEEDED else 0
        except GoneError as error:
            self._end(note, GONE)
            self.tell(f"{whom}: {error}")
        except ScrapeError as error:
            self.tell(f"{whom} is left as it is: {error}")
        else:
            file = file_name(note.actor, run) if count else ""
            self._end(note, run.status, run, file, count)
            self.tell(f"{whom} {_outcome(run, count, file)}")

    def _unstarted(self, note: Note, whom: str) -> None:
        """Report an earlier start for which Apify has no run; its record is deleted if it was cancelled or is old."""
        if note.is_cancelled or note.is_old(notes.now()):
            notes.forget(self.folder, note)
        if not note.is_cancelled:
            self.tell(f"{whom} was never started; the same command starts it")

    def _noted(self) -> Note:
        """Writes the record of a new request, starts its run, and returns the record."""
        apify = self._apify(self.request)
        marked = apify.check_input(self.request.input)
        newest = apify.newest_run()
        for line in self.request.capped(self.options):
            self.tell(line)
        note = Note(
            self.request.name,
            self.request.digest,
            self.request.actor,
            dict(self.request.input),
            marker=uuid4().hex if marked else "",
            asked_at=notes.now().isoformat(timespec="seconds"),
            after=newest.id if newest else "",
            after_at=newest.started_at.isoformat() if newest else "",
        )
        started = self._started(apify, notes.save(self.folder, note), doubtful=False)
        self.tell(f"{note.actor}: run {started.run} was started, {CONSOLE}/actors/runs/{started.run}")
        return started

    def _finish(self, note: Note) -> Scraped:
        self.note = note
        apify = self._apify(note)
        if not note.run:
            note = self._started(apify, note, doubtful=True)
        try:
            run = apify.wait(note.run, self._limits.time, self.tell)
            items = self._brought(apify, run, note) if run.status == SUCCEEDED else 0
        except GoneError:
            self.note = self._end(note, GONE)
            raise
        if run.status != SUCCEEDED:
            self.note = self._end(note, run.status, run)
            said = f" ({run.message})" if run.message else ""
            raise ScrapeError(
                f"{note.name}: Apify's run {run.id} of {note.actor} ended as {run.status}{said}. See {run.page}; "
                "the same command starts another run."
            )
        if items >= self._limits.max_items:
            self.tell(f"{items:,} came, which is the limit, so there may be more: APIFY__MAX_ITEMS, max_items")
        self.note = self._end(note, SUCCEEDED, run, file_name(note.actor, run) if items else "", items)
        return self._scraped(self.note)

    def _started(self, apify: Apify, note: Note, *, doubtful: bool) -> Note:
        """Returns the record with the id of its run: an existing one, or a new one.

        `doubtful` means that a run may have been started before. If that stays unknown, the record is kept.
        """
        self.note = note
        pause, tries = self.patience.pause.total_seconds(), self.patience.tries
        marked = {MARKER: note.marker} if note.marker else {}
        run = self._found(apify, note, tries) if doubtful else None
        last = UnansweredError()
        for attempt in range(tries):
            if run:
                break
            try:
                run = apify.start({**note.input, **marked}, self._limits)
            except UnansweredError as error:
                doubtful, last = True, error
                sleep(pause * 2**attempt)
                run = self._found(apify, note, looks=1)
            except ScrapeError:
                run = self._found(apify, note, tries) if doubtful else None
                if run is None:
                    notes.forget(self.folder, note)
                    self.note = None
                    raise
        if run is None:
            raise last
        self.note = notes.save(self.folder, replace(note, run=run.id, is_cancelled=False))
        return self.note

    def _found(self, apify: Apify, note: Note, looks: int) -> ActorRun | None:
        """The run of a start without a response, after at most `looks` searches: Apify may list it a moment late."""

        def is_ours(asked: object) -> bool:
            if not isinstance(asked, Mapping):
                return False
            if note.marker:
                return asked.get(MARKER) == note.marker
            return all(asked.get(name) == value for name, value in note.input.items())

        for look in range(looks):
            if look:
                sleep(self.patience.pause.total_seconds())
            if run := apify.find(note.after, note.after_at, is_ours):
                return run
        return None

    def _brought(self, apify: Apify, run: ActorRun, note: Note) -> int:
        """Writes the run's dataset to the inbox unless it is or was there; returns the number of records."""
        return bring(self.inbox / file_name(note.actor, run), lambda: apify.items(run))

    def _end(self, note: Note, status: str, run: ActorRun | None = None, file: str = "", items: int = 0) -> Note:
        ended = replace(
            note,
            status=status,
            file=file,
            items=items,
            charge_usd=run.charge_usd if run else note.charge_usd,
            ended_at=note.ended_at or notes.now().isoformat(timespec="seconds"),
        )
        return notes.save(self.folder, ended)

    def _scraped(self, note: Note, *, is_known: bool = False) -> Scraped:
        if not note.items and NEWER_THAN not in note.input:
            raise NothingDoneError(
                f"{note.name}: Apify's run {note.run} of {note.actor} succeeded and collected nothing. Check the names "
                f"in its input: {CONSOLE}/actors/runs/{note.run}. With --again the same is asked once more."
            )
        file = place_of(self.inbox / note.file) if note.file else None
        return Scraped(note.run, file, note.items, note.charge_usd, is_known)

    def _apify(self, of: Note | ScrapeRequest) -> Apify:
        options = self.options
        return Apify(of.actor, self.request.file, options.api_url, options.token_variable, self.token, self.patience)

    @property
    def _limits(self) -> Limits:
        return Limits(*self.request.limits(self.options), timedelta(minutes=self.options.run_minutes))


def check_token(options: ApifySettings) -> str:
    """Returns Apify's token. Raises SettingsError, which says what to set, if there is none."""
    variable = options.token_variable
    remedy = f"Copy it from {CONSOLE}/settings/integrations and set it with: export {variable}=…"
    return read_secret(variable, "Apify's token", remedy)


def _whom(note: Note, field: str) -> str:
    """Returns the names that a request was for, for messages."""
    names = note.input.get(field)
    if not isinstance(names, list) or not names:
        return "whom its file names"
    first: list[object] = names[:_SHOWN]  # pyright: ignore[reportUnknownVariableType]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""  # pyright: ignore[reportUnknownArgumentType]
    since = f" since {note.input[NEWER_THAN]}" if NEWER_THAN in note.input else ""
    return f"{', '.join(map(str, first))}{more}{since}"


def _outcome(run: ActorRun, count: int, file: str) -> str:
    if run.status != SUCCEEDED:
        said = f" ({run.message})" if run.message else ""
        return f"ended as {run.status}{said}, {run.page}; the same command starts another run"
    if not count:
        return f"succeeded and collected nothing, {run.page}"
    return f"is in the inbox now: {file}"
