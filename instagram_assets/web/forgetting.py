"""Erasure of an account or hashtag from the web app: preview, request and progress.

Erasure needs exclusive use of the data folder. Where `dev` runs the app, it stops all other processes, erases, and
restarts them; elsewhere a person has to stop Dagster, and the page shows the command.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from instagram_assets.automation import forget_requests
from instagram_assets.automation.forget_requests import ForgetPhase, ForgetRequest, pause_folder
from instagram_assets.automation.run_states import ACTIVE_STATUSES
from instagram_assets.errors import BusyError, ConflictError, ForgetError
from instagram_assets.forget import erasure, erasure_journal
from instagram_assets.forget.ambiguous_names import AmbiguousName, count_ambiguous_names
from instagram_assets.forget.erasure_steps import Step
from instagram_assets.privacy.pseudonyms import is_forgotten_pseudonym
from instagram_assets.report.safe_text import printable
from instagram_assets.settings import Settings
from instagram_assets.sources.account_and_hashtag_names import is_hashtag, parse_account_name, parse_hashtag
from instagram_assets.storage.lake import lake_root
from instagram_assets.web.dagster_queries import DagsterDownError
from instagram_assets.web.dependencies import Services

_MOST_RUNS = 5
_one_preview = Lock()
"""A preview reads much of the lake: more of them at once would only take longer."""


@dataclass(frozen=True)
class AreaPreview:
    """What would happen in one area of the data folder: files and rows; an area may also only be looked through."""

    name: str
    removed: int
    rewritten: int
    rows: int

    @property
    def is_certain(self) -> bool:
        """Whether rows or files are known to be erased from this location."""
        return bool(self.removed or self.rewritten or self.rows)


@dataclass(frozen=True)
class Preview:
    """Preview of an erasure. `also` are other names of the account, `words` those that are ordinary words as well."""

    name: str
    is_known: bool
    is_remembered: bool
    also: tuple[str, ...]
    posts: int
    images: int
    areas: list[AreaPreview]
    words: list[AmbiguousName]


@dataclass(frozen=True)
class Progress:
    """Progress of an erasure: `request` is null without a request; `is_unfinished` if an earlier try was stopped."""

    request: ForgetRequest | None
    log: list[str]
    is_unfinished: bool
    can_pause: bool
    command: str


def canonical(name: str) -> str:
    """The name in the lake's form. Raises ForgetError for an invalid name."""
    try:
        found = f"#{parse_hashtag(name)}" if is_hashtag(name) else parse_account_name(name)
    except ValueError as error:
        raise ForgetError(f"{printable(name, 60)}: {error}.") from error
    if is_forgotten_pseudonym(found):
        raise ForgetError(f"{found}: stands in the place of somebody who was forgotten.")
    return found


def preview(settings: Settings, name: str) -> Preview:
    """Search all stored data for what would be erased, without changes. It may take many seconds.

    Raises BusyError while another preview is running.
    """
    name = canonical(name)
    if not _one_preview.acquire(blocking=False):  # a waiting request would block one of the server's threads
        raise BusyError("What would go is being looked for already, maybe in another tab. Ask again in a minute.")
    try:
        subject = erasure.find_subject(settings, _target(name))
        steps = erasure.plan_erasure(settings, subject, erasure.planners_for(subject))
        words = count_ambiguous_names(lake_root(settings), subject.identifiers)
    finally:
        _one_preview.release()
    known = subject.identifiers
    counts = (len(known.post_ids), len(known.images))
    return Preview(
        name, subject.is_known, subject.was_erased_before, subject.other_names, *counts, _areas(steps), words
    )


def progress(settings: Settings, name: str) -> Progress:
    """The progress of the erasure of one name, and what a person can do."""
    name, folder = canonical(name), pause_folder()
    request = forget_requests.current_request(folder) if folder else None
    if request and request.target != _target(name):
        request = None
    log = forget_requests.forget_log_lines(folder) if folder and request and request.phase != ForgetPhase.asked else []
    is_under_way = request is not None and not request.phase.is_over
    stopped = not is_under_way and name in unfinished(settings)
    return Progress(request, log, stopped, folder is not None, command_for(name))


def unfinished(settings: Settings) -> list[str]:
    """Accounts and hashtags whose erasure was begun and not finished."""
    targets = erasure_journal.unfinished_targets(settings.folder("privacy"))
    return [target.value for target in targets if target.kind in ("account", "hashtag")]


async def request_erasure(services: Services, name: str, confirm: str, *, is_bare: bool = False) -> ForgetRequest:
    """Submit a request to erase a name, which `dev` processes.

    Raises ForgetError unless the name was typed as confirmation, and ConflictError where no `dev` is running, while
    another erasure is pending, and while runs are active, since no run is stopped without being asked to.
    """
    name, folder = canonical(name), pause_folder()
    if confirm.strip().removeprefix("@").casefold() != name:
        raise ForgetError(f"Nothing was done: confirm it by the name {name}, typed as it stands here.")
    if folder is None:
        raise ConflictError(
            f"Nothing was done: this web app does not run below `instagram-assets dev`. Stop Dagster (its webserver, "
            f"daemon and code servers), run `{command_for(name, is_bare=is_bare)}`, and start it again."
        )
    if going := await runs_under_way(services):
        raise ConflictError(
            f"Nothing was done: runs go on ({', '.join(going)}). Wait for their end or cancel them, then ask again."
        )
    request = ForgetRequest(_target(name), is_bare)
    forget_requests.submit_request(folder, request)
    return request


async def runs_under_way(services: Services) -> list[str]:
    """Queued and active runs, as job name and shortened run id; empty where Dagster is not running."""
    try:
        runs = await services.dagster.runs({}, limit=_MOST_RUNS, statuses=ACTIVE_STATUSES)
    except DagsterDownError:
        return []
    return [f"{run.job} {run.run_id[:8]}" for run in runs]


def command_for(name: str, *, is_bare: bool = False) -> str:
    """The shell command that does the erasure."""
    return shlex.join(["instagram-assets", "forget", *(["--bare"] if is_bare else []), _target(name)])


def _target(name: str) -> str:
    """The command's argument: an account with its @, so that it is unambiguous."""
    return name if is_hashtag(name) else f"@{name}"


def _areas(steps: Iterable[Step]) -> list[AreaPreview]:
    found: dict[str, list[int]] = {}
    for step in steps:
        counts = found.setdefault(step.area, [0, 0, 0])
        if step.is_certain:
            counts[0 if step.verb == "remove" else 1] += 1
            counts[2] += step.rows
    return [AreaPreview(name, *counts) for name, counts in found.items()]
