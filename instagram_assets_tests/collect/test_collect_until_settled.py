"""Who waits goes on when the time has come, for as long as that brings something, and nobody is left untold."""

from collections.abc import Iterator, Sequence

import pytest

from instagram_assets.collect.collect_all_sites import MAX_FRUITLESS_ROUNDS, collect_until_settled
from instagram_assets.collect.collection_results import CollectionOutcome, SubjectResult
from instagram_assets.errors import InstagramAssetsError
from instagram_assets_tests.collect.virtual_clock import VirtualClock

BEGIN = 1_800_000_000.0


class Runs:
    """Runs that go by a script: of each subject, what comes of it the first time, the second and so on."""

    def __init__(self, script: dict[str, list[SubjectResult | InstagramAssetsError]], clock: VirtualClock) -> None:
        self.script, self.clock = script, clock
        self.asked: list[tuple[float, tuple[str, ...]]] = []

    def __call__(self, subjects: Sequence[str]) -> Iterator[SubjectResult]:
        self.asked.append((self.clock.now() - BEGIN, tuple(subjects)))
        for subject in subjects:
            found = self.script[subject].pop(0)
            if isinstance(found, InstagramAssetsError):
                raise found
            yield found


def waiting(
    subject: str, after: float, posts: int = 0, outcome: CollectionOutcome = CollectionOutcome.WAITING
) -> SubjectResult:
    return SubjectResult(subject, outcome, "the budget is used", posts=posts, until=BEGIN + after)


def done(subject: str) -> SubjectResult:
    return SubjectResult(subject, CollectionOutcome.COMPLETE, posts=10)


def rounds(
    script: dict[str, list[SubjectResult | InstagramAssetsError]],
) -> tuple[list[SubjectResult], Runs, list[str]]:
    clock = VirtualClock(BEGIN)
    runs, logged = Runs(script, clock), list[str]()
    return list(collect_until_settled(runs, script, clock, logged.append)), runs, logged


def test_who_has_to_wait_is_gone_on_with_at_its_time_and_the_others_are_done_before() -> None:
    found, runs, logged = rounds(
        {
            "sun": [done("sun")],
            "sea": [waiting("sea", 7_200), done("sea")],
            "moon": [waiting("moon", 3_600), waiting("moon", 90_000), done("moon")],
        }
    )
    assert [one.subject for one in found] == ["sun", "sea", "moon"]
    assert {one.outcome for one in found} == {CollectionOutcome.COMPLETE}
    assert [at for at, _ in runs.asked] == [0, 3_600, 90_000]
    assert [who for _, who in runs.asked] == [("sun", "sea", "moon"), ("sea", "moon"), ("moon",)]
    assert logged[0].startswith("moon and 1 more wait (the budget is used): on at ")
    assert "Ctrl-C ends it; nothing is lost." in logged[0]


def test_who_cannot_go_on_at_a_known_time_is_told_at_once() -> None:
    open_ended = SubjectResult("sun", CollectionOutcome.OPEN, "it failed")
    stopped = SubjectResult("sea", CollectionOutcome.STOPPED, "a checkpoint", until=BEGIN + 60)
    assert rounds({"sun": [open_ended], "sea": [stopped]})[0] == [open_ended, stopped]


def test_rounds_that_bring_nothing_come_to_an_end() -> None:
    again: list[SubjectResult | InstagramAssetsError] = [
        waiting("sun", 900 * number, 12, CollectionOutcome.OPEN) for number in range(1, 10)
    ]
    found, runs, _ = rounds({"sun": again})
    assert [one.outcome for one in found] == [CollectionOutcome.OPEN]
    assert len(runs.asked) == 1 + MAX_FRUITLESS_ROUNDS


def test_rounds_go_on_as_long_as_each_brings_something() -> None:
    pages: list[SubjectResult | InstagramAssetsError] = [
        waiting("sun", 900 * number, 12 * number, CollectionOutcome.OPEN) for number in range(1, 20)
    ]
    found, runs, _ = rounds({"sun": [*pages, done("sun")]})
    assert found == [done("sun")]
    assert len(runs.asked) == 20


def test_what_ends_a_run_ends_the_rounds_and_who_was_to_wait_is_told_first() -> None:
    clock = VirtualClock(BEGIN)
    runs = Runs({"sun": [waiting("sun", 60)], "sea": [InstagramAssetsError("a checkpoint")]}, clock)
    found = list[SubjectResult]()
    with pytest.raises(InstagramAssetsError, match="a checkpoint"):
        found.extend(collect_until_settled(runs, ["sun", "sea"], clock, print))
    for one in collect_until_settled(
        Runs({"sun": [waiting("sun", 60), done("sun")]}, clock), ["sun", "sun"], clock, print
    ):
        found.append(one)
    assert [one.outcome for one in found] == [CollectionOutcome.WAITING, CollectionOutcome.COMPLETE]
