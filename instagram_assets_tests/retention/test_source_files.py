"""Files that were put aside go when all that they brought is past."""

import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from upath import UPath

from instagram_assets.ingest import landing
from instagram_assets.retention.landing_rows import expired_landing_rows
from instagram_assets.retention.source_files import expired_source_files
from instagram_assets.settings import Settings, load_settings
from instagram_assets_tests.ingest.records import write
from instagram_assets_tests.retention.exports import day, land, seen

LATER = datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(data_dir=tmp_path, start_day=date(2015, 1, 1))


@pytest.fixture
def lake(settings: Settings) -> UPath:
    return UPath(settings.folder("lake"))


def left(settings: Settings, lake: UPath, before: datetime) -> list[str]:
    """What lies in the inbox when all has gone that was past then."""
    inbox = settings.folder("inbox")
    for due in list(expired_source_files(inbox, lake, before)):
        due.apply()
    assert list(expired_source_files(inbox, lake, before)) == []
    return sorted(path.relative_to(inbox).as_posix() for path in inbox.rglob("*") if path.is_file())


def test_a_file_goes_when_all_of_its_records_are_past(settings: Settings, lake: UPath) -> None:
    land(settings, [seen(2), seen(3, "2")], "old.json", written=4)
    land(settings, [seen(2), seen(30, "3")], "half.json", written=4)
    land(settings, [seen(31)], "new.json", written=4)
    assert left(settings, lake, day(9)) == ["done/half.json", "done/new.json"]


def test_the_days_that_are_said_are_those_of_the_records_and_not_of_the_file(settings: Settings, lake: UPath) -> None:
    land(settings, [seen(2), seen(5, "2")], "old.json", written=400)
    (due,) = expired_source_files(settings.folder("inbox"), lake, day(9))
    assert (due.first, due.last) == (day(2), day(5))


def test_of_what_never_landed_the_day_is_said_on_which_it_was_put_there(settings: Settings, lake: UPath) -> None:
    strange = write(settings.folder("inbox") / "rejected", [], "strange.json")
    os.utime(strange, (0, 0))
    (due,) = expired_source_files(settings.folder("inbox"), lake, LATER)
    assert due.first == due.last == datetime.fromtimestamp(strange.stat().st_ctime, UTC)


def test_it_goes_as_well_when_it_comes_again_after_its_rows_are_gone(settings: Settings, lake: UPath) -> None:
    for name in ("old.json", "again.json"):
        land(settings, [seen(2)], name, written=4)
        for due in list(expired_landing_rows(lake, day(9))):
            due.apply()
    assert left(settings, lake, day(9)) == []


def test_what_was_stated_beside_a_file_goes_with_it(settings: Settings, lake: UPath) -> None:
    write(settings.folder("inbox"), day(3).isoformat(), "old.json.observed_at")
    land(settings, [seen(30)], "old.json", written=40)
    assert left(settings, lake, day(2)) == ["done/old.json", "done/old.json.observed_at"]
    assert left(settings, lake, day(9)) == []


def test_a_folder_goes_whole_with_its_last_file(settings: Settings, lake: UPath) -> None:
    for name, number in (("a.json", 2), ("b.json", 20)):
        write(settings.folder("inbox") / "exports", [seen(number, str(number)[0])], name)
    write(settings.folder("inbox") / "exports", b"\xff\xd8\xff", "picture.jpg")
    land(settings)
    assert left(settings, lake, day(9)) == ["done/exports/b.json", "done/exports/picture.jpg"]
    assert left(settings, lake, day(21)) == []
    assert not (settings.folder("inbox") / "done" / "exports").exists()


def test_what_never_landed_goes_by_when_it_was_put_aside(settings: Settings, lake: UPath) -> None:
    land(settings, "[{", "broken.json")
    write(settings.folder("inbox") / "done", "what somebody put there", "notes.txt")
    stamp = day(1).timestamp()
    os.utime(settings.folder("inbox") / "done" / "notes.txt", (stamp, stamp))
    assert len(left(settings, lake, day(9))) == 3
    assert left(settings, lake, LATER) == []


def test_what_waits_in_the_inbox_or_for_its_tables_stays(settings: Settings, lake: UPath) -> None:
    land(settings, [seen(2)], "old.json", written=4)
    done = settings.folder("inbox") / "done" / "old.json"
    assert landing.land_file(
        done, lake, settings=settings, observed_at=day(3)
    ).new  # its tables are not made of that yet
    write(settings.folder("inbox"), [seen(1, "2")], "waits.json")
    assert left(settings, lake, LATER) == ["done/old.json", "waits.json"]


def test_the_rest_of_a_folder_goes_when_a_run_died_while_it_took_it(
    settings: Settings, lake: UPath, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(settings.folder("inbox") / "exports", [seen(2)], "a.json")
    for number in range(3):
        write(settings.folder("inbox") / "exports", b"\xff\xd8\xff", f"{number}.jpg")
    land(settings)
    (due,) = expired_source_files(settings.folder("inbox"), lake, day(9))
    unlink, left_to_do = os.unlink, iter(range(2))

    def dies(*place: object, **more: object) -> None:
        next(left_to_do)
        unlink(*place, **more)  # pyright: ignore[reportArgumentType]

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", dies)
        with pytest.raises((StopIteration, RuntimeError)):
            due.apply()
    assert left(settings, lake, day(9)) == []
