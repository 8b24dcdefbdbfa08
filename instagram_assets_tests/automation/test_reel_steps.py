"""The chain from new reels to the page of their week: one step after the other, each once, whatever was killed."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.automation.jobs import RESULTS_OF_REELS
from instagram_assets.automation.reel_steps import (
    STEP_TAG,
    ReelStep,
    batches,
    days_back,
    due_cells,
    next_batch,
    next_step,
    reel_steps,
)
from instagram_assets.automation.schedules import reel_batches, schedules, weekly_reels
from instagram_assets.automation.scrape_job import scrape_run_config
from instagram_assets.automation.sensors import sensors
from instagram_assets.calendar import today
from instagram_assets.definitions import defs
from instagram_assets.partitions import Cell, register_accounts
from instagram_assets.reels.pending_reels import PendingReel
from instagram_assets.settings import settings
from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.reels.weeks import Row, a_reel, a_week, store

DAY = date(2026, 11, 2)
ORDER = ("sun", "sea", "moon", "star")

Set = Callable[..., None]


@pytest.fixture
def set_option(monkeypatch: pytest.MonkeyPatch) -> Set:
    """Sets what the settings say of reels."""

    def set_it(**options: object) -> None:
        for name, value in options.items():
            monkeypatch.setenv(f"INSTAGRAM_ASSETS_REELS__{name.upper()}", str(value).lower())
        settings.cache_clear()

    return set_it


@pytest.fixture(autouse=True)
def watched(data_dir: Path, set_option: Set) -> None:
    """Reels are watched."""
    set_option(enabled=True)


def made(instance: dg.DagsterInstance, *names: str) -> None:
    for name in names:
        instance.report_runless_asset_event(dg.AssetMaterialization(name))


def reels_of(*accounts: str, days: Sequence[int] = (1,)) -> list[list[Row]]:
    """A reel of each account on each of the days so long ago."""
    now = today(settings().zone)
    return [
        a_reel(10 * place + ago, viral=None, account=name, day=now - timedelta(days=ago))
        for place, name in enumerate(accounts)
        for ago in days
    ]


def put(instance: dg.DagsterInstance, reels: Sequence[Sequence[Row]], watched: int = 0) -> None:
    """Rows of reels of which the first so many have been watched."""
    week = a_week(reels)
    store(week._replace(videos=week.videos.slice(0, watched), analyses=week.analyses.slice(0, watched)))
    register_accounts(instance, dict.fromkeys(reel[0]["account"] for reel in reels))
    made(instance, "posts")


def step_of(instance: dg.DagsterInstance, *, again: bool = True) -> ReelStep | None:
    return next_step(instance, days_back(7), again=again)


def ticked(instance: dg.DagsterInstance) -> dg.RunRequest | str:
    """What the sensor asks for, or why for nothing."""
    result = reel_steps(dg.build_sensor_context(instance=instance, definitions=defs))
    return result if isinstance(result, dg.RunRequest) else str(getattr(result, "skip_message", result))


def test_each_step_is_due_when_the_last_was_done_and_then_nothing_is(instance: dg.DagsterInstance) -> None:
    put(instance, reels_of("sun", "sea"))
    labels = step_of(instance)
    assert labels
    assert (labels.job, labels.assets) == ("datasets", ("viral_labels",))
    made(instance, "viral_labels")
    watch = step_of(instance)
    assert watch
    assert (watch.job, watch.assets, watch.reels) == ("reels", ("reel_videos", "reel_analyses"), 2)
    assert watch.words.startswith("2 reels of sun … sea")
    put(instance, reels_of("sun", "sea"), watched=2)
    made(instance, "viral_labels", "reel_videos", "reel_analyses")
    results = step_of(instance)
    assert results
    assert (results.job, results.assets) == ("datasets", RESULTS_OF_REELS)
    made(instance, RESULTS_OF_REELS[0])
    assert step_of(instance) == results  # the Delta tables are older still
    made(instance, RESULTS_OF_REELS[1])
    assert step_of(instance) is None


def test_a_lake_without_reels_waits_for_nothing(instance: dg.DagsterInstance) -> None:
    assert step_of(instance) is None
    put(instance, [a_reel(1, viral=None, day=today(settings().zone), of_post={"kind": "post"})])
    assert step_of(instance) is None


def test_files_come_first(instance: dg.DagsterInstance, data_dir: Path) -> None:
    put(instance, reels_of("sun"))
    export(data_dir / "inbox" / "posts.json", [post(1)])
    step = step_of(instance)
    assert step
    assert (step.job, step.key) == ("", "files")
    assert ticked(instance) == "Files wait for their tables"


def test_what_is_older_than_the_days_is_left_alone(instance: dg.DagsterInstance) -> None:
    put(instance, reels_of("sun", days=(8, 9, 30)))
    assert step_of(instance) is None
    found = next_step(instance, days_back(9))
    assert found
    assert found.job == "datasets"


def test_newer_labels_make_the_results_due_again(instance: dg.DagsterInstance) -> None:
    put(instance, reels_of("sun"), watched=1)
    made(instance, "reel_videos", "reel_analyses", *RESULTS_OF_REELS, "viral_labels")
    step = step_of(instance)
    assert step
    assert step.assets == RESULTS_OF_REELS


def test_what_failed_is_tried_again_by_hand_and_by_the_clock_but_not_every_minute(instance: dg.DagsterInstance) -> None:
    reels = reels_of("sun")
    reels[0][3]["status"] = "failed"
    put(instance, reels, watched=1)
    made(instance, "viral_labels", "reel_videos", "reel_analyses", *RESULTS_OF_REELS)
    step = step_of(instance)
    assert step
    assert step.reels == 1
    assert step_of(instance, again=False) is None
    assert ticked(instance) == "No reel waits, and all that is made of them is there"
    assert isinstance(reel_batches(_at_six(instance)), dg.RunRequest)
    assert next_step(instance, days_back(7), tried={Cell("sun", today(settings().zone) - timedelta(days=1))}) is None


def test_another_rule_makes_the_labels_due(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    put(instance, reels_of("sun"))
    made(instance, "viral_labels")
    monkeypatch.setenv("INSTAGRAM_ASSETS_VIRALITY__FRACTION", "0.5")
    settings.cache_clear()
    step = step_of(instance)
    assert step
    assert step.assets == ("viral_labels",)


def test_what_fails_again_and_again_holds_up_no_new_reel(instance: dg.DagsterInstance, set_option: Set) -> None:
    reels = reels_of(*ORDER)
    reels[0][3]["status"] = "failed"
    put(instance, reels, watched=3)
    made(instance, "viral_labels")
    set_option(batch_reels=1)
    for step in (step_of(instance), next_batch(instance, days_back(7))):
        assert isinstance(step, ReelStep)
        assert step.words.startswith("1 reel of star")


def test_the_sensor_asks_for_a_step_once_and_waits_for_it(instance: dg.DagsterInstance) -> None:
    put(instance, reels_of("sun"))
    made(instance, "viral_labels")
    request = ticked(instance)
    assert isinstance(request, dg.RunRequest)
    assert request.job_name == "reels"
    again = ticked(instance)
    assert isinstance(again, dg.RunRequest)
    assert request.run_key == again.run_key  # Dagster starts one run of a key
    job = defs.resolve_job_def("reels")
    run = instance.create_run_for_job(job, tags=dict(request.tags), status=dg.DagsterRunStatus.STARTED)
    assert ticked(instance) == "A run of reels goes on"
    instance.report_run_failed(run)
    assert str(ticked(instance)).startswith("The run for 1 reel of sun")


@pytest.mark.parametrize("job", ["landing", "profiles", "box", "datasets", "scrape"])
def test_the_sensor_waits_for_every_run_that_the_chain_depends_on(instance: dg.DagsterInstance, job: str) -> None:
    put(instance, reels_of("sun"))
    config = scrape_run_config("reels", [], None) if job == "scrape" else {}
    instance.create_run_for_job(defs.resolve_job_def(job), run_config=config, status=dg.DagsterRunStatus.STARTED)
    assert ticked(instance) == f"A run of {job} goes on"


def test_nothing_costs_anything_until_it_is_switched_on(instance: dg.DagsterInstance, set_option: Set) -> None:
    (sensor,) = [sensor for sensor in sensors if sensor.name == "reel_steps"]
    assert sensor.default_status == dg.DefaultSensorStatus.STOPPED
    for schedule in schedules:
        if schedule.name in ("weekly_reels", "reel_batches"):
            assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
            assert schedule.execution_timezone == settings().time_zone
    put(instance, reels_of("sun"))
    set_option(enabled=False)
    for told in (
        ticked(instance),
        *(_skipped(schedule(_at_six(instance))) for schedule in (weekly_reels, reel_batches)),
    ):
        assert told == "Reels are not watched: set INSTAGRAM_ASSETS_REELS__ENABLED=true"


def _at_six(instance: dg.DagsterInstance) -> dg.ScheduleEvaluationContext:
    return dg.build_schedule_context(instance=instance, scheduled_execution_time=datetime(2026, 11, 1, 21, tzinfo=UTC))


def _skipped(result: object) -> str | None:
    assert isinstance(result, dg.SkipReason)
    return result.skip_message


def test_every_week_the_reels_of_whose_turn_it_is_are_scraped(instance: dg.DagsterInstance, data_dir: Path) -> None:
    registry = 'accounts = [{name = "sun_diary"}, {name = "moon", to = 2026-10-01}, {name = "#카페"}]'
    (data_dir / "accounts.toml").write_text(registry, "utf-8")
    request = weekly_reels(_at_six(instance))  # 2 November in Seoul
    assert isinstance(request, dg.RunRequest)
    asked = {"name": "reels", "names": ["sun_diary"], "newer_than": "2026-10-26", "again": False}
    assert request.run_config == {"ops": {"collect": {"config": asked}}}
    assert dg.validate_run_config(defs.resolve_job_def("scrape"), request.run_config)


def test_without_a_registry_nobody_is_scraped(instance: dg.DagsterInstance) -> None:
    assert "names no account whose turn it is" in str(_skipped(weekly_reels(_at_six(instance))))


def test_a_batch_by_the_clock_is_small_and_says_why_there_is_none(
    instance: dg.DagsterInstance, data_dir: Path, set_option: Set
) -> None:
    assert _skipped(reel_batches(_at_six(instance))) == "No reel waits to be watched"
    put(instance, reels_of(*ORDER, days=(1, 2, 3)))
    set_option(batch_reels=4)
    request = reel_batches(_at_six(instance))
    assert isinstance(request, dg.RunRequest)
    assert request.asset_selection == [dg.AssetKey("reel_videos"), dg.AssetKey("reel_analyses")]
    set_option(hide_label=False)
    assert _skipped(reel_batches(_at_six(instance))) == "Labels wait to be made, and the prompt tells them"
    export(data_dir / "inbox" / "posts.json", [post(1)])
    assert _skipped(reel_batches(_at_six(instance))) == "Files wait for their tables"


due_reels = st.lists(
    st.builds(
        PendingReel,
        st.sampled_from(ORDER),
        st.integers(0, 40).map(lambda days: DAY + timedelta(days=days)),
        st.integers(0, 5).map(str),
        st.booleans(),
    ),
    min_size=1,
    max_size=40,
    unique_by=lambda reel: (reel.account, reel.day, reel.post_id),
)


@given(due=due_reels, most=st.integers(1, 12))
def test_batches_watch_every_reel_once_and_are_no_larger_than_asked(due: list[PendingReel], most: int) -> None:
    steps = list(batches(due, ORDER, most))
    cells = [due_cells(step, due, ORDER) for step in steps]
    assert sorted(cell for each in cells for cell in each) == sorted({Cell(reel.account, reel.day) for reel in due})
    for step, inside in zip(steps, cells, strict=True):
        assert step.reels == sum(Cell(reel.account, reel.day) in inside for reel in due)
        assert step.reels <= most or len(inside) == 1
    assert len({step.key for step in steps}) == len(steps)


@given(due=due_reels, most=st.integers(1, 12))
def test_one_batch_after_the_other_comes_to_an_end(due: list[PendingReel], most: int) -> None:
    waiting = set(due)
    while waiting:
        step = next(batches(sorted(waiting), ORDER, most))
        cells = due_cells(step, sorted(waiting), ORDER)
        assert cells
        waiting = {reel for reel in waiting if Cell(reel.account, reel.day) not in cells}


def test_a_batch_is_one_run_over_accounts_and_days(instance: dg.DagsterInstance) -> None:
    due = [PendingReel(name, DAY + timedelta(days=ago), "1", again=False) for name in ORDER for ago in range(3)]
    (step,) = batches(due, ORDER, 12)
    assert step.box
    assert step.tags["dagster/asset_partition_range_start"] == "sun|2026-11-02"
    assert step.tags["dagster/asset_partition_range_end"] == "star|2026-11-04"
    assert STEP_TAG not in step.tags  # a run from a shell that was killed does not stop the sensor
    assert [each.reels for each in batches(due, ORDER, 6)] == [6, 6]
    assert [each.reels for each in batches(due, ORDER, 1)] == [1] * 12
