"""An actor's run ends as one export file in the inbox, is paid once, and what is wrong is told in words."""

import json
import threading
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from instagram_assets.demo.json_server import JsonReply
from instagram_assets.errors import GoneError, NothingDoneError, ScrapeError, ScrapeRequestError, SettingsError
from instagram_assets.ingest.record_source import RecordSource
from instagram_assets.sources import apify_run_records
from instagram_assets.sources.apify_inputs import NEWER_THAN
from instagram_assets.sources.apify_scrape import MARKER
from instagram_assets_tests.conftest import post
from instagram_assets_tests.servers.apify import CUT, Failure, FaultyApify, apify_error
from instagram_assets_tests.sources.conftest import REELS, SEOUL, TOKEN, Collect

NO_RUNS = {"total": 0, "offset": 0, "limit": 1000, "count": 0, "desc": True, "items": []}
BUSY = apify_error(503, "internal", "Service is unavailable")


def records(path: Path | None) -> list[dict[str, object]]:
    assert path
    return json.loads(path.read_bytes())


def test_the_records_are_in_the_inbox_as_the_actor_gave_them(apify: FaultyApify, collect: Collect) -> None:
    done = collect()
    assert records(done.file) == apify.actors[REELS].items
    assert done.items == 2
    assert done.charge_usd == pytest.approx(apify.charged_usd)


def test_the_file_says_when_the_run_had_ended(apify: FaultyApify, collect: Collect) -> None:
    ended = datetime(2026, 11, 20, 3, 4, 5, 678_000, UTC)
    apify.actors[REELS].ends_at = ended
    file = collect().file
    assert file
    assert file.name == "dataset_instagram-reel-scraper_2026-11-20_03-04-05-678_RUN0001.json"
    assert RecordSource(file.name, "", datetime.now(UTC), SEOUL).observed_at == ended


def test_runs_that_end_in_the_same_millisecond_are_two_files(apify: FaultyApify, collect: Collect) -> None:
    apify.actors[REELS].ends_at = datetime(2026, 11, 20, 3, 4, 5, 678_000, UTC)
    first = collect("sun")
    apify.actors[REELS].items = [post(3, type="Video", productType="clips")]
    second = collect("sea")
    assert [len(records(done.file)) for done in (first, second)] == [2, 1]
    assert first.file != second.file


def test_many_records_come_in_pages(apify: FaultyApify, collect: Collect) -> None:
    apify.actors[REELS].items = [{"id": str(number), "caption": "줄\n바꿈"} for number in range(2345)]
    assert records(collect(max_items=5000).file) == apify.actors[REELS].items
    assert apify.count("GET", "/items") == 4


def test_half_an_emoji_is_kept_as_it_came(apify: FaultyApify, collect: Collect) -> None:
    apify.actors[REELS].items = [{"caption": "잘린 \ud83d"}, {"caption": "육아 🥰"}]
    done = collect()
    assert records(done.file) == apify.actors[REELS].items
    assert "육아 🥰".encode() in Path(str(done.file)).read_bytes()


def test_the_actor_is_asked_with_the_limits_of_what_it_may_bring_cost_and_take(
    apify: FaultyApify, collect: Collect
) -> None:
    collect("sun", "sea", newer_than=date(2026, 11, 20), max_items=7, max_total_charge_usd=0.25, run_minutes=3)
    (run,) = apify.runs
    assert {name: run.options[name] for name in ("maxItems", "maxTotalChargeUsd", "timeout")} == {
        "maxItems": "7",
        "maxTotalChargeUsd": "0.25",
        "timeout": "180",
    }
    assert run.asked["username"] == ["sun", "sea"]
    assert run.asked[NEWER_THAN] == "2026-11-19"


def test_reaching_the_limit_is_told(collect: Collect, lines: list[str]) -> None:
    collect(max_items=1)
    assert any("1 came, which is the limit" in line for line in lines)


