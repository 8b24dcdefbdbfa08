"""A client for Apify's API, built on apify-client 3.4: runs of one actor and their datasets, with readable errors.

Read requests are retried after transient failures; starting a run is not, since a run that is started twice is paid
twice.
"""

import difflib
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from instagram_assets.errors import GoneError, ScrapeError, ScrapeRefusedError, ScrapeRequestError, UnansweredError
from instagram_assets.report.safe_text import printable

if TYPE_CHECKING:
    from apify_client import ApifyClient
    from apify_client.errors import ApifyApiError

CONSOLE = "https://console.apify.com"
SUCCEEDED = "SUCCEEDED"
ENDED = (SUCCEEDED, "FAILED", "ABORTED", "TIMED-OUT")

_PAGE = 1000
_LONGEST_MESSAGE = 500
_RUNS_LOOKED_AT = 1000
_LATE = timedelta(minutes=10)
# Exceptions of the client for responses that are not in Apify's format.
_OTHER_FORMS = (ValueError, LookupError, TypeError)


class Patience(NamedTuple):
    """The retry policy: number of tries and the first pause, which doubles with each further try.

    `answer` is the maximum duration of one request that waits for a run to end: it is short, since signals such as
    Ctrl-C are only handled between two requests.
    """

    tries: int = 4
    pause: timedelta = timedelta(seconds=1)
    answer: timedelta = timedelta(seconds=5)


PATIENT = Patience()


class Limits(NamedTuple):
    """The maximum number of items, cost (US dollars) and duration of a run."""

    max_items: int
    max_total_charge_usd: float
    time: timedelta


class ActorRun(NamedTuple):
    """One run of an Apify actor: the fields of Apify's API that this program uses.

    `dataset` is the id of its dataset, `inputs` the id of the key-value store that holds its input.
    """

    id: str
    status: str
    dataset: str
    inputs: str
    started_at: datetime
    finished_at: datetime | None
    charge_usd: float | None = None
    message: str = ""

    @property
    def page(self) -> str:
        """URL of the run's page in Apify's console."""
        return f"{CONSOLE}/actors/runs/{self.id}"


