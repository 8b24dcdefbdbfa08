"""Forgetting an account or hashtag from the web app: what would go, the wish for it, and how far it is.

Forgetting needs the data folder for itself. Where `dev` runs the app, it ends all else meanwhile, does it, and starts
again; elsewhere a person has to stop Dagster, and the page gives the command.
"""

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

from instagram_assets.automation import forget_requests
from instagram_assets.automation.forget_requests import ForgetPhase, ForgetRequest, pause_folder
from instagram_assets.automation.run_states import ACTIVE_STATUSES
from instagram_assets.errors import BusyError, ConflictError, DagsterDownError, ForgetError
from instagram_assets.forget import erasure, erasure_journal
from instagram_assets.forget.ambiguous_names import AmbiguousName, count_ambiguous_names
from instagram_assets.forget.steps import Step
from instagram_assets.privacy.pseudonyms import is_forgotten_pseudonym
from instagram_assets.report.safe_text import printable
from instagram_assets.settings import Settings
from instagram_assets.sources.names import account, hashtag, is_hashtag
from instagram_assets.storage.lake import lake_root
from instagram_assets.web.services import Services

_MOST_RUNS = 5
_one_preview = Lock()
"""A preview reads much of the lake: more of them at once would only take longer."""


@dataclass(frozen=True)
class Place:
    """What would happen in one place of the data folder: files and rows; a place may also only be looked through."""

    name: str
    removed: int
    rewritten: int
    rows: int

    @property
    def is_certain(self) -> bool:
        """Whether anything is known to go from there."""
        return bool(self.removed or self.rewritten or self.rows)


@dataclass(frozen=True)
class Preview:
    """What would go. `also` are other names of the same account, `words` names that are ordinary words as well."""

    name: str
    is_known: bool
    is_remembered: bool
    also: tuple[str, ...]
    posts: int
    images: int
    places: list[Place]
    words: list[AmbiguousName]


@dataclass(frozen=True)
class Progress:
    """How far it is with one name: null `wish` where nobody asked; `is_unfinished` says that an earlier try stopped."""

    wish: ForgetRequest | None
    log: list[str]
    is_unfinished: bool
    can_pause: bool
    command: str


def canonical(name: str) -> str:
    """The name as the lake has it. Raises ForgetError for what is called like nobody."""
    try:
        found = f"#{hashtag(name)}" if is_hashtag(name) else account(name)
    except ValueError as error:
        raise ForgetError(f"{printable(name, 60)}: {error}.") from error
    if is_forgotten_pseudonym(found):
        raise ForgetError(f"{found}: stands in the place of somebody who was forgotten.")
    return found


def preview(settings: Settings, name: str) -> Preview:
    """What would go, looked for in everything that is kept; nothing is changed. It may take many seconds.

    Raises BusyError while another one is looked for.
    """
    name = canonical(name)
    if not _one_preview.acquire(blocking=False):  # who waited here would take a thread from everybody else
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
        name, subject.is_known, subject.was_erased_before, subject.other_names, *counts, _places(steps), words
    )


def progress(settings: Settings, name: str) -> Progress:
    """How far it is with one name, and what a person can do."""
    name, folder = canonical(name), pause_folder()
    wish = forget_requests.current_request(folder) if folder else None
    if wish and wish.target != _target(name):
        wish = None
    log = forget_requests.forget_log_lines(folder) if folder and wish and wish.phase != ForgetPhase.asked else []
    is_under_way = wish is not None and not wish.phase.is_over
    stopped = not is_under_way and name in unfinished(settings)
    return Progress(wish, log, stopped, folder is not None, command_for(name))


def unfinished(settings: Settings) -> list[str]:
    """Accounts and hashtags whose forgetting was begun and is not at its end."""
    targets = erasure_journal.unfinished_targets(settings.folder("privacy"))
    return [target.value for target in targets if target.kind in ("account", "hashtag")]


async def wish_for(services: Services, name: str, confirm: str, *, is_bare: bool = False) -> ForgetRequest:
    """Have `dev` forget it.

    Raises ForgetError unless the name was typed, and ConflictError where no `dev` could do it, while something else is
    forgotten, and while runs go on: nothing is stopped unasked.
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
    wish = ForgetRequest(_target(name), is_bare)
    forget_requests.submit_request(folder, wish)
    return wish


async def runs_under_way(services: Services) -> list[str]:
    """Runs that wait or go on, by their job and the beginning of their id; none where Dagster is away."""
    try:
        runs = await services.dagster.runs({}, limit=_MOST_RUNS, statuses=ACTIVE_STATUSES)
    except DagsterDownError:
        return []
    return [f"{run.job} {run.run_id[:8]}" for run in runs]


def command_for(name: str, *, is_bare: bool = False) -> str:
    """The command that does it, as a shell takes it."""
    return shlex.join(["instagram-assets", "forget", *(["--bare"] if is_bare else []), _target(name)])


def _target(name: str) -> str:
    """An account with its @, so that nothing else can be meant."""
    return name if is_hashtag(name) else f"@{name}"


def _places(steps: Iterable[Step]) -> list[Place]:
    found: dict[str, list[int]] = {}
    for step in steps:
        counts = found.setdefault(step.area, [0, 0, 0])
        if step.is_certain:
            counts[0 if step.verb == "remove" else 1] += 1
            counts[2] += step.rows
    return [Place(name, *counts) for name, counts in found.items()]