def test_the_same_request_is_not_run_again_unless_it_is_asked_for(apify: FaultyApify, collect: Collect) -> None:
    first, second = collect(), collect()
    assert second == first._replace(is_known=True)
    assert len(apify.runs) == 1
    assert collect(again=True).run != first.run
    collect("sea")
    assert len(apify.runs) == 3


def test_a_file_that_is_gone_is_fetched_again_for_nothing(apify: FaultyApify, collect: Collect) -> None:
    first = collect()
    assert first.file
    first.file.unlink()
    assert collect() == first
    assert records(first.file) == apify.actors[REELS].items
    assert len(apify.runs) == 1


def test_what_is_fetched_again_counts_as_scraped_when_it_was(collect: Collect, tmp_path: Path) -> None:
    file = collect().file
    (note,) = (tmp_path / "scrapes" / "reels").glob("*.json")
    lately = (datetime.now(UTC) - timedelta(hours=11)).isoformat(timespec="seconds")
    note.write_text(json.dumps(json.loads(note.read_bytes()) | {"ended_at": lately}))
    assert file
    file.unlink()
    collect()
    assert json.loads(note.read_bytes())["ended_at"] == lately


@pytest.mark.parametrize("folder", ["done", "rejected"])
def test_a_file_that_was_read_is_not_put_into_the_inbox_again(collect: Collect, folder: str) -> None:
    first = collect()
    assert first.file
    (first.file.parent / folder).mkdir()
    moved = first.file.rename(first.file.parent / folder / first.file.name)
    again = collect()
    assert again.is_known
    assert again.file == moved
    assert not first.file.exists()


