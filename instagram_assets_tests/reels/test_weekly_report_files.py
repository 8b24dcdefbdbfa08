"""Every week whose reels were watched since gets its page anew, and a page of the present rows is left alone."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest

from instagram_assets.reels.weekly_report_files import write_pages
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets_tests.reels.weeks import MONDAY, a_reel, a_week, store

DAYS = (MONDAY, date(2026, 11, 3), date(2026, 12, 15), date(2026, 12, 30))
"""Of four weeks, of which the last begins in one year and ends in the next; two are in one month."""
NAMES = [f"reels-2026-W{week}.html" for week in (43, 45, 51, 53)]


def keep(hooks: Mapping[int, str], days: Sequence[date] = DAYS) -> None:
    """A reel of each day, with the hook that is told for its number."""
    reels = [
        a_reel(number, viral=True, day=day, of_analysis={"hook": hooks.get(number, "as it was")})
        for number, day in enumerate(days)
    ]
    store(a_week(reels))


def written(data_dir: Path, weeks: Sequence[date] = ()) -> list[str]:
    pages = write_pages(open_lake(settings()), Path("nowhere"), data_dir / "reports", weeks=weeks)
    return [path.name for _, path in pages]


def test_each_week_gets_a_page_and_then_only_the_newest_and_what_is_asked_for(data_dir: Path) -> None:
    keep({})
    assert written(data_dir) == NAMES
    assert written(data_dir) == NAMES[-1:]
    assert written(data_dir, [MONDAY]) == [NAMES[0], NAMES[-1]]
    assert written(data_dir, [MONDAY - timedelta(days=7)]) == NAMES[-1:]


@pytest.mark.parametrize(("number", "others"), [(0, []), (1, []), (2, []), (3, [NAMES[2]])])
def test_new_rows_of_an_older_week_make_its_page_anew(data_dir: Path, number: int, others: list[str]) -> None:
    keep({})
    written(data_dir)
    keep({number: "seen since"})
    expected = sorted({*others, NAMES[number], NAMES[-1]})  # a week's file is its month's
    assert written(data_dir) == expected
    assert "seen since" in (data_dir / "reports" / NAMES[number]).read_text("utf-8")


def test_a_page_that_is_gone_or_of_an_earlier_version_is_written(data_dir: Path) -> None:
    keep({})
    written(data_dir)
    (data_dir / "reports" / NAMES[0]).unlink()
    (data_dir / "reports" / NAMES[1]).write_text("<!doctype html>", "utf-8")
    assert written(data_dir) == [*NAMES[:2], NAMES[-1]]


def test_without_reels_there_is_no_page(data_dir: Path) -> None:
    assert written(data_dir) == []
