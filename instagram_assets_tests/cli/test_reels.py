"""`reels` as a person types it: the page of a week, and what it says when there is none."""

from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from instagram_assets.cli import app
from instagram_assets_tests.reels.weeks import MONDAY, a_reel, a_week, store

WEEK_AFTER = MONDAY + timedelta(days=7)


def asked(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, ["reels", *words], env={"COLUMNS": "160"})
    assert done.exit_code == code, done.output
    return done.stdout if code == 0 else done.output


@pytest.fixture
def lake(data_dir: Path) -> None:
    """Two weeks of reels."""
    reels = [a_reel(n, viral=n < 6, of_video={"duration": 40.0 - n}) for n in range(14)]
    late = [a_reel(20 + n, viral=n < 1, day=WEEK_AFTER, account="sea.mom") for n in range(3)]
    store(a_week([*reels, *late]))


def test_the_page_is_that_of_the_newest_week_or_of_the_one_asked_for(lake: None, data_dir: Path) -> None:
    assert asked("page").strip() == "data/reports/reels-2026-W44.html"
    assert asked("page", "--week", "2026-W43").strip() == "data/reports/reels-2026-W43.html"
    first, second = ((data_dir / "reports" / f"reels-2026-W{week}.html").read_text("utf-8") for week in (43, 44))
    assert "Viral reels are longer" in first
    assert "14 reels: 6 viral, 8 not viral" in first
    assert "sea.mom" not in first
    assert "sea.mom" in second
    assert "3 reels: 1 viral, 2 not viral" in second


@pytest.mark.parametrize(
    ("week", "told"),
    [
        ("2026-W42", "2026-W42: no reel of that week has been watched. The newest weeks are 2026-W43, 2026-W44."),
        ("last", "not an ISO week"),
    ],
)
def test_a_week_that_is_not_there_is_told(lake: None, week: str, told: str) -> None:
    assert told in asked("page", "--week", week, code=1)


def test_without_any_watched_reel_the_page_says_how_to_begin(data_dir: Path) -> None:
    assert "Watch some with: instagram-assets reels" in asked("page", code=1)