def test_two_calls_at_once_are_one_run(apify: FaultyApify, collect: Collect) -> None:
    apify.actors[REELS].looks = 5
    threads = [threading.Thread(target=collect) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(apify.runs) == 1


@pytest.mark.parametrize("handled", [True, False], ids=["started", "not started"])
@pytest.mark.parametrize(
    "reply", [BUSY, CUT, apify_error(429, "rate-limit-exceeded", "Slow down"), apify_error(500, "internal", "Boom")]
)
def test_a_start_without_an_answer_is_one_run(
    apify: FaultyApify, collect: Collect, reply: object, handled: bool
) -> None:
    apify.failures.append(Failure("POST", "/runs", reply, handled=handled))  # pyright: ignore[reportArgumentType]
    assert collect().items == 2
    assert len(apify.runs) == 1


def unlisted_after_the_start(apify: FaultyApify) -> None:
    """The first start is not answered, though it was done, and from then on no runs are listed."""
    unlisted = Failure("GET", "/runs", BUSY, times=0)
    apify.failures += [Failure("POST", "/runs", CUT, handled=True), unlisted]
    apify.before = lambda _: setattr(unlisted, "times", 100) if apify.count("POST", "/runs") else None


@pytest.mark.parametrize("names", [("sun",), ("sea",)], ids=["by the same", "by another"])
def test_a_start_that_is_never_answered_is_found_by_the_next_call(
    apify: FaultyApify, collect: Collect, names: tuple[str]
) -> None:
    unlisted_after_the_start(apify)
    collect_failed(collect)
    assert len(apify.runs) == 1
    apify.failures.clear()
    assert collect(*names).items == 2
    assert [tuple(run.asked["username"]) for run in apify.runs] == list(dict.fromkeys([("sun",), names]))


def collect_failed(collect: Collect) -> str:
    with pytest.raises(ScrapeError, match="Run the same command again") as caught:
        collect()
    return str(caught.value)


@pytest.mark.parametrize("refused", [402, 400])
def test_a_refusal_after_a_start_without_an_answer_does_not_hide_its_run(
    apify: FaultyApify, collect: Collect, refused: int
) -> None:
    hidden = Failure("GET", "/runs", JsonReply(200, {"data": NO_RUNS}), times=0)
    apify.failures += [
        Failure("POST", "/runs", BUSY, handled=True),
        Failure("POST", "/runs", apify_error(refused, "no", "No!"), times=100),
        hidden,
    ]
    # The run is listed a moment late: not before the second start, which is refused.
    apify.before = lambda _: setattr(hidden, "times", int(apify.count("POST", "/runs") == 1))
    assert collect().run == "RUN0001"
    assert len(apify.runs) == 1


@pytest.mark.parametrize("path", ["/RUN0001", "/items"])
def test_a_run_that_is_gone_is_told_once_and_does_not_stand_in_the_way(
    apify: FaultyApify, collect: Collect, path: str
) -> None:
    apify.failures.append(Failure("GET", path, apify_error(404, "record-not-found", "Not found"), times=10_000))
    with pytest.raises(GoneError, match=r"RUN0001.*the same command starts another|RUN0001.*The same command"):
        collect()
    apify.failures.clear()
    assert collect().run == "RUN0002"


def test_a_refusal_that_lasts_does_not_stand_in_the_way_of_a_mended_input(apify: FaultyApify, collect: Collect) -> None:
    unlisted_after_the_start(apify)
    collect_failed(collect)
    apify.runs.clear()  # it had not been started, then
    apify.failures[:] = [Failure("POST", "/runs", apify_error(400, "no", "No!"))]
    with pytest.raises(ScrapeError, match="No!"):
        collect("sea")
    assert collect("sea").run == "RUN0001"


def test_a_run_of_somebody_else_is_not_taken_for_ours(apify: FaultyApify, collect: Collect) -> None:
    collect("other")
    apify.failures.append(Failure("POST", "/runs", CUT))
    assert collect().run == "RUN0002"
    assert [run.asked["username"] for run in apify.runs] == [["other"], ["sun"]]


def test_an_actor_that_takes_no_other_fields_gets_none_and_is_started_once(
    apify: FaultyApify, collect: Collect
) -> None:
    fields = {name: {} for name in ("username", "resultsLimit", NEWER_THAN)}
    apify.actors[REELS].schema = {"properties": fields, "additionalProperties": False}
    collect()
    apify.failures.append(Failure("POST", "/runs", CUT, handled=True))
    collect(again=True)
    assert len(apify.runs) == 2
    assert all(MARKER not in run.asked for run in apify.runs)


def test_failures_of_reading_pass_by(apify: FaultyApify, collect: Collect) -> None:
    for path in ("/builds/default", "/RUN0001", "/items"):
        apify.failures += [Failure("GET", path, BUSY), Failure("GET", path, CUT)]
    assert collect().items == 2
    assert len(apify.runs) == 1


def test_what_could_not_be_read_is_read_by_the_next_call(apify: FaultyApify, collect: Collect) -> None:
    failure = Failure("GET", "/items", BUSY, times=100)
    apify.failures.append(failure)
    assert "they stay there" in collect_failed(collect)
    failure.times = 0
    assert collect().items == 2
    assert len(apify.runs) == 1


def test_a_file_that_breaks_off_is_none(apify: FaultyApify, collect: Collect, tmp_path: Path) -> None:
    apify.actors[REELS].items *= 600
    failure = Failure("GET", "/items", BUSY, times=0)
    apify.failures.append(failure)
    apify.after = lambda _: setattr(failure, "times", 100) if apify.count("GET", "/items") == 1 else None
    collect_failed(lambda: collect(max_items=5000))  # pyright: ignore[reportArgumentType]
    assert list((tmp_path / "inbox").iterdir()) == []


@pytest.mark.parametrize("status", ["FAILED", "TIMED-OUT", "ABORTED"])
def test_a_run_that_did_not_succeed_is_a_failure_that_names_it(
    apify: FaultyApify, collect: Collect, tmp_path: Path, status: str
) -> None:
    apify.actors[REELS].status, apify.actors[REELS].message = status, "The proxy was blocked."
    with pytest.raises(ScrapeError, match=rf"RUN0001 .* ended as {status} \(The proxy was blocked\)"):
        collect()
    assert not (tmp_path / "inbox").exists()
    apify.actors[REELS].status = "SUCCEEDED"
    assert collect().run == "RUN0002"


def test_an_actor_that_collects_nothing_is_told(apify: FaultyApify, collect: Collect, tmp_path: Path) -> None:
    apify.actors[REELS].items = []
    for _ in range(2):
        with pytest.raises(NothingDoneError, match="collected nothing"):
            collect()
    assert len(apify.runs) == 1
    assert not (tmp_path / "inbox").exists()


def test_no_post_since_the_day_that_was_asked_is_an_answer(apify: FaultyApify, collect: Collect) -> None:
    apify.actors[REELS].items = []
    done = collect(newer_than=date(2026, 11, 20))
    assert (done.items, done.file) == (0, None)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Apify refuses the input of apify/instagram-reel-scraper: No!"),
        (401, "does not know the token in APIFY_TOKEN"),
        (402, "wants to be paid: No!"),
        (403, "does not allow it"),
        (404, "does not have apify/instagram-reel-scraper"),
    ],
)
def test_a_refusal_is_told_in_words_and_not_tried_again(
    apify: FaultyApify, collect: Collect, status: int, words: str
) -> None:
    apify.failures.append(Failure("POST", "/runs", apify_error(status, "no", "No!")))
    with pytest.raises(ScrapeError, match=words):
        collect()
    assert apify.count("POST", "/runs") == 1
    assert collect().items == 2  # what was refused leaves nothing to go on with


