"""Dropping a file is enough: one landing run, one profiles run, the fewest boxes; nothing twice."""

import os
from datetime import date
from pathlib import Path

import dagster as dg
import pytest

from instagram_assets.automation.sensors import inbox_sensor, landed_sensor
from instagram_assets.automation.shell_runs import bring_up_to_date, land, run_job
from instagram_assets.definitions import defs
from instagram_assets.errors import RunFailedError
from instagram_assets.ingest.manifests import pending_files
from instagram_assets.partitions import FIRST_DAY, known_accounts
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets_tests.conftest import export, post, profile
from instagram_assets_tests.ingest.archive_helper import NAME, archived
from instagram_assets_tests.ingest.test_zips import archive

CELLS = ("account", "day")


def tick(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None
) -> tuple[list[dg.RunRequest], str | None]:
    """One evaluation; the runs that it asks for and the new cursor."""
    context = dg.build_sensor_context(instance=instance, definitions=defs, cursor=cursor)
    result = sensor(context)
    if isinstance(result, dg.SensorResult):
        return list(result.run_requests or []), result.cursor or context.cursor
    return [], context.cursor


def settle(instance: dg.DagsterInstance, cursors: dict[str, str | None]) -> list[str]:
    """Let both sensors tick and their runs run until nothing more happens; the jobs that ran."""
    ran: list[str] = []
    for _ in range(8):
        before = len(ran)
        for sensor in (inbox_sensor, landed_sensor):
            requests, cursors[sensor.name] = tick(sensor, instance, cursors.get(sensor.name))
            for request in requests:
                name = request.job_name or "landing"
                tags = dict(request.tags) | {"dagster/run_key": request.run_key or ""}
                run_job(instance, name, tags=tags, config=dict(request.run_config or {}))
                ran.append(name)
        if len(ran) == before:
            return ran
    raise AssertionError(f"the sensors never come to rest: {ran}")


@pytest.fixture
def cursors() -> dict[str, str | None]:
    return {}


def test_a_new_export_leads_to_one_run_of_each_kind_and_new_partitions(
    instance: dg.DagsterInstance, data_dir: Path, cursors: dict[str, str | None]
) -> None:
    records = [post(number, account) for number in range(3) for account in ("sun", "sea")]
    records = [record | {"id": str(index), "shortCode": f"C{index}"} for index, record in enumerate(records)]
    export(data_dir / "inbox" / "posts.json", records)
    export(data_dir / "inbox" / "profiles.json", [profile("sun"), profile("sea")])
    assert settle(instance, cursors) == ["landing", "profiles", "box"]
    assert known_accounts(instance) == ["sea", "sun"]
    posts = read_table(open_lake(settings()), "posts")
    assert (posts.num_rows, posts["followers"].null_count) == (6, 0)
    assert sorted(os.listdir(data_dir / "inbox")) == ["done"]


def test_the_same_file_again_leads_to_nothing(
    instance: dg.DagsterInstance, data_dir: Path, cursors: dict[str, str | None]
) -> None:
    records = [post(1)]
    export(data_dir / "inbox" / "posts.json", records)
    settle(instance, cursors)
    export(data_dir / "inbox" / "posts.json", records)
    export(data_dir / "inbox" / "copy.json", records)
    assert settle(instance, cursors) == []
    assert sorted(os.listdir(data_dir / "inbox" / "done")) == ["copy.json", "posts-2.json", "posts.json"]


def test_a_changed_file_is_landed_again_and_only_its_cells_run(
    instance: dg.DagsterInstance, data_dir: Path, cursors: dict[str, str | None]
) -> None:
    export(data_dir / "inbox" / "posts.json", [post(1, day="2026-10-20"), post(2, day="2026-10-25")])
    settle(instance, cursors)
    export(data_dir / "inbox" / "posts.json", [post(2, day="2026-10-25", likesCount=99)])
    assert settle(instance, cursors) == ["landing", "box"]
    newest = {row["post_id"]: row["likes"] for row in read_table(open_lake(settings()), "posts").to_pylist()}
    assert newest == {"10001": 10, "10002": 99}
    assert read_table(open_lake(settings()), "raw_posts").num_rows == 3