@dataclass(frozen=True)
class Apify:
    """Client for the runs of one Apify actor.

    `file` is the JSON file that names the actor and its input, `variable` the environment variable that has the token:
    both are only used in error messages.
    """

    actor: str
    file: Path
    url: str
    variable: str
    token: str = field(repr=False)
    patience: Patience = PATIENT

    def check_input(self, run_input: Mapping[str, Any]) -> bool:
        """Checks the input's field names; returns whether the input schema permits fields that it does not list.

        Raises ScrapeRequestError for a field of `run_input` that the schema does not list, since the run would ignore
        it. If the schema cannot be read, nothing is checked and the result is True.
        """
        from apify_client.errors import ForbiddenError, NotFoundError

        with self._in_words("its builds cannot be read"):
            try:
                build = self._client.actor(self.actor).default_build().get()
            except (ForbiddenError, NotFoundError):
                return True  # private, or there is no such actor: starting it gives the error
        schema: dict[str, Any] = (build.actor_definition.input if build and build.actor_definition else None) or {}
        known = list(schema.get("properties", {}))
        for name in run_input:
            if known and name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                hint = f" Did you mean {near[0]}?" if near else ""
                raise ScrapeRequestError(
                    f"{self.file}: {self.actor} has no input field {name}.{hint} It has {', '.join(sorted(known))}."
                )
        return schema.get("additionalProperties", True) is not False

    def newest_run(self) -> ActorRun | None:
        """Returns the actor's most recently started run; None if there is none, or no such actor."""
        from apify_client.errors import NotFoundError

        with self._in_words("its runs cannot be listed"):
            try:
                runs = self._client.actor(self.actor).runs().list(limit=1, desc=True).items
            except NotFoundError:
                return None  # starting it gives the error
        return self._run(runs[0]) if runs else None

    def start(self, run_input: Mapping[str, Any], limits: Limits) -> ActorRun:
        """Start a run with a single request and return it.

        Raises UnansweredError when it is unknown whether a run was started, ScrapeError when certainly none was.
        """
        import impit
        from apify_client.errors import ApifyApiError

        try:
            run = self._client_without_retries.actor(self.actor).start(
                run_input=dict(run_input),
                max_items=limits.max_items,
                max_total_charge_usd=Decimal(str(limits.max_total_charge_usd)),
                run_timeout=limits.time,
            )
        except ApifyApiError as error:
            problem = "it is not known whether it was started"
            unknown = error.status_code == 429 or error.status_code >= 500
            raise self._as_scrape_error(error, problem, UnansweredError if unknown else ScrapeError) from self._cause(
                error
            )
        except (impit.HTTPError, *_OTHER_FORMS) as error:
            raise UnansweredError(self._unreachable("the start was not answered", error)) from self._cause(error)
        return self._run(run)

    def find(self, after: str, after_at: str, is_ours: Callable[[Any], bool]) -> ActorRun | None:
        """Returns the newest run started after the run `after` whose input `is_ours` accepts; None if there is none.

        `after` is a run id and `after_at` its start time (ISO 8601); both are empty to search all runs. At most 1,000
        runs are searched.
        """
        since = datetime.fromisoformat(after_at) if after_at else None
        with self._in_words("its runs cannot be listed"):
            runs = self._client.actor(self.actor).runs()
            for found in runs.iterate(desc=True, started_after=since, limit=_RUNS_LOOKED_AT, chunk_size=100):
                if found.id == after:
                    return None
                record = self._client.key_value_store(found.default_key_value_store_id).get_record("INPUT")
                if record and is_ours(record["value"]):
                    return self._run(found)
        return None

    def look(self, run_id: str) -> ActorRun:
        """Returns the current state of a run. Raises GoneError if it does not exist any more."""
        with self._in_words(f"run {run_id} cannot be looked at"):
            answer = self._client.run(run_id).get()
        if answer is None:
            raise self._gone(run_id)
        return self._run(answer)

    def wait(self, run_id: str, limit: timedelta, log: Callable[[str], object]) -> ActorRun:
        """Waits for a run to end and returns it, whatever its status.

        Raises GoneError if it does not exist any more, ScrapeError if it takes longer than `limit`.
        """
        logged, begun = "", monotonic()
        with self._in_words(f"run {run_id} cannot be watched; it goes on"):
            while True:
                answer = self._client.run(run_id).wait_for_finish(wait_duration=self.patience.answer)
                if answer is None:
                    raise self._gone(run_id)
                run = self._run(answer)
                if run.status in ENDED:
                    return run
                if run.message and run.message != logged:
                    logged = run.message
                    log(f"{run.status}: {logged}")
                if monotonic() - begun > (limit + _LATE).total_seconds():
                    raise ScrapeError(
                        f"Apify's run {run_id} is still {run.status} after {limit}. See {run.page}, and run the same "
                        "command again: it goes on with that run."
                    )

    def items(self, run: ActorRun) -> Iterator[dict[str, Any]]:
        """Yields the run's dataset items, page by page, without empty items and without hidden fields (named `#…`).

        Raises GoneError if the dataset was deleted.
        """
        from apify_client.errors import NotFoundError

        with self._in_words(f"the records of run {run.id} cannot be read; they stay there"):
            try:
                yield from self._client.dataset(run.dataset).iterate_items(clean=True, chunk_size=_PAGE)
            except NotFoundError as error:
                raise GoneError(
                    f"Apify no longer has what run {run.id} collected. See {run.page}; the same command starts another."
                ) from self._cause(error)

    def abort(self, run_id: str) -> ActorRun:
        """Aborts a run, which stops its cost, and returns it; a run that has already ended is unchanged."""
        with self._in_words(f"run {run_id} could not be aborted and goes on: end it at {CONSOLE}/actors/runs/{run_id}"):
            return self._run(self._client.run(run_id).abort())

    def _gone(self, run_id: str) -> GoneError:
        return GoneError(f"Apify has no run {run_id} any more. The same command starts another.")

    @property
    def _client(self) -> "ApifyClient":
        return self._of(self.patience.tries - 1)

    @property
    def _client_without_retries(self) -> "ApifyClient":
        return self._of(0)

    def _of(self, retries: int) -> "ApifyClient":
        from apify_client import ApifyClient

        return ApifyClient(
            self.token,
            api_url=self.url,
            api_public_url=self.url,
            max_retries=retries,
            min_delay_between_retries=self.patience.pause,
        )

    @contextmanager
    def _in_words(self, problem: str) -> Generator[None]:
        """Context manager that turns errors of apify-client into ScrapeErrors whose message says what to do.

        `problem` is the part of the message that says what failed.
        """
        import impit
        from apify_client.errors import ApifyApiError

        try:
            yield
        except ApifyApiError as error:
            raise self._as_scrape_error(error, problem) from self._cause(error)
        except (impit.HTTPError, *_OTHER_FORMS) as error:
            raise ScrapeError(self._unreachable(problem, error)) from self._cause(error)

    def _as_scrape_error(
        self, error: "ApifyApiError", problem: str, kind: type[ScrapeError] = ScrapeError
    ) -> ScrapeError:
        kind = ScrapeRefusedError if error.status_code in (401, 402, 403) else kind
        return kind(self._message(error, problem))

    def _message(self, error: "ApifyApiError", problem: str) -> str:
        reason = self._safe_text(error.message or error.type) or "it gives no reason"
        match error.status_code:
            case 400:
                return f"{self.file}: Apify refuses the input of {self.actor}: {reason}. Mend it, then run again."
            case 401:
                where = f"{CONSOLE}/settings/integrations"
                return f"Apify does not know the token in {self.variable}. Copy it anew from {where}, then run again."
            case 402:
                return f"{self.actor}: Apify wants to be paid: {reason}. See {CONSOLE}/billing, then run again."
            case 403:
                return f"{self.actor}: Apify does not allow it to this account: {reason}. See {CONSOLE}/billing."
            case 404:
                return f"{self.file}: Apify does not have {self.actor}, or no longer what is asked of it: {reason}."
            case status:
                return (
                    f"{self.actor}: {problem}; Apify answers {status}: {reason}. Run the same command again later: it "
                    "goes on from here."
                )

    def _unreachable(self, problem: str, error: Exception) -> str:
        reason = self._safe_text(f"{type(error).__name__}: {error}".partition("\n")[0])
        return f"{self.actor} at {self.url}: {problem} ({reason}). Run the same command again: it goes on from here."

    def _run(self, run: Any) -> ActorRun:
        return ActorRun(
            run.id,
            run.status,
            run.default_dataset_id,
            run.default_key_value_store_id,
            run.started_at,
            run.finished_at,
            getattr(run, "usage_total_usd", None),
            self._safe_text(getattr(run, "status_message", None)),
        )

    def _safe_text(self, text: str | None) -> str:
        """Shortens an error message of an actor or Apify; removes token, control characters and final full stop."""
        words = " ".join((text or "").split())
        return printable(words.replace(self.token, "…"), _LONGEST_MESSAGE).rstrip(".")

    def _cause(self, error: Exception) -> Exception | None:
        """Returns the exception to chain as the cause of our error (`raise from`); None if its text has the token."""
        return None if self.token in str(error) else error
