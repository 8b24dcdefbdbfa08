"""What a collection came to is summed up: whole, not yet whole, or nothing; each with its exit status."""

from pathlib import Path

import pytest
from rich.console import Console

from instagram_assets.cli.collection_progress import collection_json, collection_table, raise_collection_errors
from instagram_assets.collect.collection_results import CollectionOutcome, RunResult, SubjectResult
from instagram_assets.errors import IdentityStoppedError, InstagramAssetsError, NothingDoneError

COMPLETE = SubjectResult("sun_diary", CollectionOutcome.COMPLETE, file=Path("/data/sun.json"), posts=100, requests=9)
GONE = SubjectResult("gone", CollectionOutcome.NOT_FOUND, "there is no such account", requests=1)
WAITING = SubjectResult("moon", CollectionOutcome.WAITING, "its budget is used", until=1_795_003_600.0)


def printed(done: RunResult) -> str:
    console = Console(width=140)
    with console.capture() as capture:
        console.print(collection_table(done))
    return capture.get()


def work(*found: SubjectResult, errors: tuple[InstagramAssetsError, ...] = ()) -> RunResult:
    return RunResult(len(found), list(found), list(errors))


@pytest.mark.parametrize(
    ("done", "there"),
    [
        (work(COMPLETE, GONE), 0),
        (work(SubjectResult("sun_diary", CollectionOutcome.FRESH)), 0),
        (work(SubjectResult("sun_diary", CollectionOutcome.PARTIAL, "private", COMPLETE.file, 12)), 0),
        (work(), 2),
        (work(GONE), 1),
    ],
)
def test_what_there_is_was_had(done: RunResult, there: int) -> None:
    raise_collection_errors(done, there)


def test_that_nothing_could_be_had_is_an_error() -> None:
    with pytest.raises(NothingDoneError):
        raise_collection_errors(work(GONE))


def test_what_is_not_whole_yet_is_an_error_that_says_when_to_go_on() -> None:
    with pytest.raises(InstagramAssetsError) as caught:
        raise_collection_errors(work(COMPLETE, WAITING, SubjectResult("sea", CollectionOutcome.OPEN, "it failed")))
    assert str(caught.value) == (
        "2 of 3 are not whole yet (the first may go on at 2026-11-18 12:06 UTC). Run the same command again."
    )


def test_why_a_run_ended_is_said_once() -> None:
    stopped = IdentityStoppedError("instagram:anonymous is stopped")
    done = work(SubjectResult("sun_diary", CollectionOutcome.STOPPED, str(stopped)), errors=(stopped,))
    assert "see the error" in printed(done)
    assert str(stopped) not in printed(done)
    with pytest.raises(InstagramAssetsError, match=r"^instagram:anonymous is stopped\n1 of 1 are not whole yet"):
        raise_collection_errors(done)


def test_of_many_those_are_named_that_are_not_complete_and_the_others_counted() -> None:
    many = [SubjectResult(f"user{number}", CollectionOutcome.COMPLETE, posts=10) for number in range(60)]
    shown = printed(work(*many, GONE, WAITING))
    assert "gone" in shown
    assert "its budget is used; may go on at 2026-11-18 12:06 UTC" in shown
    assert "60 more" in shown
    assert "user7" not in shown
    assert "user7" in printed(work(*many[:8]))


def test_names_and_reasons_do_nothing_to_a_terminal() -> None:
    assert "[red]moon" in printed(work(SubjectResult("[red]moon", CollectionOutcome.REFUSED, "[link]no[/link]")))


def test_the_same_as_plain_values() -> None:
    told = collection_json(work(COMPLETE, WAITING, errors=(InstagramAssetsError("no"),)), 1)
    assert (told["there"], told["errors"]) == (1, ["no"])
    assert told["collected"][0]["file"] == "/data/sun.json"
    assert told["collected"][1]["until"] == "2026-11-18T12:06:40+00:00"
