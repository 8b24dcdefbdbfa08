"""Erasure of an account or hashtag from the web app: preview, request, and progress.

Erasure needs exclusive use of the data folder. If the app runs under `instagram-assets dev`, that command stops all
other processes, erases, and restarts them. Otherwise the user has to stop Dagster; the page shows the command to run.
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
"""Lock that allows one preview at a time: each reads much of the lake, so concurrent ones would only take longer."""


@dataclass(frozen=True)
class AreaPreview:
    """What an erasure would do in one area of the data folder: files removed, files rewritten, and rows erased.

    All counts are zero if the area has to be searched before it is known what it contains.
    """

    name: str
    removed: int
    rewritten: int
    rows: int

    @property
    def is_certain(self) -> bool:
        """Whether it is known that the erasure removes files or rows in this area."""
        return bool(self.removed or self.rewritten or self.rows)


@dataclass(frozen=True)
class Preview:
    """Preview of an erasure: `also` are other names of the account, `words` its names that are ordinary words, too.

    `is_known` is false if no data has this name; `is_remembered` is true if the name was erased before.
    """

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
    """Progress of an erasure; `request` is None if none was requested, `is_unfinished` if one was interrupted.

    `can_pause` is whether the app runs under `instagram-assets dev`; `command` is the shell command for the erasure
    otherwise.
    """

    request: ForgetRequest | None
    log: list[str]
    is_unfinished: bool
    can_pause: bool
    command: str


def canonical(name: str) -> str:
    """Returns the name of an account or hashtag as spelled in the lake. Raises ForgetError for an invalid name."""
    try:
        found = f"#{parse_hashtag(name)}" if is_hashtag(name) else parse_account_name(name)
    except ValueError as error:
        raise ForgetError(f"{printable(name, 60)}: {error}.") from error
    if is_forgotten_pseudonym(found):
        raise ForgetError(f"{found}: stands in the place of somebody who was forgotten.")
    return found


def preview(settings: Settings, name: str) -> Preview:
    """Searches all stored data for what an erasure would remove, without changing anything; can take many seconds.

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
    """Returns the progress of the erasure of one account or hashtag."""
    name, folder = canonical(name), pause_folder()
    request = forget_requests.current_request(folder) if folder else None
    if request and request.target != _target(name):
        request = None
    log = forget_requests.forget_log_lines(folder) if folder and request and request.phase != ForgetPhase.asked else []
    is_under_way = request is not None and not request.phase.is_over
    stopped = not is_under_way and name in unfinished(settings)
    return Progress(request, log, stopped, folder is not None, command_for(name))


def unfinished(settings: Settings) -> list[str]:
    """Returns the accounts and hashtags whose erasure was started but not finished."""
    targets = erasure_journal.unfinished_targets(settings.folder("privacy"))
    return [target.value for target in targets if target.kind in ("account", "hashtag")]


async def request_erasure(services: Services, name: str, confirm: str, *, is_bare: bool = False) -> ForgetRequest:
    """Submit a request to erase an account or hashtag, which `instagram-assets dev` carries out.

    `confirm` is the name as typed by the user; with `is_bare`, a name that is also an ordinary word is erased wherever
    that word occurs. Raises ForgetError if `confirm` differs from the name. Raises ConflictError if `dev` is not
    running, if another erasure is pending, or if runs are active, since none is stopped without the user's consent.
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
    """Returns job name and shortened run id, as one string, of queued and active runs; empty if Dagster is down."""
    try:
        runs = await services.dagster.runs({}, limit=_MOST_RUNS, statuses=ACTIVE_STATUSES)
    except DagsterDownError:
        return []
    return [f"{run.job} {run.run_id[:8]}" for run in runs]


def command_for(name: str, *, is_bare: bool = False) -> str:
    """Returns the shell command that erases an account or hashtag.

    With `is_bare`, it erases a name that is also an ordinary word wherever that word occurs.
    """
    return shlex.join(["instagram-assets", "forget", *(["--bare"] if is_bare else []), _target(name)])


def _target(name: str) -> str:
    """Returns the name as an argument of the command: accounts with a leading @, so that it is unambiguous."""
    return name if is_hashtag(name) else f"@{name}"


def _areas(steps: Iterable[Step]) -> list[AreaPreview]:
    found: dict[str, list[int]] = {}
    for step in steps:
        counts = found.setdefault(step.area, [0, 0, 0])
        if step.is_certain:
            counts[0 if step.verb == "remove" else 1] += 1
            counts[2] += step.rows
    return [AreaPreview(name, *counts) for name, counts in found.items()]