def test_an_actor_that_is_not_there_is_named(apify: FaultyApify, collect: Collect) -> None:
    apify.actors.clear()
    with pytest.raises(ScrapeError, match=r"reels\.json: Apify does not have apify/instagram-reel-scraper"):
        collect()


def test_a_field_that_the_actor_does_not_know_is_told_before_it_costs(apify: FaultyApify, collect: Collect) -> None:
    apify.actors[REELS].schema = {"properties": {"username": {}, "resultLimit": {}}}
    with pytest.raises(ScrapeRequestError, match=r"no input field resultsLimit\. Did you mean resultLimit"):
        collect()
    assert apify.charged_usd == 0


def test_nobody_at_the_address_is_told(collect: Collect) -> None:
    with pytest.raises(ScrapeError, match=r"at http://127\.0\.0\.1:9: .* cannot be read \(ConnectError"):
        collect(api_url="http://127.0.0.1:9")


@pytest.mark.parametrize("body", ["<html>", {"data": {}}, {"data": {"id": "RUN1"}}, [], None])
def test_an_answer_that_is_none_leaves_no_doubt_about_the_start(
    apify: FaultyApify, collect: Collect, body: object
) -> None:
    apify.failures.append(Failure("POST", "/runs", apify_error(201, "", "")._replace(body=body), handled=True))
    assert collect().items == 2
    assert len(apify.runs) == 1


@pytest.mark.parametrize("path", ["/runs", "/builds/default", "/RUN0001", "/items"])
@pytest.mark.parametrize("body", ["<html>", {"data": {}}, [], None, {"data": None}])
def test_an_answer_of_another_form_is_told_in_words(
    apify: FaultyApify, collect: Collect, path: str, body: object
) -> None:
    odd = apify_error(200, "", "")._replace(body=body)
    apify.failures.append(Failure("GET", path, odd, times=1000))
    with suppress(ScrapeError):  # and no other error
        assert collect().run == "RUN0001"
    assert len(apify.runs) <= 1