@pytest.mark.bad_input("unfinished file")
def test_a_file_that_is_still_being_written_waits(
    instance: dg.DagsterInstance, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from instagram_assets.settings import settings

    monkeypatch.setenv("INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS", "60")
    settings.cache_clear()
    path = export(data_dir / "inbox" / "posts.json", [post(1)])
    (data_dir / "inbox" / "half.json.part").write_text("[")
    assert tick(inbox_sensor, instance, None)[0] == []
    os.utime(path, (0, 0))
    assert len(tick(inbox_sensor, instance, None)[0]) == 1


def test_a_folder_leads_to_the_runs_that_its_files_would(
    instance: dg.DagsterInstance, data_dir: Path, cursors: dict[str, str | None]
) -> None:
    folder = data_dir / "inbox" / "archive" / "2026"
    folder.mkdir(parents=True)
    export(folder / "posts.json", [post(1), post(2)])
    export(folder.parent / "profiles.json", [profile()])
    (folder / "picture.jpg").write_bytes(b"")
    assert settle(instance, cursors) == ["landing", "profiles", "box"]
    assert read_table(open_lake(settings()), "posts")["followers"].to_pylist() == [100, 100]
    assert sorted(os.listdir(data_dir / "inbox")) == ["done"]
    assert settle(instance, cursors) == []


def test_an_archive_in_the_inbox_lands_with_its_pictures(
    instance: dg.DagsterInstance, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES", "true")
    settings.cache_clear()
    archive(data_dir / "inbox" / f"{NAME}.zip", [archived(1), archived(2, pictures=2)])
    [request], _ = tick(inbox_sensor, instance, None)
    run_job(instance, "landing", config=dict(request.run_config))
    assert os.listdir(data_dir / "inbox" / "done") == [f"{NAME}.zip"]
    assert len(list((data_dir / "media").rglob("*.jpg"))) == 3
    assert pending_files(open_lake(settings()))[0].posts == 2


def test_a_folder_that_is_still_being_filled_waits(
    instance: dg.DagsterInstance, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = data_dir / "inbox" / "archive"
    folder.mkdir()
    assert tick(inbox_sensor, instance, None)[0] == []  # nothing is in it yet
    os.utime(export(folder / "posts.json", [post(1)]), (0, 0))
    os.utime(folder, (0, 0))  # as `cp -a` leaves it
    monkeypatch.setenv("INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS", "60")
    settings.cache_clear()
    assert tick(inbox_sensor, instance, None)[0] == []
    monkeypatch.setenv("INSTAGRAM_ASSETS_INGEST__SETTLE_SECONDS", "0")
    settings.cache_clear()
    [request], cursor = tick(inbox_sensor, instance, None)
    assert tick(inbox_sensor, instance, cursor)[0] == []
    os.utime(export(folder / "more.json", [post(2)]), (0, 0))
    [again], _ = tick(inbox_sensor, instance, cursor)
    assert request.run_key != again.run_key


def test_a_bad_file_is_put_aside_with_its_error_and_the_good_one_lands(
    instance: dg.DagsterInstance, data_dir: Path
) -> None:
    export(data_dir / "inbox" / "good.json", [post(1)])
    (data_dir / "inbox" / "bad.json").write_text('[{"id": 1},')
    [request], _ = tick(inbox_sensor, instance, None)
    with pytest.raises(RunFailedError, match=r"bad\.json"):
        run_job(instance, "landing", config=dict(request.run_config))
    bring_up_to_date(instance)
    assert read_table(open_lake(settings()), "posts").num_rows == 1
    error = (data_dir / "inbox" / "rejected" / "bad.json.error.txt").read_text()
    assert "bad.json" in error
    assert (data_dir / "inbox" / "rejected" / "bad.json").exists()
    assert tick(inbox_sensor, instance, None)[0] == []


def test_posts_before_the_start_day_are_counted_and_kept(
    instance: dg.DagsterInstance, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = date.today().isoformat()
    monkeypatch.setenv("INSTAGRAM_ASSETS_START_DAY", FIRST_DAY.isoformat())
    settings.cache_clear()
    old = post(1, day="2015-03-01")
    land(instance, [export(data_dir / "posts.json", [old, post(2, day=today, timestamp=f"{today}T00:30:00Z")])])
    assert bring_up_to_date(instance) == 1
    assert read_table(open_lake(settings()), "posts")["post_id"].to_pylist() == ["10002"]
    landed = read_table(open_lake(settings()), "landed_files").to_pylist()[0]
    assert (landed["posts"], landed["outside_window"]) == (2, 1)


def test_a_profile_that_comes_later_completes_the_posts_that_are_there(
    instance: dg.DagsterInstance, data_dir: Path, cursors: dict[str, str | None]
) -> None:
    export(data_dir / "inbox" / "posts.json", [post(1)])
    settle(instance, cursors)
    export(data_dir / "inbox" / "profiles.json", [profile(followers=200)])
    assert settle(instance, cursors) == ["landing", "profiles", "box"]
    assert read_table(open_lake(settings()), "impressions")["impression"].to_pylist() == [12 / 200]


def test_a_link_that_leads_nowhere_is_put_aside_and_the_good_file_lands(
    instance: dg.DagsterInstance, data_dir: Path
) -> None:
    (data_dir / "inbox" / "broken.json").symlink_to(data_dir / "nowhere.json")
    export(data_dir / "inbox" / "good.json", [post(1)])
    [request], _ = tick(inbox_sensor, instance, None)
    with pytest.raises(RunFailedError, match=r"broken\.json"):
        run_job(instance, "landing", config=dict(request.run_config))
    assert sorted(os.listdir(data_dir / "inbox" / "rejected")) == ["broken.json", "broken.json.error.txt"]
    assert bring_up_to_date(instance) == 1


def test_two_bad_files_of_one_name_are_both_kept(instance: dg.DagsterInstance, data_dir: Path) -> None:
    for text in ("[1,", "[2,"):
        (data_dir / "inbox" / "bad.json").write_text(text)
        with pytest.raises(RunFailedError):
            run_job(instance, "landing")
    kept = [path.read_text() for path in sorted((data_dir / "inbox" / "rejected").glob("*.json"))]
    assert sorted(kept) == ["[1,", "[2,"]


def test_failed_profiles_hold_the_boxes_until_they_are_run_again(instance: dg.DagsterInstance, data_dir: Path) -> None:
    land(instance, [export(data_dir / "a.json", [post(1)]), export(data_dir / "b.json", [profile()])])
    [request], cursor = tick(landed_sensor, instance, None)
    assert request.job_name == "profiles"
    job = defs.resolve_job_def("profiles")
    failed = instance.create_run_for_job(job, tags=dict(request.tags))
    instance.report_run_failed(failed)
    assert tick(landed_sensor, instance, cursor)[0] == []
    run_job(instance, "profiles", tags=dict(request.tags))
    assert [again.job_name for again in tick(landed_sensor, instance, cursor)[0]] == ["box"]


def test_boxes_wait_until_dagster_knows_the_days_of_older_posts(instance: dg.DagsterInstance, data_dir: Path) -> None:
    land(instance, [export(data_dir / "archive.json", [post(1, day="2015-03-01")])])
    assert tick(landed_sensor, instance, None)[0] == []
    assert [file.file for file in pending_files(open_lake(settings()))] == ["archive.json"]


def test_run_keys_are_short_however_many_files_and_however_long_their_names(
    instance: dg.DagsterInstance, data_dir: Path
) -> None:
    for number in range(200):
        export(data_dir / "inbox" / f"{'가' * 70}{number}.json", [post(number, account=f"account.{number}")])
    [request], _ = tick(inbox_sensor, instance, None)
    assert len(request.run_config["ops"]["landed"]["config"]["files"]) == 200
    run_job(instance, "landing", config=dict(request.run_config))
    boxes, _ = tick(landed_sensor, instance, None)
    assert boxes
    keys = [key.run_key or "" for key in (request, *boxes)]
    assert max(map(len, keys)) < 100  # Postgres takes 2,704 bytes in an index
    assert len(set(keys)) == len(keys)


def test_a_file_that_is_gone_or_cannot_be_looked_at_does_not_stop_the_sensor(
    instance: dg.DagsterInstance, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from instagram_assets.ingest import inbox

    gone = export(data_dir / "inbox" / "gone.json", [post(1)])
    export(data_dir / "inbox" / "good.json", [post(2)])
    real = inbox.waiting_entries

    def waiting(folder: Path) -> list[Path]:
        found = real(folder)
        gone.unlink(missing_ok=True)
        return found

    monkeypatch.setattr(inbox, "waiting_entries", waiting)
    [request], _ = tick(inbox_sensor, instance, None)
    run_job(instance, "landing", config=dict(request.run_config))
    assert sorted(os.listdir(data_dir / "inbox" / "done")) == ["good.json"]


def test_the_plan_registers_the_accounts_of_files_whose_landing_was_killed(
    instance: dg.DagsterInstance, data_dir: Path
) -> None:
    from upath import UPath

    from instagram_assets.ingest import landing
    from instagram_assets.settings import settings

    # As a kill leaves it: the file has landed, and nothing else has happened.
    landing.land_file(
        export(data_dir / "posts.json", [post(1, account="sun")]), UPath(open_lake(settings())), settings=settings()
    )
    land(instance, [export(data_dir / "more.json", [post(2, account="sea")])])
    assert bring_up_to_date(instance) > 0
    assert known_accounts(instance) == ["sea", "sun"]
    assert read_table(open_lake(settings()), "posts").num_rows == 2
