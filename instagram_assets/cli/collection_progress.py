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
from instagram_assets.collect.collect_all_sites import ProgressListener
from instagram_assets.collect.collection_results import (
    DELIVERED,
    UNFINISHED,
    CollectionOutcome,
    RunResult,
    SubjectResult,
)
from instagram_assets.collect.collection_scope import CollectionScope
from instagram_assets.collect.site_adapter import Request
from instagram_assets.collect.site_sessions import SiteSession
from instagram_assets.errors import InstagramAssetsError, NothingDoneError
from instagram_assets.report.progress import ProgressUpdate, show_progress
from instagram_assets.sources.account_and_hashtag_names import is_hashtag

_MOST_SHOWN = 30


class CollectionProgress(ProgressListener):
    """Prints the result of each account and hashtag with the estimated time left, and shows the current request."""

    def __init__(self) -> None:
        super().__init__(_print_line)
        self._session: SiteSession | None = None
        self._requests = list[int]()
        self._count, self._requests_each, self._current_request = 0, 1, ""
        self._refresh = _ignore_refresh

    @contextmanager
    def during_site(self, session: SiteSession, subjects: Sequence[str], scope: CollectionScope) -> Generator[None]:
        """Context manager: shows the progress at one site; if interrupted, prints how much is saved."""
        name, self._session, self._requests, self._current_request = session.site.name, session, [], ""
        self._count, self._requests_each = len(subjects), session.requests_for(scope.posts)
        longest = _duration_text(session, self._count * self._requests_each)
        self.log(f"{name}: {_subjects_text(subjects)}, at most {longest} by the limits")
        with show_progress(
            _ignore_status, lambda: ProgressUpdate(name, len(self._requests), self._count, self._current_request)
        ) as refresh:
            self._refresh = refresh
            try:
                yield
            except KeyboardInterrupt as stop:
                done = f"{len(self._requests):,} of {_subjects_text(subjects)} done"
                message = f"Stopped: {done}, and every page that came is kept"
                raise KeyboardInterrupt(
                    f"{message}. Run the same command again: it goes on where this one was."
                ) from stop
            finally:
                self._refresh = _ignore_refresh

    def before_request(self, request: Request) -> None:
        wait = self._session.limiter.seconds_until_next() if self._session else 0.0
        self._current_request = f"{request.what}, in {duration_text(wait)}" if wait >= 1 else request.what
        self._refresh()

    def after_subject(self, found: SubjectResult) -> None:
        self._requests.append(found.requests)
        if found.outcome is CollectionOutcome.NOT_ASKED or self._session is None:
            return
        left = _time_left_text(self._session, self._requests, self._count - len(self._requests), self._requests_each)
        of_all = f"[{len(self._requests):,}/{self._count:,}]"
        self.log(f"{of_all} {_result_line(found, self._session.site.identity)}{left}")


def raise_collection_errors(done: RunResult, there: int = 0) -> None:
    """Raise one error if the collection had errors or incomplete accounts, or collected nothing.

    `there` is the number of accounts and hashtags whose output file existed before the command.
    """
    messages = [str(error) for error in done.errors]
    if unfinished := done.of(*UNFINISHED):
        later = [one.until for one in unfinished if one.until]
        when = f" (the first may go on at {utc_datetime(min(later)):%Y-%m-%d %H:%M} UTC)" if later else ""
        messages.append(
            f"{len(unfinished):,} of {done.expected:,} are not whole yet{when}. Run the same command again."
        )
    if messages:
        raise InstagramAssetsError("\n".join(messages))
    if not done.of(*DELIVERED, CollectionOutcome.FRESH) and not there:
        raise NothingDoneError("Nothing could be collected. The lines above say why.")


def _result_line(found: SubjectResult, identity: str) -> str:
    """Line with the result of one account or hashtag; the reason of a suspension is printed only at the end."""
    parts = [f"{found.subject}: {_outcome_text(found.outcome)}"]
    if found.posts:
        parts.append(f"{found.posts:,} post{'' if found.posts == 1 else 's'}")
    if found.requests:
        parts.append(f"{found.requests:,} request{'' if found.requests == 1 else 's'}")
    why = f" ({found.reason})" if found.reason and not found.reason.startswith(identity) else ""
    return f"{', '.join(parts)}{why}"


def collection_table(done: RunResult) -> Table:
    """The summary table: each account and hashtag by name if they are few, else only incomplete ones, and counts."""
    table = Table(title="Collected", title_justify="left")
    for name, right in (("account", False), ("", False), ("posts", True), ("requests", True), ("file, or why", False)):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    is_short, error_texts = len(done.found) <= _MOST_SHOWN, {str(error) for error in done.errors}
    shown = [
        one
        for one in done.found
        if is_short or one.outcome not in (CollectionOutcome.COMPLETE, CollectionOutcome.FRESH)
    ][:_MOST_SHOWN]
    for one in shown:
        reason = "see the error" if one.reason in error_texts else one.reason
        parts = (relative_path(one.file) if one.file else "", reason, _resume_text(one))
        cells = (
            one.subject,
            _outcome_text(one.outcome),
            f"{one.posts:,}",
            f"{one.requests:,}",
            "; ".join(filter(None, parts)),
        )
        table.add_row(*map(Text, cells))
    if rest := Counter(one.outcome for one in done.found if one not in shown):
        table.add_section()
        for outcome, number in rest.items():
            table.add_row(f"{number:,} more", _outcome_text(outcome))
    return table


def collection_json(done: RunResult, there: int = 0) -> dict[str, Any]:
    """The results as JSON-serialisable values; `there` is the number of accounts whose output file existed before."""

    def plain(one: SubjectResult) -> dict[str, Any]:
        until = utc_datetime(one.until).isoformat() if one.until else None
        return asdict(one) | {"file": str(one.file) if one.file else None, "until": until}

    errors = [str(error) for error in done.errors]
    return {"collected": [plain(one) for one in done.found], "there": there, "errors": errors}


def _print_line(line: str) -> None:
    # Via sys.stderr, which a live progress bar redirects: typer.echo would write into the bar.
    print(line, file=sys.stderr, flush=True)


def _ignore_status(_: str) -> None:
    """Ignore a status text, which is not shown when stderr is not a terminal."""


def _ignore_refresh() -> None:
    """Do nothing; the display's refresh function while no site is being collected."""


def _outcome_text(outcome: CollectionOutcome) -> str:
    return outcome.replace("_", " ")


def _resume_text(one: SubjectResult) -> str:
    return f"may go on at {utc_datetime(one.until):%Y-%m-%d %H:%M} UTC" if one.until else ""


def _time_left_text(session: SiteSession, requests: Sequence[int], count: int, each: int) -> str:
    """Text with the estimated time left for `count` more accounts, by the average of `requests` per account so far.

    `each` is the number of requests per account that is assumed until the first account is finished.
    """
    if not count:
        return ""
    needed = [number for number in requests if number] or [each]
    return f"; about {_duration_text(session, round(count * sum(needed) / len(needed)))} left"


def _duration_text(session: SiteSession, requests: int) -> str:
    return duration_text(max(1.0, session.limiter.seconds_for(requests)))


def _subjects_text(subjects: Sequence[str]) -> str:
    hashtags = sum(map(is_hashtag, subjects))
    counts = {"account": len(subjects) - hashtags, "hashtag": hashtags}
    return " and ".join(f"{count:,} {name}{'' if count == 1 else 's'}" for name, count in counts.items() if count)
