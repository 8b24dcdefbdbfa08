"""Collection over days, for whoever waits: what has to wait is asked about again when its time has come."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from instagram_assets.collect.clock import Clock, at_in_words
from instagram_assets.collect.scope import Collected, Ended

IN_VAIN = 3
"""Rounds in a row that brought nothing of a subject, after which it is left as it is."""
_LONGEST_SLEEP = 300.0
_TO_BE_GONE_ON_WITH = (Ended.OPEN, Ended.WAITING)


def in_rounds(
    run: Callable[[Sequence[str]], Iterator[Collected]],
    subjects: Iterable[str],
    clock: Clock,
    tell: Callable[[str], object],
) -> Iterator[Collected]:
    """Say of each subject what came of it once that is settled, and wait for those that may go on at a known time.

    `run` collects some subjects and says of each what came of it; what it raises ends all rounds, after those that
    were to wait are told, too.
    """
    pending = list(dict.fromkeys(subjects))
    before: dict[str, Collected] = {}
    in_vain = dict.fromkeys(pending, 0)
    while pending:
        later = list[Collected]()
        try:
            for found in run(pending):
                gained = found.subject not in before or found.posts > before[found.subject].posts
                in_vain[found.subject] = 0 if gained or found.outcome is Ended.WAITING else in_vain[found.subject] + 1
                before[found.subject] = found
                if _may_go_on(found) and in_vain[found.subject] < IN_VAIN:
                    later.append(found)
                else:
                    yield found
        except Exception:
            yield from later
            raise
        pending = [found.subject for found in later]
        if later:
            _wait(later, clock, tell)


def _may_go_on(found: Collected) -> bool:
    return found.outcome in _TO_BE_GONE_ON_WITH and found.until is not None


def _wait(later: Sequence[Collected], clock: Clock, tell: Callable[[str], object]) -> None:
    """Let time pass until the first of them may go on."""
    first = min(later, key=lambda found: found.until or 0.0)
    until, now = first.until or 0.0, clock.now()
    if until > now:
        who = first.subject if len(later) == 1 else f"{first.subject} and {len(later) - 1:,} more"
        wait = "waits" if len(later) == 1 else "wait"
        tell(f"{who} {wait} ({first.reason}): on {at_in_words(until, now)}. Ctrl-C ends it; nothing is lost.")
    while (left := until - clock.now()) > 0:
        clock.sleep(min(left, _LONGEST_SLEEP))
