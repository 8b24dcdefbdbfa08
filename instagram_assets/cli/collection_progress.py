"""Display of a collection in a terminal: progress of each account, estimated time left, and a summary."""

import sys
from collections import Counter
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from instagram_assets.cli.messages import relative_path
from instagram_assets.collect.clock import duration_text, utc_datetime
from instagram_assets.collect.collect_all import ProgressListener
from instagram_assets.collect.collection_scope import CollectionScope
from instagram_assets.collect.results import DELIVERED, UNFINISHED, CollectionOutcome, RunResult, SubjectResult
from instagram_assets.collect.site import Request
from instagram_assets.collect.site_sessions import SiteSession
from instagram_assets.errors import InstagramAssetsError, NothingDoneError
from instagram_assets.report.progress import ProgressUpdate, show_progress
from instagram_assets.sources.names import is_hashtag

_MOST_SHOWN = 30


class CollectionProgress(ProgressListener):
    """Prints each subject's result with the estimated time left by the rate limits, and shows current requests."""

    def __init__(self) -> None:
        super().__init__(_say)
        self._session: SiteSession | None = None
        self._asked = list[int]()
        self._count, self._each, self._doing = 0, 1, ""
        self._show = _nothing_to_show

    @contextmanager
    def during_site(self, session: SiteSession, subjects: Sequence[str], scope: CollectionScope) -> Generator[None]:
        """Context manager: progress at one site; an interrupted collection prints what was saved."""
        name, self._session, self._asked, self._doing = session.site.name, session, [], ""
        self._count, self._each = len(subjects), session.requests_for(scope.posts)
        self.log(f"{name}: {_many(subjects)}, at most {_time(session, self._count * self._each)} by the limits")
        with show_progress(_nothing, lambda: ProgressUpdate(name, len(self._asked), self._count, self._doing)) as show:
            self._show = show
            try:
                yield
            except KeyboardInterrupt as stop:
                told = f"Stopped: {len(self._asked):,} of {_many(subjects)} done, and every page that came is kept"
                raise KeyboardInterrupt(f"{told}. Run the same command again: it goes on where this one was.") from stop
            finally:
                self._show = _nothing_to_show

    def before_request(self, request: Request) -> None:
        wait = self._session.limiter.seconds_until_next() if self._session else 0.0
        self._doing = f"{request.what}, in {duration_text(wait)}" if wait >= 1 else request.what
        self._show()

    def after_subject(self, found: SubjectResult) -> None:
        self._asked.append(found.requests)
        if found.outcome is CollectionOutcome.NOT_ASKED or self._session is None:
            return
        left = _left(self._session, self._asked, self._count - len(self._asked), self._each)
        of_all = f"[{len(self._asked):,}/{self._count:,}]"
        self.log(f"{of_all} {_line(found, self._session.site.identity)}{left}")


def raise_collection_errors(done: RunResult, there: int = 0) -> None:
    """Raise errors, incomplete subjects, or that nothing was done, as one error.

    `there` is the number of subjects whose file existed before.
    """
    told = [str(error) for error in done.errors]
    if unfinished := done.of(*UNFINISHED):
        later = [one.until for one in unfinished if one.until]
        when = f" (the first may go on at {utc_datetime(min(later)):%Y-%m-%d %H:%M} UTC)" if later else ""
        told.append(f"{len(unfinished):,} of {done.expected:,} are not whole yet{when}. Run the same command again.")
    if told:
        raise InstagramAssetsError("\n".join(told))
    if not done.of(*DELIVERED, CollectionOutcome.FRESH) and not there:
        raise NothingDoneError("Nothing could be collected. The lines above say why.")


def _line(found: SubjectResult, identity: str) -> str:
    """The result of one subject as a line; why an identity was stopped is printed once, at the end."""
    parts = [f"{found.subject}: {_words(found.outcome)}"]
    if found.posts:
        parts.append(f"{found.posts:,} post{'' if found.posts == 1 else 's'}")
    if found.requests:
        parts.append(f"{found.requests:,} request{'' if found.requests == 1 else 's'}")
    why = f" ({found.reason})" if found.reason and not found.reason.startswith(identity) else ""
    return f"{', '.join(parts)}{why}"


def collection_table(done: RunResult) -> Table:
    """The summary table: each subject by name if they are few, else the incomplete ones and a count."""
    table = Table(title="Collected", title_justify="left")
    for name, right in (("account", False), ("", False), ("posts", True), ("requests", True), ("file, or why", False)):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    few, told = len(done.found) <= _MOST_SHOWN, {str(error) for error in done.errors}
    shown = [
        one for one in done.found if few or one.outcome not in (CollectionOutcome.COMPLETE, CollectionOutcome.FRESH)
    ][:_MOST_SHOWN]
    for one in shown:
        reason = "see the error" if one.reason in told else one.reason
        parts = (relative_path(one.file) if one.file else "", reason, _until(one))
        cells = (
            one.subject,
            _words(one.outcome),
            f"{one.posts:,}",
            f"{one.requests:,}",
            "; ".join(filter(None, parts)),
        )
        table.add_row(*map(Text, cells))
    if rest := Counter(one.outcome for one in done.found if one not in shown):
        table.add_section()
        for outcome, number in rest.items():
            table.add_row(f"{number:,} more", _words(outcome))
    return table


def collection_json(done: RunResult, there: int = 0) -> dict[str, Any]:
    """The results as JSON-serialisable values; `there` is the number of subjects whose file existed before."""

    def plain(one: SubjectResult) -> dict[str, Any]:
        until = utc_datetime(one.until).isoformat() if one.until else None
        return asdict(one) | {"file": str(one.file) if one.file else None, "until": until}

    errors = [str(error) for error in done.errors]
    return {"collected": [plain(one) for one in done.found], "there": there, "errors": errors}


def _say(line: str) -> None:
    # Via sys.stderr, which a live progress bar redirects: typer.echo would write into the bar.
    print(line, file=sys.stderr, flush=True)


def _nothing(_: str) -> None:
    """Ignore a status text: without a terminal, each account's line is enough."""


def _nothing_to_show() -> None:
    """Clear the display between two sites."""


def _words(outcome: CollectionOutcome) -> str:
    return outcome.replace("_", " ")


def _until(one: SubjectResult) -> str:
    return f"may go on at {utc_datetime(one.until):%Y-%m-%d %H:%M} UTC" if one.until else ""


def _left(session: SiteSession, asked: Sequence[int], count: int, each: int) -> str:
    """Estimated time for `count` more subjects, if each takes as many requests as those did that needed any."""
    if not count:
        return ""
    needed = [requests for requests in asked if requests] or [each]
    return f"; about {_time(session, round(count * sum(needed) / len(needed)))} left"


def _time(session: SiteSession, requests: int) -> str:
    return duration_text(max(1.0, session.limiter.seconds_for(requests)))


def _many(subjects: Sequence[str]) -> str:
    hashtags = sum(map(is_hashtag, subjects))
    counts = {"account": len(subjects) - hashtags, "hashtag": hashtags}
    return " and ".join(f"{count:,} {name}{'' if count == 1 else 's'}" for name, count in counts.items() if count)
