"""The job `scrape`: it ends in the inbox, says what it cost, tells no secret, and costs nothing twice."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from instagram_assets.automation.failure_reasons import failure_class, is_refusal
from instagram_assets.automation.schedules import daily_scrape, schedules
from instagram_assets.automation.scrape_job import scrape_run_config
from instagram_assets.automation.shell_runs import bring_up_to_date, land, run_job
from instagram_assets.definitions import defs
from instagram_assets.demo.apify_server import ApifyActor
from instagram_assets.errors import RunFailedError
from instagram_assets.ingest.inbox import waiting_entries
from instagram_assets.settings import settings
from instagram_assets.sources.apify_inputs import load_scrape_request
from instagram_assets.sources.scrape_names import names_from_registry
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets_tests.conftest import post
from instagram_assets_tests.servers.apify import Failure, FaultyApify, apify_error
from instagram_assets_tests.sources.conftest import REELS

CANARY = "apify_api_canary"


@pytest.fixture
def apify(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyApify]:
    """Apify with an actor that has two reels, as the settings name it."""
    with FaultyApify(CANARY) as server:
        server.actors[REELS] = ApifyActor([post(number, type="Video", productType="clips") for number in (1, 2)])
        monkeypatch.setenv("APIFY_TOKEN", CANARY)
        monkeypatch.setenv("INSTAGRAM_ASSETS_APIFY__API_URL", server.url)
        settings.cache_clear()
        yield server


def scrape(instance: dg.DagsterInstance, *names: str) -> None:
    run_job(instance, "scrape", config=scrape_run_config("reels", list(names or ("sun_diary",)), None))


def test_what_was_scraped_becomes_rows_like_any_export(
    instance: dg.DagsterInstance, apify: FaultyApify, data_dir: Path
) -> None:
    scrape(instance)
    scrape(instance)
    assert len(waiting_entries(data_dir / "inbox")) == 1
    land(instance, [])
    bring_up_to_date(instance)
    assert sorted(read_table(open_lake(settings()), "raw_reels")["post_id"].to_pylist()) == ["10001", "10002"]
    assert len(apify.runs) == 1


def test_a_run_says_what_came_and_what_it_cost(instance: dg.DagsterInstance, apify: FaultyApify) -> None:
    scrape(instance)
    (run,) = instance.get_runs(dg.RunsFilter(job_name="scrape"))
    (output,) = (
        record.event_log_entry.dagster_event.step_output_data.metadata
        for record in instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_OUTPUT).records
        if record.event_log_entry.dagster_event
    )
    assert output["records"].value == 2
    assert output["charged, US dollars"].value == pytest.approx(apify.charged_usd)


def test_the_token_is_in_no_file_of_a_run_that_failed_and_one_that_did_not(
    instance: dg.DagsterInstance, apify: FaultyApify, data_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    apify.failures.append(Failure("POST", "/runs", apify_error(403, "no", f"Bearer {CANARY} may not do this")))
    with pytest.raises(RunFailedError, match="Bearer … may not do this"):
        scrape(instance)
    scrape(instance)
    assert len(apify.runs) == 1
    files = [path for path in data_dir.rglob("*") if path.is_file()]
    assert any(b"may not do this" in path.read_bytes() for path in files)
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    assert CANARY not in "".join(capfd.readouterr())


def test_a_token_that_an_actor_echoes_is_in_no_file_and_no_output(
    instance: dg.DagsterInstance, apify: FaultyApify, data_dir: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    apify.actors[REELS].status, apify.actors[REELS].message = "FAILED", f"Logged in with {CANARY}\x1b[2J"
    with pytest.raises(RunFailedError, match="Logged in with …\ufffd"):
        scrape(instance)
    files = [path for path in data_dir.rglob("*") if path.is_file()]
    assert any(b"Logged in with" in path.read_bytes() for path in files)
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    assert CANARY not in "".join(capfd.readouterr())


def test_a_missing_token_fails_the_run_with_what_to_set(
    instance: dg.DagsterInstance, apify: FaultyApify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APIFY_TOKEN")
    with pytest.raises(RunFailedError, match="APIFY_TOKEN is not set"):
        scrape(instance)
    assert apify.requests == []


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refusal_that_a_person_has_to_look_at_is_told_as_one_of_a_source(
    instance: dg.DagsterInstance, apify: FaultyApify, status: int
) -> None:
    apify.failures.append(Failure("POST", "/runs", apify_error(status, "no", "No!")))
    with pytest.raises(RunFailedError):
        scrape(instance)
    (run,) = instance.get_runs(dg.RunsFilter(job_name="scrape"))
    failed = instance.get_records_for_run(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE).records
    (event,) = (record.event_log_entry.dagster_event for record in failed)
    assert event
    assert is_refusal(failure_class(event))


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "nothing", ""])
def test_a_run_reads_no_file_but_inputs(instance: dg.DagsterInstance, apify: FaultyApify, name: str) -> None:
    with pytest.raises(RunFailedError, match="has no input"):
        run_job(instance, "scrape", config=scrape_run_config(name, ["sun"], None))
    assert apify.requests == []


def test_the_schedule_costs_nothing_until_somebody_switches_it_on() -> None:
    schedule = next(found for found in schedules if found.name == "daily_scrape")
    assert isinstance(schedule, dg.ScheduleDefinition)
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED


def test_every_morning_the_daily_inputs_are_asked_for_yesterday(
    instance: dg.DagsterInstance, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    morning = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=datetime(2026, 11, 1, 23, tzinfo=UTC)
    )
    assert isinstance(daily_scrape(morning), dg.SkipReason)
    monkeypatch.setenv("INSTAGRAM_ASSETS_APIFY__DAILY", "reels, profiles")
    settings.cache_clear()
    requests = daily_scrape(morning)
    assert isinstance(requests, list)
    assert [request.run_config for request in requests] == [
        {"ops": {"collect": {"config": {"name": name, "names": [], "newer_than": day, "again": False}}}}
        for name, day in {"reels": "2026-11-01", "profiles": ""}.items()
    ]
    for request in requests:
        assert dg.validate_run_config(defs.resolve_job_def("scrape"), request.run_config)


def test_a_daily_input_that_names_nobody_is_about_whose_turn_it_is(
    instance: dg.DagsterInstance, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_dir.mkdir(exist_ok=True)
    registry = 'accounts = [{name = "sun_diary"}, {name = "moon", to = 2026-10-01}, {name = "#카페"}]'
    (data_dir / "accounts.toml").write_text(registry, "utf-8")
    monkeypatch.setenv("INSTAGRAM_ASSETS_APIFY__DAILY", "reels,hashtags")
    settings.cache_clear()
    morning = dg.build_schedule_context(
        instance=instance, scheduled_execution_time=datetime(2026, 11, 1, 23, tzinfo=UTC)
    )
    requests = daily_scrape(morning)
    assert isinstance(requests, list)
    names = [request.run_config["ops"]["collect"]["config"]["names"] for request in requests]
    assert names == [["sun_diary"], ["카페"]]


MONDAY = datetime(2026, 11, 1, 23, tzinfo=UTC)  # at eight in Seoul


def every_morning(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, daily: str, at: datetime = MONDAY
) -> dict[str, dict[str, object]]:
    """The daily inputs that run, each with its config."""
    monkeypatch.setenv("INSTAGRAM_ASSETS_APIFY__DAILY", daily)
    settings.cache_clear()
    found = daily_scrape(dg.build_schedule_context(instance=instance, scheduled_execution_time=at))
    assert isinstance(found, list), found
    configs = [request.run_config["ops"]["collect"]["config"] for request in found]
    return {config["name"]: config for config in configs}


def write_registry(data_dir: Path, text: str) -> None:
    data_dir.mkdir(exist_ok=True)
    (data_dir / "accounts.toml").write_text(text, "utf-8")


def test_an_unknown_daily_input_is_a_failed_run_of_its_own_and_the_others_run(
    instance: dg.DagsterInstance, apify: FaultyApify, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_registry(data_dir, 'accounts = [{name = "sun_diary"}]')
    configs = every_morning(instance, monkeypatch, "reel,reels")
    assert list(configs) == ["reel", "reels"]
    with pytest.raises(RunFailedError, match=r"has no input reel\..*Did you mean reels\?"):
        run_job(instance, "scrape", config={"ops": {"collect": {"config": configs["reel"]}}})
    run_job(instance, "scrape", config={"ops": {"collect": {"config": configs["reels"]}}})
    assert len(apify.runs) == 1


def test_a_registry_that_cannot_be_read_is_told_by_the_runs_that_need_it(
    instance: dg.DagsterInstance, apify: FaultyApify, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_registry(data_dir, "[[accounts]")
    configs = every_morning(instance, monkeypatch, "reels")
    with pytest.raises(RunFailedError, match=r"accounts\.toml: cannot be read as TOML"):
        run_job(instance, "scrape", config={"ops": {"collect": {"config": configs["reels"]}}})
    assert apify.requests == []


def test_a_daily_input_for_which_it_is_nobodys_turn_is_skipped_with_the_reason(
    instance: dg.DagsterInstance, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_registry(data_dir, 'accounts = [{name = "sun_diary"}]')
    assert list(every_morning(instance, monkeypatch, "hashtags,reels")) == ["reels"]
    monkeypatch.setenv("INSTAGRAM_ASSETS_APIFY__DAILY", "hashtags")
    settings.cache_clear()
    skipped = daily_scrape(dg.build_schedule_context(instance=instance, scheduled_execution_time=MONDAY))
    assert isinstance(skipped, dg.SkipReason)
    assert "has no hashtag that Apify collects this week" in str(skipped.skip_message)


def test_on_monday_it_is_the_turn_of_those_of_the_new_week(
    instance: dg.DagsterInstance, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_registry(data_dir, 'accounts = [{name = "last", to = 2026-11-01}, {name = "next", from = 2026-11-02}]')
    by_hand = names_from_registry(load_scrape_request("reels"), settings().accounts_file, date(2026, 11, 2))
    assert by_hand == every_morning(instance, monkeypatch, "reels")["reels"]["names"] == ["next"]
    sunday = every_morning(instance, monkeypatch, "reels", MONDAY - timedelta(days=1))
    assert sunday["reels"]["names"] == ["last"]