def test_what_an_earlier_scrape_began_is_brought_in_first(
    apify: FaultyApify, collect: Collect, lines: list[str]
) -> None:
    failure = Failure("GET", "/items", BUSY, times=100)
    apify.failures.append(failure)
    collect_failed(collect)
    failure.times = 0
    collect("sea")
    assert [run.asked["username"] for run in apify.runs] == [["sun"], ["sea"]]
    assert any("earlier scrape of reels" in line for line in lines)
    assert collect().is_known


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, SystemExit])
def test_an_interruption_aborts_the_run(
    apify: FaultyApify, collect: Collect, interruption: type[BaseException]
) -> None:
    apify.actors[REELS].looks = 1000
    apify.actors[REELS].message = "Working"

    def stop(line: str) -> None:
        if line == "RUNNING: Working":
            raise interruption

    with pytest.raises(interruption):
        collect(tell=stop)
    assert [run.aborted for run in apify.runs] == [True]


def test_a_missing_token_is_told_before_anything_is_asked(
    apify: FaultyApify, collect: Collect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APIFY_TOKEN")
    with pytest.raises(SettingsError, match=r"APIFY_TOKEN is not set.*console\.apify\.com"):
        collect()
    with pytest.raises(SettingsError, match="OTHER_TOKEN is not set"):
        collect(token_variable="OTHER_TOKEN")
    assert apify.requests == []


def test_the_token_is_in_no_error_and_no_file(
    apify: FaultyApify, collect: Collect, tmp_path: Path, lines: list[str]
) -> None:
    said: list[str] = []
    for reply in (apify_error(403, "no", f"Bearer {TOKEN} may not"), apify_error(400, "no", f"token={TOKEN}"), BUSY):
        apify.failures.append(Failure("POST", "/runs", reply))
        try:
            collect(again=True)
        except ScrapeError as error:
            said.append(f"{error} {error.__cause__}")
    assert len(said) == 2
    assert TOKEN not in " ".join(said + lines)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not any(TOKEN.encode() in path.read_bytes() for path in files)


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_what_an_actor_says_is_told_short_without_the_token_and_without_controls(
    apify: FaultyApify, collect: Collect, lines: list[str], tmp_path: Path, status: str
) -> None:
    actor = apify.actors[REELS]
    actor.message = f"token {TOKEN} \x1b[31mred\x1b[0m\r\nline\u202e two {'x' * 3000}"
    actor.looks, actor.status = 3, status
    try:
        collect()
    except ScrapeError as error:
        lines.append(str(error))
    said = [line for line in lines if "token …" in line]
    assert len(said) == 1 + (status == "FAILED")
    assert all(line.isprintable() and len(line) < 800 for line in lines)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(TOKEN in line for line in [*lines, *(path.read_text() for path in files)])


@pytest.mark.parametrize("status", [400, 402, 403, 418])
def test_what_apify_says_of_a_refusal_is_told_short_and_without_controls(
    apify: FaultyApify, collect: Collect, status: int
) -> None:
    apify.failures.append(Failure("POST", "/runs", apify_error(status, "no", f"pay\x1b]0;evil\x07{TOKEN}{'x' * 3000}")))
    with pytest.raises(ScrapeError) as caught:
        collect()
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 800
    assert TOKEN not in str(caught.value)


def test_a_note_that_somebody_changed_is_named(collect: Collect, tmp_path: Path) -> None:
    collect()
    (path,) = (tmp_path / "scrapes" / "reels").glob("*.json")
    path.write_text("{}")
    with pytest.raises(Exception, match="is no record of a scrape") as caught:
        collect()
    assert str(path) in str(caught.value)


def test_a_day_later_the_same_request_is_another(collect: Collect, apify: FaultyApify, tmp_path: Path) -> None:
    collect()
    folder = tmp_path / "scrapes" / "reels"
    (path,) = folder.glob("*.json")
    note = json.loads(path.read_bytes())
    path.write_text(json.dumps(note | {"ended_at": "2026-11-01T00:00:00+00:00"}))
    assert not apify_run_records.open_records(folder, lambda error: pytest.fail(str(error)))
    assert collect().run == "RUN0002"
