"""Posts, reels and profiles collected by one of Apify's actors, as an export file in the inbox.

One request is one run, whatever dies on the way: a note is written before the start, and the same request goes on from
it. A start that was not answered is looked for among the actor's runs before it is tried again. Of what other requests
left behind, only what was paid is brought in.
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
"""The field of an actor's input by which we know our own start again; actors leave alone what they do not know."""

GONE = "GONE"
"""The status of a note whose run, or what it collected, Apify no longer has."""

_TRIES_FOR_OTHERS = 2
"""Fewer than for what was asked: what cannot be had of an earlier scrape now is tried again by the next."""

_SHOWN = 3

Tell = Callable[[str], object]


class Scraped(NamedTuple):
    """What a request brought: its run, its file wherever it lies (null when there was nothing), and what Apify charged.

    `is_known` says that an equal request had just been answered, so that nothing was started.
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
    """Run the request's actor, wait for it, and put what it collected into the inbox; notes of it are in `folder`.

    What earlier calls of this name collected for other requests is fetched first; whatever is wrong with them is told
    and stands in nobody's way. A request that succeeded within the last twelve hours is not run anew unless `again`
    says so; a file of it that is gone is fetched again, which costs nothing. An interruption (Ctrl-C, or SIGTERM as
    Dagster gives it) aborts the run. `tell` is given a line for each step. Raises SettingsError for a missing token,
    ScrapeRequestError and ScrapeError when Apify refuses, cannot be reached, or its run does not succeed,
    NothingDoneError when it collected nothing.
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
    """Of what was asked, not of an earlier scrape."""

    def __post_init__(self) -> None:
        self.token = check_token(self.options)

    def do(self, *, again: bool) -> Scraped:
        for note in notes.open_notes(self.folder, tell_damaged=lambda error: self.tell(str(error))):
            if note.digest != self.request.digest:
                self._settle(note)
        known = notes.find(self.folder, self.request.digest)
        if known and known.is_open and known.run and known.is_old(notes.now()):
            self._settle(known)  # should it have failed long ago, that is no answer to who asks today
            known = notes.find(self.folder, self.request.digest)
        if known and known.is_open:
            self.tell(f"going on with what began at {known.asked_at}")
            return self._finish(known)
        if known and not again and known.is_repetition(notes.now()):
            is_there = not known.file or place_of(self.inbox / known.file)
            return self._scraped(known, is_known=True) if is_there else self._finish(known)
        return self._finish(self._noted())

    def abort(self) -> None:
        """End the run that is under way; what already succeeded waits for the next call."""
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
        """Bring in what an earlier scrape of another request collected; it is never started or waited for."""
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
        """Leave an earlier start alone of which Apify has no run: who wants it gives its command again."""
        if note.is_cancelled or note.is_old(notes.now()):
            notes.forget(self.folder, note)
        if not note.is_cancelled:
            self.tell(f"{whom} was never started; the same command starts it")

    def _noted(self) -> Note:
        """The note of a start that is about to be made."""
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
        """The note with the number of its run: of one that there is already, or of a new one.

        `doubtful` says that it may have been started before. Where that stays unknown the note does not go.
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
        """The run of a start that was not answered, looked for so often: Apify may list it a moment late."""

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
        """Put what the run collected into the inbox, unless it is there or was read from there; how many records."""
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
    """Apify's token. Raises SettingsError, with what to set, where there is none."""
    variable = options.token_variable
    remedy = f"Copy it from {CONSOLE}/settings/integrations and set it with: export {variable}=…"
    return read_secret(variable, "Apify's token", remedy)


def _whom(note: Note, field: str) -> str:
    """Those whom a request was about, as a person knows it again."""
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
